-- Runs the script of one task: loads the library, then the script, then its function.

local core = require "rackless.core"
local log = require "log"
require "utils"
local libmoon = require "libmoon"
local device = require "device"
local serpent = require "Serpent"
local argparse = require "argparse"
-- Everything is loaded before the script's loops run: a library table that grows later would slow their traces down.
for _, name in ipairs {
	"moongen", "dpdk", "dpdkc", "phobos", "memory", "packet", "filter", "stats", "histogram", "timer", "colors", "namespaces",
	"pipe", "lock", "barrier", "ndp",
} do
	require(name)
end

local function report(err)
	if err == core.exit_token then
		return err
	end
	local text = type(err) == "string" and err or tostring(err)
	io.stderr:write(red("[FATAL] Lua error in task %s", LIBMOON_TASK_NAME), "\n", debug.traceback(text, 2), "\n")
	return text
end

--- Calls a function; ends the machine when it fails.
local function guarded(f, ...)
	local results = { n = select("#", ...) + 1, xpcall(f, report, ...) }
	if results[1] then
		return results
	end
	return nil, results[2] == core.exit_token and "exit" or "failed"
end

local function load_script(context)
	return guarded(function()
		local script, err = loadstring(context.source, "@" .. context.script)
		if not script then
			error(err, 0)
		end
		return script()
	end)
end

--- Numbers among the arguments arrive as numbers; DPDK's configuration file has no meaning here.
local function arguments(context)
	local args = {}
	for _, arg in ipairs(context.args) do
		if arg:match("^%-%-dpdk%-config=") then
			log:warn("Ignoring %s: the devices are those that --port names.", arg)
		else
			args[#args + 1] = tonumber(arg) or arg
		end
	end
	return args
end

local function configured(args)
	if not _G.configure then
		return {}
	end
	local parser = argparse()
	parser:args(unpack(args))
	local results = { _G.configure(parser, unpack(args)) }
	if #results == 0 and parser:isUsed() then
		results = { parser:parse() }
	end
	return results
end

local function master(context)
	LIBMOON_TASK_NAME = "master"
	local _, failure = load_script(context)
	if failure then
		return failure
	end
	local args = arguments(context)
	local results
	results, failure = guarded(function()
		local parsed = configured(args)
		if type(_G.master) ~= "function" then
			error(("%s has no function master"):format(context.script), 0)
		end
		device.announce()
		_G.master(unpack(concatArrays(parsed, args)))
	end)
	return results and "done" or failure
end

local function task(context)
	LIBMOON_TASK_NAME = context.task_function
	LIBMOON_TASK_ID = context.task_id
	local _, failure = load_script(context)
	if failure then
		return failure
	end
	local results
	results, failure = guarded(function()
		local args = serpent.load(context.task_args)
		local func = _G[context.task_function]
		if type(func) ~= "function" then
			log:fatal("slave function %s not found", context.task_function)
		end
		return serpent.pack(func(unpack(args, 1, args.n)))
	end)
	if not results then
		return failure
	end
	return "done", results[2]
end

return function(context)
	if context.task_function then
		return task(context)
	end
	return master(context)
end
