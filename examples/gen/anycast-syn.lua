--- Opens TCP connections to an anycast address from many IPv6 sources and counts who answers.
---
--- Sends COUNT SYNs, each from an address of its own out of a prefix, and checks each SYN-ACK: addresses, ports,
--- acknowledgement. Answers neighbour solicitations for the prefix, so that the answers find the way back, and ends
--- each half-open connection with a RST. Succeeds when every SYN was answered in time.

local mg     = require "moongen"
local memory = require "memory"
local device = require "device"
local stats  = require "stats"
local log    = require "log"
local timer  = require "timer"
local ndp    = require "ndp"

local PKT_LEN = 74 -- Ethernet, IPv6, TCP without options
local FIRST_PORT = 10000

function configure(parser)
	parser:description("Sends IPv6 TCP SYNs to an anycast address from varying sources and counts the SYN-ACKs.")
	parser:argument("dev", "Device to send from and to receive on."):args("?"):default(0):convert(tonumber)
	parser:option("-d --destination", "Anycast address."):default("2001:db8:feed::1")
	parser:option("-p --port", "TCP port."):default(80):convert(tonumber)
	parser:option("-s --source", "Prefix of the source addresses, a multiple of /64."):default("2001:db8:9::/64")
	parser:option("-g --gateway", "Next hop: its MAC address, or its IPv6 address, which is then resolved."):count(1)
	parser:option("-c --count", "Number of SYNs."):default(200):convert(tonumber)
	parser:option("-r --rate", "SYNs per second."):default(1000):convert(tonumber)
	parser:option("-t --timeout", "Seconds to wait for answers after the last SYN."):default(3):convert(tonumber)
	parser:option("--json", "File for the figures.")
	return parser:parse()
end

function master(args)
	if args.count < 1 or args.count > 50000 then
		log:fatal("The count must be between 1 and 50000, each SYN has a port of its own")
	end
	local dev = device.config { port = args.dev, rxQueues = 2, txQueues = 3 }
	dev:wait()
	local base = parseIP6Address(args.source:match("^[^/]+"))
	if not base or not parseIP6Address(args.destination) then
		log:fatal("Not an IPv6 address: %s", base and args.destination or args.source)
	end
	-- neighbour discovery has queues of its own
	ndp.startNdpTask {
		rxQueue = dev:getRxQueue(1), txQueue = dev:getTxQueue(1), ips = args.source, source = (base + 1):getString(true)
	}
	local mac = resolve(args.gateway)
	if not mac then
		log:error("The gateway %s does not answer", args.gateway)
		os.exit(1)
	end
	log:info("The gateway %s has the MAC address %s", args.gateway, mac)
	dev:getTxQueue(0):setRateMpps(args.rate / 10^6, PKT_LEN)
	local receiver = mg.startTask("receive", dev:getRxQueue(0), dev:getTxQueue(2), base, args)
	local sender = mg.startTask("send", dev:getTxQueue(0), base, mac, args)
	local sent, first = sender:wait()
	local synacks, duplicates, last = receiver:wait()
	mg.stop()
	mg.waitForTasks()
	if not sent or not synacks then
		os.exit(1)
	end
	report(args, sent, synacks, duplicates, math.max(0, last - first))
	os.exit(synacks == args.count and 0 or 1)
end

function resolve(gateway)
	if parseMacAddress(gateway) then
		return gateway
	end
	return ndp.blockingLookup(gateway, 3)
end

function report(args, sent, synacks, duplicates, seconds)
	local line = synacks == args.count and log.info or log.error
	line(log, "%d SYNs, %d SYN-ACKs, %d duplicates in %.3f s", sent, synacks, duplicates, seconds)
	if args.json then
		local file = assert(io.open(args.json, "w"))
		file:write(('{"sent": %d, "synacks": %d, "duplicates": %d, "seconds": %.6f}\n'):format(sent, synacks, duplicates, seconds))
		file:close()
	end
end

-- what identifies the SYN with this number, for the sender and the receiver
local function sequenceNumber(i)
	return i * 7919
end

function send(queue, base, mac, args)
	local mem = memory.createMemPool(function(buf)
		buf:getTcp6Packet():fill {
			ethSrc = queue,
			ethDst = mac,
			ip6Dst = args.destination,
			tcpDst = args.port,
			tcpSyn = 1,
			tcpWindow = 64800,
			pktLength = PKT_LEN
		}
	end)
	local bufs = mem:bufArray(16)
	local txCtr = stats:newDevTxCounter(queue, "plain")
	txCtr:update()
	local first = mg.getTime()
	local sent = 0
	while mg.running() and sent < args.count do
		bufs:allocN(PKT_LEN, math.min(16, args.count - sent))
		for _, buf in ipairs(bufs) do
			local pkt = buf:getTcp6Packet()
			sent = sent + 1
			pkt.ip6.src:set(base + sent)
			pkt.tcp:setSrcPort(FIRST_PORT + sent)
			pkt.tcp:setSeqNumber(sequenceNumber(sent))
			if sent == 1 then
				buf:dump()
			end
		end
		bufs:offloadTcpChecksums(false)
		queue:send(bufs)
		txCtr:update()
	end
	txCtr:finalize()
	return sent, first
end

function receive(rxQueue, txQueue, base, args)
	local destination = parseIP6Address(args.destination)
	local resets = memory.createMemPool(function(buf)
		buf:getTcp6Packet():fill { tcpRst = 1, tcpWindow = 0, pktLength = PKT_LEN }
	end):bufArray(1)
	local bufs = memory.bufArray()
	local rxCtr = stats:newPktRxCounter("SYN-ACKs", "plain")
	local seen, answered, duplicates, last = {}, 0, 0, 0
	local deadline = timer:new(args.count / args.rate + args.timeout)
	while mg.running() and answered < args.count and deadline:running() do
		local rx = rxQueue:tryRecv(bufs, 10000)
		for n = 1, rx do
			local buf = bufs[n]
			local i = check(buf, destination, base, args)
			if i and seen[i] then
				duplicates = duplicates + 1
			elseif i then
				seen[i] = true
				answered = answered + 1
				last = mg.getTime()
				rxCtr:countPacket(buf)
				reset(txQueue, resets, buf:getTcp6Packet())
			end
		end
		bufs:free(rx)
		rxCtr:update()
	end
	rxCtr:finalize()
	return answered, duplicates, last
end

--- The number of the SYN that a packet answers, nil if it answers none.
function check(buf, destination, base, args)
	local pkt = buf:getTcp6Packet()
	if buf:getSize() < PKT_LEN or pkt.eth:getType() ~= 0x86dd or pkt.ip6:getNextHeader() ~= 0x06 then
		return nil
	end
	local i = pkt.tcp:getDstPort() - FIRST_PORT
	local answers = i >= 1 and i <= args.count
		and pkt.tcp:getSrcPort() == args.port
		and pkt.tcp:getSyn() and pkt.tcp:getAck() and not pkt.tcp:getRst()
		and pkt.tcp:getAckNumber() == sequenceNumber(i) + 1
		and pkt.ip6.src:get() == destination
		and pkt.ip6.dst:get() == base + i
	return answers and i or nil
end

--- Ends the connection that a SYN-ACK would open.
function reset(queue, bufs, synack)
	bufs:alloc(PKT_LEN)
	local pkt = bufs[1]:getTcp6Packet()
	pkt.eth.dst:set(synack.eth.src:get())
	pkt.eth.src:set(synack.eth.dst:get())
	pkt.ip6.src:set(synack.ip6.dst:get())
	pkt.ip6.dst:set(synack.ip6.src:get())
	pkt.tcp:setSrcPort(synack.tcp:getDstPort())
	pkt.tcp:setDstPort(synack.tcp:getSrcPort())
	pkt.tcp:setSeqNumber(synack.tcp:getAckNumber())
	bufs:offloadTcpChecksums(false)
	queue:send(bufs)
end
