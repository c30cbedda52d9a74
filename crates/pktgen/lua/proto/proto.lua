-- All protocols by the names that stacks use.

local proto = {}

proto.ethernet = require "proto.ethernet"
proto.eth = proto.ethernet
proto.ip4 = require "proto.ip4"
proto.ip6 = require "proto.ip6"
proto.arp = require "proto.arp"
proto.icmp = require "proto.icmp"
proto.ndp = require "proto.ndp"
proto.udp = require "proto.udp"
proto.tcp = require "proto.tcp"

return proto
