// A firewall between two ports: telnet is dropped by name, what pings and resolves addresses goes first, and the
// rest goes out at a rate. Run it with
//     rackless nf run firewall.click --port lan=af_packet:eth0 --port wan=af_packet:eth1
// and draw it with
//     rackless nf graph firewall.click | dot -Tsvg -o firewall.svg

sort :: classify(filters = [
    "tcp dst port 23",
    "arp or icmp or icmp6",
]);

rx:lan -> sort;
sort[0] -> telnet :: sink(reason = "telnet from inside");
sort[1] -> up :: counter -> tx:wan;
sort[2] -> limit :: shaper(rate = "10 Mbit/s", queue = "64 KiB") -> up;

rx:wan -> down :: counter -> tx:lan;
