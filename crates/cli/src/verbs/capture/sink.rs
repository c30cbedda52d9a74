//! Where captured frames go: the screen or a file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use rackless_packet::capture::{self, Direction, Record};
use rackless_packet::pcapng::{Interface, Writer};
use rackless_packet::{checksum, dissect};

use crate::failure::Failure;

/// Where frames go.
pub(in crate::verbs) enum Sink {
    File(Writer<BufWriter<Box<dyn Write>>>),
    Screen {
        out: BufWriter<io::Stdout>,
        verbose: bool,
        /// The interfaces' names, where there are several to be told apart.
        names: Vec<String>,
    },
}

impl Sink {
    /// Opens a file with these interfaces, or (`None`) the screen.
    pub(in crate::verbs) fn open(
        file: Option<&Path>,
        interfaces: &[Interface],
        verbose: bool,
    ) -> Result<Self, Failure> {
        let Some(file) = file else {
            let several = interfaces.iter().filter(|_| interfaces.len() > 1);
            let names = several.filter_map(|interface| interface.name.clone()).collect();
            return Ok(Self::Screen { out: BufWriter::new(io::stdout()), verbose, names });
        };
        let output: Box<dyn Write> = if file != Path::new("-") {
            Box::new(File::create(file).map_err(Failure::io(format!("create {}", file.display())))?)
        } else if io::stdout().is_terminal() {
            let message = "a capture file is nothing for a terminal";
            return Err(Failure::cannot(message).hint("pipe it: rackless capture … -w - | wireshark -k -i -"));
        } else {
            Box::new(io::stdout())
        };
        let mut writer = Writer::new(BufWriter::new(output)).map_err(|error| failed(&error))?;
        for interface in interfaces {
            writer.add_interface(interface).map_err(|error| failed(&error))?;
        }
        let mut sink = Self::File(writer);
        sink.flush().map_err(|error| failed(&error))?;
        Ok(sink)
    }

    /// `checksum_missing` says that the checksum was left to hardware.
    pub(in crate::verbs) fn put(
        &mut self,
        mut frame: Record,
        checksum_missing: bool,
    ) -> Result<(), capture::Error> {
        match self {
            Self::Screen { out, verbose, names } => {
                if let Some(name) = names.get(frame.interface as usize) {
                    write!(out, "{name} ")?;
                }
                Ok(out.write_all(show(&frame, checksum_missing, *verbose).as_bytes())?)
            }
            Self::File(writer) => {
                frame.comments.extend(checksum_missing.then(|| "checksum left to hardware".to_owned()));
                writer.write(&frame)
            }
        }
    }

    pub(in crate::verbs) fn flush(&mut self) -> Result<(), capture::Error> {
        match self {
            Self::Screen { out, .. } => out.flush()?,
            Self::File(writer) => writer.get_mut().flush()?,
        }
        Ok(())
    }
}

pub(in crate::verbs) fn failed(error: &capture::Error) -> Failure {
    Failure::cannot(rackless_runtime::chain(error))
}

/// Shows a frame as a line, or with all fields and bytes below.
fn show(frame: &Record, checksum_missing: bool, verbose: bool) -> String {
    let arrow = if frame.direction == Some(Direction::Inbound) { '→' } else { '←' };
    let mut bytes = frame.data.clone();
    let mut note: String = frame.comments.iter().map(|comment| format!(" [{comment}]")).collect();
    if checksum_missing && checksum::fill(&mut bytes).is_ok() {
        note += " [checksum left to hardware]"; // not wrong: shown as the hardware would make it
    }
    let mut text = format!("{} {arrow} {}{note}\n", time_of_day(frame.time_ns), dissect::summary(&bytes));
    if verbose {
        let _ = writeln!(text, "{}{}", dissect::detail(&bytes), dissect::hexdump(&frame.data)); // a String takes all
    }
    text
}

fn time_of_day(time_ns: u64) -> String {
    let (seconds, nanos) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
    format!("{:02}:{:02}:{:02}.{nanos:09}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_shown_to_the_nanosecond() {
        assert_eq!(time_of_day(1_795_496_049_000_000_012), "04:54:09.000000012");
    }
}
