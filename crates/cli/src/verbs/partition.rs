//! `rackless partition`: parts groups of nodes, and joins them again.

use std::process::ExitCode;

use rackless_net::Client;

use crate::failure::Failure;
use crate::output;

/// Drop every frame between groups of nodes, or let all pass again
#[derive(clap::Args)]
#[command(after_help = "\
The links between the groups keep their carrier and drop every frame. A node that is in no group goes with the group
that it is linked with; one group alone is parted from all other nodes. Inside a group all goes on, so that a switch on
which two groups meet belongs to one of them.

Examples:
  rackless partition 'h1,s1 | h2,s2'
  rackless partition h1,s1 h2,s2
  rackless partition h1
  rackless partition --heal

With --json: an array of links, each [NODE:INTERFACE, NODE:INTERFACE].")]
pub(crate) struct Args {
    /// Nodes with commas between them; groups are parted by blanks, or by | in quotes
    #[arg(value_name = "NODES", required_unless_present = "heal", conflicts_with = "heal")]
    groups: Vec<String>,
    /// Let frames pass again on all links that drop every one
    #[arg(long)]
    heal: bool,
    /// The lab; may be left out if one lab is up
    #[arg(short, long)]
    lab: Option<String>,
    /// Print the links as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut client = Client::connect(args.lab.as_deref())?;
    let links = if args.heal { client.heal()? } else { client.part(&args.groups.join("|"))? };
    if args.json {
        output::json(&links)?;
        return Ok(ExitCode::SUCCESS);
    }
    let state = if args.heal { "up" } else { "silent" };
    links.iter().try_for_each(|[a, b]| output::line(&format!("link {a} - {b} is {state}")))?;
    if links.is_empty() {
        eprintln!("no link is silent");
    }
    Ok(ExitCode::SUCCESS)
}
