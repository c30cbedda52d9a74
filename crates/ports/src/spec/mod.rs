//! The device string: which back-end, which device.

mod af_xdp;
mod dpdk;
mod kernel;
mod memif;
mod null;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

pub use self::af_xdp::{AfXdpSpec, XdpMode, ZeroCopy};
pub use self::dpdk::DpdkSpec;
pub use self::kernel::{KernelSpec, Prefixed};
pub use self::memif::{MemifRole, MemifSocket, MemifSpec};
pub use self::null::NullSpec;
use crate::Error;

/// A device, as its string names it.
///
/// | String | What it opens |
/// |---|---|
/// | `af_packet:eth0` | a network interface, through a packet socket |
/// | `af_xdp:eth0` · `af_xdp:eth0,queue=1,mode=native,zero_copy=yes` | a network interface, through AF_XDP |
/// | `dpdk:net_af_packet,iface=eth0` | a software device of DPDK with its arguments |
/// | `dpdk:0000:3b:00.0` | a PCI device of DPDK |
/// | `memif:/run/a.sock,role=server` · `memif:@a,role=client,id=1,mtu=9000` | shared memory with another process |
/// | `kernel:nf0,addr=10.0.0.9/24,addr=fd00::9/64,via=10.0.0.1,like=eth0` | the kernel of this network namespace, behind an interface that is made; like: with MAC address and MTU of another |
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
    /// `af_xdp:`
    AfXdp(AfXdpSpec),
    /// `dpdk:`
    Dpdk(DpdkSpec),
    /// `memif:`
    Memif(MemifSpec),
    /// `kernel:`
    Kernel(KernelSpec),
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

const ALLOWED: &str = "allowed are af_packet:<interface>, af_xdp:<interface>[,queue=<number>][,mode=auto|native|generic]\
                       [,zero_copy=auto|yes|no], dpdk:<driver>[,key=value…], dpdk:<PCI address>, \
                       memif:<socket>,role=server|client[,key=value…], \
                       kernel:<interface>[,addr=<address>/<prefix length>…][,via=<next hop>…][,like=<interface>], \
                       null:[size=<bytes>][,count=<frames>][,template=<pcap file>], pcap:[<in file>][,<out file>]";

impl FromStr for DeviceSpec {
    type Err = Error;

    fn from_str(device: &str) -> Result<Self, Error> {
        let spec = match device.split_once(':') {
            Some(("af_packet", rest)) => interface_name(rest).map(|interface| Self::AfPacket { interface }),
            Some(("af_xdp", rest)) => AfXdpSpec::parse(rest).map(Self::AfXdp),
            Some(("dpdk", rest)) => DpdkSpec::parse(rest).map(Self::Dpdk),
            Some(("memif", rest)) => MemifSpec::parse(rest).map(Self::Memif),
            Some(("kernel", rest)) => KernelSpec::parse(rest).map(Self::Kernel),
            Some(("null", rest)) => NullSpec::parse(rest).map(Self::Null),
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
            Self::AfXdp(af_xdp) => af_xdp.fmt(f),
            Self::Dpdk(dpdk) => dpdk.fmt(f),
            Self::Memif(memif) => memif.fmt(f),
            Self::Kernel(kernel) => kernel.fmt(f),
            Self::Null(null) => null.fmt(f),
            Self::Pcap { input, output } => {
                f.write_str("pcap:")?;
                input.iter().try_for_each(|path| write!(f, "{}", path.display()))?;
                output.iter().try_for_each(|path| write!(f, ",{}", path.display()))
            }
        }
    }
}

fn interface_name(interface: &str) -> Result<String, String> {
    // The kernel's own rule, dev_valid_name().
    let fits = (1..libc::IFNAMSIZ).contains(&interface.len()) && !matches!(interface, "." | "..");
    let clean = !interface.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c == '\0');
    if !fits || !clean {
        return Err("an interface's name has 1 to 15 bytes without '/', ':' and spaces".into());
    }
    Ok(interface.to_owned())
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

fn number<T: FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("'{value}' is no number"))
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
            "af_xdp:eth0",
            "af_xdp:eth0,queue=3,mode=native,zero_copy=yes",
            "af_xdp:eth0,mode=generic,zero_copy=no",
            "dpdk:net_af_packet,iface=eth0",
            "dpdk:net_af_packet3,iface=eth0,qdisc_bypass=0",
            "dpdk:net_null",
            "dpdk:0000:3b:00.0",
            "dpdk:3b:00.1",
            "memif:/run/a.sock,role=server",
            "memif:@a b,role=client,id=7,mtu=9000,ring=64,mac=02:00:00:00:00:07",
            "kernel:nf0",
            "kernel:nf0,addr=10.0.0.9/24,addr=fd00::9/64,via=10.0.0.1,via=fd00::1,like=eth0",
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
            ("af_xdp:", "1 to 15 bytes"),
            ("af_xdp:eth0,queue=x", "'x' is no number"),
            ("af_xdp:eth0,queue=-1", "'-1' is no number"),
            ("af_xdp:eth0,mode=fast", "'mode=fast' is not an argument; allowed are queue=<number>, mode="),
            ("af_xdp:eth0,mode", "'mode' is not of the form key=value"),
            ("af_xdp:eth0,mode=generic,zero_copy=yes", "always copies"),
            ("dpdk:", "a driver as net_af_packet"),
            ("dpdk:net_", "a driver as net_af_packet"),
            ("dpdk:af_packet0,iface=eth0", "a driver as net_af_packet"),
            ("dpdk:net_af_packet,eth0", "'eth0' is not of the form key=value"),
            ("dpdk:0000:3b:00", "a PCI address"),
            ("memif:", "the path of a unix socket"),
            ("memif:/run/a.sock", "say role=server or role=client"),
            (
                "memif:/run/a.sock,role=master",
                "'role=master' is not an argument; allowed are role=server|client",
            ),
            ("memif:@a,role=client,id=x", "'x' is no number"),
            ("memif:@a,role=client,ring=1000", "a power of two"),
            ("memif:@a,role=client,mtu=67", "68 to 65535"),
            ("memif:@a,role=client,mac=red", "'red' is no hardware address"),
            ("kernel:", "1 to 15 bytes"),
            ("kernel:nf0,addr=10.0.0.1", "not an address with the length of its prefix"),
            ("kernel:nf0,addr=10.0.0.1/33", "not an address with the length"),
            ("kernel:nf0,addr=10.0.0.1/24,via=fd00::1", "via=fd00::1 needs an addr= of the same family"),
            ("kernel:nf0,addr=10.0.0.1/24,via=10.0.0.2,via=10.0.0.3", "are of the same family"),
            ("kernel:nf0,like=eth0,like=eth1", "'like=eth1' is not an argument; allowed are addr="),
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
