//! `cargo xtask console`: whether the server of `cargo xtask dev` gives a console what it relies on.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::interrupt::Interrupt;
use crate::process::{Group, bound_to_us, exit_code, wait};
use crate::{dev, workspace};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the console's page is from
    #[arg(long, default_value = "http://localhost:8080")]
    origin: String,
}

pub(crate) async fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    dev::build(interrupt).await?;
    let environment =
        dev::environment().context("nothing to check is running: start `cargo xtask dev` first")?;
    let mut check = bound_to_us(workspace::program("console-check")?);
    check.args(["--origin", &args.origin]).envs(environment);
    Ok(exit_code(wait(Group::spawn("console-check", check)?, interrupt).await?))
}
