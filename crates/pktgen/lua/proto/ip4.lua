-- IPv4 (RFC 791).

local ffi = require "ffi"
local bit = require "bit"
local native = require "rackless.core".native
local template = require "proto.template"

local band, bor, rshift, lshift, bswap = bit.band, bit.bor, bit.rshift, bit.lshift, bit.bswap

local ip = {
	PROTO_ICMP = 0x01, PROTO_TCP = 0x06, PROTO_UDP = 0x11, PROTO_GRE = 0x2f, PROTO_ESP = 0x32, PROTO_AH = 0x33,
	PROTO_SCTP = 0x84, NULL = "0.0.0.0",
}

local next_headers = {
	icmp = ip.PROTO_ICMP, udp = ip.PROTO_UDP, tcp = ip.PROTO_TCP, esp = ip.PROTO_ESP, ah = ip.PROTO_AH, gre = ip.PROTO_GRE,
}

---------------------------------------------------------------- addresses

local address = {}
address.__index = address
local address_type = ffi.typeof("union ip4_address")

--- The address as a number.
function address:get()
	return bswap(self.uint32)
end

function address:set(ip)
	self.uint32 = bswap(ip)
end

function address:setString(ip)
	self:set(parseIP4Address(ip))
end

function address:getString()
	local b = self.uint8
	return ("%d.%d.%d.%d"):format(b[0], b[1], b[2], b[3])
end

function address:add(val)
	self:set(self:get() + val)
end

function address.__eq(a, b)
	return ffi.istype(address_type, a) and ffi.istype(address_type, b) and a.uint32 == b.uint32
end

--- An address and a number make a number.
function address.__add(a, b)
	if not ffi.istype(address_type, a) then
		a, b = b, a
	end
	return a:get() + b
end

function address:__sub(val)
	return self:get() - val
end

ffi.metatype(address_type, address)

---------------------------------------------------------------- header

ip.headerFormat = [[
	uint8_t verihl; uint8_t tos; uint16_t len; uint16_t id; uint16_t frag; uint8_t ttl; uint8_t protocol; uint16_t cs;
	union ip4_address src; union ip4_address dst; uint8_t options[];]]
ip.headerVariableMember = "options"

local header = template.initHeader()

template.fields(header, {
	{ "TOS", "tos", 8, 0 }, { "Length", "len", 16, 48 }, { "ID", "id", 16, 0 }, { "TTL", "ttl", 8, 64 },
	{ "Protocol", "protocol", 8, ip.PROTO_UDP }, { "Checksum", "cs", 16, 0 }, { "FlagsAndFragment", "frag", 16, 0 },
})

function header:setVersion(int)
	self.verihl = bor(band(self.verihl, 0x0f), lshift(band(int or 4, 0x0f), 4))
end

function header:getVersion()
	return rshift(self.verihl, 4)
end

--- The header length in words of four bytes.
function header:setHeaderLength(int)
	self.verihl = bor(band(self.verihl, 0xf0), band(int or 5, 0x0f))
end

function header:getHeaderLength()
	return band(self.verihl, 0x0f)
end

function header:setFlags(int)
	self:setFlagsAndFragment(bor(band(self:getFlagsAndFragment(), 0x1fff), lshift(band(int or 0, 7), 13)))
end

function header:getFlags()
	return rshift(self:getFlagsAndFragment(), 13)
end

function header:setFragment(int)
	self:setFlagsAndFragment(bor(band(self:getFlagsAndFragment(), 0xe000), band(int or 0, 0x1fff)))
end

function header:getFragment()
	return band(self:getFlagsAndFragment(), 0x1fff)
end

for _, name in ipairs { "Version", "HeaderLength", "Flags", "Fragment" } do
	header["get" .. name .. "String"] = header["get" .. name]
end

function header:getProtocolString()
	local number = self:getProtocol()
	local name = template.name_of(next_headers, number)
	return ("0x%02x (%s)"):format(number, name and name:upper() or "unknown")
end

function header:getChecksumString()
	return ("0x%04x"):format(self:getChecksum())
end

--- Fills the header checksum in.
function header:calculateChecksum()
	self.cs = 0
	self.cs = bswap16(native.checksum(self, self:getHeaderLength() * 4))
end

function header:setDst(int) self.dst:set(int) end
function header:getDst() return self.dst:get() end
function header:setSrc(int) self.src:set(int) end
function header:getSrc() return self.src:get() end
function header:setDstString(str) self.dst:setString(str) end
function header:getDstString() return self.dst:getString() end
function header:setSrcString(str) self.src:setString(str) end
function header:getSrcString() return self.src:getString() end

function header:getVariableLength()
	return (self:getHeaderLength() - 5) * 4
end

function header:getOptionsString()
	local parts = {}
	for i = 0, self:getVariableLength() - 1 do
		parts[#parts + 1] = ("%02x"):format(ffi.cast("uint8_t *", self.options)[i])
	end
	return #parts > 0 and "0x" .. table.concat(parts) or "-"
end

local function set_address(field, value)
	if type(value) == "string" then
		field:setString(value)
	elseif ffi.istype(address_type, value) then
		field.uint32 = value.uint32
	else
		field:set(value)
	end
end

template.arguments(header, "ip4", {
	{ "Version" }, { "HeaderLength" }, { "TOS" }, { "Length" }, { "ID" }, { "Flags" }, { "Fragment" }, { "TTL" },
	{ "Protocol" }, { "Checksum" },
}, function(self, args, pre)
	set_address(self.src, args[pre .. "Src"] or "192.168.1.1")
	set_address(self.dst, args[pre .. "Dst"] or "192.168.1.2")
end)

local get = header.get
function header:get(pre)
	local args = get(self, pre)
	args[(pre or "ip4") .. "Src"] = self:getSrcString()
	args[(pre or "ip4") .. "Dst"] = self:getDstString()
	return args
end

function header:getString()
	return ("IP4 %s > %s ver %s ihl %s tos %s len %s id %s flags %s frag %s ttl %s proto %s cksum %s [%s]"):format(
		self:getSrcString(), self:getDstString(), self:getVersion(), self:getHeaderLength(), self:getTOS(), self:getLength(),
		self:getID(), self:getFlags(), self:getFragment(), self:getTTL(), self:getProtocolString(), self:getChecksumString(),
		self:getOptionsString())
end

function header:resolveNextHeader()
	if self:getFragment() == 0 then
		return template.name_of(next_headers, self:getProtocol())
	end
end

function header:setDefaultNamedArgs(pre, namedArgs, nextHeader, accumulatedLength, headerLength)
	if namedArgs.pktLength then
		namedArgs[pre .. "Length"] = namedArgs[pre .. "Length"] or namedArgs.pktLength - accumulatedLength
	end
	namedArgs[pre .. "Protocol"] = namedArgs[pre .. "Protocol"] or next_headers[nextHeader]
	namedArgs[pre .. "HeaderLength"] = namedArgs[pre .. "HeaderLength"] or headerLength / 4
	return namedArgs
end

ip.metatype = header

return ip
