//! `rackless up` of a lab that runs already: it becomes what its file says now.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use rackless_net::{Client, Options, Origin};
use rackless_topology::{Change, Diff, Topology};

use crate::failure::Failure;
use crate::output;

/// Changes the lab, or tells what would change.
pub(super) fn run(lab: &str, options: &Options, dry: bool, json: bool) -> Result<ExitCode, Failure> {
    let begin = Instant::now();
    let mut client = Client::connect(Some(lab))?.with_packages(options.packages.clone());
    let (changes, warnings) = match (&options.file, &options.shape) {
        (Some(file), _) => {
            let text = fs::read_to_string(file).map_err(Failure::io(format!("read {}", file.display())))?;
            client.converge(Origin::File(file, &text), dry)?
        }
        (None, shape) => client.converge(Origin::Shape(shape.as_deref().unwrap_or_default()), dry)?,
    };
    show(&changes, json)?;
    eprint!("{}", super::told(&warnings));
    let took = begin.elapsed().as_millis();
    match (json, changes.len(), dry) {
        (true, ..) => {}
        (_, 0, _) => eprintln!("lab {lab} is up, and what it shall be"),
        (_, count, true) => eprintln!("lab {lab} would be changed: {}", output::counted(count, "change")),
        (_, count, false) => {
            eprintln!("lab {lab} is changed: {}, {took} ms", output::counted(count, "change"))
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells what a lab would bring that is not there.
pub(super) fn tell_new(topology: &Topology, json: bool) -> Result<ExitCode, Failure> {
    let nothing = Topology::default();
    let changes = Diff::between(&nothing, &[], topology).changes(&nothing, topology);
    show(&changes, json)?;
    if !json {
        eprintln!("lab {} would come up: {}", topology.name, output::counted(changes.len(), "change"));
    }
    Ok(ExitCode::SUCCESS)
}

fn show(changes: &[Change], json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&changes);
    }
    changes.iter().try_for_each(|change| output::line(&change.to_string()))
}
