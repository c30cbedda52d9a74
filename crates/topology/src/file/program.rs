//! The programs of a node: `run`, `ready`, `restart`, and what they find around themselves.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reader::{Fields, Reader, Text, Value};
use super::{command, cycle, files, name, sysctl};
use crate::error::{Diagnostic, suggest};
use crate::model::{Condition, Node, Program, Ready, Restart};
use crate::units::Duration;

pub(super) const KEYS: [&str; 5] = ["name", "command", "ready", "restart", "after"];
pub(super) const READY_KEYS: [&str; 5] = ["tcp", "log", "command", "file", "within"];

/// How long a program may take to be ready unless the file says.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// Reads the keys of a node that say what runs on it, and in what surroundings.
pub(super) fn read<'s>(reader: &mut Reader<'s>, node: &mut Node, fields: &Fields<'_, 's>) {
    let run = fields.get("run");
    let several = run.filter(|value| is_list_of_programs(value));
    for (key, what) in [("ready", "wait for"), ("restart", "start again")] {
        let Some(span) = fields.key_span(key) else { continue };
        if run.is_none() {
            let message = format!("'{key}' without 'run': there is no program to {what}");
            reader.report(Diagnostic::new(span, message).help("give the node a key 'run' too"));
        } else if several.is_some() {
            let message = format!("'{key}' beside several programs");
            let help = format!("write it in [[node.{}.run]]: each program has its own", node.name);
            reader.report(Diagnostic::new(span, message).help(help));
        }
    }
    node.programs = match (several, run) {
        (Some(value), _) => several_programs(reader, &node.name, value),
        // Without 'run' what is wrong beside it is told all the same.
        (None, _) => one(reader, fields, "run", None).into_iter().collect(),
    };
    node.package = fields.get("package").and_then(|value| package(reader, fields, value));
    if let Some(table) = fields.get("env").and_then(|value| reader.table(value, "env")) {
        for (key, value) in table {
            if let Some((key, value)) = command::variable(reader, key, value) {
                node.env.insert(key, value);
            }
        }
    }
    if let Some(value) = fields.get("files") {
        node.files = files::read(reader, value);
    }
    if let Some(value) = fields.get("sysctl") {
        node.sysctl = sysctl::read(reader, value);
    }
}

/// Reads the folder of the cargo package that has the programs.
fn package<'s>(reader: &mut Reader<'s>, fields: &Fields<'_, 's>, value: &Value<'s>) -> Option<PathBuf> {
    let text = reader.string(value, "package")?;
    let (problem, help) = if text.text.is_empty() || text.text.contains('\0') {
        (
            "'package' names no folder",
            "it is the folder of a Cargo.toml; a relative path starts at the lab file's",
        )
    } else if fields.get("run").is_none() {
        ("'package' without 'run'", "say which of its executables runs, as run = \"exec my-nf run\"")
    } else {
        return Some(text.text.into());
    };
    reader.report(Diagnostic::new(text.span, problem).help(help));
    None
}

/// Whether `run` is written `[[node.NAME.run]]`, and not as one command.
fn is_list_of_programs(value: &Value<'_>) -> bool {
    let DeValue::Array(items) = value.get_ref() else { return false };
    items.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_)))
}

/// A program, and what it says of the order.
struct Draft<'t> {
    program: Program,
    after: Vec<Text<'t>>,
    span: Range<usize>,
}

fn several_programs<'s>(reader: &mut Reader<'s>, node: &str, value: &Value<'s>) -> Vec<Program> {
    let tables = reader.tables(value, &format!("node.{node}.run")).unwrap_or_default();
    let mut names: HashMap<&str, Range<usize>> = HashMap::new();
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for table in &tables {
        let Some((draft, name)) = named(reader, table) else { continue };
        if let Some(first) = names.insert(name.text, name.span.clone()) {
            let message = format!("two programs of node '{node}' have the name '{}'", name.text);
            reader.report(Diagnostic::new(name.span, message).other(first, "first used here"));
        }
        drafts.push(draft);
    }
    order(reader, &mut drafts);
    drafts.into_iter().map(|draft| draft.program).collect()
}

/// Reads one of several programs, and gives its name with the place of that.
fn named<'t, 's>(reader: &mut Reader<'s>, table: &Spanned<&'t DeTable<'s>>) -> Option<(Draft<'t>, Text<'t>)> {
    let fields = reader.fields(table.get_ref(), table.span(), "a program", &KEYS);
    let missing = |key: &str| Diagnostic::new(table.span(), format!("a program without '{key}'"));
    let Some(value) = fields.get("name") else {
        reader.report(missing("name").help("each of several programs has a name, as name = \"web\""));
        return None;
    };
    let text = reader.string(value, "name")?;
    let name = name::node(reader, &text, "program")?;
    if fields.get("command").is_none() {
        reader.report(missing("command").help("write command = \"exec server\""));
        return None;
    }
    let program = one(reader, &fields, "command", Some(name));
    let after = fields.get("after").and_then(|value| reader.one_or_more(value, "after")).unwrap_or_default();
    let program = program?;
    Some((Draft { program, after, span: text.span.clone() }, text))
}

/// Reads a program: its command, which has this key, and `ready` and `restart` beside it.
fn one<'s>(
    reader: &mut Reader<'s>,
    fields: &Fields<'_, 's>,
    key: &str,
    name: Option<String>,
) -> Option<Program> {
    let command = fields.get(key).and_then(|value| command::read(reader, value, key));
    let ready = fields.get("ready").and_then(|value| read_ready(reader, value));
    let restart = fields.get("restart").and_then(|value| read_restart(reader, value)).unwrap_or_default();
    Some(Program { name, command: command?, ready, restart, after: Vec::new() })
}

/// Resolves the keys `after` of a node's programs, and reports a cycle.
fn order(reader: &mut Reader<'_>, drafts: &mut [Draft<'_>]) {
    let names: Vec<String> =
        drafts.iter().map(|draft| draft.program.name.clone().unwrap_or_default()).collect();
    for draft in drafts.iter_mut() {
        for text in &draft.after {
            match names.iter().position(|name| name == text.text) {
                Some(place) => draft.program.after.push(place),
                None => {
                    let message = format!("the node has no program '{}'", text.text);
                    let help = suggest(text.text, names.iter().map(String::as_str));
                    reader.report(Diagnostic::new(text.span.clone(), message).help(help));
                }
            }
        }
    }
    let waits: Vec<Vec<usize>> = drafts.iter().map(|draft| draft.program.after.clone()).collect();
    let Some(cycle) = cycle::find(&waits) else { return };
    let names: Vec<&str> = cycle.iter().map(|place| names[*place].as_str()).collect();
    let message = format!("programs wait for each other: {}", names.join(", "));
    let span = drafts[cycle[0]].after.first().map_or(drafts[cycle[0]].span.clone(), |text| text.span.clone());
    reader.report(Diagnostic::new(span, message).help("remove one of their keys 'after'"));
}

fn read_ready<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<Ready> {
    let table = reader.table(value, "ready")?;
    let fields = reader.fields(table, value.span(), "'ready'", &READY_KEYS);
    let within = fields.get("within").map(|value| reader.parse(value, "within", "\"10 s\""));
    let given = fields.given(&READY_KEYS[..4]);
    let [key] = given.as_slice() else {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        reader.report(
            Diagnostic::new(fields.span, format!("'ready' takes one condition, found {found}"))
                .help("allowed: one of tcp, log, command, file; and within"),
        );
        return None;
    };
    let value = fields.get(key)?;
    let condition = match *key {
        "tcp" => Condition::Tcp(reader.socket(value, "tcp", "\"[::]:80\" or \"10.0.0.1:80\"")?),
        "command" => Condition::Command(command::read(reader, value, "command")?),
        "log" => Condition::Log(reader.string(value, "log")?.text.to_owned()),
        _ => Condition::File(reader.string(value, "file")?.text.into()),
    };
    Some(Ready { condition, within: within.unwrap_or(Some(READY_WITHIN))? })
}

fn read_restart<'s>(reader: &mut Reader<'s>, value: &Value<'s>) -> Option<Restart> {
    let text = reader.string(value, "restart")?;
    let found = Restart::ALL.into_iter().find(|restart| restart.as_str() == text.text);
    if found.is_none() {
        let help = suggest(text.text, Restart::ALL.map(Restart::as_str));
        reader.report(Diagnostic::new(text.span, format!("unknown restart '{}'", text.text)).help(help));
    }
    found
}
