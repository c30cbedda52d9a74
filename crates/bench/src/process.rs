//! The programs that are measured: started, waited for, and ended.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::error::Error;

/// How long a program may take to say what is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running program whose output is read; it ends with this value at the latest.
pub(crate) struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    heard: String,
}

impl Program {
    /// Starts a program; it inherits the calling thread's network namespace.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Error> {
        let name = name_of(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // In a group of its own, Ctrl-C does not reach it: it is killed with the room, without a word.
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command.spawn().map_err(Error::system(format!("start {name}")))?;
        let (sender, lines) = channel();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|output| Box::new(output) as _),
            child.stderr.take().map(|output| Box::new(output) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let stdin = child.stdin.take();
        Ok(Self { name, child, stdin, lines, heard: String::new() })
    }

    /// Waits for a line that contains `text`, and gives it.
    pub(crate) fn expect(&mut self, text: &str) -> Result<String, Error> {
        self.expect_within(text, PATIENCE)
    }

    /// The same, with a time of its own.
    pub(crate) fn expect_within(&mut self, text: &str, patience: Duration) -> Result<String, Error> {
        let deadline = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.heard.push_str(&line);
                    self.heard.push('\n');
                    if line.contains(text) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Error::Silent {
                        program: self.name.clone(),
                        expected: text.to_owned(),
                        seconds: patience.as_secs(),
                        output: last_words(&self.heard),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status =
                        self.child.wait().map_err(Error::system(format!("wait for {}", self.name)))?;
                    return Err(failed(&self.name, &status.to_string(), &self.heard));
                }
            }
        }
    }

    /// Types a line.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), Error> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        writeln!(stdin, "{line}").map_err(Error::system(format!("write to {}", self.name)))
    }

    /// Waits until it has ended by itself.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        let status = self.child.wait().map_err(Error::system(format!("wait for {}", self.name)))?;
        if status.success() { Ok(()) } else { Err(failed(&self.name, &status.to_string(), &self.heard)) }
    }

    /// Gives the processor time of all its threads so far, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> Result<u64, Error> {
        cpu_of_process(&PathBuf::from(format!("/proc/{}", self.child.id())))
    }
}

/// Gives the processor time of all processes of this name in the room so far, in nanoseconds.
pub(crate) fn cpu_of(name: &str) -> Result<u64, Error> {
    named(name)?.iter().map(|path| cpu_of_process(path)).sum()
}

/// Waits until no process of this name is in the room.
pub(crate) fn await_end_of(name: &str) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    while !named(name)?.is_empty() {
        if Instant::now() > deadline {
            return Err(Error::Void(format!("a {name} of an earlier run does not end")));
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// The processes of this name in the room, as folders of `/proc`.
fn named(name: &str) -> Result<Vec<PathBuf>, Error> {
    let processes = fs::read_dir("/proc").map_err(Error::system("look through /proc"))?.flatten();
    let named =
        |process: &Path| fs::read_to_string(process.join("comm")).is_ok_and(|comm| comm.trim_end() == name);
    Ok(processes.map(|process| process.path()).filter(|path| named(path)).collect())
}

/// Adds up the processor time of the threads of a process, a folder in `/proc`.
fn cpu_of_process(process: &Path) -> Result<u64, Error> {
    let tasks = process.join("task");
    let failed = || Error::system(format!("read {}", tasks.display()));
    let mut sum = 0;
    for task in fs::read_dir(&tasks).map_err(failed())? {
        let text = match fs::read_to_string(task.map_err(failed())?.path().join("schedstat")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue, // a thread that ended meanwhile
            text => text.map_err(failed())?,
        };
        sum += text.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(sum)
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and gives what it wrote to standard output.
pub(crate) fn finish(command: &mut Command) -> Result<String, Error> {
    let name = name_of(command);
    std::os::unix::process::CommandExt::process_group(command, 0);
    let output = command.stdin(Stdio::null()).output().map_err(Error::system(format!("start {name}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let all = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
    Err(failed(&name, &output.status.to_string(), &all))
}

/// Checks that a program of somebody else is there.
pub(crate) fn need(program: &'static str, package: &'static str) -> Result<(), Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(program)).any(|path| path.exists());
    if found { Ok(()) } else { Err(Error::NotInstalled { program, package }) }
}

/// Gives a Debian package's version, or nothing where dpkg does not know it.
pub(crate) fn package_version(package: &str) -> String {
    let mut query = Command::new("dpkg-query");
    finish(query.args(["-W", "-f", "${Version}", package])).unwrap_or_default()
}

fn name_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

fn failed(program: &str, status: &str, output: &str) -> Error {
    Error::Failed { program: program.to_owned(), status: status.to_owned(), output: last_words(output) }
}

/// The last lines of an output, in one.
fn last_words(output: &str) -> String {
    let lines: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_heard_and_ends_with_its_value() {
        let mut program =
            Program::start(Command::new("sh").args(["-c", "echo ready; read a; echo got $a"])).unwrap();
        assert_eq!(program.expect("ready").unwrap(), "ready");
        program.say("word").unwrap();
        assert_eq!(program.expect("got").unwrap(), "got word");
    }

    #[test]
    fn a_program_that_ends_too_early_is_reported_with_its_last_words() {
        let mut program =
            Program::start(Command::new("sh").args(["-c", "echo no such port >&2; exit 3"])).unwrap();
        let error = program.expect("ready").unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("no such port"), "{error}");
    }

    #[test]
    fn a_spinning_program_uses_processor_time() {
        let mut program = Program::start(
            Command::new("sh")
                .args(["-c", "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo spun; read a"]),
        )
        .unwrap();
        program.expect("spun").unwrap();
        assert!(program.cpu_ns().unwrap() > 0);
    }
}
