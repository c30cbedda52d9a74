//! Reads a graph's file in both forms.
#![no_main]

use rackless_functions::graph::Description;

libfuzzer_sys::fuzz_target!(|text: &str| check(text));

fn check(text: &str) {
    let own = text.parse().unwrap_or_default();
    let forms = [Description::from_click(text, "graph").map(Some), Description::from_toml(text, &own, "graph")];
    for form in forms {
        match form {
            Ok(Some(graph)) => drop((graph.to_dot(), graph.to_mermaid(), graph.build(&[]))),
            Ok(None) => {}
            Err(error) => assert!(error.to_string().starts_with("graph:"), "{error}"),
        }
    }
}
