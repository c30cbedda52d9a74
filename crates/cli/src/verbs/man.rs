//! `rackless man`: writes the manual pages.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::failure::Failure;
use crate::{Cli, output};

/// Print the manual page, or write those of all verbs to a folder
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless man | man -l -
  rackless man ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// Write rackless.1, rackless-up.1, … to this folder, which is made if it is not there
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let command = Cli::command();
    match args.folder {
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page).map_err(Failure::io("make the manual page"))?;
            output::line(String::from_utf8_lossy(&page).trim_end())?;
        }
        Some(folder) => {
            fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(command, &folder))
                .map_err(Failure::io(format!("write manual pages to {}", folder.display())))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
