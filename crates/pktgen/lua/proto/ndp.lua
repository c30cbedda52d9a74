-- Neighbour discovery (RFC 4861): the body of solicitations and advertisements with one link-layer address option.

local template = require "proto.template"

local ndp = {
	OPTION_SOURCE = 1, OPTION_TARGET = 2,
	FLAG_ROUTER = 0x80000000, FLAG_SOLICITED = 0x40000000, FLAG_OVERRIDE = 0x20000000,
}

ndp.headerFormat = [[
	uint32_t flags; union ip6_address target; uint8_t option; uint8_t optionLength; union mac_address mac;]]

local header = template.initHeader()

template.fields(header, {
	{ "Flags", "flags", 32, 0 }, { "Option", "option", 8, ndp.OPTION_SOURCE }, { "OptionLength", "optionLength", 8, 1 },
})

template.arguments(header, "ndp", { { "Flags" }, { "Option" }, { "OptionLength" } }, function(self, args, pre)
	local target, mac = args[pre .. "Target"] or "fe80::2", args[pre .. "Mac"] or "01:02:03:04:05:06"
	self.target:set(type(target) == "string" and parseIP6Address(target) or target)
	self.mac:setString(type(mac) == "table" and (mac.dev or mac):getMacString() or mac)
end)

local get = header.get
function header:get(pre)
	local args = get(self, pre)
	args[(pre or "ndp") .. "Target"] = self.target:getString()
	args[(pre or "ndp") .. "Mac"] = self.mac:getString()
	return args
end

function header:getString()
	return ("NDP target %s flags 0x%08x option %d mac %s"):format(self.target:getString(), self:getFlags(), self:getOption(),
		self.mac:getString())
end

ndp.metatype = header

return ndp
