use super::*;
use rackless_nf::{Harness, PortInfo};
use std::error::Error as _;

const TOML: &str = r#"
seed = 1
graph = """
rx:lan -> sort -> limit -> tx:wan  # out
sort[1] -> telnet
rx:wan -> tx:lan
"""
[node.sort]
nf = "classify"
filters = ["not tcp port 23"]
[node.limit]
nf = "shaper"
rate = "10 Mbit/s"
[node.telnet]
nf = "sink"
reason = "telnet"
"#;

const CLICK: &str = r#"
/* Telnet does not pass; "this is no text". */
sort :: classify(filters = ["not tcp port 23"]);  // it's one filter
telnet :: sink(
    reason = "telnet",  # why
);
rx:lan -> sort
  -> limit :: shaper(rate = "10 Mbit/s", burst = "4 kB")
  -> tx:wan;
sort[1] -> telnet; rx:wan -> tx:lan
"#;

fn ports(names: &[&str]) -> Vec<PortSetup> {
    let port = |(index, name): (usize, &&str)| {
        let (name, device) = ((*name).to_owned(), "memory:".to_owned());
        let info = PortInfo { name, device, mac: Harness::mac(index), mtu: 1500 };
        PortSetup { info, addresses: vec![format!("fd00:{index}::fe/64").parse().unwrap()] }
    };
    names.iter().enumerate().map(port).collect()
}

fn from_toml(text: &str) -> Result<Option<Description>, Error> {
    from_toml_named(text, "nf.toml")
}

fn from_toml_named(text: &str, file: &str) -> Result<Option<Description>, Error> {
    let mut own: toml::Table = text.parse().unwrap_or_default();
    own.remove("seed");
    Description::from_toml(text, &own, file)
}

/// The error and its causes.
fn chain(error: Error) -> String {
    let source = error.source().map(|source| {
        let cause = source.source().map(|cause| format!(": {cause}"));
        format!(": {source}{}", cause.unwrap_or_default())
    });
    format!("{error}{}", source.unwrap_or_default()).trim_end().to_owned()
}

fn error_of_toml(text: &str) -> String {
    let built = from_toml(text).and_then(|graph| graph.unwrap().build(&ports(&["a", "b"])));
    chain(built.err().unwrap())
}

fn error_of_click(text: &str) -> String {
    let built = Description::from_click(text, "nf.click").and_then(|graph| graph.build(&ports(&["a", "b"])));
    chain(built.err().unwrap())
}

#[test]
fn both_forms_make_the_same_graph() {
    let graphs = [from_toml(TOML).unwrap().unwrap(), Description::from_click(CLICK, "nf.click").unwrap()];
    assert_eq!(graphs[0].to_dot(), graphs[1].to_dot());
    for graph in graphs {
        let builder = graph.build(&ports(&["lan", "wan"])).unwrap();
        let mut lab = Harness::new(builder, &["lan", "wan"]).unwrap();
        lab.send("lan", b"no telnet, nor anything else");
        lab.send("wan", b"back");
        assert_eq!(lab.received("wan"), [b"no telnet, nor anything else"]);
        assert_eq!(lab.received("lan"), [b"back"]);
        assert_eq!(lab.nodes().len(), 3);
    }
}

#[test]
fn a_text_without_a_graph_is_none() {
    assert!(from_toml("nf = 'router'\n[[route]]\nvia = []").unwrap().is_none());
}

#[test]
fn one_declaration_alone_stands_at_all_ports() {
    let graph = Description::from_click("mirror :: macswap", "nf.click").unwrap();
    assert!(graph.to_mermaid().contains("rx:*"));
    let mut lab = Harness::new(graph.build(&ports(&["a"])).unwrap(), &["a"]).unwrap();
    lab.send("a", b"dstdstsrcsrc\x12\x34");
    assert_eq!(lab.received("a"), [b"srcsrcdstdst\x12\x34"]);
}

#[test]
fn a_router_stands_at_ports_also_behind_other_nodes() {
    let text = |wires: &str| format!("r :: router; c :: counter; s :: sink; {wires}");
    let good = "k :: classify(filters = ['ip6']);
        rx:a -> k -> r -> c -> tx:a; k[1] -> s; rx:b -> [1]r[1] -> tx:b";
    let graph = Description::from_click(&text(good), "nf.click").unwrap();
    let graph = graph.build(&ports(&["b", "a"])).unwrap();
    Harness::new(graph, &["b", "a"]).unwrap();
    assert_eq!(
        error_of_click(&text("\nrx:a -> r -> c -> tx:b; rx:b -> [1]r[1] -> s")),
        "nf.click:1: cannot make node 'r': router stands at ports alone, with nothing but nodes of a single input \
         between: its input 0 must come from the port that its output 0 leads to"
    );
}

#[test]
fn mistakes_of_toml_are_told_with_their_line() {
    let nodes = "[node.x]\nnf = 'shaper'\nrate = '1 Mbit/s'\n[node.y]\nnf = 'sink'\n";
    let wired = |graph: &str| error_of_toml(&format!("graph = '''{graph}'''\n{nodes}"));
    assert_eq!(wired("rx:a -> x -> y\n\nrx:b -> z"), "nf.toml:3: no node 'z'; there are: x, y");
    assert_eq!(wired("\n\nrx:a -> x -> y\nrx:c -> y"), "nf.toml:4: no port 'c'; there are: a, b");
    assert_eq!(wired("rx:a -> x -> tx:b"), "nf.toml:5: nothing leads to 'y'");
    assert_eq!(
        wired("\nrx:a -> x[2] -> y"),
        "nf.toml:3: cannot make node 'x': shaper needs two ports, or an input and an output, and there are 3"
    );
    assert!(wired("\nrx:a ->").starts_with("nf.toml:2: 'rx:a ->': a place is "));
    for (text, expected) in [
        ("graph = 7", "nf.toml:1: 'graph' is a text: the wiring of the nodes"),
        ("graph = 'rx:a -> x'\nnode = 7", "nf.toml:2: 'node' has tables: [node.NAME]"),
        ("graph = 'rx:a -> x'\n[node]\nx = 7", "nf.toml:3: 'node' has tables: [node.NAME]"),
        (
            "\ngraf = 7\ngraph = 'rx:a -> x'",
            "nf.toml:2: unknown key 'graf'; a graph has 'graph' and tables [node.NAME]",
        ),
    ] {
        assert_eq!(error_of_toml(text), expected, "{text}");
    }
    let unnamed = error_of_toml("graph = 'rx:a -> x'\n[node.x]\nrate = 7");
    assert!(unnamed.starts_with("nf.toml:2: node 'x' has no key 'nf'; there are: router, "), "{unnamed}");
    let unknown = error_of_toml("graph = 'rx:a -> x'\n[node.x]\nnf = 'snk'");
    assert!(unknown.starts_with("nf.toml:2: cannot make node 'x': no network function 'snk'"), "{unknown}");
    let key = error_of_toml("graph = 'rx:a -> x'\n[node.x]\nnf = 'sink'\n\nreson = ''");
    assert!(key.starts_with("nf.toml:5: cannot make node 'x': cannot read the settings of sink"), "{key}");
    assert!(key.contains("unknown field `reson`, expected `reason`"), "{key}");
}

#[test]
fn mistakes_of_the_form_like_clicks_are_told_with_their_line() {
    for (text, expected) in [
        ("rx:a -> x\n/* no end", "nf.click:2: '/*' without '*/'"),
        ("\nx :: sink(reason = \"no end)", "nf.click:2: a text in quotes that does not end on its line"),
        ("x ::\n", "nf.click:1: a declaration is NAME :: FUNCTION or NAME :: FUNCTION(KEY = VALUE, ...)"),
        ("\n:: sink", "nf.click:2: a declaration is NAME :: FUNCTION or NAME :: FUNCTION(KEY = VALUE, ...)"),
        ("x :: sink(\n;", "nf.click:1: '(' without ')'"),
        ("x :: sink;\n\nrx:a -> y", "nf.click:3: no node 'y'; there are: x"),
        ("x :: sink;\nx :: sink; rx:a -> x", "nf.click:2: two nodes are named 'x'"),
        (
            "x :: counter;\nrx:a -> x\n -> y :: counter -> x",
            "nf.click:3: nodes feed each other in a circle: x -> y -> x",
        ),
        ("x :: sink;\nx, y :: sink;", "nf.click:2: 'x, y': a statement connects two places with '->'"),
        (
            "rx:a -> x :: tee -> tx:a;\nx[2] -> tx:b",
            "nf.click:1: x[1] leads nowhere; 'x' has 3 outputs, and each must be wired",
        ),
    ] {
        let error =
            Description::from_click(text, "nf.click").and_then(|graph| graph.build(&ports(&["a", "b"])));
        let error = match error {
            Ok(graph) => Harness::new(graph, &["a", "b"]).err().unwrap().to_string(),
            Err(error) => chain(error),
        };
        assert_eq!(error, expected, "{text}");
    }
    let key = error_of_click("rx:a -> x :: sink(\n  # nothing\n  reson = 'é') ;");
    assert!(key.starts_with("nf.click:3: cannot make node 'x': ") && key.contains("`reson`"), "{key}");
    let value = error_of_click("rx:a -> x :: sink(\n  reason 7)");
    assert!(
        value.starts_with("nf.click:2: ") && value.ends_with("(keys are KEY = VALUE, as in TOML)"),
        "{value}"
    );
    let inject = error_of_click("rx:a -> x :: sink(}\nt = {)");
    assert!(inject.starts_with("nf.click:1: "), "{inject}");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-c:;()\\[\\]{}\"'/*#=,> \n.0é-]{0,60}") {
        for read in [Description::from_click(&text, "nf").map(Some), from_toml_named(&text, "nf")] {
            let placed = read.map_or_else(|error| error.to_string().starts_with("nf:"), |_| true);
            proptest::prop_assert!(placed, "a mistake without its line");
        }
    }
}
