-- What protocol headers have in common, and accessors generated from lists of fields.

local bit = require "bit"

local mod = {}

local header = {}
header.__index = header

--- Arguments that a header can derive from the packet are added to those that were given.
function header:setDefaultNamedArgs(pre, namedArgs)
	return namedArgs
end

--- The name of the protocol behind the header, or nil.
function header:resolveNextHeader()
	return nil
end

--- The length of the header's variable member in bytes, or nil.
function header:getVariableLength()
	return nil
end

--- The variant of the header that its content calls for, or nil.
function header:getSubType()
	return nil
end

--- A metatable for a new header.
function mod.initHeader()
	local new = setmetatable({}, header)
	for name, method in pairs(header) do
		new[name] = method
	end
	new.__index = new
	return new
end

initHeader = mod.initHeader -- MoonGen's protocols find it as a global

-- Each accessor is compiled from text of its own, so that its field and its default are constants for the JIT.
local accessors = {
	[8] = {
		set = "self.%s = int or %s",
		get = "return self.%s",
	},
	[16] = {
		set = "int = int or %2$s; self.%1$s = bor(rshift(int, 8), lshift(band(int, 0xff), 8))",
		get = "local n = self.%s; return bor(rshift(n, 8), lshift(band(n, 0xff), 8))",
	},
	[32] = {
		set = "self.%s = bswap(int or %s)",
		get = "return bswap(self.%s) % 4294967296",
	},
}

local prelude = "local bor, band, rshift, lshift, bswap = bit.bor, bit.band, bit.rshift, bit.lshift, bit.bswap\n"

local function fill_in(template, member, default)
	local values, n = { member, default }, 0
	template = template:gsub("%%(%d?)%$?s", function(index)
		n = n + 1
		return values[tonumber(index) or n]
	end)
	return template
end

local function compile(text, name)
	return assert(loadstring(prelude .. "return function(self, int) " .. text .. " end", "=" .. name))()
end

--- Gives a header set/get/get…String methods for fields {name, member, bits, default}.
function mod.fields(metatype, list)
	for _, field in ipairs(list) do
		local name, member, bits, default = unpack(field)
		metatype["set" .. name] = compile(fill_in(accessors[bits].set, member, default), "set" .. name)
		metatype["get" .. name] = compile(fill_in(accessors[bits].get, member), "get" .. name)
		metatype["get" .. name .. "String"] = metatype["get" .. name .. "String"] or metatype["get" .. name]
	end
end

--- Gives a header `fill` and `get` over named arguments {suffix, method suffix}; fields that are not given get
--- their defaults.
function mod.arguments(metatype, prefix, list, more)
	function metatype:fill(args, pre)
		args, pre = args or {}, pre or prefix
		for _, argument in ipairs(list) do
			self["set" .. (argument[2] or argument[1])](self, args[pre .. argument[1]])
		end
		if more then
			more(self, args, pre)
		end
	end

	function metatype:get(pre)
		pre = pre or prefix
		local args = {}
		for _, argument in ipairs(list) do
			args[pre .. argument[1]] = self["get" .. (argument[2] or argument[1])](self)
		end
		return args
	end
end

--- The key whose value (or one of whose values) is the number.
function mod.name_of(names, number)
	for name, value in pairs(names) do
		if value == number then
			return name
		end
	end
end

return mod
