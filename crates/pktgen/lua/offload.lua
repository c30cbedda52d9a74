-- Flags and lengths of transmit offloads, computed once.

local bit = require "bit"
local dpdk = require "dpdk"

local mod = {}

local v4 = {
	ip = bit.bor(dpdk.PKT_TX_IPV4, dpdk.PKT_TX_IP_CKSUM),
	udp = bit.bor(dpdk.PKT_TX_IPV4, dpdk.PKT_TX_IP_CKSUM, dpdk.PKT_TX_UDP_CKSUM),
	tcp = bit.bor(dpdk.PKT_TX_IPV4, dpdk.PKT_TX_IP_CKSUM, dpdk.PKT_TX_TCP_CKSUM),
}
local v6 = {
	ip = dpdk.PKT_TX_IPV6, -- the header has no checksum
	udp = bit.bor(dpdk.PKT_TX_IPV6, dpdk.PKT_TX_UDP_CKSUM),
	tcp = bit.bor(dpdk.PKT_TX_IPV6, dpdk.PKT_TX_TCP_CKSUM),
}

--- The flags for "ip", "udp" or "tcp"; IPv4 unless said otherwise.
function mod.flags(kind, ipv4)
	if ipv4 == nil or ipv4 then
		return v4[kind]
	end
	return v6[kind]
end

--- The lengths of the headers in front of layers 3 and 4, as `tx_offload` holds them.
function mod.lengths(ipv4, l2Len, l3Len)
	return (l2Len or 14) + (l3Len or (ipv4 == nil or ipv4) and 20 or 40) * 128
end

--- The control information of a VLAN tag.
function mod.tci(vlan, pcp, cfi)
	return vlan + bit.lshift(pcp or 0, 13) + bit.lshift(cfi or 0, 12)
end

return mod
