//! The subnet of an uplink: four addresses that nobody else uses.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The addresses of link-local autoconfiguration (RFC 3927), which nobody routes; the first and last 256 are reserved.
const FIRST: u32 = 0xa9fe_0100;
const LAST: u32 = 0xa9fe_fe00;
/// The address of a cloud's metadata service.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Gives the first free subnet of four addresses, starting at the `start`th: the machine's side, and the node's.
pub(super) fn free(start: u32, taken: &[Ipv4Net]) -> Option<[Ipv4Net; 2]> {
    let count = (LAST - FIRST) / 4;
    (0..count).map(|step| FIRST + 4 * ((start % count + step) % count)).find_map(|base| {
        let side = |number: u32| Ipv4Net::new_assert(Ipv4Addr::from(base + number), 30);
        let subnet = side(0);
        // A machine that has an address of 169.254.0.0/16 itself uses the whole of that, but four are not missed.
        let overlaps = |other: &Ipv4Net| {
            subnet.contains(&other.addr()) || (other.prefix_len() > 16 && other.contains(&subnet.addr()))
        };
        let is_free = !taken.iter().any(overlaps) && !subnet.contains(&METADATA);
        is_free.then(|| [side(1), side(2)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(texts: &[&str]) -> Vec<Ipv4Net> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[test]
    fn what_is_in_use_is_left_out() {
        let ours = free(0, &taken(&["10.0.0.1/8"])).expect("a subnet").map(|side| side.to_string());
        assert_eq!(ours, ["169.254.1.1/30", "169.254.1.2/30"]);
        let ours = free(0, &taken(&["169.254.1.3/16", "169.254.1.6/30"])).expect("a subnet");
        assert_eq!(ours[0].to_string(), "169.254.1.9/30");
        let ours = free(0, &taken(&["169.254.1.77/24"])).expect("a subnet");
        assert_eq!(ours[0].to_string(), "169.254.2.1/30");
    }

    #[test]
    fn the_search_goes_round_and_has_an_end() {
        let count = (LAST - FIRST) / 4;
        assert_eq!(free(count - 1, &[]).expect("a subnet")[0].to_string(), "169.254.253.253/30");
        assert_eq!(free(u32::MAX, &taken(&["169.254.0.1/17", "169.254.128.1/17"])), None);
        let metadata = (u32::from(METADATA) - FIRST) / 4;
        assert!(!free(metadata, &[]).expect("a subnet")[0].contains(&METADATA));
    }
}
