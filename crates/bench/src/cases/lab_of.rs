//! A lab in which a case runs programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::write;
use crate::case::Site;
use crate::error::Error;
use crate::process::finish;

/// A lab that is up; it goes with this value.
pub(super) struct LabOf {
    rackless: PathBuf,
    name: &'static str,
}

impl LabOf {
    /// Brings up what a lab file says besides its name.
    pub(super) fn up(site: &Site, name: &'static str, text: &str) -> Result<Self, Error> {
        let file = site.scratch.join(format!("{name}.toml"));
        write(&file, &format!("name = \"{name}\"\n{text}"))?;
        let lab = Self { rackless: site.program("rackless")?, name };
        finish(lab.verb(&["up", "--detach"]).arg(&file))?;
        Ok(lab)
    }

    /// Makes the command of a verb.
    pub(super) fn verb(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.rackless);
        command.args(args);
        command
    }

    /// Makes the command that runs a program on a node.
    pub(super) fn on(&self, node: &str, program: impl AsRef<Path>) -> Command {
        let mut command = self.verb(&["exec", node, "--"]);
        command.arg(program.as_ref());
        command
    }
}

impl Drop for LabOf {
    fn drop(&mut self) {
        // It may have gone by itself; the room's end removes it in any case.
        let _ = finish(&mut self.verb(&["down", self.name]));
    }
}
