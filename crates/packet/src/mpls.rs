//! MPLS label stacks (RFC 3032, RFC 5462).

use zerocopy::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// An entry of a label stack (RFC 3032, section 2.1).
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Mpls {
    /// Label (20 bits), traffic class (3 bits), bottom of the stack (1 bit), time to live (8 bits).
    pub entry: U32,
}

const _: () = assert!(size_of::<Mpls>() == Mpls::LEN);

impl Mpls {
    /// The length in bytes.
    pub const LEN: usize = 4;
    /// The label that says "take me off, IPv4 follows", at the bottom.
    pub const IPV4_EXPLICIT_NULL: u32 = 0;
    /// The label that asks routers to look at the packet.
    pub const ROUTER_ALERT: u32 = 1;
    /// The label that says "take me off, IPv6 follows", at the bottom.
    pub const IPV6_EXPLICIT_NULL: u32 = 2;
    const BOTTOM: u32 = 0x100;

    /// Makes an entry with traffic class 0 that is not the bottom; only the low 20 bits of `label` count.
    pub const fn new(label: u32, ttl: u8) -> Self {
        Self { entry: U32::new(label << 12 | ttl as u32) }
    }

    /// Sets the label to the low 20 bits of `label`.
    pub fn set_label(&mut self, label: u32) {
        self.entry.set(self.entry.get() & 0xfff | label << 12);
    }

    /// Sets the traffic class to the low 3 bits of `class`.
    pub fn set_traffic_class(&mut self, class: u8) {
        self.entry.set(self.entry.get() & !0xe00 | u32::from(class & 7) << 9);
    }

    /// Sets whether this is the last entry.
    pub fn set_bottom(&mut self, bottom: bool) {
        let rest = self.entry.get() & !Self::BOTTOM;
        self.entry.set(if bottom { rest | Self::BOTTOM } else { rest });
    }

    /// Sets the time to live.
    pub fn set_ttl(&mut self, ttl: u8) {
        self.entry.set(self.entry.get() & !0xff | u32::from(ttl));
    }

    /// Returns the label, 20 bits.
    pub fn label(&self) -> u32 {
        self.entry.get() >> 12
    }

    /// Returns the traffic class, 0 to 7 (RFC 5462).
    pub fn traffic_class(&self) -> u8 {
        (self.entry.get() >> 9 & 7) as u8
    }

    /// Returns whether this is the last entry.
    pub fn is_bottom(&self) -> bool {
        self.entry.get() & Self::BOTTOM != 0
    }

    /// Returns how many more routers may forward the packet.
    pub fn ttl(&self) -> u8 {
        self.entry.get() as u8
    }
}

impl std::fmt::Debug for Mpls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mpls")
            .field("label", &self.label())
            .field("traffic_class", &self.traffic_class())
            .field("bottom", &self.is_bottom())
            .field("ttl", &self.ttl())
            .finish()
    }
}

/// The most entries that are read of one stack.
pub const MAX_LABELS: usize = 8;

/// A label stack cannot be read to its bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StackError {
    /// The packet ends before the bottom of the stack.
    #[error("label stack ends at byte {offset} without a bottom")]
    Truncated {
        /// Where an entry is missing, in bytes from the first.
        offset: usize,
    },
    /// There are more than [`MAX_LABELS`] entries.
    #[error("more than {MAX_LABELS} labels")]
    TooMany,
}

/// Returns an iterator over the entries of a label stack, outermost first, which ends behind the bottom.
///
/// A stack that has no bottom within its bytes or within [`MAX_LABELS`] entries ends with an error.
pub const fn stack(bytes: &[u8]) -> Stack<'_> {
    Stack { bytes, offset: 0, done: false }
}

/// The iterator that [`stack`] returns.
#[derive(Debug, Clone)]
pub struct Stack<'a> {
    bytes: &'a [u8],
    offset: usize,
    done: bool,
}

impl Stack<'_> {
    /// Returns where the entries read so far end, in bytes from the first.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Stack<'a> {
    type Item = Result<&'a Mpls, StackError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let entry = match Mpls::ref_from_prefix(&self.bytes[self.offset..]) {
            _ if self.offset == MAX_LABELS * Mpls::LEN => Err(StackError::TooMany),
            Ok((entry, _)) => {
                self.offset += Mpls::LEN;
                Ok(entry)
            }
            Err(_) => Err(StackError::Truncated { offset: self.offset }),
        };
        self.done = entry.is_err() || entry.is_ok_and(Mpls::is_bottom);
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_an_entry_do_not_touch_each_other() {
        let mut entry = Mpls::new(0xfff1_2345, 64);
        assert_eq!(
            (entry.label(), entry.traffic_class(), entry.is_bottom(), entry.ttl()),
            (0x12345, 0, false, 64)
        );
        entry.set_traffic_class(0xfd);
        entry.set_bottom(true);
        entry.set_ttl(63);
        entry.set_label(0xf_ffff);
        assert_eq!(entry.as_bytes(), [0xff, 0xff, 0xfb, 63]);
        entry.set_bottom(false);
        entry.set_label(16);
        assert_eq!(entry.as_bytes(), [0x00, 0x01, 0x0a, 63]);
    }

    #[test]
    fn a_stack_is_read_to_its_bottom() {
        let bytes = [0, 1, 0, 64, 0, 2, 1, 64, 0x45, 0, 0, 0];
        let mut walk = stack(&bytes);
        let labels: Vec<_> = walk.by_ref().map(|entry| entry.unwrap().label()).collect();
        assert_eq!((labels, walk.offset()), (vec![16, 32], 8));
    }

    #[test]
    fn a_stack_without_a_bottom_ends_with_an_error() {
        let found: Vec<_> = stack(&[0, 1, 0, 64, 0, 2]).skip(1).collect();
        assert_eq!(found, [Err(StackError::Truncated { offset: 4 })]);
        let found: Vec<_> = stack(&[0; 100]).collect();
        assert_eq!((found.len(), found[8]), (9, Err(StackError::TooMany)));
    }
}
