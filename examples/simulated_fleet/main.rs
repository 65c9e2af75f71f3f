//! An emulated Astarte with a living fleet, and a client that tells a server about it. `cargo xtask dev` runs both; they
//! serve as well for anything else that wants devices to look at.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use astarte_emulator::{Emulator, RealmHandle};
use clap::{Parser, Subcommand};
use edgehog_sdk::interfaces;
use secrecy::SecretString;
use simulated_fleet::Server;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run Astarte and the fleet
    Run(Run),
    /// Tell a server which models the fleet has, what they look like and where devices are
    Describe {
        /// Where the server answers, such as http://localhost:4000.
        #[arg(long, env = "EDGEHOG_URL")]
        url: String,
        /// The slug of the tenant.
        #[arg(long, env = "EDGEHOG_TENANT")]
        tenant: String,
        /// A token of the tenant.
        #[arg(long, env = "EDGEHOG_TOKEN", hide_env_values = true)]
        token: SecretString,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Where Astarte's REST APIs listen.
    #[arg(long, default_value = "127.0.0.1:4001")]
    http_addr: SocketAddr,
    /// Where Astarte's MQTT broker listens, for real devices.
    #[arg(long, default_value = "127.0.0.1:8883")]
    mqtt_addr: SocketAddr,
    /// The name of the realm.
    #[arg(long)]
    realm: String,
    /// The realm's public key: a PEM file.
    #[arg(long)]
    realm_public_key: PathBuf,
    /// Where the certificate authority of the broker is kept.
    #[arg(long)]
    ca_dir: PathBuf,
    /// How many devices to simulate.
    #[arg(long, default_value_t = 25)]
    devices: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    match Cli::parse().command {
        Command::Run(args) => run(&args).await,
        Command::Describe { url, tenant, token } => {
            simulated_fleet::describe(&Server::new(&url, &tenant, token)?).await
        }
    }
}

async fn run(args: &Run) -> anyhow::Result<()> {
    let public_key = std::fs::read_to_string(&args.realm_public_key)
        .with_context(|| format!("{} cannot be read", args.realm_public_key.display()))?;
    let emulator = Emulator::builder()
        .http_addr(args.http_addr)
        .mqtt_addr(args.mqtt_addr)
        .ca_dir(&args.ca_dir)
        .start()
        .await
        .context("Astarte cannot be emulated")?;
    let realm = emulator.create_realm(&args.realm, &public_key)?;
    install_interfaces(&realm)?;
    for number in 0..args.devices {
        simulated_fleet::spawn(&realm, number)?;
    }
    println!("ready {}", emulator.base_url());
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    emulator.shutdown().await;
    Ok(())
}

/// Devices live on whether a server is there or not, so they do not wait for one to install their interfaces.
fn install_interfaces(realm: &RealmHandle) -> anyhow::Result<()> {
    for definition in interfaces::all() {
        realm.install_interface(&serde_json::to_value(definition)?)?;
    }
    Ok(())
}
