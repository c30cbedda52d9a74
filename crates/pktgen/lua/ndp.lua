-- A task that answers neighbour solicitations for addresses and prefixes, and asks for others' addresses.

local ffi = require "ffi"
local eth = require "proto.ethernet"
local ip6 = require "proto.ip6"
local icmp = require "proto.icmp"
local header = require "proto.ndp"
local neighbors = require "rackless.neighbors"
local log = require "log"

local mod = {}
local SOLICITATION, ADVERTISEMENT = icmp.v6.NEIGHBOR_SOLICITATION.type, icmp.v6.NEIGHBOR_ADVERTISEMENT.type
-- Ethernet, IPv6, ICMPv6, and a body with one option.
local LENGTH = 14 + 40 + 4 + 28
local SHORTEST = 14 + 40 + 4 + 20

local family = { task = "__RACKLESS_NDP_TASK", name = "NDP", space = "rackless.ndp" }

--- An address in one text form, given as text or as an address in a packet.
function family.key(ip)
	if type(ip) == "cdata" then
		return ip:getString()
	end
	local address = parseIP6Address(ip)
	return address and address:getString(true)
end

--- An address or prefix as {address in wire order, bits}.
local function parse_prefix(text)
	local ip, bits = text:match("^([^/]+)/(%d+)$")
	local address = parseIP6Address(ip or text)
	if not address or tonumber(bits or 128) > 128 then
		log:fatal("not an IPv6 address or prefix: %s", text)
	end
	return { address = address:get(), bits = tonumber(bits or 128) }
end

local function covers(prefix, address)
	local whole, rest = math.floor(prefix.bits / 8), prefix.bits % 8
	for i = 0, whole - 1 do
		if prefix.address.uint8[i] ~= address.uint8[i] then
			return false
		end
	end
	return rest == 0 or bit.rshift(bit.bxor(prefix.address.uint8[whole], address.uint8[whole]), 8 - rest) == 0
end

function family.prepare(nic)
	nic.prefixes = map(deepCopy(nic.ips), parse_prefix)
	if nic.rxQueue then
		require "filter"
		nic.txQueue.dev:fiveTupleFilter({ proto = ip6.PROTO_ICMP }, nic.rxQueue)
	end
end

--- Sends a message whose fields are given as for `fill`; multicast goes to the group's MAC address.
local function send(nic, bufs, args)
	bufs:alloc(LENGTH)
	args.ethSrc, args.ip6TTL, args.ndpMac, args.pktLength = nic.txQueue, 255, nic.txQueue, LENGTH
	args.icmpCode = 0
	bufs[1]:getNdpPacket():fill(args)
	bufs[1]:fillChecksums()
	nic.txQueue:send(bufs)
end

--- Asks the group of nodes whose address ends in the same three bytes.
function family.ask(nic, bufs, key)
	local target = parseIP6Address(key)
	local group = parseIP6Address("ff02::1:ff00:0")
	ffi.copy(group, target, 3) -- parsed addresses start with their lowest byte
	send(nic, bufs, {
		ethDst = ("33:33:ff:%02x:%02x:%02x"):format(target.uint8[2], target.uint8[1], target.uint8[0]),
		ip6Src = nic.source or nic.ips[1]:match("^[^/]*"), ip6Dst = group,
		icmpType = SOLICITATION, ndpTarget = target, ndpOption = header.OPTION_SOURCE,
	})
end

local unspecified = ffi.new("union ip6_address")

local function answer(nic, bufs, packet)
	-- A node that checks whether the address is taken has none yet: it is told by multicast.
	local to_all = packet.ip6.src == unspecified
	send(nic, bufs, {
		ethDst = to_all and "33:33:00:00:00:01" or packet.eth:getSrcString(),
		ip6Src = packet.ndp.target:get(), ip6Dst = to_all and "ff02::1" or packet.ip6.src:get(),
		icmpType = ADVERTISEMENT, ndpTarget = packet.ndp.target:get(), ndpOption = header.OPTION_TARGET,
		ndpFlags = header.FLAG_OVERRIDE + (to_all and 0 or header.FLAG_SOLICITED),
	})
end

function family.handle(nic, bufs, buf, learn)
	local packet = buf:getNdpPacket()
	if buf:getSize() < SHORTEST or packet.eth:getType() ~= eth.TYPE_IP6 or packet.ip6:getNextHeader() ~= ip6.PROTO_ICMP
		or packet.ip6:getTTL() ~= 255 then -- a router never forwards these (RFC 4861, 7.1)
		return
	end
	local kind = packet.icmp:getType()
	if kind == SOLICITATION then
		for _, prefix in ipairs(nic.prefixes) do
			if covers(prefix, packet.ndp.target) then
				return answer(nic, bufs, packet)
			end
		end
	elseif kind == ADVERTISEMENT and buf:getSize() >= LENGTH and packet.ndp:getOption() == header.OPTION_TARGET then
		learn(packet.ndp.target:getString(), packet.ndp.mac:getString())
	end
end

neighbors.define(mod, family)
mod.startNdpTask, mod.stopNdpTask = mod.startTask, mod.stopTask

return mod
