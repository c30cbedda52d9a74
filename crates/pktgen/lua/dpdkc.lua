-- The few C functions of MoonGen that scripts call themselves.

local core = require "rackless.core"
local ffi = require "ffi"
local native = core.native

local mod = {}

function mod.rte_pktmbuf_free_export(buf)
	native.free_one(buf)
end

--- Writes the sum of the pseudo-header into the 16-bit word with this index, where a NIC expects it.
local function pseudo_header(data, word, length)
	local frame = ffi.cast("uint8_t *", data)
	local ip = frame + 14
	local protocol = length(ip)
	ffi.cast("uint16_t *", data)[word] = bswap16(native.pseudo_header(ip, protocol.length, protocol.number))
end

function mod.calc_ipv4_pseudo_header_checksum(data, word)
	pseudo_header(data, word, function(ip)
		return { length = ip[2] * 256 + ip[3] - bit.band(ip[0], 15) * 4, number = ip[9] }
	end)
end

function mod.calc_ipv6_pseudo_header_checksum(data, word)
	pseudo_header(data, word, function(ip)
		return { length = ip[4] * 256 + ip[5], number = ip[6] }
	end)
end

function mod.calc_ipv4_pseudo_header_checksums(bufs, n, word)
	for i = 0, n - 1 do
		mod.calc_ipv4_pseudo_header_checksum(bufs[i]:getData(), word)
	end
end

function mod.calc_ipv6_pseudo_header_checksums(bufs, n, word)
	for i = 0, n - 1 do
		mod.calc_ipv6_pseudo_header_checksum(bufs[i]:getData(), word)
	end
end

function mod.rte_rdtsc()
	return native.now_ns()
end

function mod.rte_get_tsc_hz()
	return 1000000000ULL
end

return mod
