//! Developer automation: `cargo xtask dev`, `console`, `test`, `fuzz`, `packages`, `postgres` and `contract`.
//!
//! Everything a command makes lives below `target/`, so `cargo clean` forgets it all.

mod console;
mod contract;
mod debian;
mod dev;
mod fuzz;
mod interrupt;
mod packages;
mod postgres;
mod process;
mod python;
mod test;
mod tool;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::interrupt::{Interrupt, Interrupted};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Developer automation of this workspace")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build and run everything: PostgreSQL, an Astarte with simulated devices, the server
    Dev(dev::Args),
    /// Go through what the web console does, with the server that `cargo xtask dev` runs
    Console(console::Args),
    /// Provision what the tests need and run them all
    Test(test::Args),
    /// Make up inputs for every way into the server, and see whether it bears them
    Fuzz(fuzz::Args),
    /// Check what those who take the crates from a registry rely on
    Packages(packages::Args),
    /// Start this checkout's own PostgreSQL and print its URL
    Postgres(postgres::Args),
    /// Compare the server's GraphQL schema with the one that clients rely on
    Contract(contract::Args),
}

/// Processes are started from this one thread, so that "the parent died" (see [`process`]) means xtask died
/// and not some worker thread of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command).await {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => ExitCode::from(Interrupted::EXIT_CODE),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::install()?;
    match command {
        Command::Dev(args) => dev::run(args, &interrupt).await,
        Command::Console(args) => console::run(args, &interrupt).await,
        Command::Test(args) => test::run(args, &interrupt).await,
        Command::Fuzz(args) => fuzz::run(args, &interrupt).await,
        Command::Packages(args) => packages::run(args, &interrupt).await,
        Command::Postgres(args) => postgres::run(args, &interrupt).await,
        Command::Contract(args) => contract::run(args, &interrupt).await,
    }
}
