//! The lab's process, as the program sees it that holds the lab.

use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::unistd::Pid;

use super::executable;
use super::hold::Task;
use crate::client::wait_for_end;
use crate::control::{Event, Reply};
use crate::error::Error;
use crate::sys;

/// A lab's process, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// The lab ends when the last copy is closed, and that is this one.
    lifeline: Option<ChildStdin>,
}

impl Process {
    /// Starts the process, and comes back when the lab is up.
    pub(super) fn start(task: &Task) -> Result<Self, Error> {
        let program = executable::find()?;
        let failed = |source| Error::Spawn { what: program.display().to_string(), source };
        let mut command = Command::new(&program);
        command.arg("hold").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let lifeline = child.stdin.take();
        let mut process = Self { child, lifeline };
        let mut line = serde_json::to_vec(task).expect("a task is plain data");
        line.push(b'\n');
        if let Some(lifeline) = &mut process.lifeline {
            // A program that does not read says why below.
            let _ = lifeline.write_all(&line);
        }
        process.wait_until_up(&program).map(|()| process)
    }

    fn wait_until_up(&mut self, program: &Path) -> Result<(), Error> {
        let answer = read(self.child.stdout.take());
        match serde_json::from_str(&answer) {
            Ok(Reply::Event(Event::Up { .. })) => Ok(()),
            Ok(Reply::Error { message, hint, failed }) => Err(Error::Lab { message, hint, failed }),
            _ => {
                self.lifeline = None;
                let output = read(self.child.stderr.take());
                match self.child.wait() {
                    Ok(status) if status.signal().is_some() => Err(Error::Vanished),
                    _ => Err(Error::OtherProgram { path: program.to_owned(), output }),
                }
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.lifeline = None;
        // The child is not waited for yet, so that its number is its own.
        let pid = Pid::from_raw(self.child.id().cast_signed());
        if sys::pidfd_open(pid).and_then(|process| wait_for_end(&process)).is_err() {
            let _ = self.child.kill(); // the kernel and the reaper remove the lab
        }
        let _ = self.child.wait();
    }
}

fn read(stream: Option<impl Read>) -> String {
    let mut text = Vec::new();
    if let Some(mut stream) = stream {
        let _ = stream.read_to_end(&mut text); // what came until then is what there is
    }
    String::from_utf8_lossy(&text).into_owned()
}
