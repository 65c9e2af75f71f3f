use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use backon::{ConstantBuilder, Retryable};
use clap::{Parser, Subcommand, ValueEnum};
use edgehog_engine::{Engine, NewTenant, SigningKey, Store, mint_admin_token, mint_tenant_token, store};
use poem::Server;
use poem::listener::TcpListener;
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing_subscriber::EnvFilter;

use crate::config::{Database, Http};
use crate::services::Services;

/// How long requests may go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// The pause before a database that does not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Manages fleets of IoT devices that talk to an Astarte instance.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Bring the database schema up to date, then serve.
    #[command(alias = "server")]
    Serve {
        #[command(flatten)]
        database: Database,
        #[command(flatten)]
        http: Http,
        /// Leave the database schema as it is: for a login that owns nothing, after `migrate` by one that does.
        #[arg(long)]
        no_migrate: bool,
        /// The seconds to wait for a database that does not answer yet, before giving up.
        #[arg(long, env = "DATABASE_WAIT_SECONDS", default_value_t = 60)]
        database_wait_seconds: u64,
    },
    /// Bring the database schema up to date.
    Migrate {
        #[command(flatten)]
        database: Database,
    },
    /// Print the GraphQL schema.
    Schema,
    /// Make a token and print it.
    Token {
        /// What the token is for.
        #[arg(long, value_enum)]
        kind: TokenKind,
        /// The private key to sign it with: a PEM file.
        #[arg(long)]
        key: PathBuf,
        /// How many seconds it is good for; for ever where not given.
        #[arg(long)]
        seconds: Option<u32>,
    },
    /// Make a tenant, or change the one that has this slug.
    Provision {
        #[command(flatten)]
        database: Database,
        /// The tenant's name for people.
        #[arg(long)]
        name: String,
        /// The tenant's name in URLs.
        #[arg(long)]
        slug: String,
        /// The key that verifies tokens of the tenant's users: a PEM file.
        #[arg(long)]
        public_key: PathBuf,
        /// Where Astarte answers, such as https://api.astarte.example.
        #[arg(long)]
        astarte_url: String,
        /// The tenant's realm in Astarte.
        #[arg(long)]
        realm: String,
        /// The realm's private key: a PEM file.
        #[arg(long)]
        realm_key: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TokenKind {
    /// A tenant's GraphQL API; sign it with the tenant's key.
    Tenant,
    /// The admin API; sign it with the administrators' key.
    Admin,
}

impl Command {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Serve { database, http, no_migrate, database_wait_seconds } => {
                log_to_stdout();
                serve(&database, &http, !no_migrate, database_wait_seconds).await
            }
            Action::Migrate { database } => {
                log_to_stdout();
                Ok(Store::migrate(&database.options()?).await?)
            }
            Action::Schema => {
                println!("{}", edgehog_server::schema().sdl());
                Ok(())
            }
            Action::Token { kind, key, seconds } => {
                let key = SigningKey::from_pem(read_secret(&key)?.expose_secret())
                    .with_context(|| format!("{} is no private key", key.display()))?;
                let token = match kind {
                    TokenKind::Tenant => mint_tenant_token(&key, seconds)?,
                    TokenKind::Admin => mint_admin_token(&key, seconds)?,
                };
                println!("{}", token.expose_secret());
                Ok(())
            }
            Action::Provision { database, name, slug, public_key, astarte_url, realm, realm_key } => {
                let public_key = read(&public_key)?;
                let new =
                    NewTenant::new(name, slug, public_key, astarte_url, realm, read_secret(&realm_key)?);
                provision(&database, &new).await
            }
        }
    }
}

async fn serve(
    database: &Database,
    http: &Http,
    migrate: bool,
    database_wait_seconds: u64,
) -> anyhow::Result<()> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), tag = "edgehog_start", "starting");
    let admin_key = http.admin_key()?;
    let public_url = http.public_url()?;
    let settings = http.settings()?.admin_key(admin_key);
    let services = Services::from_environment(&public_url)?;
    let (options, config) = (database.options()?, database.store()?);
    let open = async || {
        if migrate {
            Store::migrate(&options).await?;
        }
        Store::connect(config.clone()).await
    };
    // An attempt may take long by itself, such as one at a host that says nothing: time counts, not attempts.
    let (asked_since, patience) = (Instant::now(), Duration::from_secs(database_wait_seconds));
    let is_worthwhile = |error: &store::Error| error.is_unavailable() && asked_since.elapsed() < patience;
    let pauses = ConstantBuilder::new().with_delay(ASK_AGAIN).without_max_times();
    let store = open.retry(pauses).when(is_worthwhile).notify(|error, _| {
        let error = error as &dyn std::error::Error;
        tracing::warn!(error, "the database does not answer yet; it is asked again");
    });
    let store = store.await.context("the database cannot be used")?;
    let engine = services.install(Engine::builder(store.clone(), public_url));
    let engine = engine.reconcile_every(http.reconcile_interval()).build()?;

    let stop = CancellationToken::new();
    let background = tokio::spawn(engine.clone().run(stop.clone()));
    let sockets = TaskTracker::new();
    let settings = settings.shutdown(stop.clone()).sockets(sockets.clone());
    let endpoint = edgehog_server::endpoint_with(engine, settings);
    let listener = TcpListener::bind(("::", http.port));
    tracing::info!(port = http.port, "serving");
    Server::new(listener)
        .idle_timeout(Duration::from_secs(300))
        .run_with_graceful_shutdown(endpoint, stopped(stop.clone()), Some(GRACE))
        .await
        .with_context(|| format!("port {} cannot be served", http.port))?;
    stop.cancel();
    sockets.close();
    // Each has been told by now, and is given a moment to say goodbye to its client.
    let _ = tokio::time::timeout(GRACE, sockets.wait()).await;
    background.await?;
    store.close().await;
    Ok(())
}

/// Returns when the process is told to end, and tells the background work.
async fn stopped(stop: CancellationToken) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    stop.cancel();
}

async fn provision(database: &Database, new: &NewTenant) -> anyhow::Result<()> {
    Store::migrate(&database.options()?).await?;
    let store = Store::connect(database.store()?).await?;
    // What the engine would tell Astarte is told by the server, which reconciles all tenants.
    let engine = Engine::builder(store, "http://localhost".parse()?).build()?;
    let done = match engine.update_tenant(new).await {
        Ok(None) => engine.provision_tenant(new).await.map(|tenant| (tenant, "made")),
        Ok(Some(tenant)) => Ok((tenant, "changed")),
        Err(problems) => Err(problems),
    };
    match done {
        Ok((tenant, done)) => {
            println!("{} is {done}", tenant.slug);
            Ok(())
        }
        Err(problems) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            bail!("{}", problems.join("; "))
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn read_secret(file: &Path) -> anyhow::Result<SecretString> {
    read(file).map(SecretString::from)
}

fn log_to_stdout() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stdout().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_target(false).init();
}
