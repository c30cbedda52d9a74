-- What the ARP and the neighbour discovery task have in common: a shared table, requests, answers.

local core = require "rackless.core"
local namespaces = require "namespaces"
local libmoon = require "libmoon"
local log = require "log"

local mod = {}

-- Seconds after which an entry is asked for again, and after which a request is repeated.
local AGING, RETRY = 30, 1
-- Microseconds that a task sleeps at most while nothing comes.
local WAIT = 1000

--- Asks for the entries that somebody waits for or that are old.
local function ask_again(family, entries, nics, bufs)
	local now = libmoon.getTime()
	entries:forEach(function(key, entry)
		local fresh = entry.mac and now < entry.time + AGING
		if fresh or (entry.asked and now < entry.asked + RETRY) then
			return
		end
		if entry.asked and now > (entry.time or entry.first) + 2 * AGING then
			entries[key] = nil
			return
		end
		entry.asked, entry.first = now, entry.first or now
		entries[key] = entry
		for _, nic in ipairs(nics) do
			family.ask(nic, bufs, key)
		end
	end)
end

local function task(family, nics)
	local memory = require "memory"
	local pipe = require "pipe"
	if nics[1] == nil and nics.txQueue then
		nics = { nics }
	end
	local entries, control = namespaces:get(family.space), namespaces:get(family.space .. ".control")
	for i, nic in ipairs(nics) do
		if nic.rxQueue and nic.txQueue.id ~= nic.rxQueue.id then
			log:fatal("both queues must belong to the same device")
		end
		nic.ips = type(nic.ips) == "string" and { nic.ips } or nic.ips
		nic.pipe = pipe:newFastPipe()
		control["pipe" .. i] = nic.pipe
		family.prepare(nic)
	end
	local received = memory.createBufArray(1)
	local bufs = memory.createMemPool { n = 63 }:bufArray(1)
	local function handle(nic)
		family.handle(nic, bufs, received[1], function(key, mac)
			entries[key] = { mac = mac, time = libmoon.getTime(), seen = time() }
		end)
		received:free(1)
	end
	control.running = true
	local next_announcement = family.announce and 0 or math.huge
	while libmoon.running() and not control.stop do
		if libmoon.getTime() >= next_announcement then
			next_announcement = nics.gratArpInterval and libmoon.getTime() + nics.gratArpInterval or math.huge
			for _, nic in ipairs(nics) do
				family.announce(nic, bufs)
			end
		end
		for _, nic in ipairs(nics) do
			while nic.rxQueue and nic.rxQueue:tryRecv(received, WAIT) > 0 do
				handle(nic)
			end
			local handed = nic.pipe:tryRecv(nic.rxQueue and 0 or WAIT)
			if handed then
				received[1] = require "ffi".cast("struct rte_mbuf *", handed)
				handle(nic)
			end
		end
		ask_again(family, entries, nics, bufs)
	end
	control.running = nil
end

--- Gives a module the functions of its family's task.
function mod.define(module, family)
	local entries, control = namespaces:get(family.space), namespaces:get(family.space .. ".control")
	_G[family.task] = function(nics) task(family, nics) end

	--- Starts the task for {rxQueue =, txQueue =, ips =} or a list of such.
	function module.startTask(nics)
		control.stop = nil
		return libmoon.startSharedTask(family.task, nics)
	end

	function module.stopTask()
		control.stop = true
	end

	function module.waitForStartup()
		while not control.running and libmoon.running() do
			libmoon.sleepMillisIdle(1)
		end
	end

	--- Hands a received packet to the task, which frees it.
	function module.handlePacket(buf, nic)
		local pipe = control["pipe" .. (nic or 1)]
		if not pipe then
			log:fatal("NIC %s not found", tostring(nic or 1))
		end
		pipe:send(buf)
	end

	--- The MAC address and when it was learned; nil, and the task asks for it, when it is unknown.
	function module.lookup(ip)
		local key = family.key(ip)
		if not key then
			log:fatal("not an address: %s", tostring(ip))
		end
		local give_up = libmoon.getTime() + 1
		while not control.running and libmoon.getTime() < give_up do
			libmoon.sleepMillisIdle(1)
		end
		if not control.running then
			log:fatal("%s task is not running", family.name)
		end
		local entry = entries[key]
		if entry then
			return entry.mac, entry.seen
		end
		entries.lock(function()
			entries[key] = entries[key] or {}
		end)
	end

	--- As `lookup`, but waits for an answer for this many seconds.
	function module.blockingLookup(ip, timeout)
		local give_up = libmoon.getTime() + timeout
		repeat
			local mac, seen = module.lookup(ip)
			if mac then
				return mac, seen
			end
			libmoon.sleepMillisIdle(5)
		until libmoon.getTime() >= give_up or not libmoon.running()
	end
end

return mod
