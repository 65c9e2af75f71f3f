//! The emulator as a program: an Astarte for demos and for tests in other languages.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use astarte_emulator::Emulator;
use clap::Parser;
use tokio::signal;
use tracing_subscriber::EnvFilter;

/// Astarte in memory: REST APIs, pairing, MQTT broker, triggers.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Where the REST APIs listen.
    #[arg(long, env = "ASTARTE_EMULATOR_HTTP_ADDR", default_value = "127.0.0.1:4000")]
    http_addr: SocketAddr,

    /// Where the MQTT broker listens.
    #[arg(long, env = "ASTARTE_EMULATOR_MQTT_ADDR", default_value = "127.0.0.1:8883")]
    mqtt_addr: SocketAddr,

    /// The name that devices reach the broker by.
    #[arg(long, env = "ASTARTE_EMULATOR_HOST_NAME", default_value = "localhost")]
    host_name: String,

    /// Directory that keeps the certificate authority between runs.
    #[arg(long, env = "ASTARTE_EMULATOR_CA_DIR", default_value = "astarte-emulator-ca")]
    ca_dir: PathBuf,

    /// File with the public key (PEM) that Housekeeping checks tokens with.
    #[arg(long, env = "ASTARTE_EMULATOR_HOUSEKEEPING_KEY")]
    housekeeping_key: Option<PathBuf>,

    /// Adds a timestamp to what the server sends on mappings with an explicit timestamp, for devices that insist.
    #[arg(long, env = "ASTARTE_EMULATOR_SERVER_TIMESTAMPS")]
    server_timestamps: bool,

    /// A realm to begin with, and the file with its public key. May be repeated.
    #[arg(long = "realm", value_name = "NAME=PUBLIC_KEY_PEM_FILE", value_parser = parse_realm)]
    realms: Vec<(String, PathBuf)>,
}

fn parse_realm(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("expected NAME=PUBLIC_KEY_PEM_FILE")?;
    Ok((name.to_owned(), path.into()))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let args = Args::parse();

    let mut builder = Emulator::builder()
        .http_addr(args.http_addr)
        .mqtt_addr(args.mqtt_addr)
        .host_name(&args.host_name)
        .ca_dir(&args.ca_dir)
        .server_timestamps(args.server_timestamps);
    if let Some(path) = &args.housekeeping_key {
        builder = builder.housekeeping_key_pem(read(path)?);
    }
    let emulator = builder.start().await.context("cannot start the emulator")?;
    for (name, path) in &args.realms {
        emulator.create_realm(name, &read(path)?).with_context(|| format!("cannot make realm {name}"))?;
    }

    println!(
        "ready api={} mqtt=mqtts://{}:{} ca={}",
        emulator.base_url(),
        args.host_name,
        emulator.mqtt_addr().port(),
        args.ca_dir.join("ca.pem").display(),
    );
    stopped().await.context("cannot wait for signals")?;
    emulator.shutdown().await;
    Ok(())
}

fn read(path: &PathBuf) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Waits for Ctrl-C or, where it exists, SIGTERM.
async fn stopped() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupt = signal::ctrl_c() => interrupt,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await
}
