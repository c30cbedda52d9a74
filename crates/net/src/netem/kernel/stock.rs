//! Runs the tests of this module on a stock kernel, which has every discipline.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Set on the stock kernel.
const VARIABLE: &str = "RACKLESS_TEST_STOCK";

/// On the stock kernel: does the test. Elsewhere: boots one, once for all tests of the module, and looks there.
pub(super) fn on_a_stock_kernel(test: &str, body: fn()) {
    static BOOTED: OnceLock<Output> = OnceLock::new();
    if std::env::var_os(VARIABLE).is_some() {
        return body();
    }
    let Output { status, stdout, stderr } = BOOTED.get_or_init(boot);
    let (shown, messages) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    let passed =
        shown.lines().any(|line| line.starts_with("test ") && line.ends_with(&format!("::{test} ... ok")));
    assert!(passed, "{test} on a stock kernel: {status}\n{shown}\n{messages}");
}

fn boot() -> Output {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/stock-kernel");
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(tool);
    command.arg("--").arg(program).args(["netem::kernel::", "--test-threads=1"]).env(VARIABLE, "1");
    command.output().expect("tools/stock-kernel runs")
}
