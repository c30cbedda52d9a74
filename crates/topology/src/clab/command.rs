//! The commands of `exec`: those that set up a node's network, and others.

use std::net::IpAddr;

use ipnet::IpNet;
use rackless_packet::MacAddr;

/// What a command does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Gives an interface an address.
    Address { interface: String, address: IpNet },
    /// Adds a route.
    Route { prefix: IpNet, via: Option<IpAddr>, interface: Option<String> },
    /// Sets the MTU of an interface.
    Mtu { interface: String, mtu: u32 },
    /// Sets the Ethernet address of an interface.
    Mac { interface: String, mac: MacAddr },
    /// Sets a sysctl.
    Sysctl { name: String, value: String },
    /// Brings an interface up, or removes a default route by a management network that is not there.
    Nothing,
    /// Something else.
    Other,
}

/// Splits a line of `exec` into commands; a shell that runs nothing but simple ones is taken apart.
pub(super) fn split(line: &str) -> Option<Vec<Vec<String>>> {
    let argv = shlex::split(line).filter(|argv| !argv.is_empty())?;
    if let [shell, option, script] = argv.as_slice()
        && matches!(shell.rsplit('/').next(), Some("sh" | "bash" | "ash"))
        && matches!(option.as_str(), "-c" | "-lc")
        && let Some(commands) = simple(script)
    {
        return Some(commands);
    }
    Some(vec![argv])
}

/// Takes a script apart if it is commands one after the other, all of which set up the network.
fn simple(script: &str) -> Option<Vec<Vec<String>>> {
    if script.contains(['|', '<', '>', '$', '`', '(', ')', '{', '}', '*', '?', '#', '\'', '"', '\\']) {
        return None;
    }
    let script = script.replace("&&", ";").replace('\n', ";");
    let commands: Option<Vec<Vec<String>>> =
        script.split(';').filter(|part| !part.trim().is_empty()).map(shlex::split).collect();
    commands.filter(|commands| commands.iter().all(|argv| steps(argv) != [Step::Other]))
}

/// Says what a command does; one that sets several sysctls is several steps.
pub(super) fn steps(argv: &[String]) -> Vec<Step> {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let program = words.first().and_then(|program| program.rsplit('/').next());
    let steps = match program {
        Some("ip") => ip(&words[1..]).map(|step| vec![step]),
        Some("sysctl") => sysctl(&words[1..]),
        _ => None,
    };
    steps.unwrap_or_else(|| vec![Step::Other])
}

/// Reads `sysctl [-q] [-w] NAME=VALUE…`; only the network's settings are a node's own.
fn sysctl(words: &[&str]) -> Option<Vec<Step>> {
    let words = words.iter().skip_while(|word| matches!(**word, "-w" | "-q" | "-qw" | "-wq"));
    let step = |word: &&str| {
        let (name, value) = word.split_once('=')?;
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        // Where the first separator is a slash, slashes separate.
        let name = match name.trim().strip_prefix("net/") {
            Some(rest) => format!("net.{}", rest.replace('/', ".")),
            None => name.trim().to_owned(),
        };
        let fits =
            name.starts_with("net.") && name.chars().all(good) && !name.split(['.', '/']).any(str::is_empty);
        fits.then(|| Step::Sysctl { name, value: value.trim().to_owned() })
    };
    words.map(step).collect::<Option<Vec<Step>>>().filter(|steps| !steps.is_empty())
}

/// Reads `ip [-4|-6] OBJECT VERB …`, where iproute2 takes any beginning of a word.
fn ip(words: &[&str]) -> Option<Step> {
    let (v6, words) = match words {
        ["-4", rest @ ..] => (Some(false), rest),
        ["-6", rest @ ..] => (Some(true), rest),
        rest => (None, rest),
    };
    let [object, verb, rest @ ..] = words else { return None };
    let begins = |word: &str, least: usize, whole: &str| word.len() >= least && whole.starts_with(word);
    if begins(object, 1, "address") || *object == "addr" {
        return if begins(verb, 1, "add") || *verb == "replace" { address(rest) } else { None };
    }
    if begins(object, 1, "route") {
        return match *verb {
            "add" | "a" | "replace" | "append" => route(rest, v6),
            "del" | "delete" if rest.first() == Some(&"default") => Some(Step::Nothing),
            _ => None,
        };
    }
    if begins(object, 1, "link") && begins(verb, 1, "set") { link(rest) } else { None }
}

/// Reads `ADDRESS dev INTERFACE` in any order, and what changes nothing of them.
fn address(mut words: &[&str]) -> Option<Step> {
    let (mut address, mut interface) = (None, None);
    loop {
        words = match words {
            [] => break,
            ["dev", name, rest @ ..] => {
                interface = Some((*name).to_owned());
                rest
            }
            ["brd" | "broadcast", "+", rest @ ..] | ["nodad", rest @ ..] => rest,
            ["local", text, rest @ ..] | [text, rest @ ..] if address.is_none() => {
                address = Some(net(text)?);
                rest
            }
            _ => return None,
        };
    }
    let address = address.filter(|address| crate::file::unfit(*address).is_none())?;
    Some(Step::Address { interface: interface?, address })
}

/// Reads `PREFIX [via ADDRESS] [dev INTERFACE]`.
fn route(words: &[&str], v6: Option<bool>) -> Option<Step> {
    let [prefix, rest @ ..] = words else { return None };
    let (via, interface) = match rest {
        ["via", via] => (Some(*via), None),
        ["via", via, "dev", interface] | ["dev", interface, "via", via] => (Some(*via), Some(*interface)),
        ["dev", interface] => (None, Some(*interface)),
        _ => return None,
    };
    let via = match via {
        Some(via) => Some(via.parse::<IpAddr>().ok()?),
        None => None,
    };
    let v6 = via.map(|via| via.is_ipv6()).or(v6).unwrap_or_default();
    let prefix = match *prefix {
        "default" if v6 => "::/0".parse().ok()?,
        "default" => "0.0.0.0/0".parse().ok()?,
        text => net(text)?,
    };
    let fits = prefix.trunc() == prefix && via.is_none_or(|via| via.is_ipv6() == prefix.addr().is_ipv6());
    fits.then(|| Step::Route { prefix, via, interface: interface.map(str::to_owned) })
}

/// Reads `[dev] INTERFACE` with one of `up`, `mtu N` and `address MAC`.
fn link(words: &[&str]) -> Option<Step> {
    let (interface, what) = match words {
        [what @ .., "dev", interface] if !what.is_empty() => (*interface, what),
        ["dev", interface, what @ ..] | [interface, what @ ..] => (*interface, what),
        [] => return None,
    };
    let interface = interface.to_owned();
    match what {
        ["up"] => Some(Step::Nothing),
        ["mtu", mtu] => {
            let mtu = mtu.parse().ok().filter(|mtu| crate::file::MTU.contains(mtu))?;
            Some(Step::Mtu { interface, mtu })
        }
        ["address" | "addr", mac] => {
            let mac = mac.parse().ok().filter(|mac: &MacAddr| mac.is_unicast())?;
            Some(Step::Mac { interface, mac })
        }
        _ => None,
    }
}

/// Reads an address with or without the length of a prefix.
fn net(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<Step> {
        split(line).expect("a line").iter().flat_map(|argv| steps(argv)).collect()
    }

    #[test]
    fn an_address_is_known_in_every_spelling() {
        let step = Step::Address { interface: "eth1".into(), address: "10.0.0.1/24".parse().expect("a net") };
        for line in [
            "ip addr add 10.0.0.1/24 dev eth1",
            "ip address add dev eth1 10.0.0.1/24",
            "/sbin/ip -4 a a 10.0.0.1/24 brd + dev eth1",
            "sh -c 'ip a add local 10.0.0.1/24 dev eth1'",
        ] {
            assert_eq!(of(line), std::slice::from_ref(&step), "{line}");
        }
    }

    #[test]
    fn a_route_is_known_in_every_spelling() {
        let default = |v6: bool, via: &str, interface: Option<&str>| Step::Route {
            prefix: if v6 { "::/0" } else { "0.0.0.0/0" }.parse().expect("a prefix"),
            via: via.parse().ok(),
            interface: interface.map(str::to_owned),
        };
        assert_eq!(of("ip route add default via 10.0.0.9"), [default(false, "10.0.0.9", None)]);
        assert_eq!(
            of("ip route replace default dev e via 10.0.0.9"),
            [default(false, "10.0.0.9", Some("e"))]
        );
        assert_eq!(of("ip -6 r add default via fe80::1 dev e"), [default(true, "fe80::1", Some("e"))]);
        assert_eq!(of("ip -6 route add default dev e"), [default(true, "", Some("e"))]);
        assert_eq!(
            of("ip route add 192.0.2.1 via 10.0.0.9"),
            [Step::Route {
                prefix: "192.0.2.1/32".parse().expect("a prefix"),
                via: "10.0.0.9".parse().ok(),
                interface: None
            }]
        );
    }

    #[test]
    fn what_else_sets_up_the_network_is_known() {
        assert_eq!(
            of("bash -c \"ip link set eth1 up && ip route del default\""),
            [Step::Nothing, Step::Nothing]
        );
        assert_eq!(of("ip link set mtu 1400 dev eth1"), [Step::Mtu { interface: "eth1".into(), mtu: 1400 }]);
        assert_eq!(of("ip link set dev e address 02:00:00:00:00:01").len(), 1);
        let sysctl = |name: &str, value: &str| Step::Sysctl { name: name.into(), value: value.into() };
        assert_eq!(of("sysctl -w net.a=1 net.b='2 3'"), [sysctl("net.a", "1"), sysctl("net.b", "2 3")]);
    }

    #[test]
    fn other_commands_stay_what_they_are() {
        for line in [
            "ip a",
            "ip addr add 10.0.0.0/24 dev eth1",
            "ip addr add 10.0.0.1/24 dev eth1 label x",
            "ip route add 10.0.0.1/24 via 10.0.0.9",
            "ip route add default via 10.0.0.9 metric 5",
            "ip link set eth1 master br0",
            "ip link set eth1",
            "sysctl -w kernel.x=1",
            "sysctl -a",
            "sh -c 'ip link set eth1 up | cat'",
            "sh -c 'ip link set eth1 up; sleep 1'",
            "touch /tmp/x",
        ] {
            assert_eq!(of(line), [Step::Other], "{line}");
        }
        assert_eq!(split("echo 'open"), None);
    }
}
