//! An emulated Astarte with a living fleet: devices of several models that connect, send telemetry, drop out and come
//! back. `cargo xtask dev` runs it; it serves as well for anything else that wants devices to look at.

mod device;
mod models;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use astarte_emulator::{Emulator, RealmHandle};
use clap::Parser;
use edgehog_sdk::interfaces;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
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
    let args = Args::parse();
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
        device::spawn(&realm, number)?;
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
