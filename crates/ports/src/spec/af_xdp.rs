//! An interface through AF_XDP, as a device string names it.

use std::fmt;

use super::{interface_name, key_value, number};

/// An interface through AF_XDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AfXdpSpec {
    /// The interface's name.
    pub interface: String,
    /// The one queue that the port receives from and sends by; all of the interface's without it.
    pub queue: Option<u32>,
    /// Where the kernel runs the program that finds the port's socket.
    pub mode: XdpMode,
    /// Whether the driver reads and writes the port's memory itself.
    pub zero_copy: ZeroCopy,
}

/// Where the kernel runs an XDP program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver where it can, else as `Generic`.
    #[default]
    Auto,
    /// In the interface's driver, before the kernel makes a packet of the frame.
    Native,
    /// In the kernel's general receive path; every driver can.
    Generic,
}

/// Whether a driver reads and writes a port's memory itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZeroCopy {
    /// Where the driver can.
    #[default]
    Auto,
    /// It must.
    Yes,
    /// The kernel copies each frame.
    No,
}

const ALLOWED: &str = "allowed are queue=<number>, mode=auto|native|generic, zero_copy=auto|yes|no";

impl AfXdpSpec {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let mut words = rest.split(',');
        let interface = interface_name(words.next().unwrap_or_default())?;
        let (mode, zero_copy) = (XdpMode::default(), ZeroCopy::default());
        let mut spec = Self { interface, queue: None, mode, zero_copy };
        for word in words {
            match key_value(word)? {
                ("queue", value) => spec.queue = Some(number(value)?),
                ("mode", "auto") => spec.mode = XdpMode::Auto,
                ("mode", "native") => spec.mode = XdpMode::Native,
                ("mode", "generic") => spec.mode = XdpMode::Generic,
                ("zero_copy", "auto") => spec.zero_copy = ZeroCopy::Auto,
                ("zero_copy", "yes") => spec.zero_copy = ZeroCopy::Yes,
                ("zero_copy", "no") => spec.zero_copy = ZeroCopy::No,
                _ => return Err(format!("'{word}' is not an argument; {ALLOWED}")),
            }
        }
        if (spec.mode, spec.zero_copy) == (XdpMode::Generic, ZeroCopy::Yes) {
            return Err("mode=generic always copies, so zero_copy=yes cannot be had with it".into());
        }
        Ok(spec)
    }
}

impl fmt::Display for AfXdpSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "af_xdp:{}", self.interface)?;
        self.queue.iter().try_for_each(|queue| write!(f, ",queue={queue}"))?;
        f.write_str(match self.mode {
            XdpMode::Auto => "",
            XdpMode::Native => ",mode=native",
            XdpMode::Generic => ",mode=generic",
        })?;
        f.write_str(match self.zero_copy {
            ZeroCopy::Auto => "",
            ZeroCopy::Yes => ",zero_copy=yes",
            ZeroCopy::No => ",zero_copy=no",
        })
    }
}
