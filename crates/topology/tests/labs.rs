//! Lab files as a user writes them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashSet;
use std::path::Path;

use rackless_topology::model::{
    Command, Condition, FileContent, Kind, LinkState, Medium, Node, Probe, Restart, Wire,
};
use rackless_topology::{NodeId, Topology, graph};

/// Reads a lab file from the repository's examples.
fn example(name: &str) -> Topology {
    let path = format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(&path).unwrap();
    Topology::parse(name, &source).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_anycast_lab_is_read_whole() {
    let lab = example("anycast.toml");
    assert_eq!(lab.name, "anycast");
    assert_eq!((lab.nodes.len(), lab.links.len(), lab.checks.len()), (7, 6, 5));
    let og_west = lab.node("og_west").unwrap();
    let names: Vec<_> = og_west.interfaces.iter().map(|interface| interface.name.as_str()).collect();
    assert_eq!((og_west.kind, names), (Kind::Nf, vec!["cli", "srv", "core"]));
    assert_eq!(og_west.interfaces[0].addresses.len(), 3);
    assert!(lab.links.iter().all(|link| !link.offload), "every link has an nf at one end");
    assert_eq!(lab.end_name(lab.links[0].ends[0]).to_string(), "cli_west:eth0");
    assert_eq!(lab.node("srv_east").unwrap().loopback.len(), 2);
    assert_eq!(lab.node("core").unwrap().routes[1].interface, 1);
    let Probe::Ping { targets } = &lab.checks[0].probe else { panic!("{:?}", lab.checks[0]) };
    assert_eq!(targets.len(), 8, "two families of four hosts");
    assert_eq!(targets[0].node, Some(NodeId(0)));
}

fn parse(source: &str) -> Topology {
    Topology::parse("labs/my lab.toml", source).unwrap_or_else(|error| panic!("{error}"))
}

fn addresses(lab: &Topology, node: &str) -> Vec<String> {
    lab.node(node).unwrap().addresses().map(|address| address.to_string()).collect()
}

#[test]
fn a_lab_without_a_name_is_called_after_its_file() {
    assert_eq!(parse("").name, "my_lab");
}

#[test]
fn interfaces_without_names_take_the_first_free_ones_in_the_order_of_the_links() {
    let lab = parse(
        "[node.a]\n[node.b]\n[node.c]\n[node.d]\n[[link]]\nends = [\"a\", \"b\"]\n\
         [[link]]\nends = [\"c\", \"a:eth1\"]\n[[link]]\nends = [\"a\", \"d:up\"]\n",
    );
    let names: Vec<_> = lab.nodes[0].interfaces.iter().map(|interface| interface.name.as_str()).collect();
    assert_eq!(names, ["eth0", "eth1", "eth2"]);
    let ends: Vec<_> =
        lab.links.iter().flat_map(|link| link.ends).map(|end| lab.end_name(end).to_string()).collect();
    assert_eq!(ends, ["a:eth0", "b:eth0", "c:eth0", "a:eth1", "a:eth2", "d:up"]);
}

#[test]
fn shapes_have_the_nodes_and_links_of_mininet() {
    let count = |shape| {
        let lab = Topology::shape(shape).unwrap();
        let switches = lab.nodes.iter().filter(|node| node.kind == Kind::Switch).count();
        (switches, lab.nodes.len() - switches, lab.links.len())
    };
    assert_eq!(count("single,100"), (1, 100, 100));
    assert_eq!(count("single, 1"), (1, 1, 1));
    assert_eq!(count("single,2000"), (1, 2000, 2000));
    assert_eq!(count("linear,4"), (4, 4, 7));
    assert_eq!(count("linear,3,2"), (3, 6, 8));
    assert_eq!(count("tree,1"), (1, 2, 2));
    assert_eq!(count("tree,3,10"), (111, 1000, 1110));
    assert_eq!(count("torus,3,4"), (12, 12, 36));
    assert_eq!(count("torus,3,3,2"), (9, 18, 36));
    let names =
        |shape| Topology::shape(shape).unwrap().nodes.into_iter().map(|node| node.name).collect::<Vec<_>>();
    assert_eq!(names("single,2"), ["s1", "h1", "h2"]);
    assert_eq!(names("linear,2,2"), ["s1", "s2", "h1s1", "h1s2", "h2s1", "h2s2"]);
    assert_eq!(names("tree,2"), ["s1", "s2", "h1", "h2", "s3", "h3", "h4"]);
    assert_eq!(names("torus,3,3")[..4], ["s1x1", "h1x1", "s1x2", "h1x2"]);
    assert_eq!(names("torus,3,3,2")[..4], ["s1x1", "h1x1x1", "h1x1x2", "s1x2"]);
}

#[test]
fn rings_meshes_and_fat_trees_have_the_links_of_their_definitions() {
    let lab = |shape| Topology::shape(shape).unwrap();
    let links = |lab: &Topology, name: &str| {
        let id = lab.node_id(name).unwrap();
        let there = |link: &&rackless_topology::model::Link| link.ends.iter().any(|end| end.node == id);
        lab.links.iter().filter(there).count()
    };
    let ring = lab("ring,5,2");
    assert_eq!((ring.nodes.len(), ring.links.len(), links(&ring, "s1"), links(&ring, "s5")), (15, 15, 4, 4));
    let mesh = lab("mesh,4");
    assert_eq!((mesh.nodes.len(), mesh.links.len(), links(&mesh, "s1"), links(&mesh, "s4")), (8, 10, 4, 4));
    let fat = lab("fat-tree,4");
    let start = |letter: char| fat.nodes.iter().filter(|node| node.name.starts_with(letter)).count();
    assert_eq!((start('c'), start('a'), start('e'), start('h')), (4, 8, 8, 16));
    assert_eq!(fat.links.len(), 3 * 16, "as many above each switch as below");
    assert!(
        fat.nodes.iter().all(|node| links(&fat, &node.name) == if node.kind == Kind::Host { 1 } else { 4 })
    );
    let pods = |core| -> HashSet<_> {
        let id = fat.node_id(core).unwrap();
        let far = fat.links.iter().filter(|link| link.ends[1].node == id).map(|link| link.ends[0].node);
        far.map(|node| fat[node].name.split('x').next().unwrap().to_owned()).collect()
    };
    assert_eq!(pods("c3").len(), 4, "a core has a link to every pod");
}

#[test]
fn switches_of_shapes_with_loops_cut_them() {
    for (shape, stp) in [("single,2", false), ("tree,2", false), ("ring,3", true), ("mesh,3", true)] {
        let lab = Topology::shape(shape).unwrap();
        assert!(lab.nodes.iter().all(|node| node.stp == (stp && node.kind == Kind::Switch)), "{shape}");
    }
    let lab = parse("shape = \"torus,3,3\"\n[node.s1x1]\nstp = false\n[node.s1x2]\n");
    assert!(!lab.node("s1x1").unwrap().stp && lab.node("s1x2").unwrap().stp);
    let pair = "[node.a]\nkind = \"switch\"\nstp = true\n[node.b]\nkind = \"switch\"\n";
    let link = "[[link]]\nends = [\"a\", \"b\"]\n";
    assert!(parse(&format!("{pair}{link}{link}")).nodes[0].stp, "one that cuts loops is enough");
}

#[test]
fn wrong_shapes_say_what_is_wrong() {
    let text = |shape| Topology::shape(shape).unwrap_err().to_string();
    assert_eq!(
        text("star,3"),
        "unknown shape 'star', expected single, linear, tree, ring, mesh, torus or fat-tree"
    );
    assert_eq!(text("torus,3"), "shape 'torus,3' does not read torus,X,Y[,HOSTS], with numbers from 1 up");
    assert_eq!(text("ring,2"), "shape 'ring,2' has fewer than 3 switches in a loop");
    assert_eq!(text("torus,2,9"), "shape 'torus,2,9' has fewer than 3 switches in a loop");
    assert_eq!(text("fat-tree,3"), "shape 'fat-tree,3' has switches with an odd number of ports");
    assert_eq!(text("fat-tree,62"), "shape 'fat-tree,62' has more than 60000 nodes");
    assert_eq!(text("mesh,600"), "shape 'mesh,600' has more than 120000 links");
    assert_eq!(text("single"), "shape 'single' does not read single,HOSTS, with numbers from 1 up");
    assert_eq!(text("single,0"), "shape 'single,0' does not read single,HOSTS, with numbers from 1 up");
    assert_eq!(text("single,60000"), "shape 'single,60000' has a switch with more than 59999 ports");
    assert_eq!(text("tree,20"), "shape 'tree,20' has more than 60000 nodes");
    assert_eq!(text("tree,99999,1"), "shape 'tree,99999,1' has more than 60000 nodes");
}

#[test]
fn hosts_of_a_flat_lab_are_numbered_as_in_mininet() {
    let lab = Topology::shape("linear,300").unwrap();
    assert_eq!(addresses(&lab, "h1"), ["10.0.0.1/8", "fd00::1/64"]);
    assert_eq!(addresses(&lab, "h300"), ["10.0.1.44/8", "fd00::12c/64"]);
}

#[test]
fn each_segment_has_a_subnet_and_given_addresses_are_left_alone() {
    let lab = parse(
        "[node.a]\n[node.r]\nkind = \"router\"\ninterface.eth0.addresses = [\"10.1.0.1/16\"]\n[node.b]\n[node.c]\n\
         interface.lo.addresses = [\"fd99::1/128\"]\n[node.s]\nkind = \"switch\"\n\
         [[link]]\nends = [\"r\", \"a\"]\n[[link]]\nends = [\"r\", \"s\"]\n\
         [[link]]\nends = [\"s\", \"b\"]\n[[link]]\nends = [\"s\", \"c\"]\n",
    );
    assert_eq!(addresses(&lab, "a"), ["10.1.0.2/16", "fd00:0:0:1::2/64"], "the router has number 1");
    assert_eq!(addresses(&lab, "b"), ["10.2.0.1/16", "fd00:0:0:2::1/64"]);
    assert_eq!(addresses(&lab, "c"), ["10.2.0.2/16", "fd00:0:0:2::2/64"], "an address on lo is none of eth0");
    assert_eq!(addresses(&lab, "r"), ["10.1.0.1/16"]);
}

#[test]
fn automatic_subnets_leave_out_what_the_file_gives_elsewhere() {
    let lab = parse(
        "[node.r]\nkind = \"router\"\n[node.a]\naddresses = [\"10.1.7.1/24\"]\n[node.b]\n\
         [[link]]\nends = [\"r\", \"a\"]\n[[link]]\nends = [\"r\", \"b\"]\n",
    );
    assert_eq!(addresses(&lab, "b"), ["10.2.0.1/16", "fd00:0:0:2::1/64"]);
}

#[test]
fn an_empty_list_means_no_addresses() {
    let lab = parse("shape = \"single,3\"\n[node.h2]\naddresses = []\n");
    assert!(addresses(&lab, "h2").is_empty());
    assert_eq!(addresses(&lab, "h3"), ["10.0.0.2/8", "fd00::2/64"]);
}

#[test]
fn macs_are_local_different_and_stay_when_other_nodes_come() {
    let (small, large) = (Topology::shape("single,10").unwrap(), Topology::shape("single,1000").unwrap());
    let mac = |lab: &Topology| lab.node("h7").unwrap().interfaces[0].mac;
    assert_eq!(mac(&small), mac(&large));
    let macs: Vec<_> = large.nodes.iter().flat_map(|node| &node.interfaces).map(|i| i.mac).collect();
    assert!(macs.iter().all(|mac| mac.is_unicast() && mac.is_local()));
    assert_eq!(macs.iter().collect::<HashSet<_>>().len(), 2000);
    let h7 = &small.node("h7").unwrap().interfaces[0];
    assert_eq!(h7.link_local(), h7.mac.link_local());
}

#[test]
fn a_file_can_build_on_a_shape() {
    let lab = parse(
        "shape = \"single,2\"\n[node.h1]\nrun = [\"sleep\", \"9\"]\n[node.extra]\n\
         [[link]]\nends = [\"extra\", \"s1\"]\n",
    );
    assert_eq!(lab.node("h1").unwrap().programs[0].command, Command::Args(vec!["sleep".into(), "9".into()]));
    assert_eq!(lab.end_name(lab.links[2].ends[1]).to_string(), "s1:eth2");
    assert_eq!(addresses(&lab, "extra"), ["10.0.0.3/8", "fd00::3/64"]);
}

#[test]
fn a_node_has_several_programs_each_with_its_own_keys() {
    let lab = parse(
        "[node.a]\n[[node.a.run]]\nname = \"web\"\ncommand = \"exec web\"\nready = { tcp = \"[::]:80\" }\n\
         after = \"db\"\n[[node.a.run]]\nname = \"db\"\ncommand = [\"db\", \"-v\"]\nrestart = \"always\"\n",
    );
    let [web, db] = lab.nodes[0].programs.as_slice() else { panic!("two programs") };
    assert_eq!((web.name.as_deref(), db.name.as_deref()), (Some("web"), Some("db")));
    assert_eq!(
        (web.command.argv(), db.command.argv()),
        (vec!["/bin/sh", "-c", "exec web"], vec!["db", "-v"])
    );
    assert_eq!((web.ready.is_some(), db.ready.is_some()), (true, false));
    assert_eq!((web.restart, db.restart), (Restart::Never, Restart::Always));
    assert_eq!((web.after.as_slice(), db.after.as_slice()), (&[1][..], &[][..]));
    let names: Vec<_> = lab.program_ids().map(|id| lab.program_name(id)).collect();
    assert_eq!(names, ["a:web", "a:db"]);
    let json = serde_json::to_value(&lab).unwrap();
    assert_eq!(json["nodes"][0]["programs"][0]["after"][0], "db");
}

#[test]
fn every_key_of_a_node_is_read() {
    let lab = parse(
        r#"
        [node.a]
        run = "exec server"
        ready = { command = ["true"], within = "2 s" }
        restart = "on-failure"
        cpus = 0.5
        memory = "64 MiB"
        files = { "/etc/app.conf" = "x = 1\n", "/etc/motd" = { from = "motd.txt" } }
        env = { MODE = "x" }
        sysctl = { net.ipv4.ip_forward = 1, "net.ipv6.conf.all.hop_limit" = "9" }
        addresses = ["10.1.1.1/24"]
        routes = ["10.2.0.0/16 via 10.1.1.2", "fd01::/64 dev eth0", "::/0 via fe80::1 dev eth0"]
        interface.eth0 = { mtu = 9000, offload = false, mac = "02:00:00:00:00:01" }

        [node.b]
        addresses = ["10.1.1.2/24"]
        after = "a"

        [[link]]
        ends = ["a", "b"]
        mtu = 1400
        "#,
    );
    let a: &Node = &lab[NodeId(0)];
    assert_eq!(a.programs[0].command.argv(), ["/bin/sh", "-c", "exec server"]);
    let ready = a.programs[0].ready.as_ref().unwrap();
    assert_eq!(ready.condition, Condition::Command(Command::Args(vec!["true".into()])));
    assert_eq!(ready.within.to_string(), "2 s");
    assert_eq!(a.programs[0].restart, Restart::OnFailure);
    assert_eq!(a.limits.cpus.unwrap().as_thousandths(), 500);
    assert_eq!(a.limits.memory.unwrap().as_bytes(), 64 << 20);
    assert_eq!(a.files[Path::new("/etc/app.conf")], FileContent::Text("x = 1\n".to_owned()));
    assert_eq!(a.files[Path::new("/etc/motd")], FileContent::From("motd.txt".into()));
    assert_eq!((a.interfaces[0].offload, lab[NodeId(1)].interfaces[0].offload), (false, true));
    assert_eq!((a.env["MODE"].as_str(), a.sysctl["net.ipv4.ip_forward"].as_str()), ("x", "1"));
    assert_eq!(a.sysctl["net.ipv6.conf.all.hop_limit"], "9");
    assert_eq!((a.interfaces[0].mtu, lab[NodeId(1)].interfaces[0].mtu), (9000, 1400));
    assert_eq!(a.interfaces[0].link_local().to_string(), "fe80::ff:fe00:1");
    assert_eq!((a.routes.len(), a.routes[1].via), (3, None));
    assert_eq!(lab[NodeId(1)].after, [NodeId(0)]);
    assert!(lab.links[0].offload);
}

#[test]
fn all_means_every_host_with_an_address() {
    let checks = "[[check]]\nname = \"all\"\non = \"all\"\nping = \"all\"\n";
    let lab = parse(&format!("shape = \"single,3\"\n[node.r]\nkind = \"router\"\n{checks}"));
    let on: Vec<&str> = lab.checks[0].on.iter().map(|id| lab[*id].name.as_str()).collect();
    assert_eq!(on, ["h1", "h2", "h3"]);
    let Probe::Ping { targets } = &lab.checks[0].probe else { panic!("{:?}", lab.checks[0]) };
    assert_eq!(targets.len(), 6);
    // A node of that name is meant where there is one.
    let lab = parse(&format!(
        "[node.all]\n[node.b]\n[[link]]\nends = [\"all\", \"b\"]\n{}",
        checks.replace("on = \"all\"", "on = \"b\"")
    ));
    let Probe::Ping { targets } = &lab.checks[0].probe else { panic!("{:?}", lab.checks[0]) };
    assert_eq!(targets.len(), 2);
}

#[test]
fn every_probe_is_read_and_shown_in_json() {
    let lab = parse(
        "shape = \"single,2\"\n\
         [[check]]\nname = \"udp\"\non = \"h1\"\nudp = \"[fd00::2]:53\"\nsend = \"a\"\n\
         [[check]]\nname = \"http\"\non = \"h1\"\nhttp = \"http://10.0.0.2/x\"\nstatus = 404\nfails = true\n\
         [[check]]\nname = \"rtt\"\non = \"h1\"\nping = \"h2\"\nfamily = 4\nrtt = { at_least = \"20 ms\" }\n\
         [[check]]\nname = \"rate\"\non = \"h1\"\nthroughput = { to = \"h2\", at_most = \"1 Gbit/s\", udp = \"2 Gbit/s\" }\n\
         [[check]]\nname = \"seen\"\nseen = \"h2:eth0\"\nfilter = \"tcp port 80\"\ncount = 3\n",
    );
    let json = serde_json::to_value(&lab).expect("JSON");
    insta::assert_snapshot!(serde_json::to_string_pretty(&json["checks"]).expect("JSON"));
}

#[test]
fn a_topology_shows_names_in_json() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&example("anycast.toml")).unwrap());
}

#[test]
fn the_anycast_lab_is_drawn_as_dot() {
    insta::assert_snapshot!(graph::dot(&example("anycast.toml")));
}

#[test]
fn the_anycast_lab_is_drawn_as_mermaid() {
    insta::assert_snapshot!(graph::mermaid(&example("anycast.toml")));
}

#[test]
fn the_anycast_lab_is_drawn_as_svg() {
    insta::assert_snapshot!(graph::svg(&example("anycast.toml")));
}

#[test]
fn a_large_picture_stays_small_enough_to_be_shown() {
    let svg = graph::svg(&Topology::shape("tree,3,10").unwrap());
    let number =
        |key: &str| svg.split_once(key).unwrap().1.split_once('"').unwrap().0.parse::<f64>().unwrap();
    // Programs that draw SVG stop at 32,767 pixels.
    assert!(number("width=\"") < 32_767.0 && number("height=\"") < 32_767.0);
}

#[test]
fn conditions_hold_for_both_directions_or_for_one() {
    let lab = Topology::parse(
        "lab.toml",
        r#"
[node.a]
[node.b]
[[link]]
ends = ["a", "b"]
preset = "dsl"
delay = "10 ms"
loss = { p = "1 %", r = "50 %" }
rx = { rate = "2 Mbit/s", delay = "0 s" }
wire = "user"
[[event]]
at = "5 s"
for = "2 s"
link = "b"
tx = { loss = "50 %" }
[[event]]
at = "8 s"
link = "a:eth0"
down = true
[[event]]
at = "9 s"
partition = "a | b"
"#,
    )
    .unwrap_or_else(|error| panic!("{error}"));
    let [tx, rx] = &lab.links[0].conditions;
    assert_eq!((tx.rate, rx.rate), ("384 kbit/s".parse().ok(), "2 Mbit/s".parse().ok()));
    assert_eq!((tx.delay.to_string(), rx.delay.to_string()), ("10 ms".to_owned(), "0 s".to_owned()));
    assert_eq!(tx.loss, rx.loss);
    assert_eq!(lab.links[0].wire, Wire::User);
    let [loss, down, parted] = lab.events.as_slice() else { panic!("{:?}", lab.events) };
    // What b sends goes from the second end to the first.
    assert!(loss.change.conditions[0].is_empty());
    assert_eq!(loss.change.conditions[1].get("loss"), Some(&"50 %".into()));
    assert_eq!((parted.link, parted.change.state), (0, Some(LinkState::Silent)));
    assert_eq!((loss.lasts, down.lasts), ("2 s".parse().ok(), None));
    assert_eq!(down.change.state, Some(LinkState::Down));
}

#[test]
fn shared_memory_is_shown_as_such() {
    let text =
        "[node.a]\nkind = 'nf'\n[node.b]\nkind = 'nf'\n[[link]]\nends = ['a:x', 'b']\nmedium = 'memif'\n";
    let lab = Topology::parse("lab.toml", text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((lab.links[0].medium, lab.links[0].mtu), (Medium::Memif, 1500));
    assert_eq!(serde_json::to_value(&lab).unwrap()["links"][0]["medium"], "memif");
    assert!(graph::dot(&lab).contains("label=\"memif\", style=dashed"), "{}", graph::dot(&lab));
    assert!(graph::mermaid(&lab).contains("n0 -.-|\"x – eth0 (memif)\"| n1"), "{}", graph::mermaid(&lab));
    assert_eq!(graph::svg(&lab).matches("stroke-dasharray").count(), 1);
    let cable = Topology::parse("lab.toml", &text.replace("memif", "veth")).unwrap();
    assert!(serde_json::to_value(&cable).unwrap()["links"][0].get("medium").is_none());
    assert_eq!(cable.cut("a | b"), Ok(vec![0]));
    assert!(lab.cut("a | b").is_err());
}
