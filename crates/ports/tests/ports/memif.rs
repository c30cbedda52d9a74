//! Shared memory between ports, processes, and with DPDK.

use std::process::{Child, Command, Stdio};

use rackless_nf::{Allocator as _, Pool, Port};
use rackless_ports::{Dpdk, EalConfig, Options};

use crate::isolated::isolated_unprivileged;
use crate::{frame, in_time, open, packets, readable, receive, refusal, send};

/// Polls both until their link is up.
fn connect(a: &mut dyn Port, b: &mut dyn Port) {
    in_time("both ends are up", || {
        assert_eq!(a.rx_burst(&mut Vec::new(), 32) + b.rx_burst(&mut Vec::new(), 32), 0);
        a.state().link_up == Some(true) && b.state().link_up == Some(true)
    });
}

/// A socket in a folder of its own.
fn socket(folder: &tempfile::TempDir) -> String {
    folder.path().join("memif").display().to_string()
}

fn counter(port: &dyn Port, name: &str) -> u64 {
    port.xstats().into_iter().find(|(has, _)| has == name).map_or(0, |(_, count)| count)
}

fn both_ways(server: &str, client: &str) {
    let options = Options { pool: Pool::new(4096, 10_000), ..Options::default() };
    let (mut a, mut b) = (open(server, &options), open(client, &options));
    assert_eq!((a.state().link_up, b.state().link_up), (Some(false), Some(false)));
    connect(&mut *a, &mut *b);
    let longest = usize::from(a.info().mtu) + 14;
    let mut frames: Vec<Vec<u8>> = (0..200).map(frame).collect();
    frames.extend([vec![1; 1], vec![2; longest], vec![3; 60]]);
    for _ in 0..50 {
        send(&mut *a, packets(&options, &frames));
        assert_eq!(receive(&mut *b, 203), frames);
        send(&mut *b, packets(&options, &frames));
        assert_eq!(receive(&mut *a, 203), frames);
    }
    let bytes = 50 * frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
    for stats in [a.stats(), b.stats()] {
        assert_eq!((stats.rx_packets, stats.rx_bytes, stats.rx_errors), (50 * 203, bytes, 0));
        assert_eq!((stats.tx_packets, stats.tx_bytes, stats.tx_errors), (50 * 203, bytes, 0));
    }
    send(&mut *a, packets(&options, &[vec![0; longest + 9]]));
    assert_eq!(a.stats().tx_errors, 1);
    assert_ne!(a.info().mac, b.info().mac);
    assert_eq!(options.pool.in_use(), 0);
}

#[test]
fn frames_pass_both_ways_over_a_socket_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let socket = socket(&folder);
    both_ways(&format!("memif:{socket},role=server"), &format!("memif:{socket},role=client"));
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "the socket is gone");
}

#[test]
fn frames_of_jumbo_size_pass_over_an_abstract_socket() {
    let folder = tempfile::tempdir().unwrap();
    let device = format!("memif:@{},id=7,mtu=9000", folder.path().display());
    both_ways(&format!("{device},role=server"), &format!("{device},role=client,ring=512"));
}

#[test]
fn a_frame_longer_than_a_buffer_goes_in_several_and_one_longer_than_the_mtu_is_unusable() {
    let folder = tempfile::tempdir().unwrap();
    let device = format!("memif:{}", socket(&folder));
    let options = Options { pool: Pool::new(64, 10_000), ..Options::default() };
    let mut server = open(&format!("{device},role=server,mtu=9000"), &options);
    // The client makes the buffers, of 2048 bytes for its own frames.
    let mut client = open(&format!("{device},role=client,mtu=1500,ring=8"), &options);
    connect(&mut *server, &mut *client);
    send(&mut *server, packets(&options, &[vec![5; 9000], frame(1)]));
    assert_eq!(receive(&mut *client, 1), [frame(1)]);
    assert_eq!(client.stats().rx_errors, 1);

    let few = Options { pool: Pool::new(64, 2048), ..Options::default() };
    drop((server, client));
    let mut server = open(&format!("{device},role=server,mtu=5000"), &options);
    let mut client = open(&format!("{device},role=client,mtu=5000,ring=8"), &few);
    connect(&mut *server, &mut *client);
    send(&mut *server, packets(&options, &[vec![5; 5000], frame(2)]));
    assert_eq!(receive(&mut *client, 1), [frame(2)]);
    assert_eq!((client.stats().rx_errors, few.pool.in_use()), (1, 0), "it does not fit a packet");
}

#[test]
fn a_full_ring_leaves_the_rest_to_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let device = format!("memif:{}", socket(&folder));
    let options = Options::default();
    let mut server = open(&format!("{device},role=server"), &options);
    let mut client = open(&format!("{device},role=client,ring=64"), &options);
    connect(&mut *server, &mut *client);
    let frames: Vec<Vec<u8>> = (0..100).map(frame).collect();
    let fills = |from: &mut dyn Port, to: &mut dyn Port| {
        let mut burst = packets(&options, &frames);
        assert_eq!((from.tx_burst(&mut burst), burst.len()), (64, 36));
        assert_eq!(receive(to, 64), frames[..64]);
        assert_eq!((from.tx_burst(&mut burst), burst.len()), (36, 0));
        assert_eq!(receive(to, 36), frames[64..]);
    };
    fills(&mut *client, &mut *server);
    fills(&mut *server, &mut *client);
}

#[test]
fn without_buffers_frames_wait_in_the_ring() {
    let folder = tempfile::tempdir().unwrap();
    let device = format!("memif:{}", socket(&folder));
    let (options, few) = (Options::default(), Options { pool: Pool::new(8, 2048), ..Options::default() });
    let mut server = open(&format!("{device},role=server"), &few);
    let mut client = open(&format!("{device},role=client"), &options);
    connect(&mut *server, &mut *client);
    let frames: Vec<Vec<u8>> = (0..20).map(frame).collect();
    send(&mut *client, packets(&options, &frames));
    let mut held = Vec::new();
    assert_eq!((server.rx_burst(&mut held, 32), server.rx_burst(&mut held, 32)), (8, 0));
    held.clear();
    assert_eq!(receive(&mut *server, 8), frames[8..16]);
    assert_eq!(receive(&mut *server, 4), frames[16..]);
}

#[test]
fn a_worker_sleeps_until_a_frame_comes() {
    let folder = tempfile::tempdir().unwrap();
    let device = format!("memif:{}", socket(&folder));
    let options = Options::default();
    let mut server = open(&format!("{device},role=server"), &options);
    let mut client = open(&format!("{device},role=client"), &options);
    connect(&mut *server, &mut *client);
    for round in 0..20 {
        let (from, to) = if round % 2 == 0 { (&mut server, &mut client) } else { (&mut client, &mut server) };
        // It looks once more by itself, and then sleeps.
        in_time("the worker sleeps", || {
            assert_eq!(to.rx_burst(&mut Vec::new(), 32), 0);
            !readable(&**to)
        });
        send(&mut **from, packets(&options, &[frame(round)]));
        in_time("the descriptor tells of the frame", || readable(&**to));
        assert_eq!(receive(&mut **to, 1), [frame(round)]);
    }
}

#[test]
fn a_frame_that_came_before_the_worker_sleeps_wakes_it() {
    let folder = tempfile::tempdir().unwrap();
    let device = format!("memif:{}", socket(&folder));
    let options = Options::default();
    let mut server = open(&format!("{device},role=server"), &options);
    let mut client = open(&format!("{device},role=client"), &options);
    connect(&mut *server, &mut *client);
    // The server polls until now, so that the client does not wake it.
    send(&mut *client, packets(&options, &[frame(1)]));
    in_time("the descriptor tells of the frame", || readable(&*server));
    assert_eq!(receive(&mut *server, 1), [frame(1)]);
}

#[test]
fn refusals_name_the_socket_and_a_second_client_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let device = format!("memif:{}", socket(&folder));
    let options = Options::default();
    let missing = refusal("memif:/nowhere/memif,role=server", &options);
    assert_eq!(missing, "cannot listen on socket /nowhere/memif: No such file or directory (os error 2)");
    let mut server = open(&format!("{device},role=server"), &options);
    let taken = refusal(&format!("{device},role=server"), &options);
    assert!(taken.ends_with("memif: Address already in use (os error 98)"), "{taken}");

    let mut other = open(&format!("{device},role=client,id=5"), &options);
    in_time("a client with another number is told", || {
        server.rx_burst(&mut Vec::new(), 32);
        other.rx_burst(&mut Vec::new(), 32);
        counter(&*other, "the peer refused: ID not found") > 0
    });
    assert!(counter(&*server, "refused the peer: ID not found") > 0);
    drop(other);
    let mut client = open(&format!("{device},role=client"), &options);
    connect(&mut *server, &mut *client);
    let mut second = open(&format!("{device},role=client"), &options);
    in_time("a second client is told", || {
        for port in [&mut server, &mut client, &mut second] {
            port.rx_burst(&mut Vec::new(), 32);
        }
        counter(&*second, "the peer refused: Already connected") > 0
    });
    send(&mut *client, packets(&options, &[frame(1)]));
    assert_eq!(receive(&mut *server, 1), [frame(1)]);
}

/// This executable again, as a process that sends back what it receives on a device.
fn echo(test: &str, device: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture"]).env(DEVICE, device).stdout(Stdio::null());
    child.spawn().unwrap()
}

const DEVICE: &str = "RACKLESS_MEMIF_ECHO";

/// Two processes, the other with `role`; it is killed and comes back.
fn with_another_process(test: &str, role: &str) {
    let options = Options::default();
    if let Ok(device) = std::env::var(DEVICE) {
        let mut port = open(&device, &options);
        loop {
            let mut burst = Vec::new();
            if port.rx_burst(&mut burst, 32) == 0 {
                wait(&*port);
            }
            send(&mut *port, burst);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = socket(&folder);
    let ours = if role == "server" { "client" } else { "server" };
    let mut port = open(&format!("memif:{socket},role={ours}"), &options);
    for round in 1..=3 {
        let mut child = echo(test, &format!("memif:{socket},role={role}"));
        in_time("the link comes up", || {
            assert_eq!(port.rx_burst(&mut Vec::new(), 32), 0);
            port.state().link_up == Some(true)
        });
        let frames: Vec<Vec<u8>> = (0..500).map(frame).collect();
        send(&mut *port, packets(&options, &frames));
        assert_eq!(receive(&mut *port, 500), frames);
        child.kill().unwrap();
        child.wait().unwrap();
        in_time("the link goes down", || {
            assert_eq!(port.rx_burst(&mut Vec::new(), 32), 0);
            port.state().link_up == Some(false)
        });
        let errors = port.stats().tx_errors;
        send(&mut *port, packets(&options, &[frame(1)]));
        assert_eq!(port.stats().tx_errors, errors + 1, "nobody is there");
        assert_eq!((counter(&*port, "the peer came"), counter(&*port, "the peer went away")), (round, round));
    }
    assert_eq!(options.pool.in_use(), 0);
}

#[allow(unsafe_code, reason = "poll on a port's descriptor")]
fn wait(port: &dyn Port) {
    let fd = std::os::fd::AsRawFd::as_raw_fd(&port.wait_fd().unwrap());
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one live struct.
    unsafe { libc::poll(&mut poll, 1, 60_000) };
}

#[test]
fn a_client_in_another_process_dies_and_comes_back() {
    with_another_process("memif::a_client_in_another_process_dies_and_comes_back", "client");
}

#[test]
fn a_server_in_another_process_dies_and_comes_back() {
    with_another_process("memif::a_server_in_another_process_dies_and_comes_back", "server");
}

/// Our port against DPDK's, which was opened by `theirs` with the socket behind it.
fn with_dpdk(ours: &str, theirs: &str, extra: &[&str], we_are_first: bool) {
    let extra = extra.iter().map(|option| (*option).to_owned()).collect();
    let dpdk = Dpdk::new(EalConfig { extra, ..EalConfig::default() }, 8192);
    let options = Options { dpdk, ..Options::default() };
    let ours = format!("memif:/run/memif,{ours}");
    let theirs = format!("dpdk:net_memif,socket=/run/memif,socket-abstract=no,{theirs}");
    let (mut port, mut dpdk) = if we_are_first {
        let port = open(&ours, &options);
        (port, open(&theirs, &options))
    } else {
        let dpdk = open(&theirs, &options);
        (open(&ours, &options), dpdk)
    };
    in_time("the link comes up", || {
        assert_eq!(port.rx_burst(&mut Vec::new(), 32), 0);
        // A thread of DPDK's hears of it a moment later.
        port.state().link_up == Some(true) && dpdk.state().link_up == Some(true)
    });
    let mut frames: Vec<Vec<u8>> = (0..200).map(frame).collect();
    frames.push(vec![7; 1514]);
    // A client of DPDK offers its buffers when it first looks for frames.
    assert_eq!(dpdk.rx_burst(&mut Vec::new(), 32), 0);
    for _ in 0..20 {
        send(&mut *dpdk, packets(&options, &frames));
        assert_eq!(receive(&mut *port, 201), frames);
        send(&mut *port, packets(&options, &frames));
        assert_eq!(receive(&mut *dpdk, 201), frames);
    }
    drop(dpdk);
    in_time("the link goes down", || {
        assert_eq!(port.rx_burst(&mut Vec::new(), 32), 0);
        port.state().link_up == Some(false)
    });
}

#[test]
fn a_client_of_dpdk_connects() {
    isolated_unprivileged("memif::a_client_of_dpdk_connects", || {
        with_dpdk("role=server,id=3", "role=client,id=3", &[], true);
    });
}

#[test]
fn a_client_of_dpdk_that_shares_all_its_memory_connects() {
    isolated_unprivileged("memif::a_client_of_dpdk_that_shares_all_its_memory_connects", || {
        with_dpdk("role=server", "role=client,zero-copy=yes", &["--single-file-segments"], true);
    });
}

#[test]
fn a_server_of_dpdk_is_connected_to() {
    isolated_unprivileged("memif::a_server_of_dpdk_is_connected_to", || {
        with_dpdk("role=client", "role=server,id=0", &[], false);
    });
}
