-- IPv6 (RFC 8200).

local ffi = require "ffi"
local bit = require "bit"
local template = require "proto.template"

local band, bor, rshift, lshift, bswap = bit.band, bit.bor, bit.rshift, bit.lshift, bit.bswap

local ip6 = {
	PROTO_TCP = 0x06, PROTO_UDP = 0x11, PROTO_GRE = 0x2f, PROTO_ESP = 0x32, PROTO_AH = 0x33, PROTO_ICMP = 0x3a,
}

local next_headers = {
	icmp = ip6.PROTO_ICMP, udp = ip6.PROTO_UDP, tcp = ip6.PROTO_TCP, esp = ip6.PROTO_ESP, ah = ip6.PROTO_AH, gre = ip6.PROTO_GRE,
}

---------------------------------------------------------------- addresses

local address = {}
address.__index = address
local address_type = ffi.typeof("union ip6_address")

--- The address with its bytes turned around: what `parseIP6Address` gives and `set` takes.
function address:get()
	local turned = address_type()
	turned:set(self)
	return turned
end

function address:set(addr)
	local high, low = bswap(addr.uint64[0]), bswap(addr.uint64[1])
	self.uint64[0] = low
	self.uint64[1] = high
end

function address:setString(ip)
	self:set(parseIP6Address(ip))
end

--- The address as it lies in a packet; turned around first if asked.
function address:getString(turn)
	local b = (turn and self:get() or self).uint8
	return ("%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x"):format(b[0], b[1], b[2], b[3], b[4],
		b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15])
end

--- The sum of a 128-bit number and a double, as low and high half.
local function sum(low, high, val)
	if val >= 0 then
		local result = low + (val + 0ULL)
		return result, result < low and high + 1 or high
	end
	local result = low - (-val + 0ULL)
	return result, result > low and high - 1 or high
end

--- Adds a number to an address that lies in a packet.
function address:add(val)
	local low, high = sum(bswap(self.uint64[1]), bswap(self.uint64[0]), val)
	self.uint64[1] = bswap(low)
	self.uint64[0] = bswap(high)
end

--- A turned address and a number make a turned address.
function address.__add(a, b)
	if not ffi.istype(address_type, a) then
		a, b = b, a
	end
	local result = address_type()
	result.uint64[0], result.uint64[1] = sum(a.uint64[0], a.uint64[1], b)
	return result
end

function address:__sub(val)
	return self + -val
end

function address.__eq(a, b)
	return ffi.istype(address_type, a) and ffi.istype(address_type, b) and a.uint64[0] == b.uint64[0] and a.uint64[1] == b.uint64[1]
end

function address.__lt(a, b)
	local high_a, high_b = bswap(a.uint64[0]), bswap(b.uint64[0])
	if high_a == high_b then
		return bswap(a.uint64[1]) < bswap(b.uint64[1])
	end
	return high_a < high_b
end

ffi.metatype(address_type, address)

---------------------------------------------------------------- header

ip6.headerFormat = [[
	uint32_t vtf; uint16_t len; uint8_t nextHeader; uint8_t ttl; union ip6_address src; union ip6_address dst;]]

local header = template.initHeader()

template.fields(header, {
	{ "VersionClassLabel", "vtf", 32, 0x60000000 }, { "Length", "len", 16, 8 }, { "NextHeader", "nextHeader", 8, ip6.PROTO_UDP },
	{ "TTL", "ttl", 8, 64 },
})

--- Accessors for some bits of the first word.
local function bits(name, shift, mask, default)
	local keep = bit.bnot(lshift(mask, shift))
	header["set" .. name] = function(self, int)
		self.vtf = bswap(bor(band(bswap(self.vtf), keep), lshift(band(int or default, mask), shift)))
	end
	header["get" .. name] = function(self)
		return band(rshift(bswap(self.vtf), shift), mask)
	end
	header["get" .. name .. "String"] = header["get" .. name]
end

bits("Version", 28, 0xf, 6)
bits("TrafficClass", 20, 0xff, 0)
bits("FlowLabel", 0, 0xfffff, 0)

function header:getNextHeaderString()
	local number = self:getNextHeader()
	local name = template.name_of(next_headers, number)
	return ("0x%02x (%s)"):format(number, name and name:upper() or "unknown")
end

function header:setDst(addr) self.dst:set(addr) end
function header:getDst() return self.dst:get() end
function header:setSrc(addr) self.src:set(addr) end
function header:getSrc() return self.src:get() end
function header:setDstString(str) self.dst:setString(str) end
function header:getDstString() return self.dst:getString() end
function header:setSrcString(str) self.src:setString(str) end
function header:getSrcString() return self.src:getString() end

local function set_address(field, value)
	if type(value) == "string" then
		field:setString(value)
	else
		field:set(value)
	end
end

template.arguments(header, "ip6", {
	{ "Version" }, { "TrafficClass" }, { "FlowLabel" }, { "Length" }, { "NextHeader" }, { "TTL" },
}, function(self, args, pre)
	set_address(self.src, args[pre .. "Src"] or "fe80::1")
	set_address(self.dst, args[pre .. "Dst"] or "fe80::2")
end)

local get = header.get
function header:get(pre)
	local args = get(self, pre)
	args[(pre or "ip6") .. "Src"] = self:getSrcString()
	args[(pre or "ip6") .. "Dst"] = self:getDstString()
	return args
end

function header:getString()
	return ("IP6 %s > %s ver %s tc %s fl %s len %s next %s ttl %s"):format(self:getSrcString(), self:getDstString(),
		self:getVersion(), self:getTrafficClass(), self:getFlowLabel(), self:getLength(), self:getNextHeaderString(), self:getTTL())
end

function header:resolveNextHeader()
	return template.name_of(next_headers, self:getNextHeader())
end

function header:setDefaultNamedArgs(pre, namedArgs, nextHeader, accumulatedLength)
	if namedArgs.pktLength then
		namedArgs[pre .. "Length"] = namedArgs[pre .. "Length"] or namedArgs.pktLength - (accumulatedLength + 40)
	end
	namedArgs[pre .. "NextHeader"] = namedArgs[pre .. "NextHeader"] or next_headers[nextHeader]
	return namedArgs
end

ip6.metatype = header

return ip6
