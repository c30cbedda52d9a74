//! Where captured frames go: the screen or a file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use rackless_packet::capture::{self, Direction, Record};
use rackless_packet::pcapng::{Interface, Writer};
use rackless_packet::{checksum, dissect};

use super::merge::Taken;
use crate::failure::Failure;

/// Where frames go.
pub(super) enum Sink {
    File(Writer<BufWriter<Box<dyn Write>>>),
    Screen {
        out: BufWriter<io::Stdout>,
        verbose: bool,
        /// The interfaces' names, where there are several to be told apart.
        names: Vec<String>,
    },
}

impl Sink {
    /// Opens a file with an interface for each name, or (`None`) the screen.
    pub(super) fn open(
        file: Option<&Path>,
        names: &[String],
        lab: &str,
        verbose: bool,
    ) -> Result<Self, Failure> {
        let Some(file) = file else {
            let names = if names.len() > 1 { names.to_vec() } else { Vec::new() };
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
        for name in names {
            let description = Some(format!("lab {lab}, the cable's side of the interface"));
            let interface = Interface { description, ..Interface::ethernet(name) };
            writer.add_interface(&interface).map_err(|error| failed(&error))?;
        }
        let mut sink = Self::File(writer);
        sink.flush().map_err(|error| failed(&error))?;
        Ok(sink)
    }

    pub(super) fn put(&mut self, frame: Taken) -> Result<(), capture::Error> {
        match self {
            Self::Screen { out, verbose, names } => {
                if let Some(name) = names.get(frame.tap) {
                    write!(out, "{name} ")?;
                }
                Ok(out.write_all(show(&frame, *verbose).as_bytes())?)
            }
            Self::File(writer) => {
                let direction = if frame.from_node { Direction::Inbound } else { Direction::Outbound };
                let unfinished = frame.checksum_missing.then(|| "checksum left to hardware".to_owned());
                writer.write(&Record {
                    interface: u32::try_from(frame.tap).expect("there are few taps"),
                    original_len: frame.original_len,
                    direction: Some(direction),
                    comments: unfinished.into_iter().collect(),
                    ..Record::new(frame.time_ns, frame.bytes)
                })
            }
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), capture::Error> {
        match self {
            Self::Screen { out, .. } => out.flush()?,
            Self::File(writer) => writer.get_mut().flush()?,
        }
        Ok(())
    }
}

pub(super) fn failed(error: &capture::Error) -> Failure {
    Failure::cannot(rackless_runtime::chain(error))
}

/// Shows a frame as a line, or with all fields and bytes below.
fn show(frame: &Taken, verbose: bool) -> String {
    let arrow = if frame.from_node { '→' } else { '←' };
    let mut bytes = frame.bytes.clone();
    let mut note = "";
    if frame.checksum_missing && checksum::fill(&mut bytes).is_ok() {
        note = " [checksum left to hardware]"; // not wrong: shown as the hardware would make it
    }
    let mut text = format!("{} {arrow} {}{note}\n", time_of_day(frame.time_ns), dissect::summary(&bytes));
    if verbose {
        let _ = writeln!(text, "{}{}", dissect::detail(&bytes), dissect::hexdump(&frame.bytes)); // a String takes all
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
