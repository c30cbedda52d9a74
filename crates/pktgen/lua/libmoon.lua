-- Tasks, the end of the run, time.

local core = require "rackless.core"
local serpent = require "Serpent"
local log = require "log"
local native, host, stop = core.native, core.host, core.stop

local mod = { __name = "libmoon" }
mod.config = { appName = "libmoon", userscript = core.script }

local function only_master()
	if LIBMOON_TASK_NAME ~= "master" then
		log:fatal("This function is only available on the master task.")
	end
end

---------------------------------------------------------------- tasks

local task = {}
task.__index = task

--- Waits for the task and gives what its function returned; nothing when it failed.
function task:wait()
	local results = host.wait_task(self.id)
	if results then
		results = serpent.load(results)
		return unpack(results, 1, results.n)
	end
end

function task:isRunning()
	return host.task_is_running(self.id)
end

--- Starts a task: a thread with a Lua machine of its own that calls a global function of the script.
--- Arguments are copied. There may be more tasks than cores.
function mod.startTask(func, ...)
	only_master()
	if type(func) ~= "string" then
		log:fatal("startTask needs the name of a global function, got a %s", type(func))
	end
	return setmetatable({ id = host.start_task(func, serpent.pack(...)) }, task)
end

mod.startSharedTask = mod.startTask

--- Cores are the system's business here: the number is ignored.
function mod.startTaskOnCore(_, ...)
	return mod.startTask(...)
end

--- Waits until all tasks have finished.
function mod.waitForTasks()
	only_master()
	host.wait_for_tasks()
end

---------------------------------------------------------------- the end of the run

--- Limits the run to this many seconds from now.
function mod.setRuntime(seconds)
	host.set_runtime(seconds * 1000)
end

--- Whether tasks are to go on; a task that gives extra time, in milliseconds, goes on so much longer.
function mod.running(extraTime)
	return native.running(stop, type(extraTime) == "number" and extraTime or 0) == 1
end

--- Asks all tasks to finish.
function mod.stop()
	host.set_runtime(0)
end

---------------------------------------------------------------- time

--- The monotonic clock in nanoseconds.
function mod.getCycles()
	return native.now_ns()
end

function mod.getCyclesFrequency()
	return 10 ^ 9
end

--- The monotonic clock in seconds.
function mod.getTime()
	return tonumber(native.now_ns()) / 10 ^ 9
end

--- Waits without sleeping.
function mod.sleepMicros(t)
	local stop_at = native.now_ns() + t * 1000
	while native.now_ns() < stop_at do
	end
end

--- Waits asleep; an interrupt ends the wait.
function mod.sleepMicrosIdle(t)
	host.sleep_us(t)
end

function mod.sleepMillisIdle(t)
	host.sleep_us(t * 1000)
end

-- A busy wait of milliseconds would take a core from the other tasks.
mod.sleepMillis = mod.sleepMillisIdle

---------------------------------------------------------------- what only hardware had

--- The core and the socket of the task: there is one of each as far as scripts are concerned.
function mod.getCore()
	return 0, 0
end

function mod.getCores()
	return { 0 }
end

function mod.disableBadSocketWarning()
end

return mod
