//! `rackless validate`: tells what is wrong with lab files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rackless_topology::{Error, Topology};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{self, counted};

/// Tell what is wrong with lab files, without starting anything
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless validate lab.toml
  rackless validate labs/*.toml --json

With --json: an array of {file, ok, errors: [{line, column, message, label, help}], lab}; lab is the complete
description, with all defaults and addresses filled in, if there is no error.

Exit code: 0 all files are valid, 2 one is not or cannot be read.")]
pub(crate) struct Args {
    /// The lab files
    #[arg(required = true, value_name = "LAB.toml")]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut good = true;
    let mut entries = Vec::new();
    for file in &args.files {
        let shown = file.display().to_string();
        let source = read(file)?;
        let parsed = parse(file, &source);
        good &= parsed.is_ok();
        if args.json {
            entries.push(entry(&shown, &parsed));
            continue;
        }
        match parsed {
            Ok(lab) => output::line(&format!("{shown}: {}", summary(&lab)))?,
            Err(error) => drop(Failure::from(error).report()),
        }
    }
    if args.json {
        output::json(&entries)?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Reads a lab file.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(Failure::io(format!("read {}", file.display())))
}

/// Reads the lab that a file describes.
pub(super) fn topology(file: &Path) -> Result<Topology, Failure> {
    Ok(parse(file, &read(file)?)?)
}

/// Reads the text of a lab file, and the traces that it names.
fn parse(file: &Path, source: &str) -> Result<Topology, Error> {
    let found = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    rackless_net::parse(&file.display().to_string(), source, found.parent().unwrap_or(Path::new("")))
}

fn summary(lab: &Topology) -> String {
    format!(
        "lab {} is valid: {}, {}, {}",
        lab.name,
        counted(lab.nodes.len(), "node"),
        counted(lab.links.len(), "link"),
        counted(lab.checks.len(), "check")
    )
}

fn entry(file: &str, parsed: &Result<Topology, Error>) -> Value {
    match parsed {
        Ok(lab) => json!({ "file": file, "ok": true, "errors": [], "lab": lab }),
        Err(error) => {
            let errors = error.diagnostics().iter().map(|found| {
                let (line, column) = error.position(found);
                json!({
                    "line": line,
                    "column": column,
                    "message": found.message,
                    "label": found.label,
                    "help": found.help,
                })
            });
            json!({ "file": file, "ok": false, "errors": errors.collect::<Vec<_>>(), "lab": null })
        }
    }
}
