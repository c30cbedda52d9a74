-- Constants of packets and devices, and the functions that were here before MoonGen 1.0.

local bit = require "bit"
local log = require "log"
local moongen = require "moongen"

local mod = { __name = "dpdk" }

local function flag(n, value)
	return bit.lshift((value or 1) + 0ULL, n)
end

mod.PKT_RX_VLAN_PKT = flag(0)
mod.PKT_RX_VLAN = mod.PKT_RX_VLAN_PKT
mod.PKT_RX_RSS_HASH = flag(1)
mod.PKT_RX_FDIR = flag(2)
mod.PKT_RX_L4_CKSUM_BAD = flag(3)
mod.PKT_RX_IP_CKSUM_BAD = flag(4)
mod.PKT_RX_VLAN_STRIPPED = flag(6)
mod.PKT_RX_IEEE1588_PTP = flag(9)
mod.PKT_RX_IEEE1588_TMST = flag(10)
mod.PKT_TX_QINQ_PKT = flag(49)
mod.PKT_TX_TCP_SEG = flag(50)
mod.PKT_TX_IEEE1588_TMST = flag(51)
mod.PKT_TX_L4_NO_CKSUM = 0ULL
mod.PKT_TX_TCP_CKSUM = flag(52)
mod.PKT_TX_SCTP_CKSUM = flag(52, 2)
mod.PKT_TX_UDP_CKSUM = flag(52, 3)
mod.PKT_TX_L4_MASK = flag(52, 3)
mod.PKT_TX_IP_CKSUM = flag(54)
mod.PKT_TX_IPV4 = flag(55)
mod.PKT_TX_IPV6 = flag(56)
mod.PKT_TX_VLAN_PKT = flag(57)
mod.PKT_TX_VLAN = mod.PKT_TX_VLAN_PKT

-- What receive-side scaling hashes; software always takes addresses, protocol and ports.
for i, name in ipairs {
	"IPV4", "FRAG_IPV4", "NONFRAG_IPV4_TCP", "NONFRAG_IPV4_UDP", "NONFRAG_IPV4_SCTP", "NONFRAG_IPV4_OTHER", "IPV6",
	"FRAG_IPV6", "NONFRAG_IPV6_TCP", "NONFRAG_IPV6_UDP", "NONFRAG_IPV6_SCTP", "NONFRAG_IPV6_OTHER", "L2_PAYLOAD",
	"IPV6_EX", "IPV6_TCP_EX", "IPV6_UDP_EX",
} do
	mod["ETH_RSS_" .. name] = flag(i + 1)
end

--- Devices are there from the start.
function mod.init()
	return true
end

function mod.skipInit()
end

local warned = {}
local function moved(old, new)
	mod[old] = function(...)
		if not warned[old] then
			warned[old] = true
			log:warn("dpdk.%s() is deprecated, use moongen.%s() instead.", old, new)
		end
		return moongen[new](...)
	end
end

for _, name in ipairs {
	"getCores", "getCycles", "getCyclesFrequency", "getTime", "setRuntime", "running", "stop", "sleepMillis",
	"sleepMicros", "sleepMillisIdle", "sleepMicrosIdle", "getCore", "disableBadSocketWarning",
} do
	moved(name, name)
end
moved("launchLua", "startTask")
moved("launchLuaOnCore", "startTaskOnCore")
moved("waitForSlaves", "waitForTasks")

return mod
