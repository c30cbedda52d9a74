-- Pipes between tasks: slow ones carry copies of values, fast ones pointers.

local core = require "rackless.core"
local serpent = require "Serpent"
local ffi = require "ffi"
local libmoon = require "libmoon"
local host = core.host

local mod = {}
local FOREVER = 1e12
-- Waits of a task that is to notice the end of the run, in microseconds.
local SLICE = 10000

local pipe = {}
pipe.__index = pipe
local slowPipe = setmetatable({}, pipe)
slowPipe.__index = slowPipe
local fastPipe = setmetatable({}, pipe)
fastPipe.__index = fastPipe
mod.slowPipe, mod.fastPipe = slowPipe, fastPipe

function mod:newSlowPipe(size)
	return setmetatable({ id = host.pipe_new(size or 512) }, slowPipe)
end

function mod:newFastPipe(size)
	return setmetatable({ id = host.pipe_new(size or 512) }, fastPipe)
end

function pipe:count()
	return host.pipe_count(self.id)
end

--- Takes everything out.
function pipe:empty()
	while host.pipe_recv(self.id, 0) do
	end
end

--- Pipes live as long as the run.
function pipe:delete()
	self:empty()
end

--- Waits for the next item; nil when the run is stopped first.
local function next_item(self)
	repeat
		local item = host.pipe_recv(self.id, SLICE)
		if item then
			return item
		end
	until not libmoon.running()
end

local function values(item)
	if item then
		local list = serpent.load(item)
		return unpack(list, 1, list.n)
	end
end

function slowPipe:send(...)
	host.pipe_send(self.id, serpent.pack(...), FOREVER)
end

--- The next values, waiting at most this many microseconds.
function slowPipe:tryRecv(wait)
	return values(host.pipe_recv(self.id, wait or 0))
end

function slowPipe:recv()
	return values(next_item(self))
end

function slowPipe:__serialize()
	return ("return setmetatable({id=%d}, require'pipe'.slowPipe)"):format(self.id)
end

local voidp, uintptr = ffi.typeof("void *"), ffi.typeof("uintptr_t")

local function address(obj)
	return ("%x"):format(tonumber(ffi.cast(uintptr, ffi.cast(voidp, obj))))
end

local function pointer(item)
	return item and ffi.cast(voidp, tonumber(item, 16))
end

function fastPipe:send(obj)
	host.pipe_send(self.id, address(obj), FOREVER)
end

function fastPipe:trySend(obj)
	return host.pipe_send(self.id, address(obj), 0)
end

function fastPipe:tryRecv(wait)
	return pointer(host.pipe_recv(self.id, wait or 0))
end

function fastPipe:recv()
	return pointer(next_item(self))
end

function fastPipe:__serialize()
	return ("return setmetatable({id=%d}, require'pipe'.fastPipe)"):format(self.id)
end

function mod:sendToSlowPipe(slow, ...)
	return slow:send(...)
end

function mod:sendToFastPipe(fast, obj)
	return fast:trySend(obj)
end

return mod
