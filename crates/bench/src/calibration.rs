//! The calibration loop: what a packet costs on this machine where nothing is in the way, so that machines compare.

use std::process::Command;

use crate::case::Site;
use crate::error::Error;
use crate::process::finish;

/// Compiles and runs the loop; gives nanoseconds per packet.
pub(crate) fn measure(site: &Site) -> Result<f64, Error> {
    let [source, program] = ["calibration.c", "calibration"].map(|name| site.scratch.join(name));
    std::fs::write(&source, include_str!("calibration.c"))
        .map_err(Error::system(format!("write {}", source.display())))?;
    finish(Command::new("cc").args(["-O2", "-o"]).arg(&program).arg(&source))?;
    let printed = finish(&mut Command::new(&program))?;
    printed
        .trim()
        .parse()
        .map_err(|_| Error::Void(format!("the calibration loop printed '{}'", printed.trim())))
}
