-- Timers on the monotonic clock.

local libmoon = require "libmoon"

local mod = {}
local timer = {}
timer.__index = timer

--- A timer that expires after this many seconds.
function mod:new(time)
	time = time or 0
	return setmetatable({ time = time, stop = libmoon.getTime() + time }, timer)
end

function timer:running()
	return self.stop > libmoon.getTime()
end

function timer:expired()
	return self.stop <= libmoon.getTime()
end

function timer:timeLeft()
	return self.stop - libmoon.getTime()
end

function timer:reset(time)
	self.stop = libmoon.getTime() + (time or self.time)
end

--- Waits without sleeping; returns early, and then false, when the run is stopped.
function timer:busyWait()
	while not self:expired() and libmoon.running() do
	end
	return libmoon.running()
end

--- Waits asleep; returns early, and then false, when the run is stopped.
function timer:wait()
	while libmoon.running() do
		local left = self:timeLeft()
		if left <= 0 then
			break
		end
		libmoon.sleepMicrosIdle(math.min(left * 1e6, 10000))
	end
	return libmoon.running()
end

function timer:__serialize()
	return ("return setmetatable({time=%.17g,stop=%.17g}, require'timer'.__prototype)"):format(self.time, self.stop)
end

mod.__prototype = timer

return mod
