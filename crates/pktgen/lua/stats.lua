-- Counters with printed rates.

local core = require "rackless.core"
local libmoon = require "libmoon"
local log = require "log"

local mod = {}

-- Bytes on the wire beside the frame: preamble, start delimiter, inter-frame gap.
local FRAMING = 20
local FCS = 4

---------------------------------------------------------------- figures

function mod.average(data)
	return mod.sum(data) / #data
end

function mod.sum(data)
	local sum = 0
	for _, v in ipairs(data) do
		sum = sum + v
	end
	return sum
end

function mod.percentile(data, p)
	local sorted = concatArrays(data, {})
	table.sort(sorted)
	return sorted[math.ceil(#sorted * p / 100)]
end

function mod.median(data)
	return mod.percentile(data, 50)
end

--- The standard deviation of a sample.
function mod.stdDev(data)
	local average, sum = mod.average(data), 0
	for _, v in ipairs(data) do
		sum = sum + (v - average) ^ 2
	end
	return (sum / (#data - 1)) ^ 0.5
end

--- Adds avg, stdDev, median and sum to a list, of all samples or of all but the first and the last.
function mod.addStats(data, ignoreFirstAndLast)
	local samples = {}
	for i = ignoreFirstAndLast and 2 or 1, ignoreFirstAndLast and #data - 1 or #data do
		samples[#samples + 1] = data[i]
	end
	data.avg, data.stdDev = mod.average(samples), mod.stdDev(samples)
	data.median, data.sum = mod.median(samples), mod.sum(samples)
end

--- How many counters there are in all tasks.
function mod.numCounters()
	return core.host.counters()
end

---------------------------------------------------------------- formats

local function nothing()
end

local colors = { RX = "cyan", TX = "blue" }

local function plain_prefix(ctr)
	return ("%s[%s] %s%s: "):format(getColorCode(colors[ctr.direction]), ctr.name, ctr.direction, getColorCode())
end

local headers_written = {}

local function csv_line(ctr, mpps, mbit, wireMbit)
	ctr.file:write(("%d,%s,%s,%s,%s,%s,%s,%s\n"):format(time(), ctr.name, ctr.direction, mpps, mbit, wireMbit, ctr.total,
		ctr.totalBytes))
	ctr.file:flush()
end

local csv = {
	init = function(ctr)
		if not headers_written[ctr.file] then
			headers_written[ctr.file] = true
			ctr.file:write("Time,Device,Direction,PacketRate,Mbit,MbitWithFraming,TotalPackets,TotalBytes\n")
		end
	end,
	update = csv_line,
	final = function(ctr) csv_line(ctr, ctr.mpps.avg, ctr.mbit.avg, ctr.wireMbit.avg) end,
}

local formats = {
	plain = {
		init = nothing,
		update = function(ctr, mpps, mbit, wireMbit)
			ctr.file:write(plain_prefix(ctr) .. ("%.2f Mpps, %.0f Mbit/s (%.0f Mbit/s with framing)\n"):format(mpps, mbit, wireMbit))
			ctr.file:flush()
		end,
		final = function(ctr)
			ctr.file:write(plain_prefix(ctr)
				.. ("%.2f (StdDev %.2f) Mpps, %.0f (StdDev %.0f) Mbit/s (%.0f Mbit/s with framing), total %d packets with %d bytes (incl. CRC)\n")
				:format(ctr.mpps.avg, ctr.mpps.stdDev, ctr.mbit.avg, ctr.mbit.stdDev, ctr.wireMbit.avg, ctr.total, ctr.totalBytes))
			ctr.file:flush()
		end,
	},
	CSV = csv,
	csv = csv,
	["nil"] = { init = nothing, update = nothing, final = nothing },
}

---------------------------------------------------------------- counters

local open_files = {}

local function open(name)
	local entry = open_files[name]
	if not entry then
		local file, err = io.open(name, "w+")
		if not file then
			log:fatal("cannot open the file for statistics: %s", err)
		end
		entry = { file = file, users = 0 }
		open_files[name] = entry
	end
	entry.users = entry.users + 1
	return entry.file
end

local function close(name)
	local entry = open_files[name]
	entry.users = entry.users - 1
	if entry.users == 0 then
		entry.file:close()
		open_files[name] = nil
	end
end

local counter = {}
counter.__index = counter

local function new(prototype, direction, name, dev, format, file)
	format = format or "plain"
	if not formats[format] then
		log:fatal("Unsupported output format %s", tostring(format))
	end
	name = tostring(name)
	return setmetatable({
		id = core.host.next_counter(),
		name = name:match("^%[(.*)%]$") or name,
		dev = dev,
		direction = direction,
		dir = direction:lower(),
		format = format,
		formatter = formats[format],
		file = type(file) == "string" and open(file) or file or io.stdout,
		fileName = type(file) == "string" and file or nil,
		total = 0, totalBytes = 0, current = 0, currentBytes = 0,
		mpps = {}, mbit = {}, wireMbit = {},
	}, prototype)
end

--- Takes a sample; the first call only notes where counting starts.
local function sample(self, now, packets, bytes, silent)
	if not self.lastUpdate then
		self.total, self.totalBytes, self.lastUpdate = packets, bytes, now
		self.formatter.init(self)
		return false
	end
	local elapsed = now - self.lastUpdate
	local mpps = (packets - self.total) / elapsed / 10 ^ 6
	local mbit = (bytes - self.totalBytes) / elapsed / 10 ^ 6 * 8
	local wireMbit = mbit + mpps * FRAMING * 8
	self.total, self.totalBytes, self.lastUpdate = packets, bytes, now
	if not silent then
		self.formatter.update(self, mpps, mbit, wireMbit)
	end
	self.mpps[#self.mpps + 1], self.mbit[#self.mbit + 1], self.wireMbit[#self.wireMbit + 1] = mpps, mbit, wireMbit
	return true
end

--- Prints the rates if the last time was more than a second ago.
local function update(self)
	local now = libmoon.getTime()
	if self.lastUpdate and now <= self.lastUpdate + 1 then
		return false
	end
	local packets, bytes = self:getThroughput()
	return sample(self, now, packets, bytes)
end

counter.update = update

function counter:getThroughput()
	return self.current, self.currentBytes
end

local function summarise(self)
	mod.addStats(self.mpps, true)
	mod.addStats(self.mbit, true)
	mod.addStats(self.wireMbit, true)
end

--- The samples of mpps, mbit and wireMbit with their averages, and the totals.
function counter:getStats(forceUpdate)
	if forceUpdate then
		local packets, bytes = self:getThroughput()
		sample(self, libmoon.getTime(), packets, bytes, true)
	end
	summarise(self)
	return self.mpps, self.mbit, self.wireMbit, self.total, self.totalBytes
end

--- Prints totals and averages, after this many milliseconds for packets on their way.
function counter:finalize(sleep)
	libmoon.sleepMillis(sleep or self.sleep or 0)
	local packets, bytes = self:getThroughput()
	sample(self, libmoon.getTime(), packets, bytes, true)
	summarise(self)
	self.formatter.final(self)
	if self.fileName then
		close(self.fileName)
		self.fileName = nil
	end
end

local packet_counter = setmetatable({}, counter)
packet_counter.__index = packet_counter

--- Counts a packet, with its frame check sequence.
function packet_counter:countPacket(buf)
	self.current = self.current + 1
	self.currentBytes = self.currentBytes + buf.pkt_len + FCS
end

--- Counts `n` packets of a buffer array.
function packet_counter:countPackets(bufs, n)
	for i = 1, n or bufs.size do
		self:countPacket(bufs[i])
	end
end

local manual_counter = setmetatable({}, counter)
manual_counter.__index = manual_counter

function manual_counter:update(packets, bytes)
	self.current = self.current + packets
	self.currentBytes = self.currentBytes + bytes
	return update(self)
end

--- Counts packets of one size, given without frame check sequence.
function manual_counter:updateWithSize(packets, size)
	return self:update(packets, packets * (size + FCS))
end

-- The counters of devices, and how long their final figures wait for packets on their way, in milliseconds.
local device_counters = {}
for direction, settle in pairs { RX = 100, TX = 50 } do
	local prototype = setmetatable({}, counter)
	prototype.__index = prototype
	prototype.sleep = settle
	device_counters[direction] = prototype
end

function device_counters.RX:getThroughput()
	return self.dev:getRxStats()
end

function device_counters.TX:getThroughput()
	return self.dev:getTxStats()
end

for direction, label in pairs { RX = "Rx", TX = "Tx" } do
	--- ([name,] device or queue, format, file)
	mod["newDev" .. label .. "Counter"] = function(_, name, dev, format, file)
		if type(name) == "table" then
			name, dev, format, file = nil, name, dev, format
		end
		dev = dev and rawget(dev, "dev") or dev
		if type(dev) ~= "table" or not dev.getTxStats then
			log:fatal("Bad device")
		end
		return new(device_counters[direction], direction, name or dev, dev, format, file)
	end

	mod["newPkt" .. label .. "Counter"] = function(_, name, format, file)
		return new(packet_counter, direction, name, nil, format, file)
	end

	mod["newManual" .. label .. "Counter"] = function(_, name, format, file)
		return new(manual_counter, direction, name, nil, format, file)
	end
end

---------------------------------------------------------------- the task

--- Starts a task that counts: {devices =, rxDevices =, txDevices =, format =, file =} or a list of devices.
function mod.startStatsTask(args)
	local devices = args.devices or {}
	if #devices == 0 and not args.rxDevices and not args.txDevices then
		devices = concatArrays(args, {})
	end
	return libmoon.startSharedTask("__LIBMOON_STATS_TASK", {
		devices = devices, rxDevices = args.rxDevices or {}, txDevices = args.txDevices or {},
		format = args.format, file = args.file,
	})
end

--- One counter per device; an entry is a device or {dev =, format =, file =}.
local function add_counters(counters, method, list, args)
	local seen = {}
	for _, entry in ipairs(list) do
		local own = not entry.id
		local dev = own and entry.dev or entry
		if not seen[dev.id] then
			seen[dev.id] = true
			counters[#counters + 1] = mod[method](mod, dev, own and entry.format or args.format, own and entry.file or args.file)
		end
	end
end

function __LIBMOON_STATS_TASK(args)
	local counters = {}
	add_counters(counters, "newDevRxCounter", concatArrays(args.rxDevices, args.devices), args)
	add_counters(counters, "newDevTxCounter", concatArrays(args.txDevices, args.devices), args)
	while libmoon.running(200) do
		for _, ctr in ipairs(counters) do
			ctr:update()
		end
		libmoon.sleepMillisIdle(10)
	end
	for _, ctr in ipairs(counters) do
		ctr:finalize(0)
	end
end

return mod
