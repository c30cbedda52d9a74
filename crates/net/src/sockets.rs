//! Reads the kernel's tables of TCP sockets, `/proc/net/tcp` and `tcp6`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The state `TCP_LISTEN` in hexadecimal.
const LISTEN: &str = "0A";

/// Gives the addresses of the listening sockets in a table.
pub(crate) fn listening(table: &str) -> impl Iterator<Item = SocketAddr> + '_ {
    table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let local = fields.next()?;
        (fields.nth(1)? == LISTEN).then(|| address(local)).flatten()
    })
}

/// Parses `0100007F:0050`: the address in words of 32 bits in the machine's order, the port as a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = [0u8; 16];
    let length = address.len() / 2;
    for (place, word) in bytes.get_mut(..length)?.chunks_exact_mut(4).enumerate() {
        let digits = address.get(place * 8..place * 8 + 8)?;
        word.copy_from_slice(&u32::from_str_radix(digits, 16).ok()?.to_ne_bytes());
    }
    let ip = match length {
        4 => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
        16 => IpAddr::V6(Ipv6Addr::from(bytes)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn only_listening_sockets_of_both_families_are_found() {
        let v4 = "  sl  local_address rem_address   st tx_queue\n\
                  0: 0100007F:0050 00000000:0000 0A 00000000:00000000\n\
                  1: 0100007F:0051 0100007F:9999 01 00000000:00000000\n";
        assert_eq!(listening(v4).collect::<Vec<_>>(), ["127.0.0.1:80".parse().expect("an address")]);
        let v6 = "  sl  local_address rem_address st\n\
                  0: B80D0120000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0\n";
        assert_eq!(listening(v6).collect::<Vec<_>>(), ["[2001:db8::1]:8080".parse().expect("an address")]);
    }

    #[test]
    fn a_torn_line_is_passed_over() {
        for line in ["0: 01:0050 x 0A", "0: 0100007F", "0: :: 0 0A", "", "0: é:0 0 0A"] {
            assert_eq!(listening(&format!("head\n{line}\n")).count(), 0, "{line}");
        }
    }
}
