-- ICMP (RFC 792) and ICMPv6 (RFC 4443): one header, as in MoonGen.

local ffi = require "ffi"
local native = require "rackless.core".native
local template = require "proto.template"

local icmp = {
	ECHO_REPLY = { type = 0, code = 0 },
	DST_UNR_PORT_UNR = { type = 3, code = 3 },
	ECHO_REQUEST = { type = 8, code = 0 },
	TIME_EXCEEDED_TTL_EXPIRED = { type = 11, code = 0 },
}

local icmp6 = {
	DST_UNR = { type = 1, code = 0 },
	TIME_EXCEEDED = { type = 3, code = 0 },
	ECHO_REQUEST = { type = 128, code = 0 },
	ECHO_REPLY = { type = 129, code = 0 },
	NEIGHBOR_SOLICITATION = { type = 135, code = 0 },
	NEIGHBOR_ADVERTISEMENT = { type = 136, code = 0 },
}
icmp.v6 = icmp6

icmp.headerFormat = "uint8_t type; uint8_t code; uint16_t cs; uint8_t body[];"
icmp.headerVariableMember = "body"

local header = template.initHeader()

template.fields(header, {
	{ "Type", "type", 8, icmp.ECHO_REQUEST.type }, { "Code", "code", 8, icmp.ECHO_REQUEST.code }, { "Checksum", "cs", 16, 0 },
})

-- Names of types and codes of version 4; the header does not know which version it belongs to.
local type_names = { [0] = "echo reply", [3] = "dst. unr.", [8] = "echo request", [11] = "time exceeded" }
local code_names = {
	[0] = function(code) return code == 0 and "correct" or "wrong" end,
	[3] = function(code) return code == 3 and "port unr." end,
	[8] = function(code) return code == 0 and "correct" or "wrong" end,
	[11] = function(code) return code == 0 and "ttl expired" end,
}

function header:getTypeString()
	return ("%s (%s)"):format(self:getType(), type_names[self:getType()] or "unknown")
end

function header:getCodeString()
	local name = code_names[self:getType()]
	return ("%s (%s)"):format(self:getCode(), name and name(self:getCode()) or "unknown")
end

function header:getChecksumString()
	return ("0x%04x"):format(self:getChecksum())
end

--- Fills in the checksum of an ICMP message of this length; that of ICMPv6 needs the whole packet, see
--- `buf:fillChecksums()`.
function header:calculateChecksum(len)
	self.cs = 0
	self.cs = bswap16(native.checksum(self, len or ffi.sizeof(self)))
end

function header:setMessageBody()
end

function header:getMessageBody()
	return 0
end

function header:getMessageBodyString()
	return "<some data>"
end

template.arguments(header, "icmp", { { "Type" }, { "Code" }, { "Checksum" }, { "MessageBody" } })

function header:getString()
	return ("ICMP type %s code %s cksum %s body %s "):format(self:getTypeString(), self:getCodeString(), self:getChecksumString(),
		self:getMessageBodyString())
end

icmp.metatype = header

return icmp, icmp6
