//! Names of interfaces in containerlab as Linux can have them.

use crate::file::INTERFACE_BYTES;

/// Returns a name that Linux can have: `ethernet-1/1` becomes `ethernet-1-1`, and of a name that is
/// too long its first letters and its numbers are kept, `GigabitEthernet0/0/1` becomes `Gig0-0-1`.
pub(super) fn interface(name: &str) -> String {
    let good = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '-' };
    let name: String = name.trim().chars().map(good).collect();
    let name = name.trim_start_matches(['_', '-', '.']);
    if name.len() <= INTERFACE_BYTES {
        return name.to_owned();
    }
    let numbers = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let letters = &name[..numbers.min(3)];
    format!("{letters}{}", &name[numbers..]).chars().take(INTERFACE_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_network_operating_systems_become_names_of_linux() {
        assert_eq!(interface("eth1"), "eth1");
        assert_eq!(interface("ethernet-1/1"), "ethernet-1-1");
        assert_eq!(interface("1/1/c1/1"), "1-1-c1-1");
        assert_eq!(interface("GigabitEthernet0/0/0/1"), "Gig0-0-0-1");
        assert_eq!(interface("a-name-without-numbers"), "a-n");
    }
}
