//! `rackless doctor`: tells what this machine can do.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use rackless_net::Facility;
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;
use crate::output;

/// Tell what this machine can do, and what to do about what it cannot
#[derive(clap::Args)]
#[command(after_help = "\
What can be tried is tried, in namespaces that are thrown away; nothing is left behind.

Examples:
  rackless doctor
  sudo rackless doctor --json

With --json: {labs, findings: [{name, purpose, ok, needed, found, hint}]}; labs says whether labs can run.

Exit code: 0 labs can run, 1 they cannot.")]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One line of the report.
#[derive(Serialize)]
struct Finding {
    name: String,
    purpose: String,
    ok: bool,
    /// Whether no lab runs without it.
    needed: bool,
    /// What was found, or why it cannot be had.
    found: String,
    /// What may help.
    hint: Option<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut findings: Vec<Finding> = rackless_net::facilities()?.into_iter().map(Finding::from).collect();
    findings.extend([open_files(), neighbours(), hugepages(), vfio(), dpdk(), docker(), open_vswitch()]);
    let labs = findings.iter().all(|finding| finding.ok || !finding.needed);
    if args.json {
        output::json(&json!({ "labs": labs, "findings": findings }))?;
    } else {
        output::line(&table(&findings))?;
        output::line(if labs { "labs can run" } else { "labs cannot run" })?;
    }
    Ok(ExitCode::from(u8::from(!labs)))
}

fn table(findings: &[Finding]) -> String {
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|finding| {
            let word = if finding.ok { "ok" } else { "missing" };
            let what = if finding.ok { &finding.purpose } else { &finding.found };
            let what = if finding.ok && !finding.found.is_empty() { &finding.found } else { what };
            vec![word.to_owned(), finding.name.clone(), what.clone()]
        })
        .collect();
    let table = output::table(&rows);
    let lines = table.lines().zip(findings).map(|(line, finding)| match &finding.hint {
        Some(hint) => format!("{line}\n         hint: {hint}"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

impl Finding {
    fn new(name: &str, purpose: &str, found: Result<String, String>, hint: &str) -> Self {
        let ok = found.is_ok();
        let found = found.unwrap_or_else(|missing| missing);
        let hint = (!ok && !hint.is_empty()).then(|| hint.to_owned());
        Self { name: name.to_owned(), purpose: purpose.to_owned(), ok, needed: false, found, hint }
    }
}

impl From<Facility> for Finding {
    fn from(facility: Facility) -> Self {
        let hint = facility.hint.or_else(|| {
            let hint = match facility.name.as_str() {
                _ if facility.missing.is_none() => return None,
                "netem" => {
                    "a kernel module: 'sudo modprobe sch_netem', on Debian from the package linux-image-amd64"
                }
                "redirect" => "kernel modules: 'sudo modprobe -a act_mirred cls_u32 sch_ingress'",
                "veth" | "bridge" => "a kernel module: 'sudo modprobe -a veth bridge'",
                "tun" => {
                    "a kernel module: 'sudo modprobe tun'; in a container, give it the device /dev/net/tun"
                }
                "xdp socket" | "bpf" => {
                    "run rackless as root, on a kernel with CONFIG_XDP_SOCKETS and CONFIG_BPF_SYSCALL"
                }
                _ => return None,
            };
            Some(hint.to_owned())
        });
        Self {
            ok: facility.missing.is_none(),
            name: facility.name,
            found: facility.missing.unwrap_or_default(),
            purpose: facility.purpose,
            needed: facility.needed,
            hint,
        }
    }
}

/// Two descriptors per node, and some.
fn open_files() -> Finding {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let hard = line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or("unknown");
    let nodes = hard.parse::<u64>().map_or(u64::MAX, |files| files / 3);
    let found =
        if hard == "unlimited" { hard.to_owned() } else { format!("{hard}: labs of up to {nodes} nodes") };
    let found = if nodes < 300 { Err(found) } else { Ok(found) };
    Finding::new(
        "open files",
        "the number of nodes",
        found,
        "raise the hard limit 'nofile' in /etc/security/limits.conf",
    )
}

/// The table of neighbours is one for all namespaces.
fn neighbours() -> Finding {
    let read = |family: &str| {
        let path = format!("/proc/sys/net/{family}/neigh/default/gc_thresh3");
        fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok())
    };
    let found = match (read("ipv4"), read("ipv6")) {
        (Some(v4), Some(v6)) => {
            let found = format!("{} neighbours of all nodes together", v4.min(v6));
            if v4.min(v6) < 8192 { Err(found) } else { Ok(found) }
        }
        _ => Err("not visible in this network namespace".to_owned()),
    };
    let hint = "enough for about 30 hosts that all talk to each other; for more 'sudo sysctl \
                net.ipv4.neigh.default.gc_thresh3=65536 net.ipv6.neigh.default.gc_thresh3=65536'";
    Finding::new("neighbour table", "hosts that talk to each other", found, hint)
}

fn hugepages() -> Finding {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = memory.lines().find_map(|line| line.strip_prefix("HugePages_Total:"));
    let total = line.and_then(|line| line.trim().parse::<u64>().ok()).unwrap_or(0);
    let found = if total > 0 { Ok(format!("{total} reserved")) } else { Err("none reserved".to_owned()) };
    let hint = "only DPDK on real NICs needs them: 'sudo sysctl vm.nr_hugepages=512'";
    Finding::new("hugepages", "DPDK on real NICs", found, hint)
}

fn vfio() -> Finding {
    let there = Path::new("/dev/vfio/vfio").exists();
    let found = if there { Ok("/dev/vfio/vfio".to_owned()) } else { Err("no /dev/vfio/vfio".to_owned()) };
    let hint = "only DPDK on real NICs needs it: 'sudo modprobe vfio-pci', with the IOMMU on";
    Finding::new("vfio", "DPDK on real NICs", found, hint)
}

fn dpdk() -> Finding {
    let found = rackless_ports::dpdk_availability().map_err(|error| rackless_runtime::chain(&error));
    Finding::new("dpdk", "ports dpdk:", found, "")
}

fn docker() -> Finding {
    let path = "/var/run/docker.sock";
    let found =
        UnixStream::connect(path).map(|_| path.to_owned()).map_err(|error| format!("{path}: {error}"));
    Finding::new(
        "docker",
        "nodes that are containers",
        found,
        "for containers only: install docker.io, join the group docker",
    )
}

fn open_vswitch() -> Finding {
    let socket = "/var/run/openvswitch/db.sock";
    let found =
        UnixStream::connect(socket).map(|_| socket.to_owned()).map_err(|error| format!("{socket}: {error}"));
    Finding::new(
        "open vswitch",
        "switches of that kind",
        found,
        "for such switches only: install openvswitch-switch",
    )
}
