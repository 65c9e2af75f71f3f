//! The command `edgehog-server`.

mod commands;
mod config;
mod services;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::Command::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What is wrong with the settings is for a person to read, in one line and without our call stack.
            eprintln!("edgehog-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}
