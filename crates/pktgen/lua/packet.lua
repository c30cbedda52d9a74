-- Packet buffers and stacks of headers.

local core = require "rackless.core"
local ffi = require "ffi"
local bit = require "bit"
local log = require "log"
local dpdk = require "dpdk"
local offload = require "rackless.offload"
local proto = require "proto.proto"
local native = core.native

local bor, band, rshift = bit.bor, bit.band, bit.rshift
local u8p, voidp = ffi.typeof("uint8_t *"), ffi.typeof("void *")

local pkt = {}
pkt.__index = pkt

---------------------------------------------------------------- buffers

function pkt:getData()
	return ffi.cast(voidp, self.buf_addr + self.data_off)
end

function pkt:getBytes()
	return self.buf_addr + self.data_off
end

function pkt:getSize()
	return self.pkt_len
end

function pkt:setSize(size)
	self.pkt_len = size
	self.data_len = size
end

--- Replaces the frame by bytes.
function pkt:setRawPacket(data)
	self:setSize(#data)
	ffi.copy(self:getData(), data, #data)
end

function pkt:getTimesync()
	return self.timesync
end

function pkt:dumpFlags()
	log:debug("%s %s", tostring(self.ol_flags), tostring(self.tx_offload))
end

function pkt:free()
	native.free_one(self)
end

--- Gives the packet a VLAN tag when it is sent.
function pkt:setVlan(vlan, pcp, cfi)
	self.vlan_tci = offload.tci(vlan, pcp, cfi)
	self.ol_flags = bor(self.ol_flags, dpdk.PKT_TX_VLAN_PKT)
end

local ANY_VLAN = bor(dpdk.PKT_RX_VLAN_PKT, dpdk.PKT_TX_VLAN_PKT)

--- VLAN, priority and CFI of the tag that was taken out of the packet or is to be added; nil without one.
function pkt:getVlan()
	if band(self.ol_flags, ANY_VLAN) == 0 then
		return nil
	end
	local tci = self.vlan_tci
	return band(tci, 0xfff), rshift(tci, 13), band(rshift(tci, 12), 1)
end

local function offload_one(self, kind, ipv4, l2Len, l3Len)
	self.ol_flags = bor(self.ol_flags, offload.flags(kind, ipv4))
	self.tx_offload = offload.lengths(ipv4, l2Len, l3Len)
end

function pkt:offloadIPChecksum(...)
	offload_one(self, "ip", ...)
end

function pkt:offloadUdpChecksum(...)
	offload_one(self, "udp", ...)
end

function pkt:offloadTcpChecksum(...)
	offload_one(self, "tcp", ...)
end

--- Fills in the checksums of IP and of TCP, UDP or ICMP at once, whatever the packet is.
function pkt:fillChecksums()
	native.fill_checksums(self:getData(), self.pkt_len)
end

---------------------------------------------------------------- stacks

-- Stacks by the name of their C struct: {ctype, args}.
pkt.packetStructs = {}

--- What a header in a stack is: protocol, member name, length of the variable member, variant.
function getHeaderData(v)
	if not v then
		return nil
	end
	local given = type(v) == "table" and v or { v }
	local name = given[1] == "eth" and "ethernet" or given[1]
	local module = proto[name]
	if not module then
		log:fatal("there is no protocol %s", tostring(given[1]))
	end
	local member = given.name or (name == "ethernet" and "eth" or name)
	return { proto = name, name = member, length = given.length, subType = given.subType or module.defaultType }
end

local header_structs = {}

--- Declares the C struct of a header and returns its name.
local function header_struct(data)
	local module = proto[data.proto]
	local spec = data.subType and module[data.subType] or module
	local name = data.proto .. (data.subType and "_" .. data.subType or "") .. "_header"
		.. (data.length and "_" .. data.length or "")
	if not header_structs[name] then
		local format = spec.headerFormat
		if spec.headerVariableMember then
			format = format:gsub(spec.headerVariableMember .. "%[%]", spec.headerVariableMember .. "[" .. (data.length or 0) .. "]")
		end
		ffi.cdef("struct __attribute__((__packed__)) " .. name .. " {" .. format .. "};")
		ffi.metatype("struct " .. name, spec.metatype)
		header_structs[name] = true
	end
	return "struct " .. name
end

local function describe(args)
	local headers = {}
	for i, v in ipairs(args) do
		headers[i] = getHeaderData(v)
		headers[i].struct = header_struct(headers[i])
		headers[i].size = ffi.sizeof(headers[i].struct)
	end
	return headers
end

--- The name of a stack's struct: for each header two underscores, protocol, member, length, variant.
local function struct_name(headers, no_payload)
	local name = ""
	for _, h in ipairs(headers) do
		name = name .. ("__%s_%s_%s_%s"):format(h.proto, h.name, h.length or "x", h.subType or "x")
	end
	return "struct " .. (name == "" and "raw" or name) .. (no_payload and "_no_payload" or "")
end

local function declare(name, headers, no_payload)
	local members, seen = {}, {}
	for i, h in ipairs(headers) do
		if seen[h.name] then
			log:fatal("Member within this struct has same name: %s", h.name)
		end
		seen[h.name] = true
		members[i] = h.struct .. " " .. h.name .. ";"
	end
	ffi.cdef(("struct __attribute__((__packed__)) %s {%s %s};"):format(name:match("^struct (.*)"), table.concat(members, " "),
		no_payload and "" or "union payload_t payload;"))
end

--- Compiles a function for the scripts' loops: what it does is text, so that the JIT sees constants only.
local function compile(params, lines, ...)
	local text = "local ctype, cast = ...\nreturn function(" .. params .. ")\n" .. table.concat(lines, "\n") .. "\nend"
	return assert(loadstring(text, "=stack"))(...)
end

local function set_length(headers)
	local lines, offset = {}, 0
	for _, h in ipairs(headers) do
		if h.proto == "ip4" or h.proto == "udp" then
			lines[#lines + 1] = ("self.%s:setLength(length - %d)"):format(h.name, offset)
		elseif h.proto == "ip6" then
			lines[#lines + 1] = ("self.%s:setLength(length - %d)"):format(h.name, offset + 40)
		end
		offset = offset + h.size
	end
	return compile("self, length", lines)
end

local dump_text

--- The methods of a stack, given its arguments.
local function stack_methods(name, args, headers)
	local stack = {}
	stack.__index = stack

	function stack.getArgs()
		return args
	end

	function stack.getName()
		return name
	end

	--- The header given as in the stack's arguments.
	function stack:getHeader(h)
		return self[getHeaderData(h).name]
	end

	function stack:getHeaders()
		local list = {}
		for i, h in ipairs(headers) do
			list[i] = self[h.name]
		end
		return list
	end

	--- Sets all fields: those that are named in the table, and defaults for the rest.
	function stack:fill(named)
		named = named or {}
		local offset = 0
		for i, h in ipairs(headers) do
			local following = headers[i + 1]
			named = self[h.name]:setDefaultNamedArgs(h.name, named, following and following.proto, offset, h.size)
			self[h.name]:fill(named, h.name)
			offset = offset + h.size
		end
	end

	--- All fields, under the names that `fill` takes.
	function stack:get()
		local named = {}
		for _, h in ipairs(headers) do
			mergeTables(named, self[h.name]:get(h.name))
		end
		return named
	end

	function stack:dump(bytes, stream, colorized, wireshark)
		if type(bytes) == "userdata" then
			stream, bytes = bytes, nil
		end
		(stream or io.stdout):write(dump_text(self, bytes or ffi.sizeof(name), colorized ~= false, wireshark))
	end

	stack.setLength = set_length(headers)

	--- Fills in the checksums; the whole frame is needed for those of TCP, UDP and ICMP.
	function stack:calculateChecksums(_, len)
		native.fill_checksums(self, len or ffi.sizeof(name))
	end

	for _, h in ipairs(headers) do
		if h.proto == "ip4" or h.proto == "icmp" then
			stack["calculate" .. h.name:gsub("^.", string.upper) .. "Checksum"] = function(self)
				self[h.name]:calculateChecksum()
			end
		end
	end
	return stack
end

local function make(args, no_payload)
	local headers = describe(args)
	local name = struct_name(headers, no_payload)
	local known = pkt.packetStructs[name]
	if not known then
		declare(name, headers, no_payload)
		local methods = stack_methods(name, args, headers)
		ffi.metatype(name, methods)
		known = { ctype = ffi.typeof(name .. "*"), args = args }
		pkt.packetStructs[name] = known
	end
	return known
end

--- Makes a stack of headers and returns the function that casts a buffer to it.
function createStack(...)
	local args = { ... }
	local no_payload = args[#args] == "noPayload"
	if no_payload then
		args[#args] = nil
	end
	return compile("self", { "return cast(ctype, self.buf_addr + self.data_off)" }, make(args, no_payload).ctype, ffi.cast)
end

function packetCreate(...)
	log:warn("packetCreate is deprecated, use createStack")
	return createStack(...)
end

function listPacketStructs()
	for name in pairs(pkt.packetStructs) do
		print(name)
	end
end

---------------------------------------------------------------- what a packet is

--- A name that no header of the list has.
local function unique(name, list)
	local n, candidate = 1, name
	local function taken()
		for _, h in ipairs(list) do
			if h.name == candidate then
				return true
			end
		end
	end
	while taken() do
		n = n + 1
		candidate = name .. n
	end
	return candidate
end

--- The headers of a frame, as far as we know them and as far as they are whole.
local function resolve(data, size)
	local list, offset = {}, 0
	local name = "ethernet"
	while name and proto[name] do
		local data_of = getHeaderData(name)
		local function view()
			local struct = header_struct(data_of)
			local length = ffi.sizeof(struct)
			return offset + length <= size and ffi.cast(struct .. "*", data + offset), length
		end
		local header, length = view()
		if not header then
			break
		end
		-- A variant may call for another one: untagged, tagged, tagged twice.
		local sub = header:getSubType()
		while sub and sub ~= data_of.subType do
			data_of.subType = sub
			local other, other_length = view()
			if not other then
				break
			end
			header, length = other, other_length
			sub = header:getSubType()
		end
		local variable = header:getVariableLength()
		if variable and variable > 0 and offset + length + variable <= size then
			data_of.length = variable
			header, length = view()
		end
		list[#list + 1] = { name, name = unique(data_of.name, list), length = data_of.length, subType = data_of.subType }
		offset = offset + length
		name = header:resolveNextHeader()
	end
	return list
end

--- The packet as the deepest stack of headers that we know.
function pkt:get()
	local data = self:getBytes()
	return ffi.cast(make(resolve(data, self.pkt_len)).ctype, data)
end

--- Prints the headers and the bytes.
function pkt:dump(bytes, stream, colorized, wireshark)
	if type(bytes) == "userdata" then
		stream, bytes = bytes, nil
	end
	self:get():dump(bytes or self.pkt_len, stream, colorized, wireshark)
end

--- One text, so that the dumps of several tasks do not mix.
function dump_text(self, bytes, colorized, wireshark)
	local lines, seps = {}, {}
	if not wireshark then
		lines[1] = colorized and white("%s", getTimeMicros()) or getTimeMicros()
		for i, header in ipairs(self:getHeaders()) do
			lines[#lines + 1] = (colorized and getColorCode(i) or "") .. (i == 1 and " " or "") .. header:getString() .. "\n"
			seps[i] = (seps[i - 1] or 0) + ffi.sizeof(header)
		end
	end
	lines[#lines + 1] = hexDump(self, bytes, colorized and seps or nil, wireshark)
	return table.concat(lines)
end

ffi.metatype("struct rte_mbuf", pkt)

---------------------------------------------------------------- the stacks that scripts use

pkt.getRawPacket = createStack()
pkt.getEthernetPacket = createStack("eth")
pkt.getEthernetVlanPacket = createStack({ "eth", subType = "vlan" })
pkt.getEthernetQinQPacket = createStack({ "eth", subType = "qinq" })
pkt.getEthPacket, pkt.getEthVlanPacket, pkt.getEthQinQPacket =
	pkt.getEthernetPacket, pkt.getEthernetVlanPacket, pkt.getEthernetQinQPacket
pkt.getArpPacket = createStack("eth", "arp")
pkt.getNdpPacket = createStack("eth", "ip6", "icmp", "ndp")

--- Makes the getters for IPv4 and IPv6, and one that is told which.
local function both(name, ...)
	local v4, v6 = createStack("eth", "ip4", ...), createStack("eth", "ip6", ...)
	return v4, v6, assert(loadstring([[
		local v4, v6 = ...
		return function(self, ipv4)
			if ipv4 == nil or ipv4 then
				return v4(self)
			end
			return v6(self)
		end]], "=get" .. name))(v4, v6)
end

pkt.getIP4Packet, pkt.getIP6Packet, pkt.getIPPacket = both("IPPacket")
pkt.getIcmp4Packet, pkt.getIcmp6Packet, pkt.getIcmpPacket = both("IcmpPacket", "icmp")
pkt.getUdp4Packet, pkt.getUdp6Packet, pkt.getUdpPacket = both("UdpPacket", "udp")
pkt.getTcp4Packet, pkt.getTcp6Packet, pkt.getTcpPacket = both("TcpPacket", "tcp")

return pkt
