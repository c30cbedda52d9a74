--- Prints the packets that a device receives.

local mg     = require "moongen"
local memory = require "memory"
local device = require "device"
local stats  = require "stats"

function configure(parser)
	parser:description("Prints what is received and counts it.")
	parser:argument("dev", "Device to receive from."):args("?"):default(0):convert(tonumber)
	parser:option("-n --packets", "Packets to print, 0 for no end."):default(0):convert(tonumber)
end

function master(args)
	local dev = device.config { port = args.dev }
	device.waitForLinks()
	mg.startTask("sniff", dev:getRxQueue(0), args.packets > 0 and args.packets or math.huge)
	mg.waitForTasks()
end

function sniff(queue, packets)
	local bufs = memory.bufArray()
	local ctr = stats:newPktRxCounter("Packets received", "plain")
	local seen = 0
	while mg.running() and seen < packets do
		local rx = queue:tryRecv(bufs, 10000)
		for i = 1, rx do
			if seen < packets then
				seen = seen + 1
				bufs[i]:dump()
				ctr:countPacket(bufs[i])
			end
		end
		bufs:free(rx)
		ctr:update()
	end
	ctr:finalize()
end
