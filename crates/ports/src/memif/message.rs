//! The control messages: 128 bytes each, in the byte order of the machine that both processes run on.
//!
//! The layout is libmemif's (`memif.h` of protocol version 2.0): a type of 16 bits, then packed fields.

/// Bytes of a message.
pub(super) const SIZE: usize = 128;
/// The protocol's version, 2.0.
pub(super) const VERSION: u16 = 2 << 8;

const NAME: usize = 32;
const SECRET: usize = 24;
const REASON: usize = 96;
/// The flag of a ring from client to server.
const TO_SERVER: u16 = 1;

/// A control message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The last message is taken; the next may come.
    Ack,
    /// What a server can do, sent when a client connects.
    Hello(Hello),
    /// What the client wants.
    Init(Init),
    /// Shared memory, whose descriptor comes along.
    AddRegion { index: u16, size: u64 },
    /// A ring in shared memory, whose eventfd comes along.
    AddRing(AddRing),
    /// The client is ready.
    Connect { interface: String },
    /// The server is ready.
    Connected { interface: String },
    /// It is over, and why.
    Disconnect { code: u32, reason: String },
}

/// What a server can do; its limits are the highest numbers, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) name: String,
    pub(super) min_version: u16,
    pub(super) max_version: u16,
    pub(super) max_region: u16,
    pub(super) max_to_client_ring: u16,
    pub(super) max_to_server_ring: u16,
    pub(super) max_log2_ring: u8,
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Init {
    pub(super) version: u16,
    pub(super) id: u32,
    /// 0 for Ethernet frames.
    pub(super) mode: u8,
    pub(super) name: String,
}

/// Where a ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AddRing {
    pub(super) to_server: bool,
    pub(super) index: u16,
    pub(super) region: u16,
    pub(super) offset: u32,
    pub(super) log2_size: u8,
}

impl Message {
    pub(super) fn encode(&self) -> [u8; SIZE] {
        let mut writer = Writer { bytes: [0; SIZE], at: 0 };
        match self {
            Self::Ack => writer.u16(1),
            Self::Hello(hello) => {
                writer.u16(2);
                writer.text(&hello.name, NAME);
                let ring = [hello.max_to_client_ring, hello.max_to_server_ring];
                for value in [hello.min_version, hello.max_version, hello.max_region].iter().chain(&ring) {
                    writer.u16(*value);
                }
                writer.put(&[hello.max_log2_ring]);
            }
            Self::Init(init) => {
                writer.u16(3);
                writer.u16(init.version);
                writer.put(&init.id.to_ne_bytes());
                writer.put(&[init.mode]);
                writer.put(&[0; SECRET]);
                writer.text(&init.name, NAME);
            }
            Self::AddRegion { index, size } => {
                writer.u16(4);
                writer.u16(*index);
                writer.put(&size.to_ne_bytes());
            }
            Self::AddRing(ring) => {
                writer.u16(5);
                writer.u16(if ring.to_server { TO_SERVER } else { 0 });
                writer.u16(ring.index);
                writer.u16(ring.region);
                writer.put(&ring.offset.to_ne_bytes());
                writer.put(&[ring.log2_size]);
            }
            Self::Connect { interface } => {
                writer.u16(6);
                writer.text(interface, NAME);
            }
            Self::Connected { interface } => {
                writer.u16(7);
                writer.text(interface, NAME);
            }
            Self::Disconnect { code, reason } => {
                writer.u16(8);
                writer.put(&code.to_ne_bytes());
                writer.text(reason, REASON);
            }
        }
        writer.bytes
    }

    /// Reads a message; the error says what is wrong, as the peer may be told.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let bytes: &[u8; SIZE] = bytes.try_into().map_err(|_| "Invalid message size")?;
        let mut reader = Reader { bytes, at: 0 };
        Ok(match reader.u16() {
            1 => Self::Ack,
            2 => Self::Hello(Hello {
                name: reader.text(NAME),
                min_version: reader.u16(),
                max_version: reader.u16(),
                max_region: reader.u16(),
                max_to_client_ring: reader.u16(),
                max_to_server_ring: reader.u16(),
                max_log2_ring: reader.take::<1>()[0],
            }),
            3 => {
                let (version, id) = (reader.u16(), u32::from_ne_bytes(reader.take()));
                let [mode] = reader.take();
                reader.take::<SECRET>();
                Self::Init(Init { version, id, mode, name: reader.text(NAME) })
            }
            4 => Self::AddRegion { index: reader.u16(), size: u64::from_ne_bytes(reader.take()) },
            5 => Self::AddRing(AddRing {
                to_server: reader.u16() & TO_SERVER != 0,
                index: reader.u16(),
                region: reader.u16(),
                offset: u32::from_ne_bytes(reader.take()),
                log2_size: reader.take::<1>()[0],
            }),
            6 => Self::Connect { interface: reader.text(NAME) },
            7 => Self::Connected { interface: reader.text(NAME) },
            8 => Self::Disconnect { code: u32::from_ne_bytes(reader.take()), reason: reader.text(REASON) },
            _ => return Err("Unknown message type"),
        })
    }
}

struct Writer {
    bytes: [u8; SIZE],
    at: usize,
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn u16(&mut self, value: u16) {
        self.put(&value.to_ne_bytes());
    }

    /// Writes text into a field of `len` bytes, at least one of them 0.
    fn text(&mut self, text: &str, len: usize) {
        let cut = text.floor_char_boundary(len - 1);
        self.bytes[self.at..self.at + cut].copy_from_slice(&text.as_bytes()[..cut]);
        self.at += len;
    }
}

struct Reader<'a> {
    bytes: &'a [u8; SIZE],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let taken = std::array::from_fn(|index| self.bytes[self.at + index]);
        self.at += N;
        taken
    }

    fn u16(&mut self) -> u16 {
        u16::from_ne_bytes(self.take())
    }

    /// The text up to its 0 byte, or all of the field where there is none.
    fn text(&mut self, len: usize) -> String {
        let field = &self.bytes[self.at..self.at + len];
        self.at += len;
        let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn messages() -> impl Strategy<Value = Message> {
        let name = "[a-z0-9 ]{0,31}";
        let hello = (name, any::<[u16; 5]>(), any::<u8>()).prop_map(|(name, limits, max_log2_ring)| {
            let [min_version, max_version, max_region, max_to_client_ring, max_to_server_ring] = limits;
            Message::Hello(Hello {
                name,
                min_version,
                max_version,
                max_region,
                max_to_client_ring,
                max_to_server_ring,
                max_log2_ring,
            })
        });
        let init = (any::<u16>(), any::<u32>(), any::<u8>(), name)
            .prop_map(|(version, id, mode, name)| Message::Init(Init { version, id, mode, name }));
        let ring = (any::<bool>(), any::<[u16; 2]>(), any::<u32>(), any::<u8>()).prop_map(
            |(to_server, [index, region], offset, log2_size)| {
                Message::AddRing(AddRing { to_server, index, region, offset, log2_size })
            },
        );
        prop_oneof![
            Just(Message::Ack),
            hello,
            init,
            (any::<u16>(), any::<u64>()).prop_map(|(index, size)| Message::AddRegion { index, size }),
            ring,
            name.prop_map(|interface| Message::Connect { interface }),
            name.prop_map(|interface| Message::Connected { interface }),
            (any::<u32>(), "[a-z0-9 ]{0,95}").prop_map(|(code, reason)| Message::Disconnect { code, reason }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(message in messages()) {
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }

        #[test]
        fn any_bytes_are_a_message_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let of_size = bytes.len() == SIZE;
            prop_assert!(of_size || Message::decode(&bytes) == Err("Invalid message size"));
            bytes.resize(SIZE, 0);
            for kind in 0..10u16 {
                bytes[..2].copy_from_slice(&kind.to_ne_bytes());
                let read = Message::decode(&bytes);
                prop_assert_eq!(read.is_ok(), (1..=8).contains(&kind));
                // What was read says the same when it is written: only what no field holds is lost.
                prop_assert!(read.is_err() || Message::decode(&read.clone().unwrap().encode()).is_ok());
            }
        }
    }

    #[test]
    fn fields_lie_where_libmemif_has_them() {
        let ring = AddRing { to_server: true, index: 2, region: 3, offset: 0x0405_0607, log2_size: 10 };
        let mut expected = [0; SIZE];
        let bytes =
            [5u16, 1, 2, 3].into_iter().flat_map(u16::to_ne_bytes).chain(0x0405_0607u32.to_ne_bytes());
        bytes.chain([10]).zip(&mut expected).for_each(|(byte, to)| *to = byte);
        assert_eq!(Message::AddRing(ring).encode(), expected);

        let init = Init { version: VERSION, id: 7, mode: 0, name: "x".into() };
        let bytes = Message::Init(init).encode();
        assert_eq!(bytes[4..8], 7u32.to_ne_bytes());
        // Type, version, id, mode and secret stand before the name.
        assert_eq!(bytes[2 + 2 + 4 + 1 + 24], b'x');
    }

    #[test]
    fn long_names_are_cut_and_end_with_a_zero() {
        let bytes = Message::Connect { interface: "ä".repeat(40) }.encode();
        assert_eq!((bytes[2 + 30], bytes[2 + 31]), (0, 0));
        assert_eq!(Message::decode(&bytes), Ok(Message::Connect { interface: "ä".repeat(15) }));
    }
}
