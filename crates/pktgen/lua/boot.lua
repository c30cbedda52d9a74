-- Sets up the Lua machine of a task: the embedded modules, the output, the script; then calls its function.

local context = ...
local ffi = require "ffi"

ffi.cdef(context.declaration)

local core = {
	native = ffi.cast("const struct rackless_native *", context.natives),
	stop = ffi.cast("struct rackless_stop *", context.stop),
	host = context.host,
	color = context.color,
	script = context.script,
	exit_token = setmetatable({}, { __tostring = function() return "exit" end }),
}
package.preload["rackless.core"] = function() return core end
for name, source in pairs(context.modules) do
	package.preload[name] = function(...)
		return assert(loadstring(source, "=" .. name .. ".lua"))(...)
	end
end

-- One write per line, so that lines of different tasks do not mix.
if context.output then
	io.stdout = assert(io.open(context.output, "a"))
	io.output(io.stdout)
	io.stderr = io.stdout
end
io.stdout:setvbuf("line")
function print(...)
	local words = {}
	for i = 1, select("#", ...) do
		words[i] = tostring((select(i, ...)))
	end
	io.stdout:write(table.concat(words, "\t"), "\n")
end

-- The process may hold more than this script: leaving ends the run, not the process.
function os.exit(code)
	core.host.exit(code == nil and 0 or code == true and 0 or code == false and 1 or code)
	error(core.exit_token, 0)
end

local folder = context.script:match("^(.*)/[^/]*$")
if folder then
	package.path = package.path .. ";" .. folder .. "/?.lua;" .. folder .. "/?/init.lua"
	package.cpath = package.cpath .. ";" .. folder .. "/?.so"
end
local load_library = ffi.load
function ffi.load(name, global)
	local ok, library = pcall(load_library, name, global)
	if ok then
		return library
	end
	-- MoonGen also looks beside the script, with and without the prefix.
	for _, file in ipairs { name, "lib" .. name .. ".so", name .. ".so" } do
		local found
		found, library = pcall(load_library, (folder or ".") .. "/" .. file, global)
		if found then
			return library
		end
	end
	error(("cannot load the library %s: it is neither a system library nor beside the script"):format(name), 2)
end

return require "rackless.main" (context)
