//! What Rust assumes of `struct rte_mbuf`, in one place.
//!
//! The build script hands every entry to the C compiler, which asserts it against the installed headers; who
//! mirrors the struct in Rust asserts its own offsets against the same table ([`offset_of`]).

/// Size of `struct rte_mbuf` in bytes.
pub const MBUF_SIZE: usize = 128;

/// Fields of `struct rte_mbuf` that Rust reads or writes, with their offsets in bytes.
pub const MBUF_FIELDS: &[(&str, usize)] = &[
    ("buf_addr", 0),
    ("buf_iova", 8),
    ("data_off", 16),
    ("refcnt", 18),
    ("nb_segs", 20),
    ("port", 22),
    ("ol_flags", 24),
    ("packet_type", 32),
    ("pkt_len", 36),
    ("data_len", 40),
    ("vlan_tci", 42),
    ("hash", 44),
    ("vlan_tci_outer", 52),
    ("buf_len", 54),
    ("pool", 56),
    ("next", 64),
    ("tx_offload", 72),
    ("shinfo", 80),
    ("priv_size", 88),
    ("timesync", 90),
    ("dynfield1", 92),
];

/// The offset of a field of `struct rte_mbuf`.
///
/// # Panics
/// When the table has no such field; in a constant, that is a compile error.
pub const fn offset_of(field: &str) -> usize {
    let mut index = 0;
    while index < MBUF_FIELDS.len() {
        if equal(MBUF_FIELDS[index].0.as_bytes(), field.as_bytes()) {
            return MBUF_FIELDS[index].1;
        }
        index += 1;
    }
    panic!("not a field of the table")
}

/// `==` of byte strings, which is not yet `const`.
const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}
