//! Why the router drops.

rackless_nf::drop_reasons! {
    /// Why the router drops. The reasons that start with "consumed" are no faults: the packet was for the router.
    pub enum RouterDrop {
        /// No prefix of the table covers the destination.
        NoRoute = "no route",
        /// None of the route's next hops answers probes.
        NextHopsDead = "next hops dead",
        /// The TTL or hop limit has run out.
        TtlExceeded = "ttl exceeded",
        /// The destination or next hop does not answer ARP or neighbour discovery.
        NeighbourUnreachable = "neighbour unreachable",
        /// More packets wait for one neighbour than are kept; the oldest goes.
        NeighbourQueueFull = "neighbour queue full",
        /// More neighbours than the table holds.
        NeighbourTableFull = "neighbour table full",
        /// The frame is for another station.
        NotForUs = "frame for another station",
        /// The source is no address that a packet can come from: a group, loopback, unspecified, the router's own.
        MartianSource = "martian source",
        /// The destination is no address that a packet can go to.
        MartianDestination = "martian destination",
        /// The IPv4 header checksum is wrong.
        BadChecksum = "bad IPv4 header checksum",
        /// The checksum of an ICMP message to the router is wrong.
        BadIcmpChecksum = "bad ICMP checksum",
        /// IPv4, longer than the MTU of the next link, and must not be fragmented; or IPv6.
        TooBig = "longer than the next link's MTU",
        /// IPv4, longer than the MTU of the next link, and this router does not fragment.
        NeedsFragmentation = "needs fragmentation, which is not done",
        /// A group: multicast is not forwarded.
        Multicast = "multicast not forwarded",
        /// Limited or directed broadcast.
        Broadcast = "broadcast not forwarded",
        /// Link-local addresses stay on their link.
        LinkLocal = "link-local not forwarded",
        /// The frame has a VLAN tag.
        Tagged = "VLAN tag",
        /// Neither IP nor ARP.
        UnknownEtherType = "neither IP nor ARP",
        /// To the router, which has no UDP services.
        NoUdpService = "no UDP service here",
        /// To the router, which has no TCP services.
        NoTcpService = "no TCP service here",
        /// To the router, with a protocol that it does not speak.
        UnknownProtocol = "unknown protocol to the router",
        /// To the router, which does not reassemble.
        Fragment = "fragment to the router",
        /// An ICMP error that was not sent because too many were.
        IcmpRateLimited = "icmp rate limited",
        /// An ICMP error that was not sent because the router has no address to send it from.
        NoSourceAddress = "no address to send an ICMP error from",
        /// Neighbour discovery that RFC 4861 says to ignore.
        InvalidNdp = "invalid neighbour discovery",
        /// Someone else uses an address of the router.
        AddressConflict = "address conflict",
        /// ARP that asks for or tells of others.
        ArpForOthers = "consumed: ARP of others",
        /// ARP to the router.
        Arp = "consumed: ARP",
        /// Neighbour discovery that asks for others.
        NdpForOthers = "consumed: neighbour discovery of others",
        /// Neighbour discovery to the router.
        Ndp = "consumed: neighbour discovery",
        /// An ICMP message to the router that it has no answer to: an echo reply, an error.
        Icmp = "consumed: ICMP",
    }
}
