//! Scripts over real interfaces, in a network namespace of their own.

use crate::Script;
use crate::isolated::{ip, isolated};

#[test]
fn frames_cross_a_cable_with_right_checksums_and_are_counted_at_both_ends() {
    isolated("veth::frames_cross_a_cable_with_right_checksums_and_are_counted_at_both_ends", || {
        ip("link add west type veth peer name east");
        for end in ["west", "east"] {
            ip(&format!("link set {end} addrgenmode none"));
            ip(&format!("link set {end} up"));
        }
        let output = Script::new(
            "local mg, memory, device, stats = require 'moongen', require 'memory', require 'device', require 'stats'
            local COUNT = 1000
            function master()
                local a, b = device.config { port = 0 }, device.config { port = 1 }
                device.waitForLinks()
                local receiver = mg.startTask('receive', b:getRxQueue(0))
                a:getTxQueue(0):setRateMpps(0.02)
                mg.startTask('send', a:getTxQueue(0))
                print('received', receiver:wait())
                mg.waitForTasks()
                print('sent', a:getTxStats())
                print('arrived', b:getRxStats())
            end
            function send(queue)
                local bufs = memory.createMemPool(function(buf)
                    buf:getUdpPacket():fill { ethSrc = queue, pktLength = 60 }
                end):bufArray(50)
                for batch = 1, COUNT / bufs.size do
                    bufs:alloc(60)
                    for i, buf in ipairs(bufs) do
                        buf:getUdpPacket().payload.uint32[0] = batch * 1000 + i
                    end
                    bufs:offloadUdpChecksums()
                    queue:send(bufs)
                end
            end
            function receive(queue)
                local bufs, right, deadline = memory.bufArray(), 0, require 'timer':new(10)
                while mg.running() and right < COUNT and deadline:running() do
                    local rx = queue:tryRecv(bufs, 10000)
                    for i = 1, rx do
                        local pkt = bufs[i]:getUdpPacket()
                        local found = pkt.udp:getChecksum()
                        bufs[i]:fillChecksums()
                        if found ~= 0 and found == pkt.udp:getChecksum() and bufs[i]:getSize() == 60 then
                            right = right + 1
                        end
                    end
                    bufs:free(rx)
                end
                return right
            end",
        )
        .device("west", "af_packet:west")
        .device("east", "af_packet:east")
        .output();
        for line in ["2 devices are up.", "received\t1000\n", "sent\t1000\t64000\n", "arrived\t1000\t64000\n"]
        {
            assert!(output.contains(line), "{output}");
        }
    });
}
