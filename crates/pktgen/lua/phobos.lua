-- The name that libmoon had for a while.

return require "libmoon"
