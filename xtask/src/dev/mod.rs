//! `cargo xtask dev`: everything running, on one machine, with nothing to set up first.

mod http;
mod keys;
mod report;
mod stage;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::dev::http::Request;
use crate::dev::keys::Keys;
use crate::dev::report::Endpoints;
use crate::dev::stage::Stage;
use crate::interrupt::Interrupt;
use crate::postgres::{Purpose, Server, Source};
use crate::process::{bound_to_us, capture_ok, run_ok};
use crate::workspace;

const DATABASE: &str = "edgehog_dev";
const TENANT: &str = "acme-inc";
const TENANT_NAME: &str = "ACME Inc";
const REALM: &str = "acme";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many devices to simulate
    #[arg(long, default_value_t = 25)]
    devices: u32,
    /// Port of the Edgehog server
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Port of Astarte's REST APIs
    #[arg(long, default_value_t = 4001)]
    astarte_port: u16,
    /// Port of Astarte's MQTT broker
    #[arg(long, default_value_t = 8883)]
    mqtt_port: u16,
    /// Port at which people and devices would find a forwarder; none is started
    #[arg(long, default_value_t = 4001)]
    forwarder_port: u16,
    /// The name under which this machine is to be reached
    #[arg(long, default_value = "localhost")]
    host: String,
}

/// Where everything is that a run makes, apart from the database.
struct Files {
    dir: PathBuf,
}

impl Files {
    fn of_checkout() -> Self {
        Self { dir: workspace::target().join("dev") }
    }

    fn make() -> Result<Self> {
        let files = Self::of_checkout();
        fs::create_dir_all(files.logs()).with_context(|| format!("cannot make {}", files.dir.display()))?;
        files.forget_environment();
        Ok(files)
    }

    fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// What the server keeps for its users.
    fn storage(&self) -> PathBuf {
        self.dir.join("storage")
    }

    /// For shells to source; there only while everything is ready.
    fn environment(&self) -> PathBuf {
        self.dir.join("edgehog.env")
    }

    /// For a real device runtime.
    fn runtime_config(&self) -> PathBuf {
        self.dir.join("edgehog-config.toml")
    }

    fn forget_environment(&self) {
        // Most often it is not there.
        let _ = fs::remove_file(self.environment());
    }
}

/// The environment of whoever wants to work with what runs here, if it is ready: see [`Endpoints::variables`].
pub(crate) fn environment() -> Option<Vec<(String, String)>> {
    report::read_environment(&Files::of_checkout().environment())
}

pub(crate) async fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let _lock = workspace::lock("dev")?;
    let files = Files::make()?;
    check_ports(&args)?;
    let postgres = Source::find(interrupt).await?;
    build(interrupt).await?;

    let started = Instant::now();
    let server = postgres.start(Purpose::Dev).await?;
    let mut stage = Stage::new(files.logs());
    let result = perform(&args, &files, &server, &mut stage, started, interrupt).await;
    files.forget_environment();
    stage.clear().await;
    server.stop().await?;
    result?;
    Ok(ExitCode::SUCCESS)
}

/// Brings everything up, says so, and stays until the user ends it or a program ends by itself.
async fn perform(
    args: &Args,
    files: &Files,
    database: &Server,
    stage: &mut Stage,
    started: Instant,
    interrupt: &Interrupt,
) -> Result<()> {
    let endpoints = bring_up(args, files, database, stage, interrupt).await?;
    endpoints.write(files)?;
    endpoints.announce(files, args.devices, started.elapsed());
    match interrupt.or(stage.first_end()).await {
        Ok(ended) => Err(ended?),
        // This is how one is meant to end it.
        Err(_interrupted) => Ok(()),
    }
}

async fn bring_up(
    args: &Args,
    files: &Files,
    database: &Server,
    stage: &mut Stage,
    interrupt: &Interrupt,
) -> Result<Endpoints> {
    let keys = Keys::load_or_make(&files.dir.join("keys"))?;
    let edgehog = Edgehog { args, files, keys: &keys, database_url: database.database(DATABASE).await? };

    stage.start("simulated-fleet", simulated_fleet(args, &keys, &files.dir)?)?;
    let listens = async || stage::said(&files.logs(), "simulated-fleet", "ready ");
    stage.until("Astarte to listen", interrupt, listens).await?;
    // Before the server starts, so that its first round finds the tenant.
    interrupt.or(edgehog.provision_tenant()).await??;
    stage.start("edgehog-server", edgehog.command("serve")?)?;
    let health = Request::get("/health");
    stage.until("the server to answer", interrupt, async || health.succeeds(args.port).await).await?;

    let endpoints = Endpoints {
        edgehog_url: format!("http://{}:{}", args.host, args.port),
        astarte_url: astarte_url(args),
        tenant: TENANT,
        realm: REALM,
        token: edgehog.token("tenant", keys.tenant.private()).await?,
        admin_token: edgehog.token("admin", keys.admin.private()).await?,
        pairing_token: keys.pairing_token()?,
        database_url: edgehog.database_url.clone(),
        encryption_keys: keys.encryption_key.clone(),
    };
    let count = endpoints.count_devices();
    let all_known = async || count.count(args.port).await.is_some_and(|known| known >= args.devices);
    stage.until("all devices to be known", interrupt, all_known).await?;
    interrupt.or(describe_fleet(&endpoints)).await??;
    Ok(endpoints)
}

/// The server, as its environment makes it ours.
struct Edgehog<'a> {
    args: &'a Args,
    files: &'a Files,
    keys: &'a Keys,
    database_url: String,
}

impl Edgehog<'_> {
    fn command(&self, subcommand: &str) -> Result<Command> {
        let mut command = bound_to_us(workspace::program("edgehog-server")?);
        command
            .arg(subcommand)
            .env("DATABASE_URL", &self.database_url)
            .env("PORT", self.args.port.to_string())
            .env("URL_HOST", &self.args.host)
            .env("URL_PORT", self.args.port.to_string())
            .env("URL_SCHEME", "http")
            // A console is most often served from another port of this machine.
            .env("GQL_SUBSCRIPTIONS_ALLOWED_ORIGINS", format!("//localhost,//127.0.0.1,//{}", self.args.host))
            .env("STORAGE_TYPE", "local")
            .env("STORAGE_LOCAL_DIRECTORY", self.files.storage())
            .env("EDGEHOG_FORWARDER_HOSTNAME", &self.args.host)
            .env("EDGEHOG_FORWARDER_PORT", self.args.forwarder_port.to_string())
            .env("EDGEHOG_FORWARDER_SECURE_SESSIONS", "false")
            .env("ADMIN_JWT_PUBLIC_KEY_PATH", self.keys.admin.public())
            .env("EDGEHOG_ENCRYPTION_KEYS", &self.keys.encryption_key);
        Ok(command)
    }

    async fn provision_tenant(&self) -> Result<()> {
        let mut command = self.command("provision")?;
        command.args(["--name", TENANT_NAME, "--slug", TENANT, "--realm", REALM]);
        command.arg("--public-key").arg(self.keys.tenant.public());
        command.arg("--astarte-url").arg(astarte_url(self.args));
        command.arg("--realm-key").arg(self.keys.realm.private());
        capture_ok(&mut command).await.context("cannot provision the tenant")?;
        Ok(())
    }

    async fn token(&self, kind: &str, key: &Path) -> Result<String> {
        let mut command = self.command("token")?;
        command.args(["--kind", kind, "--key"]).arg(key);
        capture_ok(&mut command).await.with_context(|| format!("cannot make the {kind} token"))
    }
}

fn simulated_fleet(args: &Args, keys: &Keys, dir: &Path) -> Result<Command> {
    let mut command = bound_to_us(workspace::program("simulated-fleet")?);
    command.args(["run", "--http-addr", &format!("127.0.0.1:{}", args.astarte_port)]);
    command.args(["--mqtt-addr", &format!("127.0.0.1:{}", args.mqtt_port)]);
    command.args(["--realm", REALM, "--devices", &args.devices.to_string()]);
    command.arg("--realm-public-key").arg(keys.realm.public());
    command.arg("--ca-dir").arg(dir.join("ca"));
    Ok(command)
}

/// Makes the fleet look as if somebody had been at work on it; only what is missing is added.
async fn describe_fleet(endpoints: &Endpoints) -> Result<()> {
    let mut command = bound_to_us(workspace::program("simulated-fleet")?);
    command.arg("describe").envs(endpoints.variables());
    capture_ok(&mut command).await.context("cannot describe the fleet")?;
    Ok(())
}

fn astarte_url(args: &Args) -> String {
    format!("http://{}:{}", args.host, args.astarte_port)
}

/// All that may be needed at once: cargo would rebuild what programs share for each set of programs it is given.
pub(crate) async fn build(interrupt: &Interrupt) -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "-p", "edgehog-server", "--bin", "edgehog-server"]);
    cargo.args(["-p", "edgehog-examples", "--bin", "simulated-fleet"]);
    cargo.args(["-p", "edgehog-console-check", "--bin", "console-check"]);
    run_ok(cargo, interrupt).await
}

/// Ports first: whose port is taken should not learn so after a long build, from a log.
fn check_ports(args: &Args) -> Result<()> {
    let wanted =
        [("--port", args.port), ("--astarte-port", args.astarte_port), ("--mqtt-port", args.mqtt_port)];
    for (option, port) in wanted {
        // Any address: the server listens on all of them.
        if let Err(error) = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)) {
            bail!("cannot use port {port} ({error}): choose another with {option}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(port: u16) -> Args {
        Args {
            devices: 1,
            port,
            astarte_port: 0,
            mqtt_port: 0,
            forwarder_port: 4001,
            host: "localhost".into(),
        }
    }

    #[test]
    fn a_port_in_use_is_told_with_the_option_that_changes_it() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let message = check_ports(&args(port)).unwrap_err().to_string();
        assert!(message.contains(&port.to_string()) && message.contains("--port"), "{message}");
        assert!(check_ports(&args(0)).is_ok());
    }
}
