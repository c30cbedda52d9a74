//! The functions of the host that scripts reach through the library: everything that does not run per packet.

use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mlua::{Error, ExternalResult, LightUserData, Lua, Result, String as LuaString, Table, Value};

use crate::ExitStatus;
use crate::device::{Config, Device};
use crate::native::Mempool;
use crate::session::Session;
use crate::shared::TaskLock;
use crate::steering::{FiveTuple, Rule};

/// Slices of a sleep, after which an interrupt is noticed.
const SLEEP_SLICE: Duration = Duration::from_millis(10);

/// The table of host functions for one Lua machine.
pub(crate) fn functions(lua: &Lua, session: &Arc<Session>) -> Result<Table> {
    let host = lua.create_table()?;
    run(lua, &host, session)?;
    tasks(lua, &host, session)?;
    devices(lua, &host, session)?;
    namespaces(lua, &host, session)?;
    pipes(lua, &host, session)?;
    locks(lua, &host, session)?;
    Ok(host)
}

/// The end of the run, sleeping, pools, counters.
fn run(lua: &Lua, host: &Table, session: &Arc<Session>) -> Result<()> {
    let it = Arc::clone(session);
    host.set(
        "set_runtime",
        lua.create_function(move |_, ms: f64| {
            it.stop.after_ms(ms.max(0.0) as u64);
            Ok(())
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "exit",
        lua.create_function(move |_, code: i32| {
            it.exit(ExitStatus::new(code as u8)); // as the system does: the low eight bits
            Ok(())
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "sleep_us",
        lua.create_function(move |_, us: f64| {
            sleep(&it, Duration::try_from_secs_f64(us / 1e6).unwrap_or(Duration::ZERO));
            Ok(())
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "new_pool",
        lua.create_function(move |_, (count, room): (u32, u32)| {
            if count == 0 || room == 0 || room > Mempool::MAX_ROOM {
                return Err(Error::runtime(format!("cannot make a pool of {count} buffers of {room} bytes")));
            }
            Ok(LightUserData(it.new_pool(count, room).cast_mut().cast()))
        })?,
    )?;
    let it = Arc::clone(session);
    host.set("next_counter", lua.create_function(move |_, ()| Ok(it.next_counter()))?)?;
    let it = Arc::clone(session);
    host.set("counters", lua.create_function(move |_, ()| Ok(it.counters()))?)
}

/// Starting and waiting for tasks.
fn tasks(lua: &Lua, host: &Table, session: &Arc<Session>) -> Result<()> {
    let it = Arc::clone(session);
    host.set(
        "start_task",
        lua.create_function(move |_, (function, args): (String, LuaString)| {
            it.start_task(function, args.as_bytes().to_vec()).into_lua_err()
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "wait_task",
        lua.create_function(move |lua, id: u64| {
            let result = it.task(id).and_then(|task| it.wait_for(&task));
            result.map(|bytes| lua.create_string(bytes)).transpose()
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "task_is_running",
        lua.create_function(move |_, id: u64| Ok(it.task(id).is_some_and(|task| task.is_running())))?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "wait_for_tasks",
        lua.create_function(move |_, ()| {
            it.wait_for_tasks();
            Ok(())
        })?,
    )
}

/// Devices: what there is, queues, counters, rates, filters.
fn devices(lua: &Lua, host: &Table, session: &Arc<Session>) -> Result<()> {
    let it = Arc::clone(session);
    host.set(
        "devices",
        lua.create_function(move |lua, ()| {
            let list = lua.create_table()?;
            for device in &it.devices {
                list.push(describe(lua, device)?)?;
            }
            Ok(list)
        })?,
    )?;
    let it = Arc::clone(session);
    host.set("device", lua.create_function(move |lua, id: usize| describe(lua, find(&it, id)?))?)?;
    let it = Arc::clone(session);
    host.set(
        "device_config",
        lua.create_function(move |_, (id, config): (usize, Table)| {
            find(&it, id)?.configure(Config {
                rx_queues: config.get("rxQueues")?,
                tx_queues: config.get("txQueues")?,
                rx_descs: config.get("rxDescs")?,
                strip_vlan: config.get("stripVlan")?,
            });
            Ok(())
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "device_stats",
        lua.create_function(move |lua, id: usize| {
            let stats = find(&it, id)?.stats();
            let table = lua.create_table()?;
            table.set("ipackets", stats.rx_packets)?;
            table.set("ibytes", stats.rx_bytes)?;
            table.set("opackets", stats.tx_packets)?;
            table.set("obytes", stats.tx_bytes)?;
            table.set("imissed", stats.rx_missed)?;
            table.set("ierrors", stats.rx_errors)?;
            table.set("oerrors", stats.tx_errors)?;
            table.set("rx_nombuf", stats.rx_no_buffer)?;
            Ok(table)
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "set_rate",
        lua.create_function(move |_, (id, queue, mbit): (usize, Option<usize>, f64)| {
            find(&it, id)?.set_rate(queue, mbit);
            Ok(())
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "scale",
        lua.create_function(move |_, (id, base, queues): (usize, u16, u16)| {
            find(&it, id)?.scale(base, queues);
            Ok(())
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "filter_ether_type",
        lua.create_function(move |_, (id, kind, queue): (usize, u16, Option<u16>)| {
            find(&it, id)?.steer(Rule::EtherType(kind), queue);
            Ok(())
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "filter_five_tuple",
        lua.create_function(move |_, (id, filter, queue): (usize, Table, Option<u16>)| {
            find(&it, id)?.steer(Rule::FiveTuple(five_tuple(&filter)?), queue);
            Ok(())
        })?,
    )
}

/// Tables that tasks share.
fn namespaces(lua: &Lua, host: &Table, session: &Arc<Session>) -> Result<()> {
    let it = Arc::clone(session);
    host.set(
        "ns_get",
        lua.create_function(move |lua, (name, key): (LuaString, LuaString)| {
            let value = it.shared.namespace(&name.as_bytes()).value(&key.as_bytes());
            value.map(|value| lua.create_string(value)).transpose()
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "ns_set",
        lua.create_function(move |_, (name, key, value): (LuaString, LuaString, Option<LuaString>)| {
            let value = value.map(|value| value.as_bytes().to_vec());
            it.shared.namespace(&name.as_bytes()).set(key.as_bytes().to_vec(), value);
            Ok(())
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "ns_keys",
        lua.create_function(move |lua, name: LuaString| {
            let keys = it.shared.namespace(&name.as_bytes()).keys();
            keys.into_iter().map(|key| lua.create_string(key)).collect::<Result<Vec<_>>>()
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "ns_lock",
        lua.create_function(move |_, name: LuaString| {
            Ok(it.shared.namespace(&name.as_bytes()).lock.lock(None))
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "ns_unlock",
        lua.create_function(move |_, name: LuaString| {
            Ok(it.shared.namespace(&name.as_bytes()).lock.unlock())
        })?,
    )
}

/// Queues between tasks.
fn pipes(lua: &Lua, host: &Table, session: &Arc<Session>) -> Result<()> {
    let it = Arc::clone(session);
    host.set("pipe_new", lua.create_function(move |_, capacity: usize| Ok(it.shared.new_pipe(capacity)))?)?;
    let it = Arc::clone(session);
    host.set(
        "pipe_send",
        lua.create_function(move |_, (id, item, wait_us): (usize, LuaString, f64)| {
            let pipe = it.shared.pipe(id).ok_or_else(|| unknown("pipe", id))?;
            Ok(pipe.send(item.as_bytes().to_vec(), microseconds(wait_us)).is_ok())
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "pipe_recv",
        lua.create_function(move |lua, (id, wait_us): (usize, f64)| {
            let pipe = it.shared.pipe(id).ok_or_else(|| unknown("pipe", id))?;
            pipe.recv(microseconds(wait_us)).map(|item| lua.create_string(item)).transpose()
        })?,
    )?;
    let it = Arc::clone(session);
    host.set(
        "pipe_count",
        lua.create_function(move |_, id: usize| {
            it.shared.pipe(id).map(|pipe| pipe.len()).ok_or_else(|| unknown("pipe", id))
        })?,
    )
}

/// Locks and barriers.
fn locks(lua: &Lua, host: &Table, session: &Arc<Session>) -> Result<()> {
    let it = Arc::clone(session);
    host.set("lock_new", lua.create_function(move |_, ()| Ok(it.shared.new_lock()))?)?;
    let it = Arc::clone(session);
    host.set(
        "lock_lock",
        lua.create_function(move |_, (id, wait_us): (usize, Option<f64>)| {
            Ok(lock(&it, id)?.lock(wait_us.map(microseconds)))
        })?,
    )?;
    let it = Arc::clone(session);
    host.set("lock_unlock", lua.create_function(move |_, id: usize| Ok(lock(&it, id)?.unlock()))?)?;
    let it = Arc::clone(session);
    host.set("barrier_new", lua.create_function(move |_, tasks: usize| Ok(it.shared.new_barrier(tasks)))?)?;
    let it = Arc::clone(session);
    host.set(
        "barrier_wait",
        lua.create_function(move |_, id: usize| {
            it.shared.barrier(id).ok_or_else(|| unknown("barrier", id))?.wait();
            Ok(())
        })?,
    )
}

fn describe(lua: &Lua, device: &Device) -> Result<Table> {
    let (info, config) = (device.info(), device.config());
    let table = lua.create_table()?;
    table.set("name", info.name.as_str())?;
    table.set("device", info.device.as_str())?;
    table.set("mac", info.mac.to_string())?;
    table.set("mtu", info.mtu)?;
    table.set("address", LightUserData(std::ptr::from_ref(device).cast_mut().cast()))?;
    table.set("configured", config.is_some())?;
    table.set("rxQueues", config.map_or(0, |config| config.rx_queues))?;
    table.set("txQueues", config.map_or(0, |config| config.tx_queues))?;
    Ok(table)
}

fn find(session: &Session, id: usize) -> Result<&Device> {
    session.devices.get(id).ok_or_else(|| unknown("device", id))
}

fn lock(session: &Session, id: usize) -> Result<Arc<TaskLock>> {
    session.shared.lock(id).ok_or_else(|| unknown("lock", id))
}

fn unknown(kind: &str, id: usize) -> Error {
    Error::runtime(format!("there is no {kind} {id}"))
}

fn five_tuple(filter: &Table) -> Result<FiveTuple> {
    let address = |key: &str| match filter.get::<Value>(key)? {
        Value::Nil => Ok(None),
        value => value.to_string()?.parse::<IpAddr>().map(Some).into_lua_err(),
    };
    Ok(FiveTuple {
        src: address("srcIp")?,
        dst: address("dstIp")?,
        protocol: filter.get("proto")?,
        src_port: filter.get("srcPort")?,
        dst_port: filter.get("dstPort")?,
    })
}

fn microseconds(us: f64) -> Duration {
    Duration::try_from_secs_f64(us.max(0.0) / 1e6).unwrap_or(Duration::from_secs(u64::from(u32::MAX)))
}

/// Sleeps, unless the run is interrupted meanwhile.
fn sleep(session: &Session, time: Duration) {
    let (until, interrupts) = (Instant::now() + time, session.stop.interrupts());
    while session.stop.interrupts() == interrupts {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(SLEEP_SLICE));
    }
}
