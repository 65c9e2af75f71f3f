//! The command `edgehog-server`.

mod commands;
mod config;
mod lifecycle;
mod lines;
mod logging;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Command;
use crate::config::Mistakes;

fn main() -> ExitCode {
    let command = Command::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let done = runtime.block_on(command.run());
    // Whatever still blocks a thread is not waited for: who had to finish has finished.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// What went wrong is for a person to read: a line, or one for each mistake in the settings, without our call stack.
fn fail(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Mistakes>() {
        Some(mistakes) => mistakes.lines().iter().for_each(|line| eprintln!("edgehog-server: {line}")),
        None => eprintln!("edgehog-server: {error:#}"),
    }
    ExitCode::FAILURE
}
