//! The `rackless` command, driven as a user would.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The `rackless` command.
pub(crate) struct Rackless {
    program: PathBuf,
}

/// What a command that should have succeeded said when it did not.
pub(crate) type Failure = String;

impl Rackless {
    /// The given command, or the one that lies beside this program.
    pub(crate) fn find(given: Option<&Path>) -> Result<Self, Failure> {
        let beside = || std::env::current_exe().ok()?.parent().map(|folder| folder.join("rackless"));
        let program = given.map(Path::to_owned).or_else(beside).unwrap_or_else(|| "rackless".into());
        match program.canonicalize() {
            Ok(program) => Ok(Self { program }),
            Err(error) => Err(format!("cannot find the rackless command {}: {error}", program.display())),
        }
    }

    /// Runs a verb and gives its standard output.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, Failure> {
        self.run_with(arguments, &[])
    }

    /// As [`Rackless::run`], with variables added to the environment.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String, Failure> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).envs(variables.iter().copied());
        let output = command.output().map_err(|error| self.cannot_run(&error))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true => Ok(stdout),
            false => Err(last_words(&output, arguments)),
        }
    }

    /// Runs a verb whatever its exit code.
    pub(crate) fn output(&self, arguments: &[&str]) -> Result<Output, Failure> {
        self.command(arguments).stdin(Stdio::null()).output().map_err(|error| self.cannot_run(&error))
    }

    /// Starts a verb.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Result<Child, Failure> {
        let mut command = self.command(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        child.map_err(|error| self.cannot_run(&error))
    }

    fn cannot_run(&self, error: &std::io::Error) -> Failure {
        format!("cannot run {}: {error}", self.program.display())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).envs([crate::footprint::mark()]);
        command
    }
}

fn last_words(output: &Output, arguments: &[&str]) -> Failure {
    let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(4)..];
    format!("'rackless {}' failed: {}", arguments.join(" "), last.join(" / "))
}
