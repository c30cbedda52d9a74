//! A device of DPDK, as a device string names it.

use std::fmt;

use super::key_value;

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

impl DpdkSpec {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let mut words = rest.split(',');
        let device = words.next().unwrap_or_default();
        let pci = is_pci_address(device);
        // DPDK renamed its drivers in 17.05; scripts still say `eth_af_packet`.
        let device = device.strip_prefix("eth_").map_or(device.to_owned(), |driver| format!("net_{driver}"));
        let clean =
            device.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.'));
        if !(pci || device.starts_with("net_") && device.len() > 4) || !clean {
            return Err(
                "after 'dpdk:' stands a driver as net_af_packet or a PCI address as 0000:3b:00.0".into()
            );
        }
        let arguments =
            words.map(|word| key_value(word).map(|(key, value)| (key.to_owned(), value.to_owned())));
        Ok(Self { device, arguments: arguments.collect::<Result<_, _>>()?, pci })
    }
}

impl fmt::Display for DpdkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dpdk:{}", self.device)?;
        self.arguments.iter().try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
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
