//! The topology as JSON, with names in the place of indices; for `--json` and for other programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::model::{
    Bounds, Check, Command, Condition, Conditions, Cpus, Event, FileContent, Interface, Kind, Link,
    LinkChange, Medium, Node, NodeId, Probe, Program, Restart, Target, Topology, Wire,
};
use crate::units::{Duration, Probability, Rate, Size};

#[derive(Serialize)]
struct TopologyJson<'a> {
    name: &'a str,
    nodes: Vec<NodeJson<'a>>,
    links: Vec<LinkJson>,
    checks: Vec<CheckJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventJson>,
}

#[derive(Serialize)]
struct NodeJson<'a> {
    name: &'a str,
    kind: Kind,
    interfaces: Vec<InterfaceJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    loopback: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<RouteJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<&'a Path>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    programs: Vec<ProgramJson<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    env: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sysctl: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    files: &'a BTreeMap<PathBuf, FileContent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    after: Vec<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stp: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus: Option<Cpus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Size>,
}

#[derive(Serialize)]
struct InterfaceJson<'a> {
    name: &'a str,
    mac: String,
    mtu: u32,
    offload: bool,
    addresses: Vec<String>,
    link_local: String,
}

#[derive(Serialize)]
struct RouteJson<'a> {
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<String>,
    dev: &'a str,
}

#[derive(Serialize)]
struct ProgramJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    command: &'a Command,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<ReadyJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restart: Option<Restart>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    after: Vec<&'a str>,
}

#[derive(Serialize)]
struct ReadyJson<'a> {
    #[serde(flatten)]
    condition: ConditionJson<'a>,
    within: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum ConditionJson<'a> {
    Tcp(String),
    Log(&'a str),
    Command(&'a Command),
    File(&'a Path),
}

#[derive(Serialize)]
struct LinkJson {
    ends: [String; 2],
    mtu: u32,
    offload: bool,
    wire: Wire,
    #[serde(skip_serializing_if = "is_default")]
    medium: Medium,
    /// From the first end to the second.
    #[serde(skip_serializing_if = "is_default")]
    tx: Conditions,
    #[serde(skip_serializing_if = "is_default")]
    rx: Conditions,
}

#[derive(Serialize)]
struct EventJson {
    at: Duration,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    lasts: Option<Duration>,
    link: [String; 2],
    #[serde(flatten)]
    change: LinkChange,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    name: &'a str,
    on: Vec<&'a str>,
    #[serde(flatten)]
    probe: ProbeJson<'a>,
    within: Duration,
    fails: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ProbeJson<'a> {
    Ping {
        ping: Vec<TargetJson<'a>>,
    },
    RoundTrips {
        ping: Vec<TargetJson<'a>>,
        count: u32,
        #[serde(skip_serializing_if = "Bounds::is_any")]
        rtt: Bounds<Duration>,
        #[serde(skip_serializing_if = "Bounds::is_any")]
        loss: Bounds<Probability>,
    },
    Tcp {
        tcp: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        send: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        expect: Option<&'a str>,
    },
    Udp {
        udp: String,
        send: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        expect: Option<&'a str>,
    },
    Http {
        http: String,
        status: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        expect: Option<&'a str>,
    },
    Throughput {
        throughput: ThroughputJson<'a>,
    },
    Seen {
        seen: String,
        filter: &'a str,
        count: u32,
    },
    Run {
        run: &'a Command,
        #[serde(skip_serializing_if = "Option::is_none")]
        expect: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct ThroughputJson<'a> {
    to: TargetJson<'a>,
    time: Duration,
    #[serde(skip_serializing_if = "Option::is_none")]
    udp: Option<Rate>,
    #[serde(flatten)]
    rate: Bounds<Rate>,
}

#[derive(Serialize)]
struct TargetJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    address: String,
}

impl Serialize for Topology {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TopologyJson {
            name: &self.name,
            nodes: self.nodes.iter().map(|node| node_json(self, node)).collect(),
            links: self.links.iter().map(|link| link_json(self, link)).collect(),
            checks: self.checks.iter().map(|check| check_json(self, check)).collect(),
            events: self.events.iter().map(|event| event_json(self, event)).collect(),
        }
        .serialize(serializer)
    }
}

impl Topology {
    /// Returns the keys of a node, but for its interfaces.
    pub(crate) fn node_keys(&self, node: &Node) -> serde_json::Map<String, serde_json::Value> {
        match serde_json::to_value(node_json(self, node)) {
            Ok(serde_json::Value::Object(mut keys)) => {
                keys.remove("interfaces");
                keys
            }
            _ => serde_json::Map::new(),
        }
    }
}

fn names<'a>(topology: &'a Topology, ids: &[NodeId]) -> Vec<&'a str> {
    ids.iter().map(|id| topology[*id].name.as_str()).collect()
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(T::to_string).collect()
}

fn node_json<'a>(topology: &'a Topology, node: &'a Node) -> NodeJson<'a> {
    let route = |route: &crate::model::Route| RouteJson {
        prefix: route.prefix.to_string(),
        via: route.via.map(|via| via.to_string()),
        dev: &node.interfaces[route.interface].name,
    };
    NodeJson {
        name: &node.name,
        kind: node.kind,
        interfaces: node.interfaces.iter().map(interface_json).collect(),
        loopback: texts(&node.loopback),
        routes: node.routes.iter().map(route).collect(),
        package: node.package.as_deref(),
        programs: node.programs.iter().map(|program| program_json(node, program)).collect(),
        env: &node.env,
        sysctl: &node.sysctl,
        files: &node.files,
        after: names(topology, &node.after),
        stp: node.stp,
        cpus: node.limits.cpus,
        memory: node.limits.memory,
    }
}

fn program_json<'a>(node: &'a Node, program: &'a Program) -> ProgramJson<'a> {
    let ready = program.ready.as_ref().map(|ready| ReadyJson {
        condition: match &ready.condition {
            Condition::Tcp(address) => ConditionJson::Tcp(address.to_string()),
            Condition::Log(text) => ConditionJson::Log(text),
            Condition::Command(command) => ConditionJson::Command(command),
            Condition::File(path) => ConditionJson::File(path),
        },
        within: ready.within,
    });
    ProgramJson {
        name: program.name.as_deref(),
        command: &program.command,
        ready,
        restart: Some(program.restart).filter(|restart| *restart != Restart::Never),
        after: program.after.iter().filter_map(|place| node.programs[*place].name.as_deref()).collect(),
    }
}

fn interface_json(interface: &Interface) -> InterfaceJson<'_> {
    InterfaceJson {
        name: &interface.name,
        mac: interface.mac.to_string(),
        mtu: interface.mtu,
        offload: interface.offload,
        addresses: texts(&interface.addresses),
        link_local: interface.link_local().to_string(),
    }
}

fn link_json(topology: &Topology, link: &Link) -> LinkJson {
    let ends = link.ends.map(|end| topology.end_name(end).to_string());
    let [tx, rx] = link.conditions.clone();
    LinkJson { ends, mtu: link.mtu, offload: link.offload, wire: link.wire, medium: link.medium, tx, rx }
}

fn event_json(topology: &Topology, event: &Event) -> EventJson {
    let link = topology.links[event.link].ends.map(|end| topology.end_name(end).to_string());
    EventJson { at: event.at, lasts: event.lasts, link, change: event.change.clone() }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn check_json<'a>(topology: &'a Topology, check: &'a Check) -> CheckJson<'a> {
    let on = names(topology, &check.on);
    CheckJson {
        name: &check.name,
        on,
        probe: probe_json(topology, &check.probe),
        within: check.within,
        fails: check.fails,
    }
}

fn probe_json<'a>(topology: &'a Topology, probe: &'a Probe) -> ProbeJson<'a> {
    let target = |target: &Target| TargetJson {
        node: target.node.map(|id| topology[id].name.as_str()),
        address: target.address.to_string(),
    };
    match probe {
        Probe::Ping { targets } => ProbeJson::Ping { ping: targets.iter().map(target).collect() },
        Probe::RoundTrips { targets, count, rtt, loss } => {
            let ping = targets.iter().map(target).collect();
            ProbeJson::RoundTrips { ping, count: *count, rtt: *rtt, loss: *loss }
        }
        Probe::Tcp { address, send, expect } => {
            ProbeJson::Tcp { tcp: address.to_string(), send: send.as_deref(), expect: expect.as_deref() }
        }
        Probe::Udp { address, send, expect } => {
            ProbeJson::Udp { udp: address.to_string(), send, expect: expect.as_deref() }
        }
        Probe::Http { url, status, expect } => {
            ProbeJson::Http { http: url.to_string(), status: *status, expect: expect.as_deref() }
        }
        Probe::Throughput { to, time, udp, rate } => {
            let throughput = ThroughputJson { to: target(to), time: *time, udp: *udp, rate: *rate };
            ProbeJson::Throughput { throughput }
        }
        Probe::Seen { end, filter, count } => {
            let seen = topology.end_name(*end).to_string();
            ProbeJson::Seen { seen, filter: filter.as_str(), count: *count }
        }
        Probe::Run { command, expect } => ProbeJson::Run { run: command, expect: expect.as_deref() },
    }
}
