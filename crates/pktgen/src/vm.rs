//! The Lua machine of one task.

use std::sync::Arc;

use mlua::{LightUserData, Lua, Table, Value};

use crate::native::{self, DECLARATION, NATIVES};
use crate::session::Session;
use crate::shared::Bytes;
use crate::{Output, host, modules};

/// What a machine is started for.
pub(crate) enum Start {
    /// The script's `configure` and `master`.
    Master,
    /// A function of the script.
    Task {
        /// The task's number.
        id: u64,
        /// The function's name.
        function: String,
        /// Its arguments as Lua source.
        args: Bytes,
    },
}

/// How a machine ended.
pub(crate) enum Outcome {
    /// The function returned; a task's results as Lua source.
    Done(Option<Bytes>),
    /// The script called `os.exit`.
    Exit,
    /// The script failed and has said so.
    Failed,
}

/// Makes a machine, loads the library and the script, and calls the function.
pub(crate) fn run(session: &Arc<Session>, start: Start) -> mlua::Result<Outcome> {
    let lua = native::lua();
    let context = context(&lua, session, &start)?;
    let boot = lua.load(modules::BOOT).set_name("=boot.lua");
    let (outcome, results): (mlua::String, Value) = boot.call(context)?;
    Ok(match &*outcome.as_bytes() {
        b"done" => Outcome::Done(match results {
            Value::String(results) => Some(results.as_bytes().to_vec()),
            _ => None,
        }),
        b"exit" => Outcome::Exit,
        _ => Outcome::Failed,
    })
}

/// What `boot.lua` gets: addresses, the task, and the host's functions.
fn context(lua: &Lua, session: &Arc<Session>, start: &Start) -> mlua::Result<Table> {
    let address = |address: *const std::ffi::c_void| LightUserData(address.cast_mut());
    let context = lua.create_table()?;
    context.set("declaration", DECLARATION)?;
    context.set("natives", address((&raw const NATIVES).cast()))?;
    context.set("stop", address(Arc::as_ptr(&session.stop).cast()))?;
    context.set("host", host::functions(lua, session)?)?;
    context.set("modules", modules::table(lua)?)?;
    context.set("color", session.color)?;
    context.set("script", session.script.to_string_lossy().into_owned())?;
    context.set("source", lua.create_string(&session.source)?)?;
    context.set("args", session.args.clone())?;
    if let Output::File(path) = &session.output {
        context.set("output", path.to_string_lossy().into_owned())?;
    }
    if let Start::Task { id, function, args } = start {
        context.set("task_id", *id)?;
        context.set("task_function", function.as_str())?;
        context.set("task_args", lua.create_string(args)?)?;
    }
    Ok(context)
}
