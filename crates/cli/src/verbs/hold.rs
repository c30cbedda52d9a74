//! `rackless hold`: the lab of a program that uses the library.

use std::process::ExitCode;

use crate::failure::Failure;

/// Be the lab of the program that called, until that ends
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: Args) -> Result<ExitCode, Failure> {
    rackless_net::hold_for_caller()?;
    Ok(ExitCode::SUCCESS)
}
