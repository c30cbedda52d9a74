-- Packet pools and arrays of buffers.

local core = require "rackless.core"
local ffi = require "ffi"
local log = require "log"
local native, host = core.native, core.host

local mod = {}

ffi.cdef [[
	void *malloc(size_t size);
	void free(void *ptr);
]]

--- Memory that no Lua machine frees.
function mod.alloc(ctype, size)
	return ffi.cast(ctype, ffi.C.malloc(size))
end

function mod.free(buf)
	ffi.C.free(buf)
end

mod.allocHuge = mod.alloc
mod.freeHuge = mod.free

---------------------------------------------------------------- pools

local mempool = {}
mempool.__index = mempool
local bufArray = {}

-- Length that buffers have while the callback fills them.
local FILL_LENGTH = 1522

local function pool_args(...)
	local first, second = ...
	if type(first) == "table" then
		return first
	elseif type(first) == "function" then
		return { func = first, socket = second }
	elseif type(second) == "number" then
		return { n = first, socket = second }
	end
	return { n = first, func = second }
end

--- Makes a pool: ([n,] [func]) or {n = 2047, func =, bufSize = 2048}.
--- The function is called once for each buffer. Buffers keep their content when they are freed and allocated again.
function mod.createMemPool(...)
	local args = pool_args(...)
	if args == mod then -- called with a colon
		args = { n = (select(2, ...)) }
		if type(args.n) ~= "number" then
			args = pool_args(select(2, ...))
		end
	end
	local n, size = args.n or 2047, args.bufSize or 2048
	local pool = ffi.cast("struct mempool *", host.new_pool(n, size))
	if args.func then
		local bufs = pool:bufArray(n)
		bufs:alloc(math.min(FILL_LENGTH, size))
		for i = 1, n do
			args.func(bufs[i])
		end
		bufs:freeAll()
	end
	return pool
end

--- Pools live as long as the run.
function mempool:retain()
end

function mod.freeMemPools()
end

local function empty(mem)
	log:fatal("cannot allocate packets: all %d buffers of the pool are in use", mem.n)
end

local function too_long(mem, length)
	log:fatal("cannot allocate packets of %d bytes: the pool's buffers have room for %d", length, mem.room)
end

local native_alloc, native_free, native_offload = native.alloc, native.free, native.offload

local function alloc(mem, array, n, length)
	if length > mem.room then
		too_long(mem, length)
	end
	if native_alloc(mem, array, n, length) < n then
		empty(mem)
	end
end

--- Allocates one buffer.
function mempool:alloc(length)
	local array = ffi.new("struct rte_mbuf *[1]")
	alloc(self, array, 1, length)
	return array[0]
end

local array_type = ffi.typeof("struct rte_mbuf *[?]")

--- An array for buffers of this pool.
function mempool:bufArray(n)
	n = n or 63
	return setmetatable({ size = n, maxSize = n, array = array_type(n), mem = self }, bufArray)
end

ffi.metatype("struct mempool", mempool)

---------------------------------------------------------------- arrays

--- An array for buffers that are received.
function mod.createBufArray(n, m)
	if n == mod then -- called with a colon
		n = m
	end
	n = n or 63
	return setmetatable({ size = n, maxSize = n, array = array_type(n) }, bufArray)
end

mod.bufArray = mod.createBufArray

function bufArray.__index(self, k)
	return type(k) == "number" and self.array[k - 1] or bufArray[k]
end

function bufArray.__newindex(self, i, v)
	self.array[i - 1] = v
end

function bufArray.__len(self)
	return self.size
end

local function iterate(self, i)
	if i < self.size then
		return i + 1, self.array[i]
	end
end

function bufArray.__ipairs(self)
	return iterate, self, 0
end

function bufArray:resize(size)
	if size > self.maxSize then
		log:fatal("enlarging a bufArray is currently not supported")
	end
	rawset(self, "size", size)
end

--- Fills the array with buffers of this length.
function bufArray:alloc(size)
	local mem = rawget(self, "mem")
	if not mem then
		log:fatal("buf array not associated with a memory pool")
	end
	alloc(mem, self.array, self.size, size)
end

--- Resizes the array to `num` buffers and fills it.
function bufArray:allocN(size, num)
	self:resize(num)
	self:alloc(size)
end

--- Frees all buffers.
function bufArray:freeAll()
	native_free(self.array, self.size)
end

--- Frees the first n buffers.
function bufArray:free(n)
	native_free(self.array, n)
end

--- Frees all buffers after the first n.
function bufArray:freeAfter(n)
	native_free(self.array + n, self.size - n)
end

---------------------------------------------------------------- offloads

local offload = require "rackless.offload"

function bufArray:offloadIPChecksums(ipv4, l2Len, l3Len, n)
	native_offload(self.array, n or self.size, offload.flags("ip", ipv4), offload.lengths(ipv4, l2Len, l3Len))
end

function bufArray:offloadUdpChecksums(ipv4, l2Len, l3Len, n)
	native_offload(self.array, n or self.size, offload.flags("udp", ipv4), offload.lengths(ipv4, l2Len, l3Len))
end

function bufArray:offloadTcpChecksums(ipv4, l2Len, l3Len, n)
	native_offload(self.array, n or self.size, offload.flags("tcp", ipv4), offload.lengths(ipv4, l2Len, l3Len))
end

--- Gives all packets a VLAN tag.
function bufArray:setVlans(vlan, pcp, cfi)
	native.set_vlan(self.array, self.size, offload.tci(vlan, pcp, cfi))
end

return mod
