//! The command `edgehog-server`.

mod commands;
mod config;

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    commands::Command::parse().run().await
}
