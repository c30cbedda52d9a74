-- ARP (RFC 826), and a task that answers and asks.

local ffi = require "ffi"
local template = require "proto.template"
local eth = require "proto.ethernet"

local arp = { HARDWARE_ADDRESS_TYPE_ETHERNET = 1, PROTO_ADDRESS_TYPE_IP = 0x0800, OP_REQUEST = 1, OP_REPLY = 2 }

arp.headerFormat = [[
	uint16_t hrd; uint16_t pro; uint8_t hln; uint8_t pln; uint16_t op;
	union mac_address sha; union ip4_address spa; union mac_address tha; union ip4_address tpa;]]

local header = template.initHeader()

template.fields(header, {
	{ "HardwareAddressType", "hrd", 16, 1 }, { "ProtoAddressType", "pro", 16, 0x0800 }, { "HardwareAddressLength", "hln", 8, 6 },
	{ "ProtoAddressLength", "pln", 8, 4 }, { "Operation", "op", 16, arp.OP_REQUEST },
})

for name, member in pairs { HardwareSrc = "sha", HardwareDst = "tha", ProtoSrc = "spa", ProtoDst = "tpa" } do
	header["set" .. name] = function(self, addr) self[member]:set(addr) end
	header["get" .. name] = function(self) return self[member]:get() end
	header["set" .. name .. "String"] = function(self, str) self[member]:setString(str) end
	header["get" .. name .. "String"] = function(self) return self[member]:getString() end
end

function header:getHardwareAddressTypeString()
	local number = self:getHardwareAddressType()
	return number == arp.HARDWARE_ADDRESS_TYPE_ETHERNET and "Ethernet" or ("0x%04x"):format(number)
end

-- MoonGen prints the number here, for IPv4 too.
function header:getProtoAddressTypeString()
	return ("0x%04x"):format(self:getProtoAddressType())
end

function header:getOperationString()
	local op = self:getOperation()
	return op == arp.OP_REQUEST and "Request" or op == arp.OP_REPLY and "Reply" or tostring(op)
end

local function set_address(field, value)
	if type(value) == "string" then
		field:setString(value)
	elseif type(value) == "cdata" and ffi.typeof(value) == ffi.typeof(field) then
		ffi.copy(field, value, ffi.sizeof(field))
	elseif type(value) == "table" then
		field:setString((value.dev or value):getMacString())
	else
		field:set(value)
	end
end

template.arguments(header, "arp", {
	{ "HardwareAddressType" }, { "ProtoAddressType" }, { "HardwareAddressLength" }, { "ProtoAddressLength" }, { "Operation" },
}, function(self, args, pre)
	set_address(self.sha, args[pre .. "HardwareSrc"] or "01:02:03:04:05:06")
	set_address(self.tha, args[pre .. "HardwareDst"] or "07:08:09:0a:0b:0c")
	set_address(self.spa, args[pre .. "ProtoSrc"] or "0.1.2.3")
	set_address(self.tpa, args[pre .. "ProtoDst"] or "4.5.6.7")
end)

local get = header.get
function header:get(pre)
	local args = get(self, pre)
	for _, name in ipairs { "HardwareSrc", "HardwareDst", "ProtoSrc", "ProtoDst" } do
		args[(pre or "arp") .. name] = self["get" .. name](self)
	end
	return args
end

function header:getString()
	local op = self:getOperation()
	local sha, tha = self.sha:getString(), self.tha:getString()
	local spa, tpa = self.spa:getString(), self.tpa:getString()
	local head = ("ARP hrd %s (hln %d) pro %s (pln %d) op %s"):format(self:getHardwareAddressTypeString(),
		self:getHardwareAddressLength(), self:getProtoAddressTypeString(), self:getProtoAddressLength(), self:getOperationString())
	if op == arp.OP_REQUEST then
		return head .. (" who-has %s (%s) tell %s (%s)"):format(tpa, tha, spa, sha)
	elseif op == arp.OP_REPLY then
		return head .. (" %s is-at %s (for %s @ %s)"):format(spa, sha, tpa, tha)
	end
	return head .. (" %s > %s %s > %s"):format(sha, tha, spa, tpa)
end

arp.metatype = header

---------------------------------------------------------------- the task

local neighbors = require "rackless.neighbors"

--- Writes a message into the first buffer and sends it.
local function send(nic, bufs, dst, op, sender_ip, target_mac, target_ip)
	bufs:alloc(60)
	local mac = nic.txQueue.dev:getMacString()
	bufs[1]:getArpPacket():fill {
		ethSrc = mac, ethDst = dst,
		arpOperation = op, arpHardwareSrc = mac, arpProtoSrc = sender_ip, arpHardwareDst = target_mac, arpProtoDst = target_ip,
	}
	nic.txQueue:send(bufs)
end

local family = { task = "__MG_ARP_TASK", name = "ARP", space = "rackless.arp" }

function family.key(ip)
	return tostring(type(ip) == "cdata" and ip:get() or type(ip) == "string" and parseIP4Address(ip) or ip)
end

function family.prepare(nic)
	nic.macs = {}
	for _, ip in ipairs(nic.ips) do
		nic.macs[family.key(ip)] = true
	end
	if nic.rxQueue then
		require "filter"
		nic.txQueue.dev:l2Filter(eth.TYPE_ARP, nic.rxQueue)
	end
end

function family.ask(nic, bufs, key)
	local ip = tonumber(key)
	send(nic, bufs, eth.BROADCAST, arp.OP_REQUEST, parseIP4Address(nic.ips[1]), eth.BROADCAST, ip)
end

--- Tells everybody where our address is.
function family.announce(nic, bufs)
	local ip = parseIP4Address(nic.ips[1])
	send(nic, bufs, eth.BROADCAST, arp.OP_REQUEST, ip, eth.BROADCAST, ip)
end

function family.handle(nic, bufs, buf, learn)
	local packet = buf:getArpPacket()
	if buf:getSize() < 42 or packet.eth:getType() ~= eth.TYPE_ARP then
		return
	end
	local op = packet.arp:getOperation()
	if op == arp.OP_REQUEST and nic.macs[tostring(packet.arp:getProtoDst())] then
		local asker = packet.arp:getHardwareSrcString()
		send(nic, bufs, asker, arp.OP_REPLY, packet.arp:getProtoDst(), asker, packet.arp:getProtoSrc())
	elseif op == arp.OP_REPLY then
		learn(tostring(packet.arp:getProtoSrc()), packet.arp:getHardwareSrcString())
	end
end

neighbors.define(arp, family)
arp.arpTask, arp.startArpTask, arp.stopArpTask = family.task, arp.startTask, arp.stopTask

return arp
