//! Whatever is read or written.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rackless_topology::{Topology, clab};

use super::{essence, parse, there_and_back};

/// Lab files with nodes of all kinds, and addresses, routes and settings of all forms.
fn lab() -> impl Strategy<Value = String> {
    let kinds = prop::collection::vec(0..4usize, 2..7);
    let links = prop::collection::vec((0..7usize, 0..7usize, 0..4u8, any::<bool>()), 0..9);
    (kinds, links, any::<[bool; 6]>()).prop_map(|(kinds, links, flags)| text(&kinds, &links, flags))
}

fn text(kinds: &[usize], links: &[(usize, usize, u8, bool)], flags: [bool; 6]) -> String {
    const KINDS: [&str; 4] = ["host", "router", "nf", "switch"];
    let mut nodes: Vec<String> = kinds
        .iter()
        .enumerate()
        .map(|(n, kind)| format!("[node.n{n}]\nkind = \"{}\"\n", KINDS[*kind]))
        .collect();
    let mut routes = vec![Vec::new(); kinds.len()];
    let mut tables = String::new();
    for (number, (a, b, style, mtu)) in links.iter().enumerate() {
        let ends = [a % kinds.len(), b % kinds.len()];
        if ends[0] == ends[1] {
            continue;
        }
        tables += &format!("[[link]]\nends = [\"n{}:i{number}\", \"n{}:i{number}\"]\n", ends[0], ends[1]);
        tables += if *mtu { "mtu = 9000\n" } else { "" };
        for (side, node) in ends.into_iter().enumerate().filter(|(_, node)| kinds[*node] != 3) {
            let host = side + 1;
            let interface = format!("interface.i{number}");
            nodes[node] += &match style {
                0 => String::new(),
                1 => format!(
                    "{interface}.addresses = [\"10.9.{number}.{host}/24\", \"fd09:{number}::{host}/64\"]\n"
                ),
                2 => format!(
                    "{interface}.addresses = [\"fd09:{number}::{host}/64\", \"fd08:{number}::{host}/80\"]\n"
                ),
                _ => format!(
                    "{interface}.mtu = 1400\n{interface}.mac = \"02:00:00:00:{number:02}:{host:02}\"\n"
                ),
            };
            if kinds[node] != 2 && matches!(style, 1 | 2) {
                routes[node].push(format!("\"fd{number:02}::/32 via fd09:{number}::fe\""));
                routes[node].push(format!("\"fd1{number}::/32 via fe80::1 dev i{number}\""));
                routes[node].push(format!("\"fd2{number}::/32 dev i{number}\""));
            }
        }
    }
    let keys = [
        "run = \"sleep 'a b' & wait\"\n",
        "env = { A = \"1.0\", B = \"x: 'y' #\\n\" }\n",
        "sysctl.net.ipv4.tcp_rmem = \"1 2 3\"\n",
        "interface.lo.addresses = [\"fd99::1/128\"]\n",
    ];
    let mut out = String::from("name = \"lab\"\n");
    for ((n, node), kind) in nodes.iter().enumerate().zip(kinds) {
        out += node;
        out += if *kind == 3 { "stp = true\n" } else { "" };
        for (key, _) in keys
            .iter()
            .zip(flags)
            .filter(|(key, on)| *on && *kind != 3 && !(*kind == 2 && key.contains("lo.")))
        {
            out += key;
        }
        if !routes[n].is_empty() {
            out += &format!("routes = [{}]\n", routes[n].join(", "));
        }
    }
    out + &tables
}

/// Words of files of containerlab, right and wrong.
const WORDS: [&str; 24] = [
    "name: x\n",
    "topology:\n",
    "  nodes:\n",
    "    a:\n",
    "    b: {kind: linux}\n",
    "      kind: linux\n",
    "      kind: bridge\n",
    "      exec:\n",
    "        - ip a a 10.0.0.1/24 dev e\n",
    "        - ip r a default via 10.0.0.2\n",
    "        - sh -c 'x\n",
    "  links:\n",
    "    - endpoints: [a:e, b:e]\n",
    "    - {type: veth, endpoints: []}\n",
    "      mtu: 1500\n",
    "      <<: *x\n",
    "  defaults: &x {kind: linux}\n",
    "  groups:\n",
    "  kinds:\n",
    "    linux: &y\n",
    "      env: {é: 1}\n",
    "--- \n",
    "!!t ",
    "? [",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lab_that_is_exported_and_imported_is_the_same(source in lab()) {
        let Ok(lab) = Topology::parse("lab.toml", &source) else { return Ok(()) };
        prop_assert_eq!(essence(&there_and_back(&lab)), essence(&lab));
    }

    #[test]
    fn a_file_that_is_imported_and_exported_is_the_same(source in lab()) {
        let Ok(lab) = Topology::parse("lab.toml", &source) else { return Ok(()) };
        let file = clab::export(&lab, "alpine").file;
        let again = clab::export(&parse(&clab::import("lab.clab.yml", &file).unwrap().lab), "alpine").file;
        prop_assert_eq!(again, file);
    }

    #[test]
    fn any_text_is_imported_without_a_panic(source in any::<String>()) {
        let _ = clab::import("lab.clab.yml", &source);
    }

    #[test]
    fn any_mix_of_words_is_imported_without_a_panic(words in prop::collection::vec(0..WORDS.len(), 0..24)) {
        let source: String = words.into_iter().map(|word| WORDS[word]).collect();
        match clab::import("lab.clab.yml", &source) {
            Ok(imported) => drop(Topology::parse("lab.toml", &imported.lab)),
            Err(error) => drop(error.render(true)),
        }
    }
}

#[test]
fn most_generated_labs_are_right() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let right: HashSet<String> = (0..100)
        .map(|_| lab().new_tree(&mut runner).unwrap().current())
        .filter(|source| Topology::parse("lab.toml", source).is_ok())
        .collect();
    assert!(right.len() > 50, "{} of 100", right.len());
}
