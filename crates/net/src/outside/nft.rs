//! A table of nftables, made over netlink and owned by the socket that made it: the kernel removes it with the socket.

use std::io;
use std::net::Ipv4Addr;

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};

use crate::attribute::Writer;
use crate::fault;
use crate::netlink::answers;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_APPEND: u16 = 0x800;
/// The part of nfnetlink that is nftables (linux/netfilter/nfnetlink.h).
const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NEW_TABLE: u16 = SUBSYSTEM << 8;
const NEW_CHAIN: u16 = SUBSYSTEM << 8 | 3;
const NEW_RULE: u16 = SUBSYSTEM << 8 | 6;
const IPV4: u8 = 2;
/// The table goes with the socket that made it, and nobody else changes it (Linux 5.12).
const OWNED: u32 = 2;
const NESTED: u16 = 0x8000;
/// The register through which the terms of a rule pass values.
const REGISTER: u32 = 1;

/// A table in the network namespace in which it was made; it is gone when this value is.
pub(super) struct Table {
    _socket: Socket,
}

/// A chain of rules.
pub(super) struct Chain {
    pub(super) name: &'static str,
    /// Where packets enter it; `None`: by jumps of other chains only.
    pub(super) hook: Option<Hook>,
    pub(super) rules: Vec<Vec<Term>>,
}

/// Where packets enter a chain.
pub(super) struct Hook {
    kind: &'static str,
    number: u32,
    priority: i32,
}

/// A part of a rule, which holds or does something.
#[derive(Debug, Clone, Copy)]
pub(super) enum Term {
    /// The packet came in by the interface of this index.
    In(u32),
    /// It goes out by this one.
    Out(u32),
    /// It goes out by another.
    NotOut(u32),
    /// It goes out by an interface whose name begins so.
    OutLike(&'static str),
    /// It comes from this address.
    From(Ipv4Addr),
    /// It gets the address of the interface by which it goes out; answers are given back.
    Masquerade,
    /// It goes on in another chain.
    Jump(&'static str),
    /// It goes on where the chain was entered.
    Return,
    Drop,
}

impl Hook {
    /// Where packets leave, after the filters of all others.
    pub(super) const MASQUERADE: Self = Self { kind: "nat", number: 4, priority: 100 };
    /// Where packets pass from one interface to another.
    pub(super) const FORWARD: Self = Self { kind: "filter", number: 2, priority: 0 };
}

impl Table {
    /// Makes a table in the calling thread's network namespace, all of it or nothing.
    pub(super) fn create(name: &str, chains: &[Chain]) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        let mut batch = Batch::default();
        batch.push(BATCH_BEGIN, 0, &[]);
        let table = Writer::default().bytes(1, &text(name)).bytes(2, &OWNED.to_be_bytes()).finish();
        batch.push(NEW_TABLE, NLM_F_ACK | NLM_F_CREATE, &table);
        for chain in chains {
            batch.push(NEW_CHAIN, NLM_F_ACK | NLM_F_CREATE, &chain_message(name, chain));
        }
        for chain in chains {
            for rule in &chain.rules {
                batch.push(
                    NEW_RULE,
                    NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND,
                    &rule_message(name, chain.name, rule),
                );
            }
        }
        batch.push(BATCH_END, 0, &[]);
        socket.send(&batch.bytes, 0)?;
        batch.await_answers(&socket)?;
        fault::step();
        Ok(Self { _socket: socket })
    }
}

/// Messages that are carried out together.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    count: u32,
}

impl Batch {
    fn push(&mut self, kind: u16, flags: u16, attributes: &[u8]) {
        self.count += 1;
        let framing = matches!(kind, BATCH_BEGIN | BATCH_END);
        let (family, resource) = if framing { (0, SUBSYSTEM) } else { (IPV4, 0) };
        let length = u32::try_from(20 + attributes.len()).expect("a rule is far below 4 GiB");
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&(NLM_F_REQUEST | flags).to_ne_bytes());
        self.bytes.extend_from_slice(&self.count.to_ne_bytes());
        self.bytes.extend_from_slice(&0u32.to_ne_bytes());
        self.bytes.extend_from_slice(&[family, 0]);
        self.bytes.extend_from_slice(&resource.to_be_bytes());
        self.bytes.extend_from_slice(attributes);
    }

    /// Waits for the acknowledgements of all messages but the first and the last, which get none.
    fn await_answers(&self, socket: &Socket) -> io::Result<()> {
        let mut missing = self.count - 2;
        let mut buffer = vec![0u8; 32 * 1024];
        while missing > 0 {
            let length = socket.recv(&mut &mut buffer[..], 0)?;
            for answer in answers(&buffer[..length]) {
                if answer.code != 0 {
                    return Err(io::Error::from_raw_os_error(-answer.code));
                }
                missing = missing.saturating_sub(1);
            }
        }
        Ok(())
    }
}

fn chain_message(table: &str, chain: &Chain) -> Vec<u8> {
    let mut message = Writer::default();
    message.bytes(1, &text(table)).bytes(3, &text(chain.name));
    if let Some(hook) = &chain.hook {
        let place = Writer::default()
            .bytes(1, &hook.number.to_be_bytes())
            .bytes(2, &hook.priority.to_be_bytes())
            .finish();
        message.bytes(4 | NESTED, &place).bytes(7, &text(hook.kind));
    }
    message.finish()
}

fn rule_message(table: &str, chain: &str, rule: &[Term]) -> Vec<u8> {
    let mut list = Writer::default();
    for (name, data) in rule.iter().flat_map(expressions) {
        let expression = Writer::default().bytes(1, &text(name)).bytes(2 | NESTED, &data).finish();
        list.bytes(1 | NESTED, &expression);
    }
    let mut message = Writer::default();
    message.bytes(1, &text(table)).bytes(2, &text(chain)).bytes(4 | NESTED, &list.finish()).finish()
}

/// The kernel's expressions of a term: names and attributes (linux/netfilter/nf_tables.h).
fn expressions(term: &Term) -> Vec<(&'static str, Vec<u8>)> {
    const IN: u32 = 4;
    const OUT: u32 = 5;
    const OUT_NAME: u32 = 7;
    let load =
        |key: u32| Writer::default().bytes(2, &key.to_be_bytes()).bytes(1, &REGISTER.to_be_bytes()).finish();
    let interface = |key: u32, index: u32, differs: bool| {
        vec![("meta", load(key)), compare(&index.to_ne_bytes(), differs)]
    };
    match *term {
        Term::In(index) => interface(IN, index, false),
        Term::Out(index) => interface(OUT, index, false),
        Term::NotOut(index) => interface(OUT, index, true),
        Term::OutLike(start) => vec![("meta", load(OUT_NAME)), compare(start.as_bytes(), false)],
        Term::From(address) => {
            // The source address of an IPv4 header: 4 bytes at 12 of the network header (base 1).
            let fields = [(1, REGISTER), (2, 1_u32), (3, 12), (4, 4)];
            let mut load = Writer::default();
            for (kind, value) in fields {
                load.bytes(kind, &value.to_be_bytes());
            }
            vec![("payload", load.finish()), compare(&address.octets(), false)]
        }
        Term::Masquerade => vec![("masq", Vec::new())],
        Term::Drop => vec![verdict(0, None)],
        Term::Return => vec![verdict(-5, None)],
        Term::Jump(chain) => vec![verdict(-3, Some(chain))],
    }
}

fn compare(value: &[u8], differs: bool) -> (&'static str, Vec<u8>) {
    let data = Writer::default().bytes(1, value).finish();
    let attributes = Writer::default()
        .bytes(1, &REGISTER.to_be_bytes())
        .bytes(2, &u32::from(differs).to_be_bytes())
        .bytes(3 | NESTED, &data)
        .finish();
    ("cmp", attributes)
}

fn verdict(code: i32, chain: Option<&str>) -> (&'static str, Vec<u8>) {
    let mut verdict = Writer::default();
    verdict.bytes(1, &code.to_be_bytes());
    if let Some(chain) = chain {
        verdict.bytes(2, &text(chain));
    }
    let data = Writer::default().bytes(2 | NESTED, &verdict.finish()).finish();
    // Register 0 is the verdict.
    ("immediate", Writer::default().bytes(1, &0u32.to_be_bytes()).bytes(2 | NESTED, &data).finish())
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use nix::sched::{CloneFlags, unshare};

    use super::*;

    /// Lists what the kernel says of all tables in the calling thread's namespace.
    fn tables() -> Vec<u8> {
        const GET_TABLE: u16 = SUBSYSTEM << 8 | 1;
        const DUMP: u16 = 0x300;
        let mut socket = Socket::new(NETLINK_NETFILTER).expect("a socket");
        socket.bind_auto().expect("an address");
        let mut batch = Batch::default();
        batch.push(GET_TABLE, DUMP, &[]);
        socket.send_to(&batch.bytes, &SocketAddr::new(0, 0), 0).expect("the kernel takes it");
        let mut answer = vec![0; 32 * 1024];
        let length = socket.recv(&mut &mut answer[..], 0).expect("an answer");
        answer.truncate(length);
        answer
    }

    #[test]
    fn privileged_a_table_goes_with_its_owner() {
        let has = |name: &[u8]| tables().windows(name.len()).any(|part| part == name);
        let test = move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace, which needs root");
            let rules = vec![
                vec![Term::From(Ipv4Addr::LOCALHOST), Term::NotOut(7), Term::Masquerade],
                vec![Term::Out(1), Term::Masquerade],
            ];
            let chains = [
                Chain { name: "leave", hook: Some(Hook::MASQUERADE), rules },
                Chain {
                    name: "closed",
                    hook: None,
                    rules: vec![vec![Term::OutLike("rk"), Term::Return], vec![Term::Drop]],
                },
                Chain {
                    name: "pass",
                    hook: Some(Hook::FORWARD),
                    rules: vec![vec![Term::In(1), Term::Jump("closed")]],
                },
            ];
            let table = Table::create("rackless-try", &chains).expect("nftables of Linux 5.12 or later");
            assert!(has(b"rackless-try"));
            let again = Table::create("rackless-try", &chains).err().expect("it is another's");
            assert_eq!(again.raw_os_error(), Some(nix::libc::EPERM));
            drop(table);
            assert!(!has(b"rackless-try"));
        };
        std::thread::spawn(test).join().expect("the test in a namespace of its own");
    }
}
