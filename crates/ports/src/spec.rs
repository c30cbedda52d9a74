//! The device string: which back-end, which device.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::Error;

/// A device, as its string names it.
///
/// | String | What it opens |
/// |---|---|
/// | `af_packet:eth0` | a network interface, through a packet socket |
/// | `dpdk:net_af_packet,iface=eth0` | a software device of DPDK with its arguments |
/// | `dpdk:0000:3b:00.0` | a PCI device of DPDK |
/// | `null:` · `null:size=128,count=1000` · `null:template=frames.pcap` | frames from nowhere; sent ones are counted |
/// | `pcap:in.pcap,out.pcap` · `pcap:in.pcap` · `pcap:,out.pcap` | frames of a file; sent ones go to a file |
///
/// # Examples
/// ```
/// use rackless_ports::DeviceSpec;
///
/// let device: DeviceSpec = "dpdk:eth_af_packet,iface=eth0".parse()?;
/// assert_eq!(device.to_string(), "dpdk:net_af_packet,iface=eth0");
/// let error = "eth0".parse::<DeviceSpec>().unwrap_err();
/// assert!(error.to_string().contains("af_packet:<interface>"));
/// # Ok::<(), rackless_ports::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceSpec {
    /// `af_packet:`
    AfPacket {
        /// The interface's name.
        interface: String,
    },
    /// `dpdk:`
    Dpdk(DpdkSpec),
    /// `null:`
    Null(NullSpec),
    /// `pcap:`
    Pcap {
        /// The file to read frames from; without it nothing is received.
        input: Option<PathBuf>,
        /// The file to write sent frames to; without it they are only counted.
        output: Option<PathBuf>,
    },
}

/// A device of DPDK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DpdkSpec {
    /// A driver's name, with or without a number behind it, or a PCI address.
    pub device: String,
    /// Arguments for the driver, in their order.
    pub arguments: Vec<(String, String)>,
    /// Whether `device` is a PCI address.
    pub pci: bool,
}

/// Frames from nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NullSpec {
    /// Length of the frames in bytes, where no template is given.
    pub size: usize,
    /// How many frames there are; endless without it.
    pub count: Option<u64>,
    /// A capture whose frames are received round and round.
    pub template: Option<PathBuf>,
}

impl Default for NullSpec {
    fn default() -> Self {
        Self { size: 64, count: None, template: None }
    }
}

const ALLOWED: &str = "allowed are af_packet:<interface>, dpdk:<driver>[,key=value…], dpdk:<PCI address>, \
                       null:[size=<bytes>][,count=<frames>][,template=<pcap file>], pcap:[<in file>][,<out file>]";

impl FromStr for DeviceSpec {
    type Err = Error;

    fn from_str(device: &str) -> Result<Self, Error> {
        let spec = match device.split_once(':') {
            Some(("af_packet", rest)) => af_packet(rest),
            Some(("dpdk", rest)) => dpdk(rest),
            Some(("null", rest)) => null(rest),
            Some(("pcap", rest)) => pcap(rest),
            _ => Err(ALLOWED.to_owned()),
        };
        spec.map_err(|reason| Error::Spec { device: device.to_owned(), reason })
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AfPacket { interface } => write!(f, "af_packet:{interface}"),
            Self::Dpdk(dpdk) => {
                write!(f, "dpdk:{}", dpdk.device)?;
                dpdk.arguments.iter().try_for_each(|(key, value)| write!(f, ",{key}={value}"))
            }
            Self::Null(null) => {
                write!(f, "null:size={}", null.size)?;
                null.count.iter().try_for_each(|count| write!(f, ",count={count}"))?;
                null.template.iter().try_for_each(|path| write!(f, ",template={}", path.display()))
            }
            Self::Pcap { input, output } => {
                f.write_str("pcap:")?;
                input.iter().try_for_each(|path| write!(f, "{}", path.display()))?;
                output.iter().try_for_each(|path| write!(f, ",{}", path.display()))
            }
        }
    }
}

fn af_packet(interface: &str) -> Result<DeviceSpec, String> {
    // The kernel's own rule, dev_valid_name().
    let fits = (1..libc::IFNAMSIZ).contains(&interface.len()) && !matches!(interface, "." | "..");
    let clean = !interface.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c == '\0');
    if !fits || !clean {
        return Err("an interface's name has 1 to 15 bytes without '/', ':' and spaces".into());
    }
    Ok(DeviceSpec::AfPacket { interface: interface.to_owned() })
}

fn dpdk(rest: &str) -> Result<DeviceSpec, String> {
    let mut words = rest.split(',');
    let device = words.next().unwrap_or_default();
    let pci = is_pci_address(device);
    // DPDK renamed its drivers in 17.05; scripts still say `eth_af_packet`.
    let device = device.strip_prefix("eth_").map_or(device.to_owned(), |driver| format!("net_{driver}"));
    let clean = device.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.'));
    if !(pci || device.starts_with("net_") && device.len() > 4) || !clean {
        return Err("after 'dpdk:' stands a driver as net_af_packet or a PCI address as 0000:3b:00.0".into());
    }
    let arguments = words.map(|word| key_value(word).map(|(key, value)| (key.to_owned(), value.to_owned())));
    Ok(DeviceSpec::Dpdk(DpdkSpec { device, arguments: arguments.collect::<Result<_, _>>()?, pci }))
}

/// `[domain:]bus:device.function`, in hexadecimal.
fn is_pci_address(device: &str) -> bool {
    let Some((rest, function)) = device.rsplit_once('.') else { return false };
    let mut parts = rest.split(':').chain([function]).map(str::len);
    let lengths = [parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
    let shape = matches!(
        lengths,
        [Some(4), Some(2), Some(2), Some(1), None] | [Some(2), Some(2), Some(1), None, None]
    );
    shape && device.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
}

fn null(rest: &str) -> Result<DeviceSpec, String> {
    let mut spec = NullSpec::default();
    for word in rest.split(',').filter(|word| !word.is_empty()) {
        let (key, value) = key_value(word)?;
        let number = || value.parse::<u64>().map_err(|_| format!("'{value}' is no number"));
        match key {
            "size" => spec.size = number()? as usize,
            "count" => spec.count = Some(number()?),
            "template" => spec.template = Some(value.into()),
            _ => return Err(format!("'{key}' is not an argument; {ALLOWED}")),
        }
    }
    // Ethernet, IPv4 and UDP headers; and what a buffer of the usual size holds.
    if !(42..=rackless_nf::Pool::ROOM).contains(&spec.size) {
        return Err(format!("size is 42 to {} bytes", rackless_nf::Pool::ROOM));
    }
    Ok(DeviceSpec::Null(spec))
}

fn pcap(rest: &str) -> Result<DeviceSpec, String> {
    let mut paths = rest.split(',').map(|path| (!path.is_empty()).then(|| PathBuf::from(path)));
    match (paths.next().flatten(), paths.next().flatten(), paths.next()) {
        (None, None, _) => {
            Err("after 'pcap:' stands a file to read, a comma and a file to write; one may miss".into())
        }
        (_, _, Some(_)) => Err("at most two files stand after 'pcap:'".into()),
        (input, output, None) => Ok(DeviceSpec::Pcap { input, output }),
    }
}

fn key_value(word: &str) -> Result<(&str, &str), String> {
    match word.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key, value)),
        _ => Err(format!("'{word}' is not of the form key=value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(device: &str) -> Result<DeviceSpec, String> {
        device.parse().map_err(|error: Error| error.to_string())
    }

    #[test]
    fn device_strings_are_read_and_printed() {
        for device in [
            "af_packet:eth0",
            "af_packet:west.5",
            "dpdk:net_af_packet,iface=eth0",
            "dpdk:net_af_packet3,iface=eth0,qdisc_bypass=0",
            "dpdk:net_null",
            "dpdk:0000:3b:00.0",
            "dpdk:3b:00.1",
            "null:size=64",
            "null:size=128,count=10",
            "null:size=64,template=frames.pcap",
            "pcap:in.pcap,out.pcap",
            "pcap:in.pcap",
            "pcap:,out.pcap",
        ] {
            assert_eq!(parse(device).unwrap().to_string(), device);
        }
        assert_eq!(parse("null:").unwrap(), DeviceSpec::Null(NullSpec::default()));
        assert_eq!(parse("dpdk:eth_ring0").unwrap().to_string(), "dpdk:net_ring0");
        let pci = |device| matches!(parse(device), Ok(DeviceSpec::Dpdk(DpdkSpec { pci: true, .. })));
        assert!(pci("dpdk:0000:3b:00.0") && !pci("dpdk:net_null"));
    }

    #[test]
    fn what_is_not_a_device_is_refused_with_what_is_allowed() {
        for (device, says) in [
            ("eth0", "allowed are af_packet:<interface>"),
            ("xdp:eth0", "allowed are"),
            ("af_packet:", "1 to 15 bytes"),
            ("af_packet:sixteen_byte_name", "1 to 15 bytes"),
            ("af_packet:a b", "without"),
            ("dpdk:", "a driver as net_af_packet"),
            ("dpdk:net_", "a driver as net_af_packet"),
            ("dpdk:af_packet0,iface=eth0", "a driver as net_af_packet"),
            ("dpdk:net_af_packet,eth0", "'eth0' is not of the form key=value"),
            ("dpdk:0000:3b:00", "a PCI address"),
            ("null:size=x", "'x' is no number"),
            ("null:size=10", "42 to 2048"),
            ("null:colour=red", "'colour' is not an argument"),
            ("pcap:", "one may miss"),
            ("pcap:a,b,c", "at most two"),
        ] {
            let error = parse(device).unwrap_err();
            assert!(error.starts_with(&format!("unknown device '{device}': ")), "{error}");
            assert!(error.contains(says), "{error}");
        }
    }
}
