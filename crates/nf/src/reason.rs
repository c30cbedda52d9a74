//! Why a packet was dropped: one byte, with a name.

use std::fmt;

/// Why a packet was dropped.
///
/// Values below [`Reason::OWN`] are the framework's; a network function declares its own with
/// [`drop_reasons!`](crate::drop_reasons) and names them through [`Nf::drop_reasons`](crate::Nf::drop_reasons).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reason(pub u8);

macro_rules! framework_reasons {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl Reason {
            $($(#[$doc])* pub const $name: Reason = Reason($value);)*

            /// The name of a framework reason; `None` for a network function's own.
            pub fn framework_name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

framework_reasons! {
    /// A header is cut short or contradicts itself.
    MALFORMED = 0, "malformed";
    /// The function reads IPv4 and the packet is something else.
    NOT_IPV4 = 1, "not IPv4";
    /// The function reads IPv6 and the packet is something else.
    NOT_IPV6 = 2, "not IPv6";
    /// The function reads TCP and the packet is something else.
    NOT_TCP = 3, "not TCP";
    /// The function reads UDP and the packet is something else.
    NOT_UDP = 4, "not UDP";
    /// The function reads ICMP and the packet is something else.
    NOT_ICMP = 5, "not ICMP";
    /// The function reads ARP and the packet is something else.
    NOT_ARP = 6, "not ARP";
    /// A header was to be pushed and the headroom is too small.
    NO_HEADROOM = 7, "no headroom";
    /// The frame was to grow and the buffer is too small.
    NO_TAILROOM = 8, "no tailroom";
    /// The pool is empty.
    NO_BUFFER = 9, "no buffer";
    /// The chosen output is not wired.
    NO_OUTPUT = 10, "output not wired";
    /// The transmit queue of a port is full.
    TX_FULL = 11, "transmit queue full";
    /// A port does not send frames of this size.
    TOO_LONG = 12, "frame longer than the MTU";
    /// The function asked to hold the packet and did not say how.
    NOT_HELD = 13, "hold without a place";
    /// The function chose to drop it.
    POLICY = 14, "policy";
    /// The function reads SCTP and the packet is something else.
    NOT_SCTP = 15, "not SCTP";
    /// The function reads IGMP and the packet is something else.
    NOT_IGMP = 16, "not IGMP";
    /// The function reads GRE and the packet is something else.
    NOT_GRE = 17, "not GRE";
    /// The function reads VXLAN and the packet is something else.
    NOT_VXLAN = 18, "not VXLAN";
    /// The function reads GTP-U and the packet is something else.
    NOT_GTPU = 19, "not GTP-U";
    /// The function reads MPLS and the packet is something else.
    NOT_MPLS = 20, "not MPLS";
    /// The function reads a VLAN tag and the frame has none.
    NOT_TAGGED = 21, "no VLAN tag";
    /// The function reads a segment routing header and the packet has none.
    NOT_SEGMENT_ROUTED = 22, "no segment routing header";
    /// An IP packet was needed, perhaps of one version, and the packet is something else.
    NOT_IP = 23, "not IP";
    /// A packet was to be taken out of a tunnel and is in none that is known.
    NOT_TUNNELLED = 24, "in no tunnel";
    /// The function panicked with the packet in its hands, or before.
    PANIC = 25, "panic";
    /// The function was given the packet in a batch and did not say what becomes of it.
    NO_OUTCOME = 26, "no outcome";
    /// The function that held the packet was replaced, and its successor did not take it.
    REPLACED = 27, "function replaced";
}

impl Reason {
    /// The first value that belongs to network functions.
    pub const OWN: u8 = 64;

    /// The name of the reason, with `own` the names that the function gave.
    pub fn name(self, own: &'static [&'static str]) -> &'static str {
        self.framework_name()
            .or_else(|| own.get(usize::from(self.0.checked_sub(Self::OWN)?)).copied())
            .unwrap_or("unnamed")
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.framework_name() {
            Some(name) => write!(f, "Reason({name})"),
            None => write!(f, "Reason({})", self.0),
        }
    }
}

/// Declares a network function's own drop reasons.
///
/// # Examples
/// ```
/// rackless_nf::drop_reasons! {
///     /// Why the filter drops.
///     pub enum FilterDrop {
///         /// The source is on the list.
///         Blocked = "source blocked",
///         /// The port is closed.
///         Closed = "port closed",
///     }
/// }
/// assert_eq!(FilterDrop::NAMES, &["source blocked", "port closed"]);
/// let reason: rackless_nf::Reason = FilterDrop::Closed.into();
/// assert_eq!(reason.name(FilterDrop::NAMES), "port closed");
/// ```
#[macro_export]
macro_rules! drop_reasons {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        $vis enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// The names, in the order of the variants.
            $vis const NAMES: &'static [&'static str] = &[$($text),+];
        }

        impl From<$name> for $crate::Reason {
            fn from(reason: $name) -> Self {
                $crate::Reason($crate::Reason::OWN + reason as u8)
            }
        }
    };
}
