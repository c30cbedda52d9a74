-- MoonGen's own module: all of libmoon's functions.

local mod = setmetatable({ __name = "moongen" }, { __index = require "libmoon" })

return mod
