-- Turning the words of a command line into a table, as a parser describes them.

local core = require "rackless.core"

return function(parser, target)

local function convert(self, e, word)
	local result, err = word, nil
	if type(e._convert) == "function" then
		result, err = e._convert(word)
	elseif type(e._convert) == "table" then
		result = e._convert[word]
	end
	if result == nil then
		self:error(err or ("malformed argument '%s'"):format(tostring(word)))
	end
	if e._choices then
		local allowed = {}
		for _, choice in ipairs(e._choices) do
			if choice == word or choice == result then
				return result
			end
			allowed[#allowed + 1] = "'" .. tostring(choice) .. "'"
		end
		self:error(("argument for %s '%s' must be one of %s"):format(e._kind, e._names[1], table.concat(allowed, ", ")))
	end
	return result
end

local function check_count(self, e, count, label)
	if count < e._min then
		if e._kind == "argument" and count == 0 and e._min == 1 then
			self:error(("missing argument '%s'"):format(e._names[1]))
		end
		self:error(("%s requires at least %d argument%s"):format(label, e._min, e._min == 1 and "" or "s"))
	end
end

--- The value of an element from its words: one value, or a list where several are allowed.
local function value_of(self, e, list)
	local values = {}
	for i, word in ipairs(list) do
		values[i] = word
	end
	if e._combine and #values > 0 then
		return convert(self, e, table.concat(map(values, tostring), e._combine))
	end
	for i, word in ipairs(values) do
		values[i] = convert(self, e, word)
	end
	if e._max == 0 then
		return true
	elseif e._max == 1 and not (e._args_given and e._min == 0 and e._kind == "option") then
		return values[1]
	end
	return values
end

local function store(e, result, value)
	local key = target(e)
	if type(e._action) == "function" then
		return e._action(result, key, value, e._overwrite)
	end
	local action = e._action or (e._kind == "flag" and "store_true") or (e._count == "*" and "append") or "store"
	if action == "store_true" then
		result[key] = e._count == "*" and (result[key] or 0) + 1 or true
	elseif action == "store_false" then
		result[key] = false
	elseif action == "count" then
		result[key] = (result[key] or 0) + 1
	elseif action == "append" then
		result[key] = result[key] or {}
		table.insert(result[key], value)
	elseif action == "concat" then
		result[key] = concatArrays(result[key] or {}, value)
	else
		result[key] = value
	end
end

local function find_option(self, name)
	local scope = self
	while scope do
		for _, e in ipairs(scope._options) do
			for _, variant in ipairs(e._names) do
				if variant == name then
					return e
				end
			end
		end
		scope = scope._parent
	end
end

--- Whether a word is an option: a negative number is not.
local function is_option(word)
	return word:match("^%-.") ~= nil and not tonumber(word)
end

local state = {}
state.__index = state

function state:use(e, label)
	self.used[e] = (self.used[e] or 0) + 1
	if self.used[e] > 1 and e._count ~= "*" and type(e._count) ~= "string" and e._kind ~= "argument" then
		self.parser:error(("option '%s' must be used at most once"):format(label))
	end
	for _, group in ipairs(self.parser._mutexes) do
		local first
		for _, member in ipairs(group) do
			if self.used[member] then
				if first then
					self.parser:error(("option '%s' can not be used together with option '%s'"):format(label,
						first == e and member._names[1] or first._names[1]))
				end
				first = member
			end
		end
	end
end

function state:option(name, attached)
	local e = find_option(self.parser, name)
	if not e then
		self.parser:error(("unknown option '%s'"):format(name))
	end
	if e._help then
		print(self.parser:get_help())
		core.host.exit(0)
		error(core.exit_token, 0)
	end
	self:use(e, name)
	local list = {}
	if attached then
		if e._max == 0 then
			self.parser:error(("option '%s' does not take arguments"):format(name))
		end
		list[1] = attached
	else
		while #list < e._max and self.words[self.at] and not is_option(self.words[self.at]) do
			list[#list + 1] = self.words[self.at]
			self.at = self.at + 1
		end
		if #list < e._min then
			self.parser:error(("option '%s' %s"):format(name, e._min == 1 and "requires an argument"
				or ("requires at least %d arguments"):format(e._min)))
		end
	end
	store(e, self.result, value_of(self.parser, e, list))
end

--- A word like -abc: letters that are flags, or one with its argument attached.
function state:letters(word)
	for i = 2, #word do
		local name = "-" .. word:sub(i, i)
		local e = find_option(self.parser, name)
		if not e then
			self.parser:error(("unknown option '%s'"):format(i == 2 and word or name))
		end
		if e._max > 0 and i < #word then
			return self:option(name, word:sub(i + 1))
		end
		self:option(name)
	end
end

function state:dash(word)
	local name, attached = word:match("^(%-%-[^=]+)=(.*)$")
	if name then
		self:option(name, attached)
	elseif word:match("^%-%-") or #word == 2 or find_option(self.parser, word) then
		self:option(word)
	else
		self:letters(word)
	end
end

--- Shares the words out among the arguments: each takes as many as it may and leaves what the others need.
function state:positionals()
	local needed = 0
	for _, e in ipairs(self.parser._arguments) do
		needed = needed + e._min
	end
	local at, rest = 1, self.rest
	for _, e in ipairs(self.parser._arguments) do
		needed = needed - e._min
		local take = math.max(0, math.min(e._max, #rest - at + 1 - needed))
		local list = { unpack(rest, at, at + take - 1) }
		at = at + #list
		if #list == 0 and e._default ~= nil then
			if e._max == 1 then
				list[1] = e._default
			end
		else
			check_count(self.parser, e, #list, ("argument '%s'"):format(e._names[1]))
		end
		if #list > 0 or e._max > 1 then
			store(e, self.result, value_of(self.parser, e, list))
		end
	end
	if rest[at] ~= nil then
		self.parser:error("too many arguments")
	end
end

function state:command(word)
	for _, command in ipairs(self.parser._commands) do
		if command._aliases[word] then
			self.result[self.parser._command_target or command._target or command._name] = true
			self.parser = command
			return
		end
	end
	self.parser:error(("unknown command '%s'"):format(word))
end

--- Options that were not given get their defaults; text is converted as if it had been given.
function state:defaults(options)
	for _, e in ipairs(options) do
		local key = target(e)
		if self.result[key] == nil and not e._help then
			if e._init ~= nil then
				self.result[key] = e._init
			elseif type(e._default) == "string" and e._kind == "option" then
				store(e, self.result, value_of(self.parser, e, { e._default }))
			elseif e._default ~= nil then
				self.result[key] = e._default
			elseif e._count == 1 then
				self.parser:error(("missing option '%s'"):format(e._names[1]))
			end
		end
	end
end

--- Parses words (by default those from `args`) into a table.
function parser:parse(list)
	local self_state = setmetatable({
		parser = self, words = map(concatArrays(list or self._args or {}, {}), tostring), at = 1, rest = {}, result = {}, used = {},
	}, state)
	local only_words = false
	local parsers = { self }
	while self_state.words[self_state.at] do
		local word = self_state.words[self_state.at]
		self_state.at = self_state.at + 1
		if not only_words and word == "--" then
			only_words = true
		elseif not only_words and is_option(word) then
			self_state:dash(word)
		elseif #self_state.parser._commands > 0 and #self_state.rest >= #self_state.parser._arguments then
			self_state:positionals()
			self_state.rest = {}
			self_state:command(word)
			parsers[#parsers + 1] = self_state.parser
		else
			table.insert(self_state.rest, word)
		end
	end
	self_state:positionals()
	if #self_state.parser._commands > 0 and self_state.parser._require_command ~= false then
		self_state.parser:error("a command is required")
	end
	for _, each in ipairs(parsers) do
		self_state:defaults(each._options)
	end
	return self_state.result
end

--- Parses and gives true and the result, or false and the message.
function parser:pparse(list)
	local message
	self.error = function(_, text)
		message = text
		error(core.exit_token, 0)
	end
	local ok, result = pcall(self.parse, self, list)
	self.error = nil
	if not ok and not message then
		error(result, 0)
	end
	return ok, ok and result or message
end

end
