-- Locks between tasks; a task may take its own lock again.

local host = require "rackless.core".host

local mod = {}
local lock = {}
lock.__index = lock
mod.__prototype = lock

function mod:new()
	return setmetatable({ id = host.lock_new() }, lock)
end

function lock:lock()
	host.lock_lock(self.id)
end

function lock:unlock()
	if not host.lock_unlock(self.id) then
		error("the lock is not held by this task", 2)
	end
end

--- Tries to take the lock for this many microseconds; returns whether it did.
function lock:tryLock(timeout)
	return host.lock_lock(self.id, timeout or 0)
end

--- Calls a function while holding the lock.
function lock:__call(func, ...)
	self:lock()
	local results = { pcall(func, ...) }
	self:unlock()
	if not results[1] then
		error(results[2], 0)
	end
	return unpack(results, 2, table.maxn(results))
end

function lock:__serialize()
	return ("return setmetatable({id=%d}, require'lock'.__prototype)"):format(self.id)
end

return mod
