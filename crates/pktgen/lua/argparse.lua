-- Command lines: options, flags, arguments and commands, described by chained calls.
--
-- The interface is that of the argparse module that MoonGen ships, as far as its scripts use it, and MoonGen's own
-- `:combine()` and `parser:args()`.

local core = require "rackless.core"

---------------------------------------------------------------- describing

--- A class whose instances take the named properties by chained calls: `element:default "x"`.
local function class(properties, parent)
	local methods = setmetatable({}, parent)
	methods.__index = methods
	for _, name in ipairs(properties) do
		methods[name] = function(self, value)
			self["_" .. name] = value
			return self
		end
	end
	methods.__call = function(self, ...)
		return self:configure(...)
	end
	return methods
end

local element = class {
	"name", "description", "default", "defmode", "convert", "choices", "target", "argname", "count", "action", "init",
	"show_default", "hidden", "overwrite",
}

--- How many words: a number, "n-m", "n+", "?", "*", "+".
local function parse_bounds(bounds)
	if type(bounds) == "number" then
		return bounds, bounds
	elseif bounds == "*" then
		return 0, math.huge
	elseif bounds == "+" then
		return 1, math.huge
	elseif bounds == "?" then
		return 0, 1
	end
	local min, max = tostring(bounds):match("^(%d+)%-(%d+)$")
	if min then
		return tonumber(min), tonumber(max)
	end
	min, max = tostring(bounds):match("^(%d+)(%+?)$")
	if not min then
		error(("bad bounds '%s'"):format(tostring(bounds)), 3)
	end
	return tonumber(min), max == "+" and math.huge or tonumber(min)
end

function element:args(bounds)
	self._min, self._max = parse_bounds(bounds)
	self._args_given = true
	return self
end

--- Several words become one value, joined by blanks.
function element:combine(separator)
	self._combine = type(separator) == "string" and separator or " "
	return self
end

--- Properties by position (name, description, default, convert, args) or by name.
function element:configure(first, ...)
	if type(first) == "table" then
		for name, value in pairs(first) do
			if type(name) == "string" and self[name] then
				self[name](self, value)
			end
		end
		if first[1] then
			self:configure(unpack(first, 1, 5))
		end
		return self
	end
	for i, name in ipairs { "description", "default", "convert", "args" } do
		local value = (select(i, ...))
		if value ~= nil then
			self[name](self, value)
		end
	end
	return self
end

local function new_element(kind, name, ...)
	local self = setmetatable({ _kind = kind, _names = {}, _min = 1, _max = 1 }, element)
	if type(name) == "table" then
		name, self._table = name[1] or name.name, name
	end
	self._name = name
	for word in tostring(name):gmatch("%S+") do
		self._names[#self._names + 1] = word
	end
	if kind == "flag" then
		self._min, self._max = 0, 0
	end
	if self._table then
		local rest = mergeTables({}, self._table)
		rest[1], rest.name = nil, nil
		self:configure(rest)
	end
	return self:configure(name, ...)
end

--- The key of the result: the first long name without dashes.
local function target(e)
	if e._target then
		return e._target
	end
	for _, name in ipairs(e._names) do
		if name:match("^%-%-.") then
			return (name:match("^%-%-(.*)"):gsub("-", "_"))
		end
	end
	return (e._names[1]:match("^%-*(.*)"):gsub("-", "_"))
end

local parser = class { "name", "description", "epilog", "usage", "help_text", "target", "require_command" }

function parser:configure(first, description, epilog)
	if type(first) == "table" then
		for name, value in pairs(first) do
			if type(name) == "string" and self[name] then
				self[name](self, value)
			end
		end
		return self
	end
	self._name = first or self._name
	self._description, self._epilog = description or self._description, epilog or self._epilog
	return self
end

local function new_parser(name, parent)
	local self = setmetatable({
		_name = name, _parent = parent, _arguments = {}, _options = {}, _commands = {}, _mutexes = {},
	}, parser)
	self._help_option = self:flag("-h --help", "Show this help message and exit.")
	self._help_option._help = true
	return self
end

function parser:argument(...)
	local e = new_element("argument", ...)
	self._arguments[#self._arguments + 1] = e
	return e
end

function parser:option(...)
	local e = new_element("option", ...)
	self._options[#self._options + 1] = e
	return e
end

function parser:flag(...)
	local e = new_element("flag", ...)
	self._options[#self._options + 1] = e
	return e
end

function parser:command(name, description)
	local first = tostring(type(name) == "table" and (name[1] or name.name) or name)
	local command = new_parser(first:match("%S+"), self)
	command._aliases = {}
	for word in first:gmatch("%S+") do
		command._aliases[word] = true
	end
	command._summary = description
	command._description = description
	self._commands[#self._commands + 1] = command
	return command
end

--- At most one of these options may be given.
function parser:mutex(...)
	self._mutexes[#self._mutexes + 1] = { ... }
	return self
end

function parser:add_help()
	return self
end

--- The words that `parse` takes when it gets none.
function parser:args(...)
	self._args = { ... }
	return self
end

--- Whether anything but the help was described.
function parser:isUsed()
	return #self._arguments > 0 or #self._options > 1 or #self._commands > 0
end

--- Prints usage and message, and ends the run with status 2.
function parser:error(message)
	io.stderr:write(self:get_usage(), "\n\nError: ", tostring(message), "\n")
	core.host.exit(2)
	error(core.exit_token, 0)
end

require "rackless.argparse_help" (parser, target)
require "rackless.argparse_parse" (parser, target)

return function(name, description, epilog)
	local self = new_parser(nil)
	self:configure(name, description, epilog)
	self._name = self._name or "libmoon " .. core.script
	return self
end
