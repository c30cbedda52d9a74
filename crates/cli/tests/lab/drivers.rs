//! The same network functions over each kind of port.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use crate::home::{Home, text, until};

/// The anycast lab of the examples, in a folder of its own.
fn anycast(home: &Home) -> String {
    let examples = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    let read = |name: &str| std::fs::read_to_string(examples.join(name)).expect("an example");
    for name in ["og_west.toml", "og_east.toml"] {
        home.lab(name, &read(name));
    }
    home.lab("anycast.toml", &read("anycast.toml"))
}

fn with_driver(home: &Home, driver: &str, args: &[&str]) -> Output {
    home.command(args).env("RACKLESS_DRIVER", driver).output().expect("the program runs")
}

#[test]
fn privileged_the_anycast_lab_passes_its_checks_on_af_xdp() {
    let home = Home::new();
    let lab = anycast(&home);
    let up = with_driver(&home, "af_xdp", &["up", "-d", &lab]);
    assert!(up.status.success(), "{}", text(&up.stderr));
    home.ok(&["check"]);
    let report: Value = serde_json::from_str(&home.ok(&["nf", "show", "og_west", "--json"])).expect("JSON");
    for (port, name) in ["cli", "srv", "core"].into_iter().enumerate() {
        let port = &report["ports"][port];
        assert_eq!(port["device"], format!("af_xdp:{name},mode=native,zero_copy=no"), "{report}");
        assert!(port["received"].as_u64() > Some(0) && port["sent"].as_u64() > Some(0), "{report}");
        assert_eq!((&port["rx_missed"], &port["tx_errors"]), (&Value::from(0), &Value::from(0)), "{report}");
    }
    home.ok(&["down"]);
}

#[test]
fn an_ordinary_users_lab_on_af_xdp_says_what_works_instead() {
    let home = Home::ordinary_user();
    let lab = anycast(&home);
    let up = with_driver(&home, "af_xdp", &["up", "-d", &lab]);
    let said = text(&up.stderr);
    until("the function says why it cannot run", || {
        // The lab may be up before the function has failed.
        let logs = text(&home.run(&["logs", "og_west"]).stdout);
        match format!("{said}{logs}") {
            told if told.contains("af_packet:cli works without") => Ok(()),
            told => Err(told),
        }
    });
    home.run(&["down"]);
}
