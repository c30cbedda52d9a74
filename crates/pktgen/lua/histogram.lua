-- Histograms of samples, usually latencies in nanoseconds.

local log = require "log"

local histogram = {}
histogram.__index = histogram

function histogram:create()
	return setmetatable({ histo = {}, dirty = true }, histogram)
end

histogram.new = histogram.create
setmetatable(histogram, { __call = histogram.create })

--- Adds a sample; nil is ignored.
function histogram:update(k)
	if k == nil then
		return
	end
	k = tonumber(k)
	self.histo[k] = (self.histo[k] or 0) + 1
	self.dirty = true
end

--- The first value whose samples reach beyond this number of samples.
local function value_at(sorted, target)
	local seen = 0
	for _, cell in ipairs(sorted) do
		seen = seen + cell.v
		if seen > target then
			return cell.k
		end
	end
end

--- Computes the figures anew.
function histogram:calc()
	local sorted, count, sum = {}, 0, 0
	for k, v in pairs(self.histo) do
		sorted[#sorted + 1] = { k = k, v = v }
		count = count + v
		sum = sum + k * v
	end
	table.sort(sorted, function(a, b) return a.k < b.k end)
	local average, squares = sum / count, 0
	for _, cell in ipairs(sorted) do
		squares = squares + cell.v * (cell.k - average) ^ 2
	end
	self.sortedHisto, self.numSamples, self.sum, self.avg = sorted, count, sum, average
	self.stdDev = (squares / (count - 1)) ^ 0.5
	self.minimum = sorted[1] and sorted[1].k
	self.maximum = sorted[1] and sorted[#sorted].k
	self.quarts = {}
	for i = 1, 3 do
		self.quarts[i] = value_at(sorted, math.ceil(count * i / 4)) or 0 / 0
	end
	self.dirty = false
end

local function figure(f)
	return function(self, ...)
		if self.dirty then
			self:calc()
		end
		return f(self, ...)
	end
end

--- The value below which this percentage of the samples lies.
histogram.percentile = figure(function(self, percentile)
	if percentile > 100 or percentile < 0 then
		error("invalid argument", 3)
	end
	return value_at(self.sortedHisto, math.ceil(self.numSamples * percentile / 100))
end)

histogram.totals = figure(function(self) return self.numSamples, self.sum, self.avg end)
histogram.average = figure(function(self) return self.avg end)
histogram.min = figure(function(self) return self.minimum end)
histogram.max = figure(function(self) return self.maximum end)
histogram.standardDeviation = figure(function(self) return self.stdDev end)
histogram.quartiles = figure(function(self) return unpack(self.quarts) end)
histogram.median = figure(function(self) return self.quarts[2] end)

--- Iterates over the cells {k = value, v = count} in order.
histogram.samples = figure(function(self)
	local i, sorted = 0, self.sortedHisto
	return function()
		i = i + 1
		return sorted[i]
	end
end)

histogram.print = figure(function(self, prefix)
	printf("%sSamples: %d, Average: %.1f ns, StdDev: %.1f ns, Quartiles: %.1f/%.1f/%.1f ns",
		prefix and "[" .. prefix .. "] " or "", self.numSamples, self.avg, self.stdDev, unpack(self.quarts))
end)

--- Writes `value,count` lines to a file, given by name or open.
histogram.save = figure(function(self, file)
	local opened
	if type(file) == "string" then
		log:info("Saving histogram to '%s'", file)
		opened = assert(io.open(file, "w+"))
	end
	for _, cell in ipairs(self.sortedHisto) do
		(opened or file):write(("%s,%s\n"):format(cell.k, cell.v))
	end
	if opened then
		opened:close()
	end
end)

function histogram:__serialize()
	local cells = {}
	for k, v in pairs(self.histo) do
		cells[#cells + 1] = ("[%.17g]=%.17g"):format(k, v)
	end
	return ("return setmetatable({histo={%s},dirty=true}, require'histogram')"):format(table.concat(cells, ","))
end

return histogram
