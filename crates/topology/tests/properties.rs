//! Whatever is read: no panic, and every error can be shown.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use rackless_topology::{Topology, graph};

const ANYCAST: &str = include_str!("../../../examples/anycast.toml");

/// Words of lab files, right and wrong, to be thrown together.
const WORDS: [&str; 51] = [
    "[node.a]\n",
    "[node.b]\n",
    "[node.s]\nkind = \"switch\"\n",
    "[[link]]\n",
    "[[check]]\n",
    "ends = [\"a\", \"b\"]\n",
    "ends = [\"a:x\", \"s\"]\n",
    "ends = [\"b\", \"s:eth0\"]\n",
    "addresses = [\"fd00::1/64\"]\n",
    "kind = \"nf\"\n",
    "addresses = [\"10.0.0.1/0\", \"0.0.0.0/0\"]\n",
    "routes = [\"::/0 via fd00::2\"]\n",
    "kind = \"router\"\n",
    "routes = [\" \", \"0.0.0.0/0 dev eth0\"]\n",
    "run = \"true\"\n",
    "run = [\"\"]\n",
    "ready = { log = \"x\" }\n",
    "after = [\"a\", \"b\"]\n",
    "after = \"a\"\n",
    "name = \"é\\u0000\"\n",
    "name = \"x\"\n",
    "on = [\"a\", \"b\"]\n",
    "on = []\n",
    "ping = [\"a\", \"b\"]\n",
    "ping = \"::1\"\n",
    "tcp = \"[::1]:80\"\n",
    "on = \"all\"\n",
    "ping = \"all\"\n",
    "rtt = { at_most = \"1 s\" }\ncount = 2\n",
    "http = \"http://[::1]/é\"\nstatus = 200\n",
    "throughput = { to = \"b\", at_least = \"1 bit/s\" }\n",
    "seen = \"a\"\n",
    "filter = \"\\u0074cp prot\"\n",
    "family = 5\n",
    "family = 0x6\n",
    "within = \"1 ps\"\n",
    "within = 1979-05-27\n",
    "mtu = 1_500\n",
    "mtu = -1\n",
    "offload = false\n",
    "fails = inf\n",
    "shape = \"tree,3\"\n",
    "shape = \"single,3\"\n",
    "[node.h1]\n",
    "[node.a.interface.x]\n",
    "[node.s.interface.lo]\n",
    "mac = \"02:00:00:00:00:01\"\n",
    "[node.a.sysctl]\n",
    "net.ipv4.x = 1\n",
    "[[node]]\n",
    "\"\"\" ",
];

/// Reads a source text, and shows the error or draws the lab.
fn exercise(source: &str) {
    match Topology::parse("lab.toml", source) {
        Ok(lab) => {
            serde_json::to_string(&lab).unwrap();
            graph::svg(&lab);
            graph::dot(&lab);
            graph::mermaid(&lab);
        }
        Err(error) => {
            assert!(!error.diagnostics().is_empty());
            for diagnostic in error.diagnostics() {
                let (line, column) = error.position(diagnostic);
                assert!(line >= 1 && column >= 1);
                assert!(!diagnostic.message.is_empty());
            }
            assert!(!error.render(false).contains('\u{1b}'));
            error.render(true);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_without_a_panic(source in any::<String>()) {
        exercise(&source);
    }

    #[test]
    fn any_change_of_a_lab_file_is_read_without_a_panic(
        place in 0..ANYCAST.len(), cut in 0..40usize, text in ".{0,6}|[\"\\[\\]{}=,.:/\n é0-9]{0,4}",
    ) {
        let start = ANYCAST.floor_char_boundary(place);
        let end = ANYCAST.ceil_char_boundary((place + cut).min(ANYCAST.len()));
        exercise(&format!("{}{text}{}", &ANYCAST[..start], &ANYCAST[end..]));
    }

    #[test]
    fn any_mix_of_words_is_read_without_a_panic(words in prop::collection::vec(0..WORDS.len(), 0..24)) {
        exercise(&words.into_iter().map(|word| WORDS[word]).collect::<String>());
    }

    #[test]
    fn any_shape_is_read_without_a_panic(text in "(single|linear|tree|ring|mesh|torus|fat-tree|x)(,[0-9]{0,6}){0,3}|.*") {
        // Only the small ones are made: the others are refused before anything is.
        let _ = Topology::shape(&text);
    }
}
