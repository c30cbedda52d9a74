//! What a user reads when a lab file is wrong.

use rackless_topology::{Error, Topology};

/// Two hosts, a router and two links that are right, to which a test adds what is wrong.
const GOOD: &str = r#"
[node.h1]
addresses = ["fd00:1::1/64", "10.1.0.1/24"]

[node.r]
kind = "router"
interface.a.addresses = ["fd00:1::fe/64"]
interface.b.addresses = ["fd00:2::fe/64"]

[node.h2]
addresses = ["fd00:2::1/64"]

[[link]]
ends = ["h1", "r:a"]

[[link]]
ends = ["r:b", "h2"]
"#;

fn error(source: &str) -> Error {
    Topology::parse("lab.toml", source).expect_err("the lab file is wrong")
}

fn after_good(text: &str) -> Error {
    Topology::parse("lab.toml", GOOD).unwrap_or_else(|error| panic!("{error}"));
    error(&format!("{GOOD}{text}"))
}

macro_rules! errors {
    ($($name:ident: $error:expr;)*) => {
        $(#[test] fn $name() { insta::assert_snapshot!($error); })*
    };
}

errors! {
    a_wrong_key_lists_the_allowed_ones: error("[node.h1]\nadresses = [\"fd00::1/64\"]\nzzz = 1\n");
    wrong_conditions_point_at_the_value: after_good(
        "delay = 10\nrate = \"100\"\nloss = \"101 %\"\njitter = { spred = \"1 ms\" }\nqueue = \"fifo\"\n\
         tx = { dely = \"1 ms\", rate = \"0 bit/s\" }\npreset = \"5g\"\nwire = \"copper\"\n"
    );
    contradicting_conditions_are_refused: after_good("delay = \"10 ms\"\nrx = { rate = \"0 bit/s\" }\n");
    wrong_events_are_told_apart: after_good(
        "[[event]]\nat = \"5 s\"\n[[event]]\nlink = \"h1\"\ndown = true\n[[event]]\nat = \"1 s\"\nlink = \"r\"\n\
         [[event]]\nat = \"1 s\"\nlink = \"r:x\"\n[[event]]\nat = \"1 s\"\nlink = \"h2\"\n\
         [[event]]\nat = \"1 s\"\nlink = \"h2\"\ndown = true\nsilent = true\n\
         [[event]]\nat = \"1 s\"\nlink = \"h2\"\nreorder = \"1 %\"\n\
         [[event]]\nat = \"1 s\"\npartition = \"h1 | nobody\"\n\
         [[event]]\nat = \"1 s\"\npartition = \"h1\"\nloss = \"1 %\"\n"
    );
    shared_memory_joins_network_functions_and_has_no_conditions: error(
        "[node.a]\nkind = \"nf\"\n[node.b]\nkind = \"nf\"\n[node.h]\n\
         [[link]]\nends = [\"a\", \"h\"]\nmedium = \"memif\"\n\
         [[link]]\nends = [\"a\", \"b\"]\nmedium = \"memif\"\ndelay = \"1 ms\"\nwire = \"user\"\noffload = false\n\
         [[link]]\nends = [\"a\", \"b\"]\nmedium = \"air\"\n"
    );
    nothing_happens_to_shared_memory: error(
        "[node.a]\nkind = \"nf\"\n[node.b]\nkind = \"nf\"\n\
         [[link]]\nends = [\"a\", \"b\"]\nmedium = \"memif\"\nmtu = 9000\n\
         [[event]]\nat = \"5 s\"\nlink = \"a\"\ndown = true\n\
         [[event]]\nat = \"5 s\"\npartition = \"a | b\"\n\
         [[check]]\nname = \"seen\"\nseen = \"a:eth0\"\n"
    );
    a_wrong_type_is_named: error("name = 7\n[node.h1]\naddresses = \"fd00::1/64\"\nrun = 3\nenv = []\n[link]\n");
    wrong_limits_are_told_apart: error(
        "[node.a]\ncpus = \"half\"\nmemory = \"64 MB/s\"\n[node.b]\ncpus = -1\nmemory = \"4 KiB\"\n\
         [node.c]\ncpus = nan\nmemory = 64\n[node.s]\nkind = \"switch\"\nmemory = \"1 GiB\"\n"
    );
    wrong_programs_are_told_apart: error(
        "[node.a]\nready = { log = \"x\" }\n[[node.a.run]]\ncommand = \"x\"\n[[node.a.run]]\nname = \"b\"\n\
         [[node.a.run]]\nname = \"c\"\ncommand = \"x\"\nafter = \"d\"\n[[node.a.run]]\nname = \"c\"\n\
         command = \"x\"\nport = 80\n[node.e]\nrun = [{ name = \"f\", command = \"x\" }, \"g\"]\n"
    );
    programs_that_wait_for_each_other_are_refused: error(
        "[node.a]\nrun = [{ name = \"b\", command = \"x\", after = \"c\" }, \
         { name = \"c\", command = \"x\", after = [\"b\"] }]\n"
    );
    a_nat_has_its_way_out_by_itself: error(
        "[node.a]\n[node.gw]\nkind = \"nat\"\naddresses = [\"10.0.0.1/24\"]\n\
         routes = [\"0.0.0.0/0 via 10.0.0.9\"]\n[[link]]\nends = [\"a\", \"gw\"]\n"
    );
    the_uplink_of_a_nat_has_no_link: error(
        "[node.a]\n[node.gw]\nkind = \"nat\"\n[[link]]\nends = [\"a\", \"gw:uplink\"]\n"
    );
    wrong_addresses_are_told_apart: error(
        "[node.h1]\naddresses = [\"fd00::1\", \"fd00::/64\", \"10.0.0.255/24\", \"ff02::1/64\", \"fd00::1/129\", \"::1g/64\"]\n"
    );
    a_link_to_an_unknown_node_suggests_the_nearest: after_good("[[link]]\nends = [\"h3:eth7\", \"x\"]\n");
    an_interface_used_twice_shows_both_places: after_good("[[link]]\nends = [\"r:b\", \"h1:eth1\"]\n");
    two_nodes_with_one_name_are_refused: error("[node.h1]\n\n[node.h2]\n\n[node.h1]\nrun = \"true\"\n");
    wrong_link_ends_are_refused: error(
        "[node.a]\n[node.b]\n[[link]]\nends = [\"a\"]\n[[link]]\n[[link]]\nends = [\"a\", \"a\"]\n\
         [[link]]\nends = [\"a:sixteen-bytes-xx\", \"b:lo\"]\n[[link]]\nends = [\"a:\", \"b: x\"]\nmtu = 10\n"
    );
    wrong_node_names_are_refused: error("[node.\"a b\"]\n[node.\"\"]\n[node._x]\n[node.\"\\u001b[31m\"]\n");
    wrong_routes_point_at_the_word: error(&GOOD.replace(
        "[node.r]",
        "routes = [\"::/0 via fd00:2::1\", \"::/0 via fd00:1::fe dev eth1\", \"fd00::1/16 via fd00:1::fe\", \
         \"10.0.0.0/8 via fd00:1::fe\", \"default\", \"::/0 via fe80::1\", \"::/0 via x\", \"y dev eth0\"]\n[node.r]"
    ));
    a_route_given_twice_is_refused: error(&GOOD.replace(
        "[node.r]", "routes = [\"::/0 via fd00:1::fe\", \"::/0 via fd00:1::fd\"]\n[node.r]"
    ));
    a_bare_number_shows_the_form: after_good(
        "[[check]]\nname = \"c\"\non = \"h1\"\nping = \"h2\"\nwithin = 3\n\
         [[check]]\nname = \"d\"\non = \"h1\"\nping = \"h2\"\nwithin = \"3\"\n\
         [[check]]\nname = \"e\"\non = \"h1\"\nping = \"h2\"\nwithin = \"3 sec\"\n"
    );
    wrong_checks_are_told_apart: after_good(
        "[[check]]\nname = \"c1\"\non = \"h1\"\nping = \"h2\"\ntcp = \"[::1]:80\"\n\
         [[check]]\nname = \"c2\"\non = [\"h9\", \"r\", \"r\"]\nrun = \"true\"\nfamily = 4\n\
         [[check]]\n\
         [[check]]\nname = \"c3\"\non = \"h1\"\nping = \"h1\"\n\
         [[check]]\nname = \"c4\"\non = \"h1\"\nping = \"h7\"\n\
         [[check]]\nname = \"c5\"\non = \"h1\"\nping = \"h2\"\nfamily = 4\n\
         [[check]]\nname = \"c6\"\non = \"h1\"\ntcp = \"h2:80\"\n"
    );
    wrong_parts_of_probes_are_told_apart: after_good(
        "[[check]]\nname = \"c1\"\non = \"h1\"\nudp = \"10.0.0.1\"\nstatus = 200\n\
         [[check]]\nname = \"c2\"\non = \"h1\"\nhttp = \"https://10.0.0.1/\"\n\
         [[check]]\nname = \"c3\"\non = \"h1\"\nping = \"h2\"\ncount = 3\n\
         [[check]]\nname = \"c4\"\non = \"h1\"\nping = \"h2\"\nrtt = { at_least = \"2 s\", at_most = \"1 s\" }\n\
         [[check]]\nname = \"c5\"\non = \"h1\"\nping = \"h2\"\nloss = {}\nfails = true\n\
         [[check]]\nname = \"c6\"\non = \"h1\"\nthroughput = { to = \"h1\", at_least = \"5\" }\n\
         [[check]]\nname = \"c7\"\non = \"h1\"\nthroughput = { at_least = \"5 Mbit/s\", rate = 1 }\n\
         [[check]]\nname = \"c8\"\non = \"h1\"\nseen = \"h2:eth7\"\n\
         [[check]]\nname = \"c9\"\nseen = \"h2\"\nfilter = \"tcp prot 80\"\ncount = 0\n\
         [[check]]\nname = \"c10\"\non = \"h1\"\nping = \"h2\"\nloss = { at_most = \"1 %\" }\nfails = true\n"
    );
    check_names_are_told_apart: after_good(
        "[[check]]\nname = \"c\"\non = \"h1\"\nrun = \"true\"\n\
         [[check]]\nname = \"c\"\non = \"h1\"\nrun = \"true\"\n\
         [[check]]\nname = \"a\\nb\"\non = \"h1\"\nrun = \"true\"\n"
    );
    routes_that_the_kernel_would_refuse_are_refused: error(&GOOD.replace(
        "[node.r]", "routes = [\"::/0 via fd00:1::1\", \"10.1.0.0/24 dev eth0\"]\n[node.r]"
    ));
    a_wrong_shape_lists_the_shapes: error("shape = \"star,3\"\n");
    a_wrong_kind_lists_the_kinds: error("[node.a]\nkind = \"swich\"\n");
    a_package_without_a_program_and_one_without_a_folder_are_refused: error(
        "[node.a]\npackage = \".\"\n[node.b]\nrun = \"true\"\npackage = \"\"\n[node.c]\nrun = \"true\"\npackage = 1\n"
    );
    keys_that_a_kind_does_not_have_are_refused: error(
        "[node.s]\nkind = \"switch\"\nrun = \"true\"\n[node.n]\nkind = \"nf\"\nroutes = []\nstp = true\n\
         interface.lo.addresses = [\"fd00::1/128\"]\n"
    );
    a_loop_of_switches_that_do_not_cut_it_is_refused: error(
        "[node.a]\nkind = \"switch\"\n[node.b]\nkind = \"switch\"\n[node.c]\nkind = \"switch\"\n\
         [[link]]\nends = [\"a\", \"b\"]\n[[link]]\nends = [\"b\", \"c\"]\n[[link]]\nends = [\"c\", \"a\"]\n"
    );
    an_address_twice_on_a_segment_is_refused: after_good(
        "[node.s]\nkind = \"switch\"\n[node.h3]\naddresses = [\"10.9.0.1/24\"]\n[node.h4]\naddresses = [\"10.9.0.1/24\"]\n\
         [[link]]\nends = [\"h3\", \"s\"]\n[[link]]\nends = [\"h4\", \"s\"]\n"
    );
    wrong_interfaces_are_refused: error(&GOOD.replace(
        "[node.h2]",
        "interface.c.addresses = []\n[node.h2]\ninterface.eth0.mac = \"01:00:00:00:00:00\"\n\
         interface.lo.mtu = 9000\ninterface.eth0.mtu = 65536"
    ));
    an_interface_and_addresses_need_a_link: error(
        &format!("[node.h3]\naddresses = [\"fd00::1/64\"]\n{}", GOOD.replace("[node.h2]", "interface.c.mtu = 1400\n[node.h2]"))
    );
    addresses_given_twice_are_refused: error(
        &GOOD.replace("interface.a.addresses = [", "addresses = []\ninterface.a.addresses = [\"fd00:1::fe/48\", ")
    );
    two_interfaces_with_one_mac_are_refused: error(&GOOD.replace(
        "[node.h2]",
        "interface.a.mac = \"02:00:00:00:00:01\"\ninterface.b.mac = \"02:00:00:00:00:01\"\n[node.h2]"
    ));
    readiness_takes_one_condition_and_a_program: error(
        "[node.a]\nrun = \"true\"\nready = { tcp = \"[::]:80\", log = \"up\" }\n\
         [node.b]\nready = { within = \"1 s\" }\n[node.c]\nrun = \"true\"\nready = { tcp = 80 }\n"
    );
    restarting_takes_a_word_and_a_program: error(
        "[node.a]\nrun = \"true\"\nrestart = \"allways\"\n[node.b]\nrestart = \"always\"\n[node.c]\nrun = \"true\"\nrestart = true\n"
    );
    wrong_files_are_refused: error(
        "[node.a.files]\n\"etc/x\" = \"\"\n\"/a/../b\" = \"\"\n\"/proc/x\" = \"\"\n\"/b\" = 1\n\"/c\" = {}\n\
         \"/d\" = { form = \"x\" }\n\"/e\" = \"\"\n\"/e/f\" = \"\"\n\"/g\" = { from = \"\" }\n"
    );
    a_process_has_a_program_and_no_network: error(
        "[node.a]\nkind = \"process\"\naddresses = []\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\n"
    );
    nodes_that_wait_for_each_other_are_refused: error(
        "[node.a]\nafter = [\"b\"]\n[node.b]\nafter = [\"c\"]\n[node.c]\nafter = [\"b\"]\n[node.d]\nafter = \"e\"\n"
    );
    broken_toml_shows_the_place: error("[node.a\nkind = \"host\n[[link]]\nends = [\"a\", \n");
    wrong_environment_and_sysctls_are_refused: error(
        "[node.a]\nrun = []\nenv = { \"A=B\" = \"x\", C = 1 }\nsysctl = { \"net..x\" = 1, \"../x\" = 1, net.ipv4.ip_forward = true }\n"
    );
}

#[test]
fn line_and_column_are_counted_from_one_and_in_characters() {
    let error = error("name = \"ok\"\n\"größe\" = 1\n");
    assert_eq!(error.position(&error.diagnostics()[0]), (2, 1));
    let error = self::error("node = { \"größe\" = {}, y = 1 }\n");
    assert_eq!(error.position(&error.diagnostics()[1]), (1, 28));
}

#[test]
fn plain_text_has_no_escapes_and_colour_has() {
    let error = error("shape = \"\u{1b}[31mred\"\n[node.\"\\u001b[31m\"]\n");
    assert!(!error.render(false).contains('\u{1b}'));
    assert_eq!(error.render(false), error.to_string());
    assert!(error.render(true).contains('\u{1b}'));
}

#[test]
fn a_flood_of_errors_is_counted() {
    let source: String = (0..40).map(|number| format!("key{number} = 1\n")).collect();
    let error = error(&source);
    assert_eq!(error.diagnostics().len(), 40);
    assert_eq!(error.to_string().matches("error:").count(), 30);
    assert!(error.to_string().ends_with("and 10 more"));
}

#[test]
fn a_full_switch_and_a_full_plan_are_refused() {
    let hosts = |count, link: fn(usize) -> String| -> String {
        (0..count).map(|n| format!("[node.h{n}]\n[[link]]\nends = [\"h{n}\", {}]\n", link(n))).collect()
    };
    let full =
        error(&format!("shape = \"single,59999\"\n{}", hosts(1, |_| "\"s1\"".into()).replace("h0", "x")));
    assert_eq!(full.diagnostics()[0].message, "switch 's1' has more than 59999 ports");
    let many = error(&format!("[node.r]\nkind = \"router\"\n{}", hosts(256, |n| format!("\"r:i{n}\""))));
    assert!(many.diagnostics()[0].message.starts_with("no subnet is left of the 255"), "{many}");
}

#[test]
fn a_trace_that_cannot_be_read_is_told_with_its_place_and_its_line() {
    let lab = "[node.a]\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\ntx = { trace = \"some.trace\" }\n";
    let told = |content: fn() -> std::io::Result<String>| {
        let error = Topology::parse_with("lab.toml", lab, &|_| content()).expect_err("the trace is wrong");
        error.to_string()
    };
    let wrong = told(|| Ok("1\n3\n2\n".to_owned()));
    assert!(
        wrong.contains("lab.toml:5:16") && wrong.contains("some.trace: line 3: 2 ms is before 3 ms"),
        "{wrong}"
    );
    let missing = told(|| Err(std::io::ErrorKind::NotFound.into()));
    assert!(missing.contains("cannot read 'some.trace': entity not found"), "{missing}");
    let alone = Topology::parse("lab.toml", lab).expect_err("no files").to_string();
    assert!(alone.contains("files beside the lab file are not read here"), "{alone}");
}
