//! Errors as the user sees them: one line, a hint, an exit code.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use crate::output;

/// The thing asked for failed: a check, a node's program.
const FAILED: u8 = 1;
/// Wrong use, or it cannot run here.
const CANNOT: u8 = 2;

/// Why a verb ends, what may help, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
    /// The message is a text of several lines that says "error" itself.
    rendered: bool,
}

impl Failure {
    /// Wrong use, or something that cannot be done here.
    pub(crate) fn cannot(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: CANNOT, rendered: false }
    }

    /// Adds what may help.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Makes the adapter for a failed step with a file or stream.
    pub(crate) fn io(what: impl Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::cannot(format!("cannot {what}: {error}"))
    }

    /// Tells the user, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (red, cyan, plain) =
            if output::colour_on_stderr() { ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") } else { ("", "", "") };
        if self.rendered {
            eprintln!("{}", self.message);
        } else {
            eprintln!("{red}error{plain}: {}", self.message);
        }
        if let Some(hint) = &self.hint {
            eprintln!("{cyan}hint{plain}: {hint}");
        }
        ExitCode::from(self.code)
    }
}

/// The message as it is reported, without what may help.
impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<rackless_net::Error> for Failure {
    fn from(error: rackless_net::Error) -> Self {
        let code = if error.is_failure() { FAILED } else { CANNOT };
        Self { message: error.chain(), hint: error.hint(), code, rendered: false }
    }
}

impl From<rackless_runtime::Error> for Failure {
    fn from(error: rackless_runtime::Error) -> Self {
        let code = if error.is_failure() { FAILED } else { CANNOT };
        Self { message: rackless_runtime::chain(&error), hint: None, code, rendered: false }
    }
}

impl From<rackless_topology::Error> for Failure {
    fn from(error: rackless_topology::Error) -> Self {
        let message = error.render(output::colour_on_stderr());
        Self { message, hint: None, code: CANNOT, rendered: true }
    }
}

impl From<rackless_topology::ShapeError> for Failure {
    fn from(error: rackless_topology::ShapeError) -> Self {
        Self::cannot(error.to_string()).hint(rackless_topology::SHAPES)
    }
}
