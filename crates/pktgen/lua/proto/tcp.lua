-- TCP (RFC 9293), with the usual options.

local ffi = require "ffi"
local bit = require "bit"
local template = require "proto.template"

local band, bor, rshift, lshift, bnot = bit.band, bit.bor, bit.rshift, bit.lshift, bit.bnot

local mod = { option = { err = -1, eol = 0, nop = 1, mss = 2, ws = 3, ts = 8 } }
local option_names = {}
for name, number in pairs(mod.option) do
	option_names[number] = name
end
for number, name in pairs(option_names) do
	mod.option[number] = name
end

mod.headerFormat = [[
	uint16_t src; uint16_t dst; uint32_t seq; uint32_t ack; uint8_t offset; uint8_t flags; uint16_t window; uint16_t cs;
	uint16_t urg; uint8_t options[];]]
mod.headerVariableMember = "options"

local header = template.initHeader()

template.fields(header, {
	{ "SrcPort", "src", 16, 1025 }, { "DstPort", "dst", 16, 1024 }, { "SeqNumber", "seq", 32, 0 }, { "AckNumber", "ack", 32, 0 },
	{ "Window", "window", 16, 29200 }, { "Checksum", "cs", 16, 0 }, { "UrgentPointer", "urg", 16, 0 },
})
header.setSrc, header.getSrc, header.getSrcString = header.setSrcPort, header.getSrcPort, header.getSrcPort
header.setDst, header.getDst, header.getDstString = header.setDstPort, header.getDstPort, header.getDstPort

function header:getSeqNumberString() return tostring(self:getSeqNumber()) end
function header:getAckNumberString() return tostring(self:getAckNumber()) end

--- The header length in words of four bytes.
function header:setDataOffset(int)
	self.offset = bor(band(self.offset, 0x0f), lshift(band(int or 5, 0x0f), 4))
end

function header:getDataOffset()
	return rshift(self.offset, 4)
end

function header:getDataOffsetString()
	return ("0x%01x"):format(self:getDataOffset())
end

--- Six bits: the lower four of the offset byte and the upper two of the flags.
function header:setReserved(int)
	int = int or 0
	self.offset = bor(band(self.offset, 0xf0), band(rshift(int, 2), 0x0f))
	self.flags = bor(band(self.flags, 0x3f), band(lshift(int, 6), 0xc0))
end

function header:getReserved()
	return bor(lshift(band(self.offset, 0x0f), 2), rshift(self.flags, 6))
end

function header:getReservedString()
	return ("0x%02x"):format(self:getReserved())
end

function header:setFlags(int)
	self.flags = bor(band(self.flags, 0xc0), band(int or 0, 0x3f))
end

function header:getFlags()
	return band(self.flags, 0x3f)
end

function header:getFlagsString()
	return ("0x%02x"):format(self:getFlags())
end

local flag_order = { "Urg", "Ack", "Psh", "Rst", "Syn", "Fin" }
for i, name in ipairs(flag_order) do
	local mask = lshift(1, 6 - i)
	header["set" .. name] = function(self) self.flags = bor(self.flags, mask) end
	header["unset" .. name] = function(self) self.flags = band(self.flags, bnot(mask)) end
	header["get" .. name] = function(self) return band(self.flags, mask) ~= 0 end
	header["get" .. name .. "String"] = function(self) return band(self.flags, mask) ~= 0 and name:upper() or "-" end
end

function header:getChecksumString()
	return ("0x%04x"):format(self:getChecksum())
end

---------------------------------------------------------------- options

function header:getVariableLength()
	return math.max(0, (self:getDataOffset() - 5) * 4)
end

--- The options as a list of {type, offset, byte = {…}}; one of type -1 says what is wrong behind the last.
function header:getOptions(offset, len)
	local bytes = ffi.cast("uint8_t *", self.options)
	local at = offset or 0
	local stop, list = at + (len or self:getVariableLength()), {}
	while at < stop do
		local kind = bytes[at]
		local option = { type = kind, offset = at }
		list[#list + 1] = option
		if kind == mod.option.eol then
			if at < stop - 1 then
				list[#list + 1] = { type = mod.option.err, offset = at, error = ("missing %db"):format(stop - 1 - at) }
			end
			break
		elseif kind == mod.option.nop then
			at = at + 1
		else
			option.byte = {}
			local length = math.max(1, at + 1 < stop and bytes[at + 1] or 1)
			for i = at + 2, math.min(at + length, stop) - 1 do
				option.byte[#option.byte + 1] = bytes[i]
			end
			at = at + length
		end
	end
	return list
end

function header:setNopOption(offset)
	self.options[offset] = mod.option.nop
	return offset + 1
end

function header:setEolOption(offset)
	self.options[offset] = mod.option.eol
	return offset + 1
end

--- Fills the rest of the options up to the header length.
function header:fillOptions(offset)
	offset = offset or 0
	local stop = self:getVariableLength()
	while offset < stop - 1 do
		offset = self:setNopOption(offset)
	end
	if offset == stop - 1 then
		offset = self:setEolOption(offset)
	end
	return offset
end

--- Writes an option: its kind, its length, and numbers of so many bytes; returns the offset behind it.
local function put(self, offset, kind, size, ...)
	local length = 2 + size * select("#", ...)
	self.options[offset], self.options[offset + 1] = kind, length
	local at = offset + 2
	for i = 1, select("#", ...) do
		local value = select(i, ...)
		for byte = size - 1, 0, -1 do
			self.options[at] = band(rshift(value, 8 * byte), 0xff)
			at = at + 1
		end
	end
	return offset + length
end

--- The number in `size` bytes of an option, given as from `getOptions` or by its offset.
local function number(self, option, first, size)
	local value = 0
	for i = first, first + size - 1 do
		value = value * 256 + (type(option) == "number" and self.options[option + 1 + i] or option.byte[i] or 0)
	end
	return value
end

function header:setMssOption(offset, value) return put(self, offset, mod.option.mss, 2, value) end
function header:getMssOption(option) return number(self, option, 1, 2) end
function header:getMssOptionString(option) return "MSS " .. self:getMssOption(option) end
function header:setWSOption(offset, value) return put(self, offset, mod.option.ws, 1, value) end
function header:getWSOption(option) return number(self, option, 1, 1) end
function header:getWSOptionString(option)
	local value = self:getWSOption(option)
	return ("WS %d (x%d)"):format(value, 2 ^ value)
end
function header:setTSOption(offset, tsval, tsecr) return put(self, offset, mod.option.ts, 4, tsval, tsecr) end
function header:getTSOption(option) return { tsval = number(self, option, 1, 4), tsecr = number(self, option, 5, 4) } end
function header:getTSOptionString(option)
	local value = self:getTSOption(option)
	return "TSval " .. value.tsval .. " TSecr " .. value.tsecr
end

local function option_string(self, option)
	local kind = option.type
	if kind == mod.option.err then
		return option.error
	elseif kind == mod.option.eol or kind == mod.option.nop then
		return option_names[kind]
	elseif kind == mod.option.ws then
		return self:getWSOptionString(option)
	elseif kind == mod.option.mss then
		return self:getMssOptionString(option)
	elseif kind == mod.option.ts then
		return self:getTSOptionString(option)
	end
	local bytes = {}
	for i, byte in ipairs(option.byte) do
		bytes[i] = ("%02x"):format(byte)
	end
	return kind .. " 0x" .. table.concat(bytes)
end

function header:getOptionsString()
	local parts = {}
	for i, option in ipairs(self:getOptions()) do
		parts[i] = option_string(self, option)
	end
	return table.concat(parts, ",")
end

---------------------------------------------------------------- the whole

template.arguments(header, "tcp", {
	{ "Src", "SrcPort" }, { "Dst", "DstPort" }, { "SeqNumber" }, { "AckNumber" }, { "DataOffset" }, { "Reserved" }, { "Flags" },
	{ "Window" }, { "Checksum" }, { "UrgentPointer" },
}, function(self, args, pre)
	for _, name in ipairs(flag_order) do
		local value = args[pre .. name]
		if value and value ~= 0 then
			self["set" .. name](self)
		end
	end
end)

local get = header.get
function header:get(pre)
	local args = get(self, pre)
	for _, name in ipairs(flag_order) do
		args[(pre or "tcp") .. name] = self["get" .. name](self)
	end
	return args
end

function header:getString()
	local flags = {}
	for i, name in ipairs(flag_order) do
		flags[i] = self["get" .. name .. "String"](self)
	end
	return ("TCP %s > %s seq# %s ack# %s offset %s reserved %s flags %s [%s] win %s cksum %s urg %s [%s]"):format(
		self:getSrcPort(), self:getDstPort(), self:getSeqNumberString(), self:getAckNumberString(), self:getDataOffsetString(),
		self:getReservedString(), self:getFlagsString(), table.concat(flags, "|"), self:getWindow(), self:getChecksumString(),
		self:getUrgentPointer(), self:getOptionsString())
end

function header:setDefaultNamedArgs(pre, namedArgs, nextHeader, accumulatedLength, headerLength)
	namedArgs[pre .. "DataOffset"] = namedArgs[pre .. "DataOffset"] or headerLength / 4
	return namedArgs
end

mod.metatype = header

return mod
