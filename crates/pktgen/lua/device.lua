-- Devices and their queues.

local core = require "rackless.core"
local ffi = require "ffi"
local log = require "log"
local libmoon = require "libmoon"
local native, host = core.native, core.host

local mod = {}

local dev = { __type = "device" }
dev.__index = dev
local txQueue = { __type = "txQueue" }
txQueue.__index = txQueue
local rxQueue = { __type = "rxQueue" }
rxQueue.__index = rxQueue
mod.__devicePrototype, mod.__txQueuePrototype, mod.__rxQueuePrototype = dev, txQueue, rxQueue

-- What an Ethernet frame carries behind its data, and counters include: the frame check sequence.
local FCS = 4

local devices = {}

---------------------------------------------------------------- finding and configuring

function mod.numDevices()
	return #host.devices()
end

--- A list of {id, mac, name} of all devices.
function mod.getDevices()
	local list = {}
	for i, info in ipairs(host.devices()) do
		list[i] = { id = i - 1, mac = info.mac:upper(), name = info.device }
	end
	return list
end

--- Prints the devices, as MoonGen does when it starts.
function mod.announce()
	local list = mod.getDevices()
	if #list == 0 then
		return
	end
	log:info("Found %d usable devices:", #list)
	for _, device in ipairs(list) do
		printf("   Device %d: %s (%s)", device.id, device.mac, green("%s", device.name))
	end
end

local function check(id)
	local list = host.devices()
	if type(id) ~= "number" then
		log:fatal("bad argument port, expected number, got %s", type(id))
	end
	if list[id + 1] then
		return
	end
	local known = {}
	for i, info in ipairs(list) do
		known[i] = ("%d (%s)"):format(i - 1, info.device)
	end
	log:fatal("there are only %d ports, tried to configure port id %d; %s", #list, id,
		#known > 0 and "ports: " .. table.concat(known, ", ") or "ports are given with --port")
end

--- The device with this number.
function mod.get(id)
	check(id)
	if not devices[id] then
		local info = host.device(id)
		devices[id] = setmetatable({
			id = id,
			name = info.device,
			mac = info.mac:upper(),
			handle = ffi.cast("struct rackless_device *", info.address),
			initialized = info.configured,
			rxQueues = {},
			txQueues = {},
		}, dev)
	end
	return devices[id]
end

local function queue_count(args, name)
	local n = args[name] or 1
	if n < 1 then
		log:fatal("Cannot initialize device without %s queues", name:sub(1, 2))
	end
	return n
end

--- Configures a device: {port, rxQueues, txQueues, rxDescs, stripVlan, rssQueues, rssBaseQueue}; the other options
--- of MoonGen concern hardware and are accepted.
function mod.config(...)
	local args = ...
	if type(args) == "number" then
		log:warn("device.config() without named arguments is deprecated and will be removed. See documentation for libmoons device.config().")
		local port, rx, tx, descs = ...
		args = { port = port, rxQueues = rx, txQueues = tx, rxDescs = descs }
	end
	if not args or not args.port then
		log:fatal("usage: device.config({ port = x, ... })")
	end
	check(args.port)
	local device = mod.get(args.port)
	if host.device(args.port).configured then
		log:warn("Device %d already configured, skipping initilization", args.port)
		return device
	end
	host.device_config(args.port, {
		rxQueues = queue_count(args, "rxQueues"),
		txQueues = queue_count(args, "txQueues"),
		rxDescs = args.rxDescs or 512,
		stripVlan = args.stripVlan ~= false,
	})
	local rss = args.rssQueues or args.rssNQueues or 0
	if rss > 1 then
		device:setRssQueues(rss, args.rssBaseQueue)
	end
	device.initialized = true
	return device
end

--- Spreads flows over queues.
function dev:setRssQueues(n, baseQueue)
	baseQueue = baseQueue or 0
	local queues = host.device(self.id).rxQueues
	if baseQueue + n > queues then
		log:fatal("cannot spread over %d queues from queue %d on: the device has %d", n, baseQueue, queues)
	end
	host.scale(self.id, baseQueue, n)
end

local function queue(self, kind, list, id, prototype)
	if not list[id] then
		local n = host.device(self.id)[kind .. "Queues"]
		if n == 0 then
			log:fatal("%s is not configured, call device.config{port = %d} first", tostring(self), self.id)
		elseif id < 0 or id >= n then
			log:fatal("device is configured with %s queues 0 to %d, tried to get queue number %d", kind, n - 1, id)
		end
		list[id] = setmetatable({ id = self.id, qid = id, dev = self, handle = self.handle }, prototype)
	end
	return list[id]
end

function dev:getTxQueue(id)
	return queue(self, "tx", self.txQueues, id, txQueue)
end

function dev:getRxQueue(id)
	return queue(self, "rx", self.rxQueues, id, rxQueue)
end

function dev:__tostring()
	return ("[Device: id=%d]"):format(self.id)
end

function dev:__eq(other)
	return self.id == other.id
end

function dev:__serialize()
	return ("return require'device'.get(%d)"):format(self.id)
end

for name, prototype in pairs { TxQueue = txQueue, RxQueue = rxQueue } do
	function prototype:__tostring()
		return ("[%s: id=%d, qid=%d]"):format(name, self.id, self.qid)
	end

	function prototype:__eq(other)
		return self.id == other.id and self.qid == other.qid
	end

	function prototype:__serialize()
		return ("return require'device'.get(%d):get%s(%d)"):format(self.id, name, self.qid)
	end

	function prototype:getMacAddr(number)
		return self.dev:getMac(number)
	end
end

---------------------------------------------------------------- link and addresses

--- A virtual link is up, and said to be as fast as DPDK says of one.
function dev:getLinkStatus()
	return { status = true, duplexAutoneg = false, duplex = true, speed = 10000 }
end

--- Prints the state of the link.
function dev:wait()
	local link = self:getLinkStatus()
	self.speed = link.speed
	log:info("Device %d (%s) is up: full-duplex %d MBit/s", self.id, self:getMacString(), link.speed)
	return link.status
end

--- Waits for the links of these devices, or of all that are configured.
function mod.waitForLinks(...)
	log:info("Waiting for devices to come up...")
	local list, seen, up = { ... }, {}, 0
	if #list == 0 then
		for i, info in ipairs(host.devices()) do
			if info.configured then
				list[#list + 1] = mod.get(i - 1)
			end
		end
	end
	for _, device in ipairs(list) do
		if not seen[device.id] and device:wait() then
			up = up + 1
		end
		seen[device.id] = true
	end
	log:info(green(up == 1 and "%d device is up." or "%d devices are up.", up))
	return up
end

function dev:getMacString()
	return self.mac
end

function dev:getMac(number)
	return parseMacAddress(self.mac, number)
end

function dev:getName()
	return self.name
end

function dev:getDriverName()
	return (self.name:match("^[^:]*"))
end

function dev:getSocket()
	return 0
end

function dev:getInfo()
	local info = host.device(self.id)
	return {
		driver_name = self:getDriverName(), max_rx_queues = 65535, max_tx_queues = 65535,
		nb_rx_queues = info.rxQueues, nb_tx_queues = info.txQueues, mtu = info.mtu,
	}
end

--- Every frame is received as it is.
function dev:setPromisc()
end

function dev:stop()
	self.initialized = false
end

---------------------------------------------------------------- counters and rates

--- The counters ipackets, ibytes, opackets, obytes, imissed, ierrors, oerrors, rx_nombuf.
function dev:getStats()
	return host.device_stats(self.id)
end

--- Packets and bytes sent, with the frame check sequence.
function dev:getTxStats()
	local stats = host.device_stats(self.id)
	return stats.opackets, stats.obytes + stats.opackets * FCS
end

--- Packets and bytes that arrived, whether a task took them or not, with the frame check sequence.
function dev:getRxStats()
	local stats = host.device_stats(self.id)
	local packets = stats.ipackets + stats.imissed + stats.rx_nombuf
	return packets, stats.ibytes + packets * FCS
end

function dev:clearRxStats()
end

--- Limits the device to a rate in Mbit/s, frame check sequence included, framing not.
function dev:setRate(rate)
	host.set_rate(self.id, nil, rate)
end

--- Limits the queue to a rate in Mbit/s, frame check sequence included, framing not.
function txQueue:setRate(rate)
	host.set_rate(self.id, self.qid, rate)
end

--- Limits the queue to a rate of packets of one size, without frame check sequence.
function txQueue:setRateMpps(rate, pktSize)
	self:setRate(rate * ((pktSize or 60) + FCS) * 8)
end

---------------------------------------------------------------- sending

local send, try_send, recv = native.send, native.try_send, native.recv
local one = ffi.new("struct rte_mbuf *[1]")

--- Sends all buffers; returns when they are sent.
function txQueue:send(bufs)
	send(self.handle, self.qid, bufs.array, bufs.size)
	return bufs.size
end

function txQueue:sendN(bufs, n)
	send(self.handle, self.qid, bufs.array, n)
	return n
end

function txQueue:sendSingle(buf)
	one[0] = buf
	send(self.handle, self.qid, one, 1)
	return 1
end

--- Sends one buffer if the device takes it now; returns 1, and otherwise 0.
function txQueue:trySendSingle(buf)
	one[0] = buf
	return try_send(self.handle, one, 1)
end

--- Sends as many buffers as the device takes now, from an index that counts from 0; returns how many.
function txQueue:trySend(bufs, startIndex, numPkts)
	startIndex = startIndex or 0
	return try_send(self.handle, bufs.array + startIndex, numPkts or bufs.size - startIndex)
end

function txQueue:start()
end

function txQueue:stop()
end

---------------------------------------------------------------- receiving

--- Receives at least one packet, or none when the run is stopped.
function rxQueue:recv(bufArray, numpkts)
	return recv(self.handle, self.qid, bufArray.array, math.min(bufArray.size, numpkts or bufArray.size), -1)
end

--- Receives packets, waiting at most this many microseconds for the first.
function rxQueue:tryRecv(bufArray, maxWait)
	return recv(self.handle, self.qid, bufArray.array, bufArray.size, maxWait or -1)
end

-- Both sleep while nothing comes: the tasks share the machine's cores.
rxQueue.tryRecvIdle = rxQueue.tryRecv

return mod
