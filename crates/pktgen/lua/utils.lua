-- Global functions that MoonGen's scripts use without asking for them.

local core = require "rackless.core"
require "colors"
local ffi = require "ffi"
local bit = require "bit"
local native, host = core.native, core.host

local bor, band, rshift, lshift, sar = bit.bor, bit.band, bit.rshift, bit.lshift, bit.arshift
local byteswap = bit.bswap
local floor = math.floor

ffi.cdef [[
	union payload_t { uint8_t uint8[0]; uint16_t uint16[0]; uint32_t uint32[0]; uint64_t uint64[0]; };
	union __attribute__((__packed__)) mac_address { uint8_t uint8[6]; uint64_t uint64[0]; };
	union ip4_address { uint8_t uint8[4]; uint32_t uint32; };
	union ip6_address { uint8_t uint8[16]; uint32_t uint32[4]; uint64_t uint64[2]; };
	struct rackless_timeval { long tv_sec; long tv_usec; };
	int gettimeofday(struct rackless_timeval *tv, void *tz);
	int inet_pton(int af, const char *src, void *dst);
	char *strerror(int errnum);
]]

---------------------------------------------------------------- printing

function printf(str, ...)
	return print(str:format(...))
end

function errorf(str, ...)
	error(str:format(...), 2)
end

function toCsv(...)
	local cells = {}
	for i = 1, select("#", ...) do
		local cell = tostring((select(i, ...)))
		if cell:find('[",\r\n]') then
			cell = '"' .. cell:gsub('"', '""') .. '"'
		end
		cells[i] = cell
	end
	return table.concat(cells, ",")
end

function printCsv(...)
	return print(toCsv(...))
end

---------------------------------------------------------------- lists and tables

function mapVarArg(f, ...)
	local list = {}
	local n = select("#", ...)
	for i = 1, n do
		list[i] = f((select(i, ...)))
	end
	return unpack(list, 1, n)
end

function map(t, f)
	for i, v in ipairs(t) do
		t[i] = f(v)
	end
	return t
end

function tostringall(...)
	return mapVarArg(tostring, ...)
end

function tonumberall(...)
	return mapVarArg(tonumber, ...)
end

function mergeTables(first, ...)
	first = first or {}
	for i = 1, select("#", ...) do
		for k, v in pairs((select(i, ...))) do
			first[k] = v
		end
	end
	return first
end

function concatArrays(a, b)
	local result = {}
	for _, v in ipairs(a) do
		result[#result + 1] = v
	end
	for _, v in ipairs(b) do
		result[#result + 1] = v
	end
	return result
end

--- The integers from start (1) to max.
function range(max, start)
	local list = {}
	for i = start or 1, max do
		list[#list + 1] = i
	end
	return unpack(list)
end

--- `unpack` for arrays with holes.
function unpackAll(tbl)
	return unpack(tbl, 1, table.maxn(tbl))
end

function deepCopy(orig)
	if type(orig) ~= "table" then
		return orig
	end
	local copy = {}
	for k, v in next, orig do
		copy[deepCopy(k)] = deepCopy(v)
	end
	return setmetatable(copy, deepCopy(getmetatable(orig)))
end

function trim(str)
	return str:match("^%s*(.-)%s*$")
end

--- The parts of a string between matches of a pattern; an empty first part is left out.
function strSplit(str, pattern)
	local parts, from = {}, 1
	while true do
		local start, stop = str:find(pattern, from)
		if not start then
			break
		end
		if start > 1 then
			parts[#parts + 1] = str:sub(from, start - 1)
		end
		from = stop + 1
	end
	if from <= #str then
		parts[#parts + 1] = str:sub(from)
	end
	return parts
end

---------------------------------------------------------------- numbers

function bswap16(n)
	return bor(rshift(n, 8), lshift(band(n, 0xff), 8))
end

hton16, ntoh16 = bswap16, bswap16
bswap, hton, ntoh = byteswap, byteswap, byteswap

--- (val + 1) % max without a branch.
function incAndWrap(val, max)
	return band(val + 1, sar(val - max + 1, 31))
end

--- The Internet checksum of bytes, as it lies in memory.
function checksum(data, len)
	return bswap16(native.checksum(data, len))
end

--- Byte times until the next packet of a Poisson process.
function poissonDelay(average)
	return floor(-math.log(1 - math.random()) * average + 0.5)
end

--- Byte times between packets of this size on 10 Gbit/s, for a rate in Mpps.
function rateToByteDelay(rate, size)
	return 10 ^ 10 / 8 / (rate * 10 ^ 6) - (size or 60) - 24
end

--- Byte times for a time in ns on a link of this rate in Mbit/s.
function timeToByteDelay(time, rate, size)
	return time * (rate or 10000) / 8000 - (size or 60) - 24
end

--- A packet size of the Internet mix: 7 of 12 small, 4 medium, 1 large.
function imixSize()
	local n = math.random(12)
	return n == 1 and 1518 or n <= 5 and 574 or 68
end

---------------------------------------------------------------- time

local timeval = ffi.new("struct rackless_timeval")

function gettimeofday()
	ffi.C.gettimeofday(timeval, nil)
	return timeval.tv_sec, timeval.tv_usec
end

--- Wall-clock time in seconds.
function time()
	ffi.C.gettimeofday(timeval, nil)
	return tonumber(timeval.tv_sec) + tonumber(timeval.tv_usec) / 10 ^ 6
end

wallTime = time

--- Monotonic time in seconds.
function getMonotonicTime()
	return tonumber(native.now_ns()) / 10 ^ 9
end

function timevalSpan(x, y)
	return (x.tv_sec - y.tv_sec) * 1000000 + (x.tv_usec - y.tv_usec)
end

--- The time of day in UTC as hh:mm:ss.uuuuuu; seconds below ten have one digit, as in MoonGen.
function getTimeMicros()
	local now = time()
	return ("%02d:%02d:%02.6f"):format(floor(now / 3600) % 24, floor(now / 60) % 60, now % 60)
end

--- Calls a function until it gives a value, for this many microseconds.
function waitForFunc(wait, f, ...)
	wait = wait or 0
	local libmoon = require "libmoon"
	repeat
		local result = f(...)
		if result then
			return result
		end
		libmoon.sleepMicrosIdle(math.min(10, wait))
		wait = wait - 10
	until wait < 0 or not libmoon.running()
end

---------------------------------------------------------------- addresses

--- A MAC address as `union mac_address`, or as a number whose lowest byte is the first; nil when it is none.
function parseMacAddress(mac, number)
	local bytes = { tostring(mac):match("^%s*(%x+)[-:](%x+)[-:](%x+)[-:](%x+)[-:](%x+)[-:](%x+)") }
	if not bytes[6] then
		return nil
	end
	local sum, addr = 0, ffi.new("union mac_address")
	for i = 1, 6 do
		local byte = tonumber(bytes[i], 16)
		if byte > 0xff then
			return nil
		end
		addr.uint8[i - 1] = byte
		sum = sum + byte * 256 ^ (i - 1)
	end
	return number and sum or addr
end

function ip4ToString(ip)
	return ("%d.%d.%d.%d"):format(rshift(ip, 24), band(rshift(ip, 16), 0xff), band(rshift(ip, 8), 0xff), band(ip, 0xff))
end

--- An IPv4 address as a number; nil when it is none.
function parseIP4Address(ip)
	local bytes = { tostring(ip):match("^%s*(%d+)%.(%d+)%.(%d+)%.(%d+)") }
	if not bytes[4] then
		return nil
	end
	local sum = 0
	for i = 1, 4 do
		local byte = tonumber(bytes[i])
		if byte > 255 then
			return nil
		end
		sum = bor(lshift(sum, 8), byte)
	end
	return sum
end

local AF_INET6 = 10

--- An IPv6 address as `union ip6_address` with its lowest byte first; nil when it is none.
function parseIP6Address(ip)
	local wire, addr = ffi.new("union ip6_address"), ffi.new("union ip6_address")
	if ffi.C.inet_pton(AF_INET6, tostring(ip), wire) ~= 1 then
		return nil
	end
	for i = 0, 15 do
		addr.uint8[i] = wire.uint8[15 - i]
	end
	return addr
end

--- An address of either version, and whether it is IPv4.
function parseIPAddress(ip)
	local address = parseIP4Address(ip)
	if address then
		return address, true
	end
	return parseIP6Address(ip), false
end

---------------------------------------------------------------- system

function getOS()
	local file = io.open("/proc/sys/kernel/osrelease")
	local release = file and file:read("*l") or ""
	if file then
		file:close()
	end
	return jit.os, tonumberall(release:match("^(%d+)%.(%d+)%.(%d+)"))
end

function fileExists(name)
	local file = io.open(name, "r")
	if file then
		file:close()
	end
	return file ~= nil
end

function strError(err)
	return ffi.string(ffi.C.strerror(math.abs(err)))
end

function checkDpdkError(err, msg, level)
	if err ~= 0 then
		local log = require "log"
		log[level or "warn"](log, "Error %s: %s", msg, strError(err))
	end
	return true
end

voidPtrType = ffi.typeof("void*")

--- A hex dump as text: 16 bytes a line, in the colours of the headers that start at the offsets `seps`.
function hexDump(data, bytes, seps, wireshark)
	data = ffi.cast("const uint8_t *", data)
	local out, section = {}, 1
	for i = 0, bytes - 1 do
		local color = ""
		if seps and seps[section] == i then
			section = section + 1
			color = getColorCode(section)
		end
		if i % 16 == 0 then
			out[#out + 1] = (seps and getColorCode("white") or "") .. (wireshark and "  %06x   " or "  0x%04x:   "):format(i)
			color = seps and getColorCode(section) or ""
		end
		out[#out + 1] = color .. ("%02x"):format(data[i])
		if wireshark or i % 2 == 1 then
			out[#out + 1] = " "
		end
		if i % 16 == 15 then
			out[#out + 1] = "\n"
		end
	end
	out[#out + 1] = (seps and getColorCode() or "") .. "\n\n"
	return table.concat(out)
end

function dumpHex(data, bytes, stream, seps, wireshark)
	(stream or io.stdout):write(hexDump(data, bytes, seps, wireshark))
end

return true
