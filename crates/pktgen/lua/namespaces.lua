-- Tables whose values all tasks share. Keys are strings; values are copied in and out.

local core = require "rackless.core"
local serpent = require "Serpent"
local log = require "log"
local host = core.host

local mod = {}
local namespace = {}
local names = setmetatable({}, { __mode = "k" })

local function wrap(name)
	local ns = setmetatable({}, namespace)
	names[ns] = name
	return ns
end

--- The namespace with this name; without one, that of the place it is called from.
function mod:get(name)
	if not name then
		local caller = debug.getinfo(2, "Sl")
		name = caller.short_src .. ":" .. caller.currentline
	end
	return wrap(name)
end

--- Calls a function for each key and value.
local function for_each(ns, func)
	for _, key in ipairs(host.ns_keys(names[ns])) do
		local source = host.ns_get(names[ns], key)
		if source then
			func(key, serpent.load(source))
		end
	end
end

--- Calls a function while no other task is in such a call for the same namespace.
local function locked(name, func, ...)
	host.ns_lock(name)
	local results = { pcall(func, ...) }
	host.ns_unlock(name)
	if not results[1] then
		error(results[2], 0)
	end
	return unpack(results, 2, table.maxn(results))
end

function namespace:__index(key)
	if type(key) ~= "string" then
		log:fatal("Table index must be a string")
	end
	if key == "forEach" then
		return for_each
	elseif key == "lock" then
		local name = names[self]
		return function(func, ...) return locked(name, func, ...) end
	end
	local source = host.ns_get(names[self], key)
	if source then
		return (serpent.load(source))
	end
end

function namespace:__newindex(key, value)
	if type(key) ~= "string" then
		log:fatal("Table index must be a string")
	end
	if key == "forEach" or key == "lock" then
		log:fatal("%s is reserved", key)
	end
	if value == nil then
		host.ns_set(names[self], key)
	else
		host.ns_set(names[self], key, serpent.dump(value))
	end
end

function namespace:__serialize()
	return ("return require'namespaces':get(%q)"):format(names[self])
end

return mod
