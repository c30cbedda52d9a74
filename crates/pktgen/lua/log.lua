-- Log lines with levels, as MoonGen prints them.

require "utils"

local log = { DEBUG = 0, INFO = 1, WARN = 2, ERROR = 3, FATAL = 4 }
log.level = log.INFO
log.fileLevel = log.DEBUG
log.fileEnabled = false
log.file = "debug.log"
for _, folder in ipairs { "log/", "../log/" } do
	if fileExists(folder) then
		log.file = folder .. "debug.log"
	end
end

--- Sets the lowest level that is printed, by its name.
function log:setLevel(level)
	self.level = self[level] or self.INFO
end

--- Sets the lowest level that goes to the file, by its name.
function log:setFileLevel(level)
	self.fileLevel = self[level] or self.DEBUG
end

function log:fileEnable()
	self.fileEnabled = true
	self:info("Enabled logging to '%s'", self.file)
end

function log:fileDisable()
	self.fileEnabled = false
	self:info("Disabled logging to '%s'", self.file)
end

function log:writeToLog(str)
	local file = assert(io.open(self.file, "a"))
	file:write(getTimeMicros(), " ", str, "\n")
	file:close()
end

local function text(str, ...)
	str = tostring(str)
	return select("#", ...) > 0 and str:format(...) or (str:gsub("%%%%", "%%"))
end

--- Ends the task with an error.
function log:fatal(str, ...)
	local message = text(str, ...)
	if self.fileEnabled then
		self:writeToLog("[FATAL] " .. message)
	end
	error(red("%s", message), 2)
end

local function level(name, tag, color)
	return function(self, str, ...)
		local line = tag .. text(str, ...)
		if self[name] >= self.level then
			print(getColorizedString(line, color))
		end
		if self.fileEnabled and self[name] >= self.fileLevel then
			self:writeToLog(line)
		end
	end
end

log.error = level("ERROR", "[ERROR] ", "bred")
log.err = log.error -- does not exist in MoonGen, and scripts call it
log.warn = level("WARN", "[WARN]  ", "yellow")
log.info = level("INFO", "[INFO]  ", "white")
log.debug = level("DEBUG", "[DEBUG] ", "green")

return log
