-- UDP (RFC 768).

local template = require "proto.template"

local udp = {
	PORT_DNS = 53, PORT_PTP_EVENTS = 319, PORT_PTP_GENERAL_MESSAGES = 320, PORT_IPFIX = 4739, PORT_VXLAN = 4789, PORT_SFLOW = 6343,
}

local next_headers = {
	[udp.PORT_PTP_EVENTS] = "ptp", [udp.PORT_PTP_GENERAL_MESSAGES] = "ptp", [udp.PORT_VXLAN] = "vxlan",
	[udp.PORT_SFLOW] = "sflow", [udp.PORT_DNS] = "dns", [udp.PORT_IPFIX] = "ipfix",
}
local default_ports = {
	ptp = udp.PORT_PTP_EVENTS, vxlan = udp.PORT_VXLAN, sflow = udp.PORT_SFLOW, dns = udp.PORT_DNS, ipfix = udp.PORT_IPFIX,
}

udp.headerFormat = "uint16_t src; uint16_t dst; uint16_t len; uint16_t cs;"

local header = template.initHeader()

template.fields(header, {
	{ "SrcPort", "src", 16, 1024 }, { "DstPort", "dst", 16, 1025 }, { "Length", "len", 16, 28 }, { "Checksum", "cs", 16, 0 },
})

function header:getChecksumString()
	return ("0x%04x"):format(self:getChecksum())
end

template.arguments(header, "udp", { { "Src", "SrcPort" }, { "Dst", "DstPort" }, { "Length" }, { "Checksum" } })

function header:getString()
	return ("UDP %s > %s len %s cksum %s"):format(self:getSrcPort(), self:getDstPort(), self:getLength(), self:getChecksumString())
end

--- The destination port tells what is inside.
function header:resolveNextHeader()
	return next_headers[self:getDstPort()]
end

function header:setDefaultNamedArgs(pre, namedArgs, nextHeader, accumulatedLength)
	if namedArgs.pktLength then
		namedArgs[pre .. "Length"] = namedArgs[pre .. "Length"] or namedArgs.pktLength - accumulatedLength
	end
	namedArgs[pre .. "Dst"] = namedArgs[pre .. "Dst"] or default_ports[nextHeader]
	return namedArgs
end

udp.metatype = header

return udp
