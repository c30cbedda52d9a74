//! What a worker does when a node panics: the frames go to a file, then the function ends or the node starts anew.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rackless_nf::{Call, Crash, Graph, PortInfo, time};
use rackless_packet::capture::{Direction, Error as CaptureError, Record};
use rackless_packet::pcapng::{Interface, Writer};

use crate::Error;
use crate::config::{Config, OnPanic};

/// Panics that a run saves and tells of: a node that panics at every packet shall not fill the disk.
const TOLD: u32 = 16;

/// Where a node of a lab keeps what is there while it runs.
const LAB_RUN: &str = "/run";

/// What is to be done about panics.
pub(crate) struct Crashes {
    /// The function's name.
    name: String,
    /// Where files go.
    folder: PathBuf,
    on_panic: OnPanic,
    /// How many were told of.
    told: u32,
}

impl Crashes {
    /// What a configuration wants; refuses to restart nodes that cannot be made anew.
    pub(crate) fn new(name: &str, config: &Config, in_lab: bool, graph: &Graph) -> Result<Self, Error> {
        if let Some(node) = graph.not_remade().filter(|_| config.on_panic == OnPanic::Restart) {
            return Err(Error::NotRemade(node.to_owned()));
        }
        let folder = folder(config, in_lab);
        Ok(Self { name: name.to_owned(), folder, on_panic: config.on_panic, told: 0 })
    }

    /// Saves the frames of a panic and makes the node anew, or gives the error that ends the function.
    pub(crate) fn face(&mut self, crash: Crash, graph: &mut Graph) -> Result<(), Error> {
        let file = if self.told < TOLD { self.save(&crash, graph.ports()) } else { None };
        // A node that cannot start would be made anew for ever.
        let restart = self.on_panic == OnPanic::Restart && crash.call != Call::Start;
        if !restart || !graph.remake(&crash.node) {
            return Err(Error::Panicked { crash: Box::new(crash), file });
        }
        if self.told < TOLD {
            eprintln!("{}: {crash}{}; it starts anew", self.name, saved(file.as_deref()));
        }
        self.told += 1;
        if self.told == TOLD {
            eprintln!("{}: further panics are counted, neither told nor saved", self.name);
        }
        Ok(())
    }

    /// Where the frames are now; says so when they cannot be written.
    fn save(&self, crash: &Crash, ports: &[PortInfo]) -> Option<PathBuf> {
        if crash.frames.is_empty() {
            return None;
        }
        let written = create(&self.folder, &format!("{}-{}-panic", self.name, crash.node))
            .and_then(|(path, file)| write(file, crash, ports).map(|()| path));
        written
            .inspect_err(|error| {
                let folder = self.folder.display();
                eprintln!("{}: cannot save the frames of the panic in {folder}: {error}", self.name);
            })
            .ok()
    }
}

/// Where files go that tell of a crash.
pub(crate) fn folder(config: &Config, in_lab: bool) -> PathBuf {
    config.crash.clone().unwrap_or_else(|| PathBuf::from(if in_lab { LAB_RUN } else { "." }))
}

/// What a message says of where the frames are.
pub(crate) fn saved(file: Option<&Path>) -> String {
    file.map(|file| format!("; its frames are in {}", file.display())).unwrap_or_default()
}

/// Makes a file that did not exist: the first free number behind the stem.
pub(crate) fn create(folder: &Path, stem: &str) -> io::Result<(PathBuf, File)> {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
    let stem: String = stem.chars().map(safe).collect();
    let mut number = 1;
    loop {
        let path = folder.join(format!("{stem}-{number}.pcapng"));
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Writes the frames as they came by their ports; what is known of the panic stands at the packet that made it, or
/// at the first.
fn write(file: File, crash: &Crash, ports: &[PortInfo]) -> io::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut writer = Writer::new(BufWriter::new(file)).map_err(cause)?;
    for port in ports {
        let description = Some(port.device.clone());
        writer.add_interface(&Interface { description, ..Interface::ethernet(&port.name) }).map_err(cause)?;
    }
    for (index, frame) in crash.frames.iter().enumerate() {
        let age_ns = crash.time.saturating_sub(frame.rx_time) / time::NANOSECOND;
        let mut record = Record::new((now.as_nanos() as u64).saturating_sub(age_ns), frame.data.as_slice());
        // Packets that a function made have no port; they stand with the first.
        record.interface = Some(u32::from(frame.port)).filter(|port| *port < ports.len() as u32).unwrap_or(0);
        record.direction = Some(Direction::Inbound);
        if index == crash.culprit.unwrap_or(0) {
            let text: String = crash.to_string().chars().take(LONGEST_COMMENT).collect();
            record.comments = vec![text, format!("seed {}, time {} ps", crash.seed, crash.time)];
        }
        writer.write(&record).map_err(cause)?;
    }
    writer.get_mut().flush()
}

/// Characters of a comment: its bytes stay below the 65,535 that the format allows.
const LONGEST_COMMENT: usize = 16_000;

fn cause(error: CaptureError) -> io::Error {
    io::Error::other(error)
}
