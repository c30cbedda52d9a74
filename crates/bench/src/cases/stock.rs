//! What only a kernel with netem can measure: this program, run on the stock kernel in user mode.

use std::process::Command;

use super::pair::parse;
use crate::error::Error;
use crate::process::finish;

/// Longer than any measurement takes there.
const SECONDS: &str = "180";

/// Runs this program's `inside` command on the stock kernel, and gives the figures that it prints; none where that
/// kernel does not run, since then there is less to compare with, and no less to measure.
pub(super) fn figures(command: &[&str]) -> Result<Vec<f64>, Error> {
    let this = std::env::current_exe().map_err(Error::system("find this program"))?;
    let mut stock = Command::new("tools/stock-kernel");
    stock.args(["--timeout", SECONDS, "--"]).arg(this).arg("inside").args(command);
    let figures = finish(&mut stock).and_then(|text| parse("the stock kernel", &text));
    Ok(figures.unwrap_or_else(|error| {
        eprintln!("  nothing beside it: {}", error.chain());
        Vec::new()
    }))
}
