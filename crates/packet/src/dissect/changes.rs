//! What differs between two states of a frame, header by header and field by field.

use std::fmt;

use super::detail;

/// A difference between a frame before and after something was done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A header that was not there before.
    Added {
        /// Its name, as [`detail`] shows it.
        header: String,
    },
    /// A header that is not there any more.
    Removed {
        /// Its name.
        header: String,
    },
    /// A field with another value.
    Field {
        /// The header's name.
        header: String,
        /// The field's name.
        field: String,
        /// The value before; empty where the field was not there.
        before: String,
        /// The value now; empty where the field is gone.
        after: String,
    },
    /// The bytes behind the headers.
    Payload,
}

/// Lists what differs between two states of a frame: headers that came and went, then fields.
///
/// Headers of the same kind are compared from the inside out, so a frame that entered a tunnel has all headers it had,
/// and new ones.
///
/// # Examples
/// ```
/// use rackless_packet::build::Build;
/// use rackless_packet::{MacAddr, dissect};
///
/// let link = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
/// let before = link.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(4000, 53).to_vec()?;
/// let mut after = before.clone();
/// after[34..36].copy_from_slice(&4001_u16.to_be_bytes());
/// assert_eq!(dissect::changes(&before, &after)[0].to_string(), "UDP src port: 4000 → 4001");
/// # Ok::<(), rackless_packet::build::Error>(())
/// ```
pub fn changes(before: &[u8], after: &[u8]) -> Vec<Change> {
    if before == after {
        return Vec::new();
    }
    let (before, after) = (Header::all(before), Header::all(after));
    let name = |header: &Header| header.name.clone();
    let removed = before.iter().filter(|header| header.twin(&before, &after).is_none()).map(name);
    let mut changes: Vec<Change> = removed.map(|header| Change::Removed { header }).collect();
    let added = after.iter().filter(|header| header.twin(&after, &before).is_none()).map(name);
    changes.extend(added.map(|header| Change::Added { header }));
    for header in &after {
        if let Some(twin) = header.twin(&after, &before) {
            twin.compare(header, &mut changes);
        }
    }
    changes
}

/// A header as [`detail`] shows it.
struct Header {
    name: String,
    fields: Vec<(String, String)>,
    /// Lines that are no field: bytes of the payload.
    bytes: String,
}

/// What the bytes behind the headers are called, whose size stands in their title.
const PAYLOAD: &str = "payload";

impl Header {
    /// The headers of a frame; the last one, with an empty name, holds what is wrong with checksums or lengths.
    fn all(frame: &[u8]) -> Vec<Self> {
        let new = |name: &str| Self { name: name.to_owned(), fields: Vec::new(), bytes: String::new() };
        let (mut headers, mut verdicts) = (Vec::<Self>::new(), new(""));
        for line in detail(frame).to_string().lines() {
            let title = line.rsplit_once(" at ").filter(|(_, at)| at.bytes().all(|b| b.is_ascii_digit()));
            let field = line.strip_prefix("  ").and_then(|line| line.split_once(": "));
            match (field, title, headers.last_mut()) {
                (.., Some(header)) if header.name == PAYLOAD && line.get(4..6) == Some("  ") => {
                    header.bytes.push_str(line);
                }
                (Some((name, value)), _, Some(header)) => {
                    header.fields.push((name.to_owned(), value.to_owned()));
                }
                (_, Some((title, _)), _) if title.starts_with("payload of ") => {
                    headers.push(Self { bytes: title.to_owned(), ..new(PAYLOAD) });
                }
                (_, Some((title, _)), _) if title.starts_with("padding of ") => {
                    verdicts.fields.push(("padding".to_owned(), title["padding of ".len()..].to_owned()));
                }
                (_, Some((title, _)), _) => headers.push(new(title)),
                _ => verdicts.fields.push(("found".to_owned(), line.to_owned())),
            }
        }
        headers.push(verdicts);
        headers
    }

    /// The header of the same kind in another list that is as far from the end as this one is in its own.
    fn twin<'a>(&self, own: &[Self], other: &'a [Self]) -> Option<&'a Self> {
        let same = own.iter().rev().filter(|header| header.name == self.name);
        let position = same.take_while(|header| !std::ptr::eq(*header, self)).count();
        other.iter().rev().filter(|header| header.name == self.name).nth(position)
    }

    /// Adds what differs between this header, as it was, and what became of it.
    fn compare(&self, now: &Self, changes: &mut Vec<Change>) {
        if self.bytes != now.bytes {
            changes.push(Change::Payload);
        }
        for (index, (field, after)) in now.fields.iter().enumerate() {
            let before = self.like(now, index).map_or("", |(_, value)| value.as_str());
            if before != after {
                changes.push(self.change(field, before, after));
            }
        }
        for (index, (field, before)) in self.fields.iter().enumerate() {
            if now.like(self, index).is_none() {
                changes.push(self.change(field, before, ""));
            }
        }
    }

    fn change(&self, field: &str, before: &str, after: &str) -> Change {
        let [header, field, before, after] = [&self.name, field, before, after].map(str::to_owned);
        Change::Field { header, field, before, after }
    }

    /// The field here that stands for field `index` there: of the same name, and as many of that name before it.
    fn like(&self, there: &Self, index: usize) -> Option<&(String, String)> {
        let (name, _) = there.fields.get(index)?;
        let before = there.fields[..index].iter().filter(|(other, _)| other == name).count();
        self.fields.iter().filter(|(other, _)| other == name).nth(before)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { header } => write!(f, "+ {header}"),
            Self::Removed { header } => write!(f, "- {header}"),
            Self::Payload => f.write_str("payload"),
            Self::Field { header, field, before, after } => {
                let space = if header.is_empty() { "" } else { " " };
                let side = |value: &str| if value.is_empty() { "none".to_owned() } else { value.to_owned() };
                write!(f, "{header}{space}{field}: {} → {}", side(before), side(after))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MacAddr;
    use crate::build::Build;

    fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let link = Build::ethernet(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
        let ip = link.ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        ip.udp(ports.0, ports.1).payload(payload).to_vec().unwrap()
    }

    fn told(before: &[u8], after: &[u8]) -> Vec<String> {
        changes(before, after).iter().map(Change::to_string).collect()
    }

    #[test]
    fn fields_are_compared_and_equal_frames_have_no_changes() {
        let before = udp((1, 2), b"x");
        assert!(changes(&before, &before.clone()).is_empty());
        let after = udp((1, 3), b"x");
        let told = told(&before, &after);
        assert_eq!(told[0], "UDP dst port: 2 → 3");
        assert!(told[1].starts_with("UDP checksum: 0x"), "{told:?}");
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn a_broken_checksum_and_a_payload_are_told() {
        let before = udp((1, 2), b"abcd");
        let mut after = before.clone();
        *after.last_mut().unwrap() = b'e';
        let told = told(&before, &after);
        assert_eq!(told[0], "payload", "{told:?}");
        assert!(told[1].starts_with("found: ") && told[1].contains("wrong"), "{told:?}");
    }

    #[test]
    fn a_tag_comes_and_goes() {
        let before = udp((1, 2), b"x");
        let mut after = before.clone();
        after.splice(12..12, [0x81, 0, 0, 7]);
        let tagged = told(&before, &after);
        assert_eq!(tagged[0], "+ VLAN tag");
        assert!(tagged[1].starts_with("Ethernet type: IPv4 (0x800) → "), "{tagged:?}");
        assert_eq!(told(&after, &before)[0], "- VLAN tag");
    }

    #[test]
    fn bytes_of_any_kind_are_compared() {
        for frame in [&b""[..], b"x", &[0xff; 60], &udp((1, 2), b" at 1: x\n  a: b")] {
            assert!(changes(frame, frame).is_empty());
            let mut other = frame.to_vec();
            other.extend(b"more: than before at 7");
            assert!(!changes(frame, &other).is_empty(), "{frame:?}");
        }
    }
}
