//! `rackless completions`: teaches a shell the verbs and their options.

use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::{Cli, output};

/// Print a script that completes rackless in a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless completions bash > ~/.local/share/bash-completion/completions/rackless
  rackless completions zsh > ~/.zfunc/_rackless
  rackless completions fish > ~/.config/fish/completions/rackless.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(&Cli::command()), "rackless", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the command without the verbs that only rackless itself calls: completions would offer them.
fn visible(command: &Command) -> Command {
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned();
    Command::new("rackless").version(env!("CARGO_PKG_VERSION")).propagate_version(true).subcommands(verbs)
}
