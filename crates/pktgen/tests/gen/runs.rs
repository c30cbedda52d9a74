//! Tasks, arguments, ends of runs, errors.

use std::time::{Duration, Instant};

use rackless_pktgen::{Error, GenOptions, run};

use crate::{Script, port};

#[test]
fn hello_world() {
    let output = Script::new(
        r#"
        local mg = require "moongen"
        function master(...)
            print("arguments:", ...)
            mg.startTask("slave", "first")
            mg.startTask("slave", "second")
            mg.waitForTasks()
            print("done")
        end
        function slave(arg)
            printf("slave says %q as %s", arg, LIBMOON_TASK_NAME)
        end"#,
    )
    .args(&["7", "x"])
    .output();
    let mut lines: Vec<&str> = output.lines().collect();
    lines[1..3].sort_unstable();
    assert_eq!(
        lines,
        ["arguments:\t7\tx", r#"slave says "first" as slave"#, r#"slave says "second" as slave"#, "done"]
    );
}

#[test]
fn tasks_get_copies_of_all_kinds_of_values_and_give_values_back() {
    let output = Script::new(
        r#"
        local mg, device, histogram, ffi = require "moongen", require "device", require "histogram", require "ffi"
        function master()
            local dev = device.config { port = 0, txQueues = 2 }
            local hist = histogram:new()
            hist:update(3)
            local task = mg.startTask("slave", nil, 1 / 0, "a\nb\0c\r", { x = { 1, 2, nil, 4 } }, dev:getTxQueue(1), hist,
                parseIP6Address("2001:db8::1"), 2ULL ^ 60ULL, nil)
            print(select('#', task:wait()), task:wait())
            print(task:isRunning())
        end
        function slave(...)
            local none, inf, text, tbl, queue, hist, address, big = ...
            assert(select('#', ...) == 9 and none == nil and inf == math.huge and text == "a\nb\0c\r")
            assert(tbl.x[1] == 1 and tbl.x[3] == nil and tbl.x[4] == 4)
            assert(tostring(queue) == "[TxQueue: id=0, qid=1]" and queue.dev.id == 0)
            assert(hist:totals() == 1 and hist:average() == 3)
            assert(address:getString(true) == "2001:0db8:0000:0000:0000:0000:0000:0001")
            assert(tostring(big) == "1152921504606846976ULL")
            return nil, "second", nil
        end"#,
    )
    .port(&port(1))
    .output();
    assert!(output.ends_with("3\tnil\tsecond\tnil\nfalse\n"), "{output}");
}

#[test]
fn what_cannot_be_copied_is_refused() {
    for (value, message) in [
        ("print", "cannot hand a function to another task"),
        ("{ f = print }", "cannot hand a function to another task (key f)"),
        ("cyclic", "cannot hand a table to another task that contains itself"),
    ] {
        let script =
            format!("local cyclic = {{}} cyclic[1] = cyclic require 'moongen'.startTask('slave', {value})");
        let (status, output) = Script::master(&script).run();
        assert_eq!(status.code(), 1);
        assert!(output.contains(message), "{output}");
    }
}

#[test]
fn tasks_talk_through_namespaces_pipes_locks_and_barriers() {
    let output = Script::new(
        r#"
        local mg, pipe, lock, barrier, memory, ffi =
            require "moongen", require "pipe", require "lock", require "barrier", require "memory", require "ffi"
        local ns = require "namespaces":get()
        function master()
            local slow, fast, gate, all = pipe:newSlowPipe(), pipe:newFastPipe(), lock:new(), barrier:new(2)
            ns.sum = 0
            gate:lock()
            local task = mg.startTask("slave", slow, fast, gate, all)
            print(slow:recv())
            local numbers = ffi.cast("uint32_t *", fast:recv())
            print(numbers[0], numbers[1])
            memory.free(numbers)
            ns.lock(function() ns.sum = ns.sum + 1 end)
            gate:unlock()
            all:wait()
            print(ns.sum, ns.unknown, gate:tryLock(1000))
            ns.forEach(ns, function(key, value) print(key, value) end)
        end
        function slave(slow, fast, gate, all)
            slow:send("a", nil, { 5 }, 7)
            local numbers = memory.alloc("uint32_t *", 8)
            numbers[0], numbers[1] = 11, 12
            fast:send(numbers)
            gate(function() ns.lock(function() ns.sum = ns.sum + 1 end) end)
            all:wait()
        end"#,
    )
    .output();
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with("a\tnil\ttable") && lines[0].ends_with("\t7"), "{output}");
    assert_eq!(lines[1..], ["11\t12", "2\tnil\ttrue", "sum\t2"]);
}

#[test]
fn more_tasks_than_cores_run_at_once() {
    let output = Script::new(
        "local mg, barrier = require 'moongen', require 'barrier'
        function master()
            local all = barrier:new(33)
            for i = 1, 32 do mg.startTask('slave', all) end
            all:wait()
            mg.waitForTasks()
            print 'all'
        end
        function slave(all) all:wait() end",
    )
    .output();
    assert_eq!(output, "all\n");
}

#[test]
fn a_runtime_ends_the_run() {
    let start = Instant::now();
    let output = Script::new(
        "local mg = require 'moongen'
        function master()
            mg.setRuntime(0.1)
            mg.startTask('slave', 0)
            mg.startTask('slave', 100)
            mg.waitForTasks()
        end
        function slave(extra)
            while mg.running(extra) do mg.sleepMicrosIdle(100) end
            print(extra)
        end",
    )
    .output();
    assert_eq!(output, "0\n100\n");
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn an_error_in_a_task_names_the_task_and_the_line_and_ends_the_others() {
    let (status, output) = Script::new(
        "local mg = require 'moongen'
        function master()
            mg.startTask('endless')
            mg.startTask('broken')
            mg.waitForTasks()
            print('master goes on')
        end
        function endless() while mg.running() do mg.sleepMillisIdle(1000) end end
        function broken()
            local nothing
            return nothing.field
        end",
    )
    .run();
    assert_eq!(status.code(), 1);
    assert!(output.contains("[FATAL] Lua error in task broken\n"), "{output}");
    assert!(
        output.contains("test.lua:11: attempt to index local 'nothing' (a nil value)\nstack traceback:"),
        "{output}"
    );
}

#[test]
fn errors_in_every_phase_end_the_run_with_status_1() {
    for (text, message) in [
        ("function master( end", "test.lua:1:"),
        ("error('while loading')", "while loading"),
        ("function configure() error('while configuring') end function master() end", "while configuring"),
        ("x = 1", "has no function master"),
        (
            "function master() require 'moongen'.startTask('nobody'):wait() end",
            "slave function nobody not found",
        ),
        ("function master() require 'nowhere' end", "module 'nowhere' not found"),
        (
            "function master() require 'memory'.createMemPool(4):bufArray(5):alloc(60) end",
            "all 4 buffers of the pool",
        ),
        ("function master() require 'memory'.createMemPool(4):alloc(3000) end", "have room for 2048"),
        ("function master() require 'memory'.bufArray():alloc(60) end", "not associated with a memory pool"),
    ] {
        let (status, output) = Script::new(text).run();
        assert_eq!(status.code(), 1, "{text}");
        assert!(
            output.contains("[FATAL] Lua error in task ") && output.contains(message),
            "{text}: {output}"
        );
    }
}

#[test]
fn an_unknown_device_says_which_there_are() {
    let (status, output) =
        Script::master("require 'device'.config { port = 2 }").port(&port(1)).port(&port(2)).run();
    assert_eq!(status.code(), 1);
    let expected =
        "there are only 2 ports, tried to configure port id 2; ports: 0 (memory:eth1), 1 (memory:eth2)";
    assert!(output.contains(expected), "{output}");
    let (_, output) = Script::master("require 'device'.config { port = 0 }").run();
    assert!(
        output.contains("there are only 0 ports, tried to configure port id 0; ports are given with --port")
    );
}

#[test]
fn a_script_decides_its_exit_status_and_a_task_may_too() {
    let exit = |body: &str| Script::master(body).run().0.code();
    assert_eq!(exit("os.exit(3)"), 3);
    assert_eq!(exit("os.exit()"), 0);
    assert_eq!(exit("os.exit(false)"), 1);
    let (status, output) = Script::new(
        "function master() require 'moongen'.startTask('slave'):wait() end function slave() os.exit(4) end",
    )
    .run();
    assert_eq!((status.code(), output.as_str()), (4, ""));
}

#[test]
fn a_missing_script_is_an_error() {
    let error = run(GenOptions::new("/nowhere/script.lua")).expect_err("no script");
    assert!(matches!(error, Error::Script { .. }));
    assert_eq!(error.to_string(), "cannot read the script /nowhere/script.lua");
}

#[test]
fn a_task_that_never_listens_does_not_keep_the_run_alive() {
    // Else it runs until somebody ends the test.
    let (status, _) = Script::new(
        "function master() require 'moongen'.startTask('deaf') end function deaf() while true do end end",
    )
    .run();
    assert!(status.is_success());
}

#[test]
fn a_script_finds_its_modules_beside_itself() {
    let script = Script::master("print(require 'helper'.name)");
    std::fs::write(script.folder.path().join("helper.lua"), "return { name = 'beside' }").unwrap();
    assert_eq!(script.output(), "beside\n");
}

#[test]
fn counters_print_what_moongen_prints() {
    let output = Script::master(
        "local stats, mg = require 'stats', require 'moongen'
        local clock = 0
        mg.getTime, require 'libmoon'.getTime = nil, function() return clock end
        local ctr = stats:newManualTxCounter('load', 'plain')
        for _, packets in ipairs { 0, 1e6, 2e6, 3e6, 4e6 } do
            ctr:updateWithSize(packets, 60)
            clock = clock + 2
        end
        ctr:finalize()
        local csv = stats:newPktRxCounter('[in]', 'CSV')
        csv:update()
        csv:countPacket { pkt_len = 60 }
        clock = clock + 2
        csv:update()",
    )
    .output();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "[load] TX: 0.50 Mpps, 256 Mbit/s (336 Mbit/s with framing)",
            "[load] TX: 1.00 Mpps, 512 Mbit/s (672 Mbit/s with framing)",
            "[load] TX: 1.50 Mpps, 768 Mbit/s (1008 Mbit/s with framing)",
            "[load] TX: 2.00 Mpps, 1024 Mbit/s (1344 Mbit/s with framing)",
            "[load] TX: 1.50 (StdDev 0.50) Mpps, 768 (StdDev 256) Mbit/s (1008 Mbit/s with framing), \
             total 10000000 packets with 640000000 bytes (incl. CRC)",
        ]
    );
    assert_eq!(lines[5], "Time,Device,Direction,PacketRate,Mbit,MbitWithFraming,TotalPackets,TotalBytes");
    let (_, row) = lines[6].split_once(',').expect("a time");
    assert_eq!(row, "in,RX,5e-07,0.000256,0.000336,1,64");
}

#[test]
fn the_statistics_task_writes_a_file_per_run() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("stats.csv");
    let body = format!(
        "local mg, stats, device = require 'moongen', require 'stats', require 'device'
        local dev = device.config {{ port = 0 }}
        stats.startStatsTask {{ devices = {{ dev }}, format = 'csv', file = {csv:?} }}
        mg.setRuntime(0)
        mg.waitForTasks()"
    );
    Script::master(&body).port(&port(1)).output();
    let text = std::fs::read_to_string(csv).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1].contains(",Device: id=0,RX,") && lines[2].contains(",Device: id=0,TX,"), "{text}");
}

#[test]
fn histograms_and_timers() {
    let output = Script::master(
        "local hist, timer = require 'histogram':new(), require 'timer'
        for i = 1, 100 do hist:update(i % 4 * 10 + 10) end
        hist:update(nil)
        hist:print('latency')
        hist:save(io.stdout)
        print(hist:percentile(99), hist:min(), hist:max(), hist:median(), hist.numSamples)
        local t = timer:new(0.01)
        print(t:running(), t:wait(), t:expired())",
    )
    .output();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(
        lines[0],
        "[latency] Samples: 100, Average: 25.0 ns, StdDev: 11.2 ns, Quartiles: 20.0/30.0/40.0 ns"
    );
    assert_eq!(lines[1..], ["10,25", "20,25", "30,25", "40,25", "40\t10\t40\t30\t100", "true\ttrue\ttrue"]);
}

#[test]
fn names_of_before_version_1_still_work_and_warn_once() {
    let output = Script::new(
        "local dpdk = require 'dpdk'
        function master()
            require 'device'.config(0, 1, 1)
            dpdk.launchLua('slave')
            dpdk.launchLua('slave')
            dpdk.waitForSlaves()
        end
        function slave() end",
    )
    .port(&port(1))
    .output();
    let warnings: Vec<&str> = output.lines().filter(|line| line.starts_with("[WARN]  ")).collect();
    assert_eq!(
        warnings[1..],
        [
            "[WARN]  dpdk.launchLua() is deprecated, use moongen.startTask() instead.",
            "[WARN]  dpdk.waitForSlaves() is deprecated, use moongen.waitForTasks() instead.",
        ]
    );
}
