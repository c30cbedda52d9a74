-- Barriers: tasks wait until a number of them has arrived.

local host = require "rackless.core".host

local mod = {}
local barrier = {}
barrier.__index = barrier
mod.__prototype = barrier

function mod:new(n)
	return setmetatable({ id = host.barrier_new(n) }, barrier)
end

function barrier:wait()
	host.barrier_wait(self.id)
end

function barrier:__serialize()
	return ("return setmetatable({id=%d}, require'barrier'.__prototype)"):format(self.id)
end

return mod
