//! A function that leaves its own address to its node's kernel.

use crate::home::Home;

const LAB: &str = r#"
[node.client]
addresses = ["10.0.0.1/24", "fd00::1/64"]
[node.server]
addresses = ["10.0.0.2/24", "fd00::2/64"]
[[node.middle.run]]
name = "nf"
command = "exec rackless nf run kernel.toml"
ready = { file = "/run/rackless-nf.sock" }
[[node.middle.run]]
name = "shell"
command = "exec rackless serve tcp --port 22 --say middle"
after = "nf"
ready = { tcp = "[::]:22" }
[node.middle]
kind = "nf"
[[link]]
ends = ["client", "middle:lan"]
[[link]]
ends = ["middle:wan", "server"]
[[check]]
name = "the function's own address is reached through it"
on = "client"
tcp = "10.0.0.9:22"
expect = "middle"
[[check]]
name = "by IPv6, too"
on = "client"
tcp = "[fd00::9]:22"
expect = "middle"
[[check]]
name = "the rest passes"
on = "client"
ping = "server"
[[check]]
name = "also by IPv6"
on = "client"
ping = "server"
family = 6
"#;

#[test]
fn programs_on_the_node_answer_at_the_functions_own_address() {
    let home = Home::ordinary_user();
    home.lab("kernel.toml", include_str!("../../../../examples/nf/kernel.toml"));
    let lab = home.lab("lab.toml", LAB);
    home.ok(&["up", "-d", &lab]);
    home.ok(&["check"]);
    // The kernel behind the other interfaces is mute: one answer comes, and by the function.
    let pings = home.ok(&["exec", "client", "--", "ping", "-c", "3", "-i", "0.1", "-W", "10", "10.0.0.9"]);
    assert!(pings.contains("3 received") && !pings.contains("DUP!"), "{pings}");
    let report: serde_json::Value =
        serde_json::from_str(&home.ok(&["nf", "show", "middle", "--json"])).expect("JSON");
    let own = &report["ports"][2];
    assert_eq!(own["name"], "own");
    assert_eq!(own["mac"], report["ports"][0]["mac"], "the kernel has the address of the port at the lan");
    let (to_kernel, from_kernel) = (own["sent"].as_u64(), own["received"].as_u64());
    assert!(to_kernel >= Some(6) && from_kernel >= Some(6), "{own}");
    // The kernel of the node asks for the client itself.
    let neighbours = home.ok(&["exec", "middle", "--", "ip", "neighbour", "show", "10.0.0.1"]);
    assert!(neighbours.contains("dev own "), "{neighbours}");
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}
