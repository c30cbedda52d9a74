-- Usage lines and help texts of a parser.

-- Column where descriptions start, and width of usage lines.
local HELP_COLUMN, WIDTH = 25, 70

return function(parser, target)

local function argname(e, i)
	local name = e._argname
	if type(name) == "table" then
		name = name[math.min(i, #name)]
	end
	return name or "<" .. (e._kind == "argument" and e._names[1] or target(e)) .. ">"
end

--- The words of an element as usage shows them.
local function words(e)
	local list = {}
	for i = 1, math.min(e._min, 3) do
		list[i] = argname(e, i)
	end
	if e._max == math.huge then
		list[#list + 1] = e._min == 0 and "[" .. argname(e, 1) .. "]" or nil
		list[#list + 1] = "..."
	else
		for i = e._min + 1, math.min(e._max, e._min + 3) do
			list[i] = "[" .. argname(e, i) .. "]"
		end
	end
	return table.concat(list, " ")
end

local function option_usage(e)
	return "[" .. e._names[1] .. (e._max > 0 and " " .. words(e) or "") .. "]"
end

local function full_name(self)
	return self._parent and full_name(self._parent) .. " " .. self._name or self._name
end

function parser:get_usage()
	if self._usage then
		return self._usage
	end
	local items = {}
	for _, e in ipairs(self._options) do
		items[#items + 1] = not e._hidden and (e._count == 1 and option_usage(e):sub(2, -2) or option_usage(e)) or nil
	end
	for _, e in ipairs(self._arguments) do
		items[#items + 1] = words(e)
	end
	if #self._commands > 0 then
		items[#items + 1] = "<command> ..."
	end
	local lines, line = {}, "Usage: " .. full_name(self)
	for _, item in ipairs(items) do
		if #line + 1 + #item > WIDTH then
			lines[#lines + 1] = line
			line = (" "):rep(6)
		end
		line = line .. " " .. item
	end
	lines[#lines + 1] = line
	return table.concat(lines, "\n")
end

local function entry(label, description, default)
	if default ~= nil and type(default) ~= "table" and type(default) ~= "function" then
		description = (description and description .. " " or "") .. ("(default: %s)"):format(tostring(default))
	end
	if not description then
		return "   " .. label
	end
	local gap = HELP_COLUMN - 3 - #label
	return "   " .. label .. (gap > 0 and (" "):rep(gap) or "\n" .. (" "):rep(HELP_COLUMN)) .. description
end

local function section(title, list)
	return #list > 0 and title .. ":\n" .. table.concat(list, "\n") or nil
end

function parser:get_help()
	local arguments, options, commands = {}, {}, {}
	for _, e in ipairs(self._arguments) do
		arguments[#arguments + 1] = entry(e._names[1], e._description, e._default)
	end
	for _, e in ipairs(self._options) do
		local variants = {}
		for i, name in ipairs(e._names) do
			variants[i] = name .. (e._max > 0 and " " .. words(e) or "")
		end
		if not e._hidden then
			options[#options + 1] = entry(table.concat(variants, ", "), e._description, e._default)
		end
	end
	for _, command in ipairs(self._commands) do
		commands[#commands + 1] = entry(command._name, command._summary or command._description)
	end
	local parts = { self:get_usage() }
	for _, part in ipairs {
		self._description or false, section("Arguments", arguments) or false, section("Options", options) or false,
		section("Commands", commands) or false, self._epilog or false,
	} do
		parts[#parts + 1] = part or nil
	end
	return table.concat(parts, "\n\n")
end

end
