--- Floods a destination with TCP SYNs from varying addresses, IPv4 or IPv6.

local mg     = require "moongen"
local memory = require "memory"
local device = require "device"
local stats  = require "stats"
local log    = require "log"

function configure(parser)
	parser:description("Sends TCP SYNs from varying sources, with IPv4 or IPv6 by the kind of the first address.")
	parser:argument("dev", "Devices to send from."):args("+"):convert(tonumber)
	parser:option("-s --source", "First source address."):default("10.0.0.1")
	parser:option("-d --destination", "Destination address."):default("10.1.0.1")
	parser:option("-m --mac", "Destination MAC address."):default("02:00:00:00:00:fe")
	parser:option("-f --flows", "Number of source addresses."):default(100):convert(tonumber)
	parser:option("-r --rate", "Rate in Mbit/s, 0 for as fast as possible."):default(0):convert(tonumber)
	parser:option("-n --packets", "Packets per device, 0 for no end."):default(0):convert(tonumber)
	parser:option("--dump", "Number of packets to print."):default(1):convert(tonumber)
end

function master(args)
	for _, id in ipairs(args.dev) do
		local dev = device.config { port = id }
		local queue = dev:getTxQueue(0)
		dev:wait()
		queue:setRate(args.rate)
		mg.startTask("flood", queue, args)
	end
	mg.waitForTasks()
end

function flood(queue, args)
	local base, ipv4 = parseIPAddress(args.source)
	if not base then
		log:fatal("Not an address: %s", args.source)
	end
	local length = ipv4 and 60 or 74
	local mem = memory.createMemPool(function(buf)
		buf:getTcpPacket(ipv4):fill {
			ethSrc = queue,
			ethDst = args.mac,
			ip4Dst = args.destination,
			ip6Dst = args.destination,
			tcpSyn = 1,
			tcpSeqNumber = 1,
			tcpWindow = 10,
			pktLength = length
		}
	end)
	local bufs = mem:bufArray(64)
	local ctr = stats:newDevTxCounter(queue, "plain")
	local sent, flow = 0, 0
	while mg.running() and (args.packets == 0 or sent < args.packets) do
		if args.packets > 0 then
			bufs:resize(math.min(64, args.packets - sent))
		end
		bufs:alloc(length)
		for i, buf in ipairs(bufs) do
			local pkt = buf:getTcpPacket(ipv4)
			if ipv4 then
				pkt.ip4.src:set(base)
				pkt.ip4.src:add(flow)
			else
				pkt.ip6.src:set(base)
				pkt.ip6.src:add(flow)
			end
			flow = incAndWrap(flow, args.flows)
			if sent + i <= args.dump then
				buf:dump()
			end
		end
		bufs:offloadTcpChecksums(ipv4)
		sent = sent + queue:send(bufs)
		ctr:update()
	end
	ctr:finalize()
end
