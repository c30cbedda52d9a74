//! The same tests on a stock kernel, which has netem and every queueing discipline.

use std::path::Path;
use std::process::Command;

use crate::home::{text, until};

/// Set on the stock kernel.
pub(crate) const VARIABLE: &str = "RACKLESS_TEST_STOCK";

/// Runs those tests of this program whose names contain `filter` on a stock kernel; they must all pass.
fn passes_on_a_stock_kernel(filter: &str) {
    pass(&[], &[filter]);
}

/// The same for several filters, on the stock kernel that these options of the tool choose.
fn pass(options: &[&str], filters: &[&str]) {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/stock-kernel");
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(tool);
    command.args(options).arg("--").arg(program).args(filters).arg("--test-threads=1").env(VARIABLE, "1");
    let output = command.output().expect("tools/stock-kernel runs");
    let (shown, messages) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{filters:?} on a stock kernel {options:?}: {}\n{shown}\n{messages}",
        output.status
    );
    assert!(shown.contains("test result: ok."), "{shown}");
    assert!(filters.iter().all(|filter| shown.contains(filter)), "{filters:?} are no tests: {shown}");
}

#[test]
fn privileged_links_hold_on_a_stock_kernel() {
    passes_on_a_stock_kernel("wires::");
}

/// On the kernel that users have, with several CPUs. QEMU translates every instruction, so the tests are few and wait
/// long.
#[test]
fn privileged_links_hold_on_the_cloud_kernel() {
    pass(&["--qemu"], &["wires::links_delay_frames", "wires::a_link_loses_what_it_is_told_to"]);
}

/// There the control groups are of version 2 alone.
#[test]
fn privileged_limits_hold_on_a_stock_kernel() {
    passes_on_a_stock_kernel("cgroups::");
}

#[test]
fn privileged_what_the_kernel_imposes_is_said() {
    if std::env::var_os(VARIABLE).is_some() {
        return wires_are_the_kernels();
    }
    passes_on_a_stock_kernel("privileged_what_the_kernel_imposes_is_said");
}

/// On the stock kernel: conditions go to the kernel where it can, else to a wire process, as the file says.
fn wires_are_the_kernels() {
    let home = crate::home::Home::new();
    let lab = "[node.a]\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\ndelay = \"1 ms\"\n";
    home.ok(&["up", "-d", &home.lab("lab.toml", lab)]);
    let carrier = || {
        let links: serde_json::Value =
            serde_json::from_str(&home.ok(&["link", "show", "--json"])).expect("JSON");
        links[0]["carrier"].as_str().expect("a word").to_owned()
    };
    let mut seen = vec![carrier()];
    for change in [
        &["--mtu", "1400"][..],
        &["--mtu", "none", "--rate", "10 Mbit/s", "--queue", "codel"],
        &["--queue", "{ kind = \"red\", min = \"30 kB\", max = \"90 kB\" }"],
        &["--duplicate", "1 %"],
        &["--queue", "none"],
        &["--queue", "codel"],
        &["--queue", "none", "--duplicate", "none"],
        &["--jitter", "1 ms", "--rate", "none"],
        &["--clear"],
    ] {
        home.ok(&[&["link", "set", "a:eth0"], change].concat());
        assert!(home.pings("a", "10.0.0.2"), "{change:?}");
        seen.push(carrier());
    }
    let kernel = ["kernel"; 6];
    assert_eq!(seen, [&["kernel", "user"], &kernel[..], &["user", "redirect"]].concat());
    home.ok(&["down"]);
    let lab = format!("{lab}mtu = 1400\nwire = \"kernel\"\ntx = {{ mtu = 1300 }}\n");
    let message = home.fails(2, &["up", "-d", &home.lab("lab.toml", &lab)]);
    assert!(message.contains("cannot do what they say: an MTU of the cable"), "{message}");
}

#[test]
fn privileged_what_is_seen_of_links_is_seen_on_a_stock_kernel() {
    passes_on_a_stock_kernel("seeing::");
}

#[test]
fn privileged_frames_of_the_kernels_links_are_counted() {
    if std::env::var_os(VARIABLE).is_some() {
        return kernel_links_are_counted();
    }
    passes_on_a_stock_kernel("privileged_frames_of_the_kernels_links_are_counted");
}

/// On the stock kernel: what a link delivered, holds and dropped, wherever its disciplines are.
fn kernel_links_are_counted() {
    let home = crate::home::Home::new();
    let lab = "[node.a]\naddresses = [\"10.0.0.1/24\"]\n[node.b]\naddresses = [\"10.0.0.2/24\"]\n\
               [node.s]\nkind = \"switch\"\n[node.c]\naddresses = [\"10.1.0.1/24\"]\n\
               [[link]]\nends = [\"a\", \"b\"]\nrx = { delay = \"1 ms\" }\n[[link]]\nends = [\"c\", \"s\"]\n\
               tx = { delay = \"100 s\" }\nrx = { loss = \"100 %\" }\n";
    home.ok(&["up", "-d", &home.lab("lab.toml", lab)]);
    assert!(home.pings("a", "10.0.0.2") && home.is_silent("c", "10.1.0.9"));
    let links: serde_json::Value = serde_json::from_str(&home.ok(&["link", "show", "--json"])).expect("JSON");
    let frames = |link: usize, way: usize, what: &str| links[link]["counters"][way][what]["frames"].as_u64();
    assert!(frames(0, 0, "delivered") > Some(0) && frames(0, 1, "delivered") > Some(0), "{links}");
    assert_eq!(frames(0, 1, "held"), Some(0), "{links}");
    assert!(frames(1, 0, "delivered") == Some(0) && frames(1, 0, "held") > Some(0), "{links}");
    let shown = home.ok(&["link", "show"]);
    assert!(shown.contains("HELD"), "{shown}");
    home.ok(&["link", "set", "a:eth0", "--tx", "--loss", "100 %"]);
    assert!(home.is_silent("a", "10.0.0.2"));
    let shown = home.ok(&["link", "show", "a:eth0"]);
    let row = shown.lines().nth(1).expect("a row");
    assert!(row.contains("kernel") && row.contains("(netem "), "{shown}");
    home.ok(&["down"]);
}

#[test]
fn privileged_frames_in_the_kernels_disciplines_arrive_when_those_go() {
    if std::env::var_os(VARIABLE).is_some() {
        return frames_arrive_when_disciplines_go();
    }
    passes_on_a_stock_kernel("privileged_frames_in_the_kernels_disciplines_arrive_when_those_go");
}

/// On the stock kernel: at an ifb and at a port, with a managed queue, and where conditions come back meanwhile.
fn frames_arrive_when_disciplines_go() {
    let home = crate::home::Home::new();
    home.ok(&["up", "-d", "--shape", "single,2"]);
    let carrier = |end: &str| home.ok(&["link", "show", end, "--json"]);
    let shaped = &["--rate", "10 Mbit/s", "--queue", "codel"][..];
    for (more, way) in [(&[][..], 0), (&[], 1), (shaped, 0), (shaped, 1)] {
        home.reaches("h1", "10.0.0.2");
        home.ok(&[&["link", "set", "h1:eth0", "--delay", "1 s"], more].concat());
        let args = ["exec", "h1", "--", "ping", "-n", "-q", "-c", "5", "-i", "0.01", "-W", "5", "10.0.0.2"];
        let ping = home.command(&args).stdout(std::process::Stdio::piped()).spawn().expect("a ping");
        until("all are on their way", || {
            let links: serde_json::Value = serde_json::from_str(&carrier("h1:eth0")).expect("JSON");
            let held = links[0]["counters"][way]["held"]["frames"].as_u64();
            if held >= Some(5) { Ok(()) } else { Err(links.to_string()) }
        });
        home.ok(&["link", "set", "h1:eth0", "--clear"]);
        assert!(carrier("h1:eth0").contains("\"bridge\""));
        let found = text(&ping.wait_with_output().expect("its end").stdout);
        assert!(found.contains("5 packets transmitted, 5 received"), "{more:?} {way}: {found}");
    }
    // The old disciplines are there, or their thread: the new ones stay.
    for delay in ["300 ms", "200 ms", "100 ms"] {
        home.ok(&["link", "set", "h1:eth0", "--delay", delay]);
        home.pings("h1", "10.0.0.2");
        home.ok(&["link", "set", "h1:eth0", "--clear"]);
    }
    home.ok(&["link", "set", "h1:eth0", "--delay", "20 ms"]);
    std::thread::sleep(std::time::Duration::from_millis(100)); // as long as a thread may need to do wrong
    let found = home.ok(&["exec", "h1", "--", "ping", "-n", "-c", "3", "-i", "0.01", "10.0.0.2"]);
    assert!(!found.contains("time=1") && found.contains("time=4"), "{found}");
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}

/// On a kernel of its own: that many hosts fill the neighbour table, which is one for the whole machine.
#[test]
fn privileged_a_switch_has_more_ports_than_a_kernel_bridge() {
    if std::env::var_os(VARIABLE).is_none() {
        return passes_on_a_stock_kernel("privileged_a_switch_has_more_ports_than_a_kernel_bridge");
    }
    let home = crate::home::Home::new();
    home.ok(&["up", "-d", "--shape", "single,1100"]);
    for (node, target) in [("h1", "10.0.4.76"), ("h500", "10.0.0.1"), ("h550", "10.0.2.200")] {
        home.reaches(node, target);
    }
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}
