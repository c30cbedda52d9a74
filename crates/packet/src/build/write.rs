//! Writing a complete packet.

use super::headers::{Head, Headers};
use super::ip::Network;
use super::{Error, EthernetStage};

/// A packet with all its layers, which may be written.
#[derive(Debug, Clone, Copy)]
#[must_use = "a packet is not built until it is written"]
pub struct Complete<'a> {
    pub(super) headers: Headers<'a>,
    pub(super) payload: &'a [u8],
}

impl<'a> Complete<'a> {
    #[inline]
    pub(super) fn new(ethernet: EthernetStage, network: Network<'a>, payload: &'a [u8]) -> Self {
        Self { headers: Headers::new(ethernet, network), payload }
    }

    #[inline]
    pub(super) fn with_head(mut self, kind: Head, head: &[u8]) -> Self {
        self.headers = self.headers.with_head(kind, head);
        self
    }

    /// Writes the frame to the start of `out` and returns its length. Nothing is allocated; bytes behind the frame
    /// stay as they are.
    ///
    /// # Errors
    /// If `out` is too short, options or payload too long, or extension headers not whole.
    pub fn write_into(&self, out: &mut [u8]) -> Result<usize, Error> {
        self.headers.check(self.payload.len())?;
        let (needed, available) = (self.frame_len(), out.len());
        let out = out.get_mut(..needed).ok_or(Error::NoRoom { needed, available })?;
        out[self.headers.len()..].copy_from_slice(self.payload);
        self.headers.fill(out)?;
        Ok(needed)
    }

    /// Returns the frame.
    ///
    /// # Errors
    /// If options or payload are too long, or extension headers not whole.
    pub fn to_vec(&self) -> Result<Vec<u8>, Error> {
        self.headers.check(self.payload.len())?;
        let mut frame = vec![0; self.frame_len()];
        self.write_into(&mut frame)?;
        Ok(frame)
    }

    /// Returns the headers alone, to be written in front of a payload that is in place already.
    pub const fn headers(&self) -> Headers<'a> {
        self.headers
    }

    /// Returns the length of the whole frame, as [`Complete::write_into`] writes it.
    pub fn frame_len(&self) -> usize {
        self.headers.len() + self.payload.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Build, SOLICITED_OVERRIDE, may_answer_with_error};
    use crate::checksum::{Verdict, verify};
    use crate::ethernet::EtherType;
    use crate::icmpv4::UnreachableCode;
    use crate::icmpv6::TimeExceededCode;
    use crate::ipv4::IpProtocol;
    use crate::layout::Layout;
    use crate::mac::MacAddr;
    use crate::tcp::TcpFlags;

    const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    #[test]
    fn a_neighbour_solicitation_is_built_byte_for_byte() {
        let frame = Build::neighbour_solicitation(A, "fe80::1".parse().unwrap(), "fe80::2".parse().unwrap());
        let frame = frame.to_vec().unwrap();
        let text: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            text,
            "3333ff00000202000000000186dd\
             6000000000203afffe800000000000000000000000000001ff0200000000000000000001ff000002\
             8700\
             7a97\
             00000000fe800000000000000000000000000002\
             0101020000000001"
        );
    }

    #[test]
    fn errors_quote_no_more_than_the_rfcs_allow() {
        let long = vec![7; 3000];
        let v4 = Build::ethernet(A, B).ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let v4 = v4.unreachable(UnreachableCode::HOST, &long).to_vec().unwrap();
        assert_eq!((v4.len(), verify(&v4)), (14 + 576, Verdict::Correct));
        let v6 = Build::ethernet(A, B).ipv6("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        let v6 = v6.time_exceeded(TimeExceededCode::HOP_LIMIT, &long).to_vec().unwrap();
        assert_eq!((v6.len(), verify(&v6)), (14 + 1280, Verdict::Correct));
        assert!(!may_answer_with_error(&v4, &Layout::scan(&v4)));
        assert!(!may_answer_with_error(&v6, &Layout::scan(&v6)));
    }

    #[test]
    fn an_error_is_sent_about_ordinary_packets_only() {
        let allowed = |frame: Complete| {
            let frame = frame.to_vec().unwrap();
            may_answer_with_error(&frame, &Layout::scan(&frame))
        };
        let v4 = |dst, to: [u8; 4]| {
            Build::ethernet(A, dst).ipv4([10, 0, 0, 1].into(), to.into()).echo_request(1, 1, &[])
        };
        assert!(allowed(v4(B, [10, 0, 0, 2])));
        assert!(!allowed(v4(MacAddr::BROADCAST, [10, 0, 0, 2])));
        assert!(!allowed(v4(B, [255; 4])));
        assert!(!allowed(v4(B, [224, 0, 0, 1])));
        let from_nobody = Build::neighbour_solicitation(A, "::".parse().unwrap(), "fe80::2".parse().unwrap());
        assert!(!allowed(from_nobody));
        assert!(!allowed(Build::arp_request(A, [10, 0, 0, 1].into(), [10, 0, 0, 2].into())));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let tcp = Build::ethernet(A, B).ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(1, 2);
        assert_eq!(tcp.write_into(&mut [0; 53]), Err(Error::NoRoom { needed: 54, available: 53 }));
        assert_eq!(tcp.options(&[1; 41]).to_vec(), Err(Error::Options { len: 41 }));
        let long = vec![0; 65_496];
        assert_eq!(tcp.payload(&long).to_vec(), Err(Error::TooLong { len: 65_536 }));
        assert_eq!(tcp.payload(&long[1..]).to_vec().map(|frame| frame.len()), Ok(65_549));
        let v6 = Build::ethernet(A, B).ipv6("::1".parse().unwrap(), "::2".parse().unwrap());
        let chain = [60, 0, 1, 4, 0, 0, 0, 0, 1];
        assert_eq!(v6.extensions(IpProtocol::HOP_BY_HOP, &chain).udp(1, 2).to_vec(), Err(Error::Extensions));
        let three = Build::ethernet(A, B).qinq(1).vlan(2).vlan(3);
        assert_eq!(three.payload(EtherType::LLDP, &[]).to_vec(), Err(Error::VlanTags));
    }

    #[test]
    fn a_buffer_used_before_leaves_no_trace() {
        let syn = Build::ethernet(A, B)
            .qinq(5)
            .vlan(6)
            .ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .options(&[148, 4, 0, 0, 1])
            .tcp(1, 2)
            .flags(TcpFlags::SYN)
            .options(&[2, 4, 5, 180, 1]);
        let mut used = [0xff; 100];
        let len = syn.write_into(&mut used).unwrap();
        assert_eq!((len, syn.frame_len()), (22 + 28 + 28, 78));
        assert_eq!(used[..len], syn.to_vec().unwrap());
        assert!(used[len..].iter().all(|&byte| byte == 0xff));
        assert_eq!(verify(&used[..len]), Verdict::Correct);
    }

    #[test]
    fn advertisements_echoes_and_arp_have_right_checksums() {
        let (a, b) = ("fd00::a".parse().unwrap(), "fd00::b".parse().unwrap());
        let frames = [
            Build::neighbour_advertisement(A, a, B, b, SOLICITED_OVERRIDE).to_vec(),
            Build::ethernet(A, B).ipv6(a, b).echo_reply(7, 8, b"odd").to_vec(),
            Build::ethernet(A, B).ipv6(a, b).packet_too_big(1280, b"x").to_vec(),
            Build::ethernet(A, B)
                .ipv4([1; 4].into(), [2; 4].into())
                .fragmentation_needed(1280, b"x")
                .to_vec(),
            Build::arp_reply(A, [1; 4].into(), B, [2; 4].into()).to_vec(),
        ];
        for frame in frames {
            let frame = frame.unwrap();
            assert_eq!(verify(&frame), Verdict::Correct);
            assert_eq!(Layout::scan(&frame).malformed, None);
        }
    }
}
