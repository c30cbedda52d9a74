-- Ethernet, with one VLAN tag, with two.

local ffi = require "ffi"
local bit = require "bit"
local template = require "proto.template"

local band, rshift = bit.band, bit.rshift

local eth = {
	TYPE_IP = 0x0800, TYPE_ARP = 0x0806, TYPE_IP6 = 0x86dd, TYPE_PTP = 0x88f7, TYPE_8021Q = 0x8100,
	TYPE_QINQ = 0x88a8, TYPE_LACP = 0x8809,
	BROADCAST = "ff:ff:ff:ff:ff:ff", NULL = "00:00:00:00:00:00",
}

local next_headers = { ip4 = eth.TYPE_IP, ip6 = eth.TYPE_IP6, arp = eth.TYPE_ARP, ptp = eth.TYPE_PTP, lacp = eth.TYPE_LACP }
local type_names = {
	[eth.TYPE_IP] = "IP4", [eth.TYPE_IP6] = "IP6", [eth.TYPE_ARP] = "ARP", [eth.TYPE_PTP] = "PTP",
	[eth.TYPE_LACP] = "LACP", [eth.TYPE_8021Q] = "VLAN",
}

---------------------------------------------------------------- addresses

local address = {}
address.__index = address
local address_type = ffi.typeof("union mac_address")

--- The address as a number whose lowest byte is the first on the wire.
function address:get()
	return tonumber(band(self.uint64[0], 0xffffffffffffULL))
end

function address:set(addr)
	addr = (addr or 0) + 0ULL
	for i = 0, 5 do
		self.uint8[i] = tonumber(band(rshift(addr, 8 * i), 0xff))
	end
end

--- An address that cannot be read becomes all zero.
function address:setString(mac)
	self:set(parseMacAddress(mac, true))
end

function address:getString()
	local b = self.uint8
	return ("%02x:%02x:%02x:%02x:%02x:%02x"):format(b[0], b[1], b[2], b[3], b[4], b[5])
end

function address.__eq(a, b)
	if not (ffi.istype(address_type, a) and ffi.istype(address_type, b)) then
		return false
	end
	for i = 0, 5 do
		if a.uint8[i] ~= b.uint8[i] then
			return false
		end
	end
	return true
end

ffi.metatype(address_type, address)

---------------------------------------------------------------- headers

local header = template.initHeader()

function header:setDst(addr) self.dst:set(addr) end
function header:getDst() return self.dst:get() end
function header:setSrc(addr) self.src:set(addr) end
function header:getSrc() return self.src:get() end
function header:setDstString(str) self.dst:setString(str) end
function header:getDstString() return self.dst:getString() end
function header:setSrcString(str) self.src:setString(str) end
function header:getSrcString() return self.src:getString() end

template.fields(header, { { "Type", "type", 16, eth.TYPE_IP } })

function header:getTypeString()
	local number = self:getType()
	return ("0x%04x (%s)"):format(number, type_names[number] or "unknown")
end

--- Sets an address given as text, number, `union mac_address`, device or queue.
local function set_address(field, value)
	if type(value) == "string" then
		field:setString(value)
	elseif type(value) == "table" and value.id then
		field:setString((value.dev or value):getMacString())
	elseif ffi.istype(address_type, value) then
		ffi.copy(field, value, 6)
	else
		field:set(value)
	end
end

local function fill(self, args, pre)
	set_address(self.src, args[pre .. "Src"] or "01:02:03:04:05:06")
	set_address(self.dst, args[pre .. "Dst"] or "07:08:09:0a:0b:0c")
	self:setType(args[pre .. "Type"])
end

local function get(self, pre)
	return { [pre .. "Src"] = self:getSrcString(), [pre .. "Dst"] = self:getDstString(), [pre .. "Type"] = self:getType() }
end

function header:resolveNextHeader()
	return template.name_of(next_headers, self:getType())
end

function header:setDefaultNamedArgs(pre, namedArgs, nextHeader)
	namedArgs[pre .. "Type"] = namedArgs[pre .. "Type"] or next_headers[nextHeader]
	if nextHeader == "lacp" then
		namedArgs[pre .. "Dst"] = "01:80:c2:00:00:02"
	end
	return namedArgs
end

local function variant()
	local new = {}
	for name, method in pairs(header) do
		new[name] = method
	end
	new.__index = new
	return new
end

local plain, vlan, qinq = variant(), variant(), variant()

function plain:fill(args, pre)
	fill(self, args or {}, pre or "eth")
end

function plain:get(pre)
	return get(self, pre or "eth")
end

function plain:getString()
	return ("ETH %s > %s type %s"):format(self:getSrcString(), self:getDstString(), self:getTypeString())
end

function plain:getSubType()
	local number = self:getType()
	if number == eth.TYPE_8021Q then
		return "vlan"
	elseif number == eth.TYPE_QINQ then
		return "qinq"
	end
	return "default"
end

template.fields(vlan, { { "VlanTag", "vlan_tag", 16, 1 } })
local vlan_tag = vlan.getVlanTag
function vlan:getVlanTag() return band(vlan_tag(self), 0xfff) end

function vlan:fill(args, pre)
	args, pre = args or {}, pre or "eth"
	self.vlan_id = bswap16(eth.TYPE_8021Q)
	self:setVlanTag(args[pre .. "Vlan"])
	fill(self, args, pre)
end

function vlan:get(pre)
	pre = pre or "eth"
	local args = get(self, pre)
	args[pre .. "Vlan"] = self:getVlanTag()
	return args
end

function vlan:getString()
	return ("ETH %s > %s vlan %d type %s"):format(self:getSrcString(), self:getDstString(), self:getVlanTag(), self:getTypeString())
end

function vlan:getSubType()
	return self:getType() == eth.TYPE_8021Q and "qinq" or "vlan"
end

template.fields(qinq, {
	{ "InnerVlanTag", "inner_vlan_tag", 16, 0 },
	{ "OuterVlanTag", "outer_vlan_tag", 16, 0 },
	{ "OuterVlanId", "outer_vlan_id", 16, eth.TYPE_8021Q },
})
local inner_tag, outer_tag = qinq.getInnerVlanTag, qinq.getOuterVlanTag
function qinq:getInnerVlanTag() return band(inner_tag(self), 0xfff) end
function qinq:getOuterVlanTag() return band(outer_tag(self), 0xfff) end

function qinq:fill(args, pre)
	args, pre = args or {}, pre or "eth"
	self.inner_vlan_id = bswap16(eth.TYPE_8021Q)
	self:setInnerVlanTag(args[pre .. "innerVlanTag"])
	self:setOuterVlanId(args[pre .. "outerVlanId"])
	self:setOuterVlanTag(args[pre .. "outerVlanTag"])
	fill(self, args, pre)
end

function qinq:get(pre)
	pre = pre or "eth"
	local args = get(self, pre)
	args[pre .. "outerVlanId"] = self:getOuterVlanId()
	args[pre .. "outerVlanTag"] = self:getOuterVlanTag()
	args[pre .. "innerVlanTag"] = self:getInnerVlanTag()
	return args
end

function qinq:getString()
	return ("ETH %s > %s outerVlan %d innerVlan %d type %s"):format(self:getSrcString(), self:getDstString(),
		self:getOuterVlanTag(), self:getInnerVlanTag(), self:getTypeString())
end

function qinq:getSubType()
	return "qinq"
end

local addresses = "union mac_address dst; union mac_address src;"
eth.defaultType = "default"
eth.default = { headerFormat = addresses .. "uint16_t type;", metatype = plain }
eth.vlan = { headerFormat = addresses .. "uint16_t vlan_id; uint16_t vlan_tag; uint16_t type;", metatype = vlan }
eth.qinq = {
	headerFormat = addresses .. [[
		uint16_t outer_vlan_id; uint16_t outer_vlan_tag; uint16_t inner_vlan_id; uint16_t inner_vlan_tag; uint16_t type;]],
	metatype = qinq,
}

return eth
