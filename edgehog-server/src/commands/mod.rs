//! What the program can be told to do.

mod serve;
mod tenant;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use edgehog_engine::{HttpConfig, SigningKey, Store, mint_admin_token, mint_tenant_token};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{self, Config, Given};
use crate::logging::{self, Log};

/// How long a server on this machine may take to say that it lives.
const ALIVE: Duration = Duration::from_secs(5);

/// Manages fleets of IoT devices that talk to an Astarte instance.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Bring the database schema up to date, then serve.
    #[command(alias = "server")]
    Serve {
        /// Leave the database schema as it is: for a login that owns nothing, after `migrate` by one that does.
        #[arg(long)]
        no_migrate: bool,
        #[command(flatten)]
        given: Given,
    },
    /// Read the settings as `serve` would, tell all that is wrong with them, and connect to nothing.
    CheckConfig(Given),
    /// Bring the database schema up to date.
    Migrate(Given),
    /// Look after tenants.
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Seal all secrets in the database with the first key of EDGEHOG_ENCRYPTION_KEYS, so that the others can go.
    RotateKeys(Given),
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
    /// Ask the server on this machine whether it lives: for containers, which have nobody else to ask.
    Health(Given),
    /// The elder name of `migrate` and `tenant create` in one.
    #[command(hide = true)]
    Provision {
        #[command(flatten)]
        tenant: tenant::Description,
        #[command(flatten)]
        given: Given,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum TokenKind {
    /// A tenant's GraphQL API; sign it with the tenant's key.
    Tenant,
    /// The admin API; sign it with the administrators' key.
    Admin,
}

impl Command {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Serve { no_migrate, given } => {
                let log = Log::start(&given)?;
                let served = serve::serve(&given, !no_migrate).await;
                log.finish().await;
                served
            }
            Action::CheckConfig(given) => {
                logging::to_stderr(&given);
                Config::read(&given)?;
                println!("the settings can be used");
                Ok(())
            }
            Action::Migrate(given) => {
                logging::to_stdout(&given);
                migrate(&given).await
            }
            Action::Tenant(tenant) => tenant.run().await,
            Action::RotateKeys(given) => rotate_keys(&given).await,
            Action::Schema => {
                println!("{}", edgehog_server::schema().sdl());
                Ok(())
            }
            Action::Token { kind, key, seconds } => token(kind, &key, seconds),
            Action::Health(given) => health(&given).await,
            Action::Provision { tenant, given } => {
                migrate(&given).await?;
                tenant::create(&given, tenant).await
            }
        }
    }
}

async fn migrate(given: &Given) -> anyhow::Result<()> {
    Ok(Store::migrate(&config::database_options(given)?).await?)
}

async fn rotate_keys(given: &Given) -> anyhow::Result<()> {
    logging::to_stderr(given);
    let store = Store::connect(config::database(given)?).await.context("the database cannot be used")?;
    let done = store.registry().secrets_reseal().await?;
    println!("{} realms' secrets are sealed anew", done.sealed.len());
    ensure!(
        done.unopened.is_empty(),
        "the secrets of {} realms are sealed with keys that are not given: add those keys, or give the tenants {:?} \
         their realms' keys again",
        done.unopened.len(),
        done.unopened.iter().map(|tenant| tenant.get()).collect::<Vec<_>>()
    );
    Ok(())
}

fn token(kind: TokenKind, key: &Path, seconds: Option<u32>) -> anyhow::Result<()> {
    let key = SigningKey::from_pem(read_secret(key)?.expose_secret())
        .with_context(|| format!("{} is no private key", key.display()))?;
    let token = match kind {
        TokenKind::Tenant => mint_tenant_token(&key, seconds)?,
        TokenKind::Admin => mint_admin_token(&key, seconds)?,
    };
    println!("{}", token.expose_secret());
    Ok(())
}

async fn health(given: &Given) -> anyhow::Result<()> {
    let url = format!("http://127.0.0.1:{}/health", config::port(given)?);
    let answer = HttpConfig::default().build_client()?.get(url).timeout(ALIVE).send().await;
    let status = answer.context("the server does not answer")?.status();
    ensure!(status.is_success(), "the server answers {status}");
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn read_secret(file: &Path) -> anyhow::Result<SecretString> {
    read(file).map(SecretString::from)
}
