//! Frames that something was done to.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{frame, tunnel_frame};
use crate::layout::{L3Kind, Layout};

/// Yields frames that were well-formed before they were cut short, lengthened, had bytes overwritten, or lie about
/// a length.
///
/// Most are malformed; some are still well-formed, such as a frame whose payload was overwritten.
pub fn malformed() -> impl Strategy<Value = Vec<u8>> {
    (prop_oneof![4 => frame(), 1 => tunnel_frame()], damage()).prop_map(|(mut frame, damage)| {
        damage.apply(&mut frame);
        frame
    })
}

#[derive(Debug, Clone)]
enum Damage {
    /// The end is missing.
    Truncate(Index),
    /// Bytes follow that no length field counts.
    Append(Vec<u8>),
    /// Bytes are overwritten anywhere.
    Overwrite(Vec<(Index, u8)>),
    /// Bits are flipped in the headers.
    Flip(Vec<(Index, u8)>),
    /// The version and header length of IPv4, or the version of IPv6.
    Version(u8),
    /// The length that the IP header says.
    Length(u16),
    /// The TCP data offset, or the byte in that place.
    DataOffset(u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<Index>().prop_map(Damage::Truncate),
        vec(any::<u8>(), 1..64).prop_map(Damage::Append),
        vec(any::<(Index, u8)>(), 1..8).prop_map(Damage::Overwrite),
        vec((any::<Index>(), 0_u8..8), 1..8).prop_map(Damage::Flip),
        any::<u8>().prop_map(Damage::Version),
        prop_oneof![any::<u16>(), 0_u16..100].prop_map(Damage::Length),
        any::<u8>().prop_map(Damage::DataOffset),
    ]
}

impl Damage {
    fn apply(self, frame: &mut Vec<u8>) {
        let layout = Layout::scan(frame);
        let headers = usize::from(layout.payload);
        let l3 = usize::from(layout.l2_len);
        match self {
            Self::Truncate(at) => frame.truncate(at.index(frame.len())),
            Self::Append(bytes) => frame.extend(bytes),
            Self::Overwrite(bytes) => {
                for (at, byte) in bytes {
                    let at = at.index(frame.len());
                    frame[at] = byte;
                }
            }
            Self::Flip(bits) => bits.iter().for_each(|(at, bit)| frame[at.index(headers)] ^= 1 << bit),
            Self::Version(byte) => frame[l3] = byte,
            Self::Length(len) => {
                let v6 = layout.l3.is_some_and(|l3| l3.kind == L3Kind::Ipv6);
                let field = l3 + if v6 { 4 } else { 2 };
                frame[field..field + 2].copy_from_slice(&len.to_be_bytes());
            }
            Self::DataOffset(byte) => {
                let field = layout.l4.map_or(l3, |l4| usize::from(l4.offset) + 12);
                if let Some(found) = frame.get_mut(field) {
                    *found = byte;
                }
            }
        }
    }
}
