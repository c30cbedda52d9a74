//! `rackless nf reload`: a running function reads its configuration again.

use std::path::Path;
use std::process::ExitCode;

use rackless_runtime::{Fate, ReloadedNode, control};

use super::target::{Options, Reached, Target, no_answer, run_there};
use crate::failure::Failure;
use crate::output;

/// Which function.
#[derive(clap::Args)]
pub(crate) struct Reload {
    /// The node it runs on; may be left out on that node itself, and if the lab has only one
    node: Option<String>,
    #[command(flatten)]
    options: Options,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Reload {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match Target::new(self.node, self.options)?.reach()? {
            Reached::Here(socket) => reload(&socket, self.json),
            Reached::Node(client, node) => {
                let mut argv = vec!["nf", "reload"];
                argv.extend(self.json.then_some("--json"));
                run_there(client, node, &argv, None)
            }
        }
    }
}

fn reload(socket: &Path, json: bool) -> Result<ExitCode, Failure> {
    let reloaded = control::reload(socket).map_err(refused)?;
    if json {
        output::json(&reloaded)?;
        return Ok(ExitCode::SUCCESS);
    }
    for ReloadedNode { name, fate, dropped } in &reloaded.nodes {
        let fate = match fate {
            Fate::TakenOver => "goes on with what it knew",
            Fate::Anew => "begins anew",
            Fate::Gone => "is gone",
        };
        let lost = match dropped {
            0 => String::new(),
            lost => format!(", {lost} held packets are dropped"),
        };
        output::line(&format!("{name} {fate}{lost}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(error: rackless_runtime::Error) -> Failure {
    match error {
        rackless_runtime::Error::Refused(message) => {
            Failure::cannot(message).hint("nothing has changed; the function goes on as it was")
        }
        error => no_answer(error),
    }
}
