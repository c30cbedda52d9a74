//! Longest-prefix match: a trie of 256-way nodes with compressed paths.
//!
//! A node stands only where prefixes part or end, so a lookup visits as many nodes as the table has such places on
//! the way, not as many as an address has bytes: two to four in a table of a dozen IPv6 prefixes. Prefixes are
//! pushed down to the leaves when the table is built, so that nothing is remembered on the way down. A node costs
//! two kilobytes. The table does not change once built.

/// An address as a number.
pub(crate) trait Key: Copy + Ord {
    /// The address as bytes, first byte first.
    type Bytes: AsRef<[u8]> + Copy;
    /// The number with all bits set.
    const ONES: Self;
    /// The bits of `self` that a prefix of this length covers, the others 0.
    fn masked(self, len: u32) -> Self;
    /// How many leading bits are equal.
    fn common(self, other: Self) -> u32;
    /// The number with its bytes in memory as in the address: what is compared without swapping bytes.
    fn as_in_memory(self) -> Self;
    /// The bytes of an address, compared to a number [`as_in_memory`](Key::as_in_memory) under such a mask.
    fn differs(bytes: Self::Bytes, value: Self, mask: Self) -> bool;
    /// The byte at an index.
    fn byte(self, index: u32) -> u8;
}

macro_rules! key {
    ($type:ty) => {
        impl Key for $type {
            type Bytes = [u8; size_of::<$type>()];
            const ONES: Self = <$type>::MAX;

            fn masked(self, len: u32) -> Self {
                self & <$type>::MAX.checked_shl(<$type>::BITS - len).unwrap_or(0)
            }
            fn common(self, other: Self) -> u32 {
                (self ^ other).leading_zeros()
            }
            fn as_in_memory(self) -> Self {
                self.to_be()
            }
            #[inline]
            fn differs(bytes: Self::Bytes, value: Self, mask: Self) -> bool {
                (<$type>::from_ne_bytes(bytes) ^ value) & mask != 0
            }
            fn byte(self, index: u32) -> u8 {
                self.to_be_bytes()[index as usize]
            }
        }
    };
}
key!(u32);
key!(u128);

/// A prefix with its value; host bits are 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<K, V> {
    pub(crate) prefix: K,
    pub(crate) len: u32,
    pub(crate) value: V,
}

/// A table of prefixes, each with a value.
pub(crate) struct Lpm<K, V> {
    nodes: Vec<Node<K, V>>,
    root: Slot<V>,
}

#[derive(Clone, Copy)]
enum Slot<V> {
    Value(V),
    Node(u32),
}

struct Node<K, V> {
    /// Whoever differs from `value` in the bits of `mask` has left the path, and `fallback` is its match.
    mask: K,
    value: K,
    fallback: V,
    /// Which byte of the address chooses the slot.
    byte: u32,
    slots: [Slot<V>; 256],
}

impl<K: Key, V: Copy> Lpm<K, V> {
    /// Builds the table; `default` is the match of an address that no prefix covers. Of equal prefixes the last
    /// one counts.
    pub(crate) fn new(mut entries: Vec<Entry<K, V>>, default: V) -> Self {
        entries.sort_by_key(|entry| entry.len);
        let mut fallback = default;
        if let Some(all) = entries.iter().rposition(|entry| entry.len == 0) {
            fallback = entries[all].value;
            entries.drain(..=all);
        }
        let mut lpm = Self { nodes: Vec::new(), root: Slot::Value(fallback) };
        lpm.root = lpm.build(&entries, fallback);
        lpm
    }

    /// The value of the longest prefix that covers an address.
    #[inline]
    pub(crate) fn lookup(&self, address: K::Bytes) -> V {
        let mut slot = self.root;
        loop {
            let node = match slot {
                Slot::Value(value) => return value,
                Slot::Node(index) => &self.nodes[index as usize],
            };
            if K::differs(address, node.value, node.mask) {
                return node.fallback;
            }
            slot = node.slots[usize::from(address.as_ref()[node.byte as usize])];
        }
    }

    /// Makes the subtree of `entries`, sorted by length, none empty; `fallback` covers what they do not.
    fn build(&mut self, entries: &[Entry<K, V>], fallback: V) -> Slot<V> {
        let Some(first) = entries.first() else { return Slot::Value(fallback) };
        // The bytes that all share, but for the last bit of the shortest prefix, which must end inside the node.
        let shared = entries.iter().map(|entry| entry.prefix.common(first.prefix)).min().unwrap_or(0);
        let byte = shared.min(first.len - 1) / 8;
        let index = self.nodes.len();
        self.nodes.push(Node {
            mask: K::ONES.masked(byte * 8).as_in_memory(),
            value: first.prefix.masked(byte * 8).as_in_memory(),
            fallback,
            byte,
            slots: [Slot::Value(fallback); 256],
        });
        let mut inherited = [fallback; 256];
        let end = byte * 8 + 8;
        let ending = entries.partition_point(|entry| entry.len <= end);
        for entry in &entries[..ending] {
            let from = usize::from(entry.prefix.byte(byte));
            inherited[from..from + (1 << (end - entry.len))].fill(entry.value);
        }
        self.nodes[index].slots = inherited.map(Slot::Value);
        let mut longer = entries[ending..].to_vec();
        longer.sort_by_key(|entry| (entry.prefix.byte(byte), entry.len));
        for group in longer.chunk_by(|a, b| a.prefix.byte(byte) == b.prefix.byte(byte)) {
            let at = usize::from(group[0].prefix.byte(byte));
            self.nodes[index].slots[at] = self.build(group, inherited[at]);
        }
        Slot::Node(index as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Key, Lpm};
    use proptest::prelude::*;

    /// The definition: of the prefixes that cover the address, the longest; of equal ones, the last.
    fn scan<K: Key>(entries: &[Entry<K, u32>], key: K) -> u32 {
        let covers = |entry: &&Entry<K, u32>| key.masked(entry.len) == entry.prefix;
        entries.iter().filter(covers).max_by_key(|entry| entry.len).map_or(0, |entry| entry.value)
    }

    fn table<K: Key>(prefixes: &[(K, u32)]) -> Vec<Entry<K, u32>> {
        let entry = |(index, &(prefix, len)): (usize, &(K, u32))| Entry {
            prefix: prefix.masked(len),
            len,
            value: index as u32 + 1,
        };
        prefixes.iter().enumerate().map(entry).collect()
    }

    /// Compares at every prefix's first and last address and their neighbours, where mistakes live.
    fn compare_v4(prefixes: &[(u32, u32)], keys: &[u32]) {
        let entries = table(prefixes);
        let lpm = Lpm::new(entries.clone(), 0);
        let edges = entries.iter().flat_map(|entry| {
            let last = entry.prefix | u32::MAX.checked_shr(entry.len).unwrap_or(0);
            [entry.prefix, last, entry.prefix.wrapping_sub(1), last.wrapping_add(1)]
        });
        for key in edges.chain(keys.iter().copied()) {
            assert_eq!(lpm.lookup(key.to_be_bytes()), scan(&entries, key), "{key:#x} in {entries:x?}");
        }
    }

    fn compare_v6(prefixes: &[(u128, u32)], keys: &[u128]) {
        let entries = table(prefixes);
        let lpm = Lpm::new(entries.clone(), 0);
        let edges = entries.iter().flat_map(|entry| {
            let last = entry.prefix | u128::MAX.checked_shr(entry.len).unwrap_or(0);
            [entry.prefix, last, entry.prefix.wrapping_sub(1), last.wrapping_add(1)]
        });
        for key in edges.chain(keys.iter().copied()) {
            assert_eq!(lpm.lookup(key.to_be_bytes()), scan(&entries, key), "{key:#x} in {entries:x?}");
        }
    }

    #[test]
    fn an_empty_table_gives_the_default() {
        assert_eq!(Lpm::<u32, u32>::new(Vec::new(), 7).lookup([0; 4]), 7);
    }

    proptest! {
        #[test]
        fn ipv4_finds_what_a_scan_finds(
            prefixes in prop::collection::vec((any::<u32>(), 0..=32_u32), 0..40),
            keys in prop::collection::vec(any::<u32>(), 0..20),
        ) {
            compare_v4(&prefixes, &keys);
        }

        #[test]
        fn ipv4_finds_it_in_tables_that_nest(
            prefixes in prop::collection::vec((0x0a00_0000..0x0a00_1000_u32, 0..=32_u32), 0..60),
            keys in prop::collection::vec(0x0a00_0000..0x0a00_1000_u32, 0..40),
        ) {
            compare_v4(&prefixes, &keys);
        }

        #[test]
        fn ipv6_finds_what_a_scan_finds(
            prefixes in prop::collection::vec((any::<u128>(), 0..=128_u32), 0..40),
            keys in prop::collection::vec(any::<u128>(), 0..20),
        ) {
            compare_v6(&prefixes, &keys);
        }

        #[test]
        fn ipv6_finds_it_in_tables_that_nest(
            prefixes in prop::collection::vec((Just((0xfd00_u128 << 112) | 0xff), 0..24_u32, 0..=128_u32), 0..60),
            bits in prop::collection::vec(0..128_u32, 0..40),
        ) {
            let prefixes: Vec<(u128, u32)> =
                prefixes.iter().map(|&(base, flip, len)| (base ^ (1 << (flip * 5)), len)).collect();
            let keys: Vec<u128> = bits.iter().map(|bit| (0xfd00_u128 << 112) ^ (1 << bit)).collect();
            compare_v6(&prefixes, &keys);
        }
    }
}
