-- Filters that steer frames to receive queues, in software.

local core = require "rackless.core"
local device = require "device"
local log = require "log"
local host = core.host

local mod = { DROP = -1 }
local dev = device.__devicePrototype
dev.DROP = mod.DROP

local function target(self, queue)
	local qid = type(queue) == "number" and queue or queue.qid
	if qid == mod.DROP then
		return nil
	end
	if qid >= host.device(self.id).rxQueues then
		log:fatal("%s has no rx queue %d to filter to", tostring(self), qid)
	end
	return qid
end

--- Sends frames with an EtherType to a queue.
function dev:l2Filter(etype, queue)
	host.filter_ether_type(self.id, etype, target(self, queue))
	return true
end

--- Sends packets with these addresses, protocol and ports to a queue; what is not given matches everything.
function dev:fiveTupleFilter(filter, queue)
	host.filter_five_tuple(self.id, {
		srcIp = filter.srcIp, dstIp = filter.dstIp,
		srcPort = filter.srcPort, dstPort = filter.dstPort,
		proto = filter.proto or filter.l4Proto,
	}, target(self, queue))
	return true
end

function device.__rxQueuePrototype:l2Filter(etype)
	return self.dev:l2Filter(etype, self)
end

function device.__rxQueuePrototype:fiveTupleFilter(filter)
	return self.dev:fiveTupleFilter(filter, self)
end

return mod
