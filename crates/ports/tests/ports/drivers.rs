//! DPDK's other software drivers as ports, alone and between two processes, and DPDK's telemetry of our process.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rackless_nf::{Port, PortChange};
use rackless_packet::MacAddr;
use rackless_ports::{Dpdk, EalConfig, Options};

use crate::isolated::isolated;
use crate::{cable, frame, in_time, open, packets, receive, send, silence};

/// The device that this executable, started again, sends back on what it receives.
const DEVICE: &str = "RACKLESS_DPDK_ECHO";

fn options(extra: &[&str]) -> Options {
    let extra = extra.iter().map(|option| (*option).to_owned()).collect();
    let config = EalConfig { extra, ..EalConfig::default() };
    Options { dpdk: Dpdk::new(config, 8192), ..Options::default() }
}

/// A process of its own that is killed with this value.
struct Other(Child);

impl Other {
    fn echo(test: &str, device: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", test, "--nocapture"]).env(DEVICE, device).stdout(Stdio::null());
        Self(child.spawn().unwrap())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Frames go to a port of another process and come back; `theirs` is opened first and makes `socket`.
fn between_two_processes(
    test: &str,
    extra: &[&str],
    theirs: &str,
    socket: &str,
    ours: &str,
) -> (Box<dyn Port>, Other) {
    if let Ok(device) = std::env::var(DEVICE) {
        let mut port = open(&device, &options(extra));
        loop {
            let mut burst = Vec::new();
            port.rx_burst(&mut burst, 32);
            send(&mut *port, burst);
            std::thread::yield_now();
        }
    }
    let other = Other::echo(test, theirs);
    in_time("the other process listens", || Path::new(socket).exists());
    let options = options(extra);
    let mut port = open(ours, &options);
    in_time("the link comes up", || {
        assert_eq!(port.rx_burst(&mut Vec::new(), 32), 0);
        port.state().link_up == Some(true)
    });
    let mut frames: Vec<Vec<u8>> = (0..100).map(frame).collect();
    frames.push(vec![7; 1514]);
    for _ in 0..20 {
        send(&mut *port, packets(&options, &frames));
        assert_eq!(receive(&mut *port, 101), frames);
    }
    (port, other)
}

#[test]
fn net_memif_passes_frames_between_two_processes() {
    let test = "drivers::net_memif_passes_frames_between_two_processes";
    isolated(test, || {
        let device = "dpdk:net_memif,socket=/run/memif,socket-abstract=no";
        let (theirs, ours) = (format!("{device},role=server"), format!("{device},role=client"));
        between_two_processes(test, &[], &theirs, "/run/memif", &ours);
    });
}

#[test]
fn net_virtio_user_passes_frames_to_a_vhost_of_another_process() {
    let test = "drivers::net_virtio_user_passes_frames_to_a_vhost_of_another_process";
    isolated(test, || {
        let (theirs, ours) = ("dpdk:net_vhost,iface=/run/vhost", "dpdk:net_virtio_user,path=/run/vhost");
        let (mut port, _other) =
            between_two_processes(test, &["--single-file-segments"], theirs, "/run/vhost", ours);
        // A vhost of another process filters nothing, and the driver says so.
        assert!(port.change(PortChange::AddMac(MacAddr([2, 0, 0, 0, 0, 9]))).is_err());
        assert_eq!(port.state().mac_filters, []);
    });
}

#[test]
fn net_tap_makes_an_interface_of_the_kernel() {
    isolated("drivers::net_tap_makes_an_interface_of_the_kernel", || {
        silence();
        let options = Options::default();
        let mut port = open("dpdk:net_tap,iface=dtap0", &options);
        let mut kernel = open("af_packet:dtap0", &options);
        assert_eq!(port.info().mac, kernel.info().mac);
        let mut frames: Vec<Vec<u8>> = (0..100).map(frame).collect();
        frames.push(vec![7; 1514]);
        for _ in 0..5 {
            send(&mut *port, packets(&options, &frames));
            assert_eq!(receive(&mut *kernel, 101), frames);
            send(&mut *kernel, packets(&options, &frames));
            assert_eq!(receive(&mut *port, 101), frames);
        }
        drop(port);
        in_time("the interface is gone", || !has_interface("dtap0"));
    });
}

fn has_interface(name: &str) -> bool {
    let shown = Command::new("ip").args(["link", "show", "dev", name]).output().unwrap();
    shown.status.success()
}

#[test]
fn privileged_net_af_xdp_passes_real_frames_both_ways() {
    isolated("drivers::privileged_net_af_xdp_passes_real_frames_both_ways", || {
        cable();
        let options = Options::default();
        let mut a = open("af_packet:a", &options);
        let mut b = open("dpdk:net_af_xdp,iface=b", &options);
        let mut frames: Vec<Vec<u8>> = (0..100).map(frame).collect();
        frames.push(vec![7; 1514]);
        for _ in 0..20 {
            send(&mut *a, packets(&options, &frames));
            assert_eq!(receive(&mut *b, 101), frames);
            send(&mut *b, packets(&options, &frames));
            assert_eq!(receive(&mut *a, 101), frames);
        }
        assert_eq!((b.info().mtu, b.info().mac == a.info().mac), (1500, false));
    });
}

#[test]
fn dpdks_telemetry_answers_its_script() {
    isolated("drivers::dpdks_telemetry_answers_its_script", || {
        let config = EalConfig { file_prefix: "telemetry".into(), ..EalConfig::default() };
        let options = Options { dpdk: Dpdk::new(config, 1024), ..Options::default() };
        let mut port = open("dpdk:net_null3,size=64", &options);
        let mut burst = Vec::new();
        assert_eq!(port.rx_burst(&mut burst, 32), 32);
        let mut script = Command::new("dpdk-telemetry.py");
        script.args(["-f", "telemetry"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = script
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run dpdk-telemetry.py ({error}): apt install dpdk"));
        let commands = b"/ethdev/list\n/ethdev/info,0\n/ethdev/stats,0\n/mempool/list\nquit\n";
        script.stdin.take().unwrap().write_all(commands).unwrap();
        let output = script.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        for says in ["\"/ethdev/list\": [0]", "\"name\": \"net_null3\"", "\"ipackets\": 32", "packets_0"] {
            assert!(text.contains(says), "{says} is not in:\n{text}");
        }
    });
}
