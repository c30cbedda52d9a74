//! The tool that looks for what grows.

use std::process::Command;

use crate::home::{Home, text};

#[test]
fn nothing_grows_in_a_lab_of_impaired_links() {
    let home = Home::new();
    let mut soak = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/soak"));
    soak.arg("0.2").env("RACKLESS", env!("CARGO_BIN_EXE_rackless")).env("XDG_RUNTIME_DIR", home.path());
    let output = soak.output().expect("bash");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    home.assert_nothing_left(&[], "after the soak");
}
