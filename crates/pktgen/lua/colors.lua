-- Terminal colours.

local core = require "rackless.core"

local mod = {}

local codes = {
	black = "0;30", dgrey = "1;30", red = "0;31", bred = "1;31", green = "0;32", bgreen = "1;32",
	brown = "0;33", yellow = "1;33", blue = "0;34", bblue = "1;34", dblue = "2;34", dpurple = "0;35",
	bpurple = "1;35", dcyan = "0;36", cyan = "1;36", bgrey = "0;37", white = "1;37", none = "0",
}

mod.colorPallet = { "blue", "bgreen", "dpurple", "bred", "brown", "cyan", "green", "yellow", "red" }

--- The escape sequence of a colour: a name, a number for the palette, nothing for the end of colours.
function getColorCode(color)
	if not core.color then
		return ""
	end
	if type(color) == "number" then
		color = mod.colorPallet[(color - 1) % #mod.colorPallet + 1]
	end
	return "\027[" .. (codes[color] or codes.none) .. "m"
end

function getColorizedString(str, color)
	return getColorCode(color) .. str .. getColorCode()
end

for _, color in ipairs { "red", "bred", "yellow", "green", "white" } do
	_G[color] = function(str, ...)
		return getColorizedString(str:format(...), color)
	end
end

return mod
