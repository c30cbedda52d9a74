//! Runs the tests of this module on stock kernels, which have every discipline: the one in user mode and the one that
//! users have.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Set on the stock kernel.
const VARIABLE: &str = "RACKLESS_TEST_STOCK";

/// The options of tools/stock-kernel that choose each.
const KERNELS: [&[&str]; 2] = [&[], &["--qemu"]];

/// On a stock kernel: does the test. Elsewhere: boots them, once for all tests of the module, and looks there.
pub(super) fn on_a_stock_kernel(test: &str, body: fn()) {
    static BOOTED: OnceLock<[Output; 2]> = OnceLock::new();
    if std::env::var_os(VARIABLE).is_some() {
        return body();
    }
    for (options, output) in KERNELS.iter().zip(BOOTED.get_or_init(|| KERNELS.map(boot))) {
        let Output { status, stdout, stderr } = output;
        let (shown, messages) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
        let mut lines = shown.lines();
        let passed =
            lines.any(|line| line.starts_with("test ") && line.ends_with(&format!("::{test} ... ok")));
        assert!(passed, "{test} on a stock kernel {options:?}: {status}\n{shown}\n{messages}");
    }
}

/// Runs all tests of the module on the kernel that these options of the tool choose.
fn boot(options: &[&str]) -> Output {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/stock-kernel");
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(tool);
    command
        .args(options)
        .arg("--")
        .arg(program)
        .args(["netem::kernel::", "--test-threads=1"])
        .env(VARIABLE, "1");
    command.output().expect("tools/stock-kernel runs")
}
