//! What programs do in a lab, and what the user is told.

use std::io::Read;
use std::process::Stdio;

use crate::home::{Home, until};

const WITH_PROGRAMS: &str = r#"
[node.server]
addresses = ["10.0.0.1/24"]
run = "rackless serve tcp --port 80 --say hello"
ready = { tcp = "[::]:80" }
[node.client]
addresses = ["10.0.0.2/24"]
after = ["server"]
run = "echo $RACKLESS_NODE of $RACKLESS_LAB sees $(exec 3<>/dev/tcp/10.0.0.1/80; cat <&3)"
[[link]]
ends = ["server", "client"]
"#;

#[test]
fn an_ordinary_user_runs_a_lab_as_root_inside() {
    let home = Home::ordinary_user();
    home.ok(&["up", "-d", "--shape", "single,2"]);
    assert!(home.pings("h1", "10.0.0.2"));
    assert!(home.pings("h1", "fd00::2"));
    assert_eq!(home.ok(&["exec", "h1", "--", "id", "-u"]), "0\n");
    assert_eq!(home.ok(&["exec", "h1", "--", "hostname"]), "h1\n");
    let namespaces = home.namespaces();
    home.ok(&["down"]);
    home.assert_nothing_left(&namespaces, "after down");
}

#[test]
fn the_exit_code_of_a_command_is_passed_on() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,1"]);
    home.fails(7, &["exec", "h1", "--", "sh", "-c", "exit 7"]);
    home.fails(137, &["exec", "h1", "--", "sh", "-c", "kill -9 $$"]);
    let message = home.fails(2, &["exec", "h1", "--", "no-such-program"]);
    assert!(message.contains("cannot start 'no-such-program' on h1"), "{message}");
    let message = home.fails(2, &["exec", "s1", "--", "true"]);
    assert!(message.contains("s1 is a switch"), "{message}");
    let message = home.fails(2, &["exec", "h9", "--", "true"]);
    assert!(message.contains("there is no node h9"), "{message}");
    home.ok(&["down"]);
}

#[test]
fn a_signal_to_exec_reaches_the_command() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,1"]);
    let script = "trap 'echo caught; exit 3' TERM; echo waits; while :; do sleep 0.01; done";
    let mut exec = home.command(&["exec", "h1", "--", "sh", "-c", script]);
    let mut exec = exec.stdout(Stdio::piped()).spawn().expect("exec runs");
    let mut output = exec.stdout.take().expect("its output");
    output.read_exact(&mut [0; 6]).expect("the command waits");
    let pid = exec.id().to_string();
    assert!(std::process::Command::new("kill").arg(pid).status().expect("kill").success());
    assert_eq!(exec.wait().expect("its end").code(), Some(3));
    home.ok(&["down"]);
}

#[test]
fn programs_start_in_order_and_their_output_is_kept() {
    let home = Home::new();
    let lab = home.lab(
        "programs.toml",
        &WITH_PROGRAMS
            .replace("run = \"echo", "run = [\"bash\", \"-c\", \"echo")
            .replace("<&3)\"", "<&3)\"]"),
    );
    home.ok(&["up", "-d", &lab]);
    until("the client has spoken", || {
        let log = home.ok(&["logs", "client"]);
        if log == "client of programs sees hello\n" { Ok(()) } else { Err(log) }
    });
    assert_eq!(home.ok(&["logs", "-f", "client"]), "client of programs sees hello\n", "follow ends with it");
    assert!(home.ok(&["logs", "server"]).contains("listening on"));
    let ps = home.ok(&["ps"]);
    assert!(ps.contains("exit status 0") && ps.contains("runs"), "{ps}");
    home.ok(&["down"]);
}

#[test]
fn a_program_that_fails_while_the_lab_comes_up_is_named_with_its_last_words() {
    let home = Home::new();
    let lab = home.lab(
        "failing.toml",
        "[node.bad]\nkind = \"nf\"\nrun = \"echo no such table; exit 4\"\n[node.good]\n[[link]]\nends = [\"bad\", \"good\"]\n",
    );
    let message = home.fails(1, &["up", "-d", &lab]);
    assert!(message.contains("the program of bad ended with exit status 4"), "{message}");
    assert!(message.contains("no such table"), "{message}");
    home.assert_nothing_left(&[], "after a failed up");
}

#[test]
fn a_program_that_is_not_ready_in_time_is_named() {
    let home = Home::new();
    let lab = home.lab(
        "late.toml",
        "[node.late]\nrun = \"sleep 1000\"\nready = { tcp = \"[::]:80\", within = \"100 ms\" }\n[node.x]\n[[link]]\nends = [\"late\", \"x\"]\n",
    );
    let message = home.fails(1, &["up", "-d", &lab]);
    assert!(message.contains("late is not ready after 100ms"), "{message}");
    home.assert_nothing_left(&[], "after a failed up");
}

#[test]
fn a_program_that_dies_later_is_shown_with_how_it_ended() {
    let home = Home::new();
    let lab = home.lab(
        "dying.toml",
        "[node.dies]\nkind = \"nf\"\nrun = \"exec sleep 1000\"\n[node.x]\n[[link]]\nends = [\"dies\", \"x\"]\n",
    );
    home.ok(&["up", "-d", &lab]);
    home.ok(&["exec", "x", "--", "pkill", "-SEGV", "sleep"]);
    until("ps tells of the death", || {
        let ps = home.ok(&["ps"]);
        if ps.contains("killed by SIGSEGV") { Ok(()) } else { Err(ps) }
    });
    home.ok(&["down"]);
}

#[test]
fn a_second_lab_of_the_same_name_is_refused_and_harms_nothing() {
    let home = Home::new();
    home.ok(&["up", "-d", "--shape", "single,2", "--name", "twice"]);
    let message = home.fails(2, &["up", "--shape", "single,2", "--name", "twice"]);
    assert!(message.contains("lab twice is already running (pid "), "{message}");
    assert!(message.contains("'rackless down twice' removes it"), "{message}");
    assert!(home.pings("h1", "10.0.0.2"));
    home.ok(&["down"]);
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn a_lab_in_the_foreground_ends_at_ctrl_c_without_a_trace() {
    let home = Home::new();
    let mut up = home.command(&["up", "--shape", "single,2", "--json"]);
    let mut up = up.stdout(Stdio::piped()).spawn().expect("up runs");
    let mut events = std::io::BufReader::new(up.stdout.take().expect("its events"));
    let mut first = String::new();
    std::io::BufRead::read_line(&mut events, &mut first).expect("an event");
    assert!(first.contains(r#""event":"up""#), "{first}");
    let namespaces = home.namespaces();
    assert!(namespaces.len() >= 3, "the fabric and two hosts: {namespaces:?}");
    let pid = up.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    assert!(up.wait().expect("its end").success());
    home.assert_nothing_left(&namespaces, "after Ctrl-C");
}

#[test]
fn bad_input_starts_nothing_and_ends_with_2() {
    let home = Home::new();
    let lab = home.lab("bad.toml", "[node.a]\nkidn = \"host\"\n");
    let message = home.fails(2, &["up", "-d", &lab]);
    assert!(message.contains("bad.toml:2:1") && message.contains("kidn"), "{message}");
    home.fails(2, &["up", "-d", "/no/such/file.toml"]);
    home.fails(2, &["up", "-d", "--shape", "star,3"]);
    home.fails(2, &["up", "-d", "--shape", "single,2", "--name", "../x"]);
    home.fails(2, &["up"]);
    home.fails(2, &["down"]);
    home.fails(2, &["link", "down", "h1"]);
    home.assert_nothing_left(&[], "after bad input");
}

#[test]
fn a_sysctl_that_the_node_does_not_have_or_must_not_set_is_refused() {
    let home = Home::new();
    let lab = home.lab(
        "sysctl.toml",
        "[node.a]\nsysctl.\"net.ipv4.no_such_knob\" = \"1\"\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\n",
    );
    let message = home.fails(2, &["up", "-d", &lab]);
    assert!(message.contains("net.ipv4.no_such_knob"), "{message}");
    home.assert_nothing_left(&[], "after a refused sysctl");
    let lab = home.lab(
        "host.toml",
        "[node.a]\nsysctl.\"kernel.panic\" = \"0\"\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\n",
    );
    let message = home.fails(2, &["up", "-d", &lab]);
    assert!(message.contains("kernel.panic of a is not below net"), "{message}");
}

#[test]
fn privileged_a_lab_file_in_run_is_seen_by_its_programs() {
    let home = Home::new();
    let folder = tempfile::tempdir_in("/run").expect("a folder in /run");
    let lab = folder.path().join("lab.toml");
    std::fs::write(&lab, "[node.h1]\nrun = \"cat lab.toml; exec sleep 100\"\nready = { log = \"ready\" }\n")
        .expect("a lab file");
    home.ok(&["up", "-d", lab.to_str().expect("a path in UTF-8")]);
    assert!(home.ok(&["logs", "h1"]).starts_with("[node.h1]"));
    home.ok(&["down"]);
}

#[test]
fn a_process_runs_with_the_lab_in_the_network_where_it_was_started() {
    for home in [Home::new(), Home::ordinary_user()] {
        let lab = home.lab(
            "beside.toml",
            "[node.app]\nkind = \"process\"\nrun = \"readlink /proc/self/ns/net; exec sleep 1000\"\n\
             ready = { log = \"net:\" }\n[node.h]\nafter = \"app\"\nrun = \"exec sleep 1000\"\n",
        );
        home.ok(&["up", "-d", &lab]);
        let own = std::fs::read_link("/proc/self/ns/net").expect("our own network");
        assert_eq!(home.ok(&["logs", "app"]).trim(), own.to_string_lossy());
        assert_ne!(
            home.ok(&["exec", "h", "--", "readlink", "/proc/self/ns/net"]).trim(),
            own.to_string_lossy()
        );
        assert_eq!(
            home.ok(&["exec", "app", "--", "readlink", "/proc/self/ns/net"]).trim(),
            own.to_string_lossy()
        );
        let ps = home.ok(&["ps"]);
        assert!(ps.contains("process") && ps.contains("runs"), "{ps}");
        home.ok(&["down"]);
        home.assert_nothing_left(&[], "after down");
    }
}

#[test]
fn a_process_is_ready_when_its_port_is_open() {
    let home = Home::new();
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a port");
    let port = port.port();
    let lab = format!(
        "[node.app]\nkind = \"process\"\nrun = \"exec rackless serve tcp --port {port} --say x\"\n\
         ready = {{ tcp = \"[::]:{port}\" }}\n"
    );
    home.ok(&["up", "-d", &home.lab("web.toml", &lab)]);
    std::net::TcpStream::connect(("127.0.0.1", port)).expect("the process answers");
    home.ok(&["down"]);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "it went with the lab");
}
