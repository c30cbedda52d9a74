-- Values as Lua source, to hand them to another task.
--
-- Tables (trees and shared references, not cycles), strings, numbers, booleans, nil, 64-bit integers, pointers and
-- the address types of the packet library. An object whose metatable has `__serialize` gives its own source.

local ffi = require "ffi"

local mod = {}

local encode

local function number(n)
	if n ~= n then
		return "0/0"
	elseif n == math.huge then
		return "math.huge"
	elseif n == -math.huge then
		return "-math.huge"
	end
	return ("%.17g"):format(n)
end

local function table_source(value, open)
	local meta = getmetatable(value)
	if meta and meta.__serialize then
		return "(function() " .. meta.__serialize(value) .. " end)()"
	end
	if open[value] then
		error("cannot hand a table to another task that contains itself", 0)
	end
	open[value] = true
	local parts = {}
	for k, v in pairs(value) do
		if type(v) == "function" then
			error(("cannot hand a function to another task (key %s)"):format(tostring(k)), 0)
		end
		parts[#parts + 1] = "[" .. encode(k, open) .. "]=" .. encode(v, open)
	end
	open[value] = nil
	return "{" .. table.concat(parts, ",") .. "}"
end

local function cdata_source(value)
	local kind = tostring(ffi.typeof(value)):match("^ctype<(.*)>$")
	if kind == "int64_t" or kind == "uint64_t" then
		return tostring(value)
	elseif kind:find("[%*&]") then
		return ("require'ffi'.cast(%q, 0x%xULL)"):format((kind:gsub("&", "*")), ffi.cast("uintptr_t", value))
	elseif ffi.istype("union mac_address", value) or ffi.istype("union ip4_address", value)
		or ffi.istype("union ip6_address", value) then
		local bytes = {}
		for i = 0, ffi.sizeof(value) - 1 do
			bytes[#bytes + 1] = value.uint8[i]
		end
		return ("require'ffi'.new(%q, {{%s}})"):format(kind, table.concat(bytes, ","))
	end
	error(("cannot hand a value of C type %s to another task"):format(kind), 0)
end

function encode(value, open)
	local kind = type(value)
	if kind == "nil" or kind == "boolean" then
		return tostring(value)
	elseif kind == "number" then
		return number(value)
	elseif kind == "string" then
		return ("%q"):format(value):gsub("\r", "\\r")
	elseif kind == "table" then
		return table_source(value, open)
	elseif kind == "cdata" then
		return cdata_source(value)
	end
	error(("cannot hand a %s to another task"):format(kind), 0)
end

--- The source of a chunk that returns the value.
function mod.dump(value)
	return "return " .. (encode(value, {}))
end

--- The source of a chunk that returns a table with all arguments and their number `n`.
function mod.pack(...)
	return mod.dump { n = select("#", ...), ... }
end

--- Turns source into the value.
function mod.load(source)
	return assert(loadstring(source, "=serialised"))()
end

return mod
