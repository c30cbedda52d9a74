//! Nodes of kind `nat`, with a world around the lab that the test makes; the machine's own network is not touched.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::home::{Home, text, until};

/// Two network namespaces joined by a cable: the machine on which the lab runs, and a server of the world outside.
///
/// The server knows the way to the machine's own address and to no other.
struct World {
    machine: Child,
    outside: Child,
}

const SERVER: &str = "203.0.113.9";

impl World {
    fn new(home: &Home) -> Self {
        let world = Self { machine: holder(home), outside: holder(home) };
        let outside = world.outside.id();
        for line in [
            "ip link set lo up".to_owned(),
            format!("ip link add wan type veth peer name eth0 netns {outside}"),
            "ip address add 203.0.113.1/24 dev wan".to_owned(),
            "ip link set wan up".to_owned(),
        ] {
            world.on_machine(&line);
        }
        for line in ["ip address add 203.0.113.9/24 dev eth0", "ip link set eth0 up", "ip link set lo up"] {
            run(&world.outside, line);
        }
        world
    }

    fn on_machine(&self, line: &str) -> String {
        run(&self.machine, line)
    }

    /// Prepares a call of the program on the machine.
    fn rackless(&self, home: &Home, args: &[&str]) -> Command {
        let call = home.command(args);
        let mut command = inside(&self.machine);
        command.arg(call.get_program()).args(call.get_args()).current_dir(home.path());
        for (name, value) in call.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.stdin(Stdio::null());
        command
    }

    fn up(&self, home: &Home, lab: &str) {
        let output = self.rackless(home, &["up", "-d", lab]).output().expect("the program runs");
        assert!(output.status.success(), "needs root, and nftables of Linux 5.12: {}", text(&output.stderr));
    }

    /// Whether the machine lets packets from outside pass.
    fn forwards(&self) -> String {
        self.on_machine("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/wan/forwarding")
    }

    fn interfaces(&self) -> Vec<String> {
        let lines = self.on_machine("ip -o link");
        lines.lines().filter_map(|line| Some(line.split(": ").nth(1)?.to_owned())).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for child in [&mut self.machine, &mut self.outside] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a process that holds a network namespace of its own.
fn holder(home: &Home) -> Child {
    let mut command = Command::new("unshare");
    command.args(["-n", "sleep", "1000"]).current_dir(home.path());
    let child = command.spawn().expect("unshare (Debian: util-linux) runs");
    let own = std::fs::read_link("/proc/self/ns/net").expect("our network");
    until("the namespace is there", || match std::fs::read_link(format!("/proc/{}/ns/net", child.id())) {
        Ok(network) if network != own => Ok(()),
        other => Err(format!("{other:?}; is the test run as root?")),
    });
    child
}

fn inside(holder: &Child) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{}/ns/net", holder.id()));
    command
}

fn run(holder: &Child, line: &str) -> String {
    let output = inside(holder).args(line.split(' ')).output().expect("nsenter (Debian: util-linux) runs");
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// A host behind a NAT, in a lab of this name.
fn lab(home: &Home, name: &str) -> String {
    let lab = "[node.h1]\naddresses = [\"10.0.0.1/24\"]\nroutes = [\"0.0.0.0/0 via 10.0.0.254\"]\n\
               [node.gw]\nkind = \"nat\"\naddresses = [\"10.0.0.254/24\"]\n[[link]]\nends = [\"h1\", \"gw\"]\n";
    home.lab(&format!("{name}.toml"), lab)
}

const CLOSED: &str = "0\n0\n";
const OPEN: &str = "0\n1\n";

#[test]
fn privileged_a_host_behind_a_nat_reaches_the_world_outside_and_leaves_no_trace_there() {
    let home = Home::new();
    let world = World::new(&home);
    let mut server = inside(&world.outside);
    server
        .arg(home.command(&["serve"]).get_program())
        .args(["serve", "tcp", "--port", "80", "--say", "world"]);
    let mut server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a server");
    assert_eq!((world.forwards().as_str(), world.interfaces().len()), (CLOSED, 2));
    world.up(&home, &lab(&home, "natted"));
    home.reaches("h1", SERVER);
    let ask = format!("cat < /dev/tcp/{SERVER}/80");
    until("the server answers", || {
        let output = home.run(&["exec", "h1", "--", "bash", "-c", &ask]);
        if output.stdout == b"world\n" { Ok(()) } else { Err(format!("{output:?}")) }
    });
    assert!(home.pings("h1", "203.0.113.1"), "the machine itself");
    assert_eq!(world.forwards(), OPEN);
    assert_eq!(world.interfaces().len(), 3);
    home.ok(&["down"]);
    assert_eq!((world.forwards().as_str(), world.interfaces().len()), (CLOSED, 2));
    server.kill().and_then(|()| server.wait()).expect("the server ends");
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn privileged_what_a_nat_opened_is_closed_when_the_last_lab_goes() {
    let home = Home::new();
    let world = World::new(&home);
    world.up(&home, &lab(&home, "first"));
    world.up(&home, &lab(&home, "second"));
    home.ok(&["down", "first"]);
    assert_eq!(world.forwards(), OPEN);
    home.reaches("h1", SERVER);
    let status: Value = serde_json::from_str(&home.ok(&["ps", "--json"])).expect("JSON");
    let killed =
        Command::new("kill").args(["-9", &status[0]["pid"].to_string()]).status().expect("kill runs");
    assert!(killed.success());
    until("all is closed after kill -9", || match (world.forwards(), world.interfaces()) {
        (forwards, interfaces) if forwards == CLOSED && interfaces.len() == 2 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    home.assert_nothing_left(&[], "after kill -9");
}

#[test]
fn privileged_a_nat_comes_and_goes_while_the_lab_runs() {
    let home = Home::new();
    let world = World::new(&home);
    let host = "[node.h1]\naddresses = [\"10.0.0.1/24\"]\n[node.s]\nkind = \"switch\"\n\
                [[link]]\nends = [\"h1\", \"s\"]\n";
    let gate = |name: &str, last: u8| {
        format!(
            "[node.{name}]\nkind = \"nat\"\naddresses = [\"10.0.0.{last}/24\"]\n\
             [[link]]\nends = [\"{name}\", \"s\"]\n"
        )
    };
    let via = |last: u8| {
        let route = format!("addresses = [\"10.0.0.1/24\"]\nroutes = [\"0.0.0.0/0 via 10.0.0.{last}\"]\n");
        host.replace("addresses = [\"10.0.0.1/24\"]\n", &route)
    };
    let is = |forwards: &str, interfaces: usize| {
        assert_eq!((world.forwards().as_str(), world.interfaces().len()), (forwards, interfaces));
    };
    world.up(&home, &home.lab("gated.toml", host));
    is(CLOSED, 2);
    world.up(&home, &home.lab("gated.toml", &format!("{}{}", via(254), gate("one", 254))));
    is(OPEN, 3);
    home.reaches("h1", SERVER);
    world
        .up(&home, &home.lab("gated.toml", &format!("{}{}{}", via(253), gate("one", 254), gate("two", 253))));
    is(OPEN, 4);
    home.reaches("h1", SERVER);
    world.up(&home, &home.lab("gated.toml", &format!("{}{}", via(253), gate("two", 253))));
    is(OPEN, 3);
    home.reaches("h1", SERVER);
    world.up(&home, &home.lab("gated.toml", host));
    is(CLOSED, 2);
    world.up(&home, &home.lab("gated.toml", &format!("{}{}", via(254), gate("one", 254))));
    home.reaches("h1", SERVER);
    home.ok(&["down"]);
    is(CLOSED, 2);
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn privileged_a_machine_with_a_nat_is_no_router_for_others() {
    let home = Home::new();
    let world = World::new(&home);
    let second = holder(&home);
    for line in [
        format!("ip link add lan type veth peer name eth0 netns {}", second.id()),
        "ip address add 198.51.100.1/24 dev lan".to_owned(),
        "ip link set lan up".to_owned(),
        // What forwards already takes part in nothing that it did not before.
        "sysctl -q -w net.ipv4.conf.lan.forwarding=1".to_owned(),
    ] {
        world.on_machine(&line);
    }
    for line in ["ip address add 198.51.100.9/24 dev eth0", "ip link set eth0 up"] {
        run(&second, line);
    }
    run(&second, "ip route add default via 198.51.100.1");
    run(&world.outside, "ip route add default via 203.0.113.1");
    let crosses = || {
        let line = format!("ping -n -c 1 -W 1 {SERVER}");
        inside(&second)
            .args(line.split(' '))
            .output()
            .expect("ping (Debian: iputils-ping) runs")
            .status
            .success()
    };
    assert!(!crosses(), "before");
    world.up(&home, &lab(&home, "closed"));
    home.reaches("h1", SERVER);
    home.reaches("h1", "198.51.100.9");
    assert!(!crosses(), "while the lab is up");
    home.ok(&["down"]);
    world.on_machine("sysctl -q -w net.ipv4.ip_forward=1");
    assert!(crosses(), "the test can tell");
    world.up(&home, &lab(&home, "open"));
    assert!(crosses(), "a machine that was a router stays one");
    home.ok(&["down"]);
    assert_eq!(world.forwards(), "1\n1\n");
    let mut second = second;
    second.kill().and_then(|()| second.wait()).expect("it ends");
}

#[test]
fn privileged_a_lab_without_a_nat_has_nothing_to_do_with_the_outside() {
    let home = Home::new();
    let world = World::new(&home);
    let source = std::fs::read_to_string(lab(&home, "plain")).expect("the lab");
    world.up(&home, &home.lab("plain.toml", &source.replace("\"nat\"", "\"router\"")));
    assert_eq!((world.forwards().as_str(), world.interfaces().len()), (CLOSED, 2));
    assert!(home.is_silent("h1", SERVER));
    home.ok(&["down"]);
}

#[test]
fn privileged_a_kill_at_any_step_of_a_nat_leaves_nothing_outside() {
    let home = Home::new();
    let world = World::new(&home);
    let lab = lab(&home, "natkill");
    for step in 1..1000 {
        let step = step.to_string();
        let mut up = world.rackless(&home, &["up", "-d", &lab]);
        let output = up.env("RACKLESS_TEST_KILL_AT", &step).output().expect("the program runs");
        let lives = output.status.success() && home.run(&["down"]).status.success();
        until(&format!("nothing is left after a kill at step {step}"), || {
            match (world.forwards(), world.interfaces()) {
                (forwards, interfaces) if forwards == CLOSED && interfaces.len() == 2 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        home.assert_nothing_left(&[], &format!("after a kill at step {step}"));
        if lives {
            return;
        }
    }
    panic!("the lab took more than 1000 steps");
}

#[test]
fn privileged_a_kill_at_any_step_of_a_change_leaves_nothing_outside() {
    let home = Home::new();
    let world = World::new(&home);
    let mut died_changing = 0;
    for step in 1..1000 {
        let step = step.to_string();
        let mut up = world.rackless(&home, &["up", "-d", &home.lab("grows.toml", "[node.h1]\n")]);
        let up = up.env("RACKLESS_TEST_KILL_AT", &step).output().expect("the program runs");
        let change = || home.run(&["up", "-d", &lab(&home, "grows")]).status.success();
        let changed = up.status.success() && change();
        died_changing += u32::from(up.status.success() && !changed);
        let lives = changed && home.run(&["down"]).status.success();
        until(&format!("nothing is left after a kill at step {step}"), || {
            match (world.forwards(), world.interfaces()) {
                (forwards, interfaces) if forwards == CLOSED && interfaces.len() == 2 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        home.assert_nothing_left(&[], &format!("after a kill at step {step}"));
        if lives {
            assert!(died_changing > 5, "{died_changing}");
            return;
        }
    }
    panic!("the lab took more than 1000 steps");
}

#[test]
fn a_nat_of_an_ordinary_user_is_refused_and_says_why() {
    let home = Home::ordinary_user();
    let message = home.fails(2, &["up", "-d", &lab(&home, "rootless")]);
    assert!(message.contains("error: gw is a nat, which needs root"), "{message}");
    home.assert_nothing_left(&[], "after a refusal");
    home.ok(&["up", "-d", &home.lab("rootless.toml", "[node.h1]\n")]);
    let message = home.fails(2, &["up", "-d", &lab(&home, "rootless")]);
    assert!(message.contains("error: gw is a nat, which needs root"), "{message}");
    home.ok(&["down"]);
}
