//! `tenant`: the tenants, by the hands of an operator.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use edgehog_engine::storage::{Storage, StorageConfig};
use edgehog_engine::{Engine, NewTenant, Reconciliation, Store, StoreConfig};
use serde_json::json;

use super::{read, read_secret};
use crate::config::{self, Given};
use crate::logging;

/// How often it is looked whether a server has done what was asked for.
const LOOK: Duration = Duration::from_millis(250);

/// How long somebody waits for that.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Subcommand)]
pub(super) enum Tenant {
    /// List the tenants, oldest first.
    List {
        /// As JSON, with their public keys.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        given: Given,
    },
    /// Make a tenant, or change the one that has this slug.
    Create {
        #[command(flatten)]
        tenant: Description,
        #[command(flatten)]
        given: Given,
    },
    /// Tell how the tenants' realms are: when they were looked at last, what was mended, what is wrong.
    Status {
        /// The one tenant to tell of.
        slug: Option<String>,
        #[command(flatten)]
        given: Given,
    },
    /// Have a server look at the tenant's realm now, and wait until that is done.
    Reconcile {
        /// The tenant's name in URLs.
        slug: String,
        #[command(flatten)]
        given: Given,
    },
    /// Delete a tenant with all that it owns. Its realm in Astarte stays as it is.
    Delete {
        /// The tenant's name in URLs.
        slug: String,
        /// Do not ask whether it is meant.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        given: Given,
    },
}

/// What a tenant is.
#[derive(Args)]
pub(super) struct Description {
    /// The tenant's name for people.
    #[arg(long)]
    name: String,
    /// The tenant's name in URLs.
    #[arg(long)]
    slug: String,
    /// The language of texts that do not tell theirs.
    #[arg(long, default_value = "en-US")]
    default_locale: String,
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
    /// Take events from whoever names the realm: for a realm whose triggers somebody else installs.
    #[arg(long)]
    no_trigger_secret: bool,
}

impl Tenant {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { json, given } => list(&given, json).await,
            Self::Create { tenant, given } => create(&given, tenant).await,
            Self::Status { slug, given } => status(&given, slug.as_deref()).await,
            Self::Reconcile { slug, given } => reconcile(&given, &slug).await,
            Self::Delete { slug, yes, given } => delete(&given, &slug, yes).await,
        }
    }
}

/// An engine that does nothing by itself: what Astarte must be told, a server tells.
async fn engine(store: StoreConfig, storage: Option<StorageConfig>) -> anyhow::Result<Engine> {
    let store = Store::connect(store).await.context("the database cannot be used")?;
    let storage = storage.as_ref().map(Storage::open).transpose().context("the storage cannot be used")?;
    Ok(Engine::builder(store, "http://localhost".parse()?).storage(storage).build()?)
}

async fn list(given: &Given, json: bool) -> anyhow::Result<()> {
    logging::to_stderr(given);
    let tenants = engine(config::database(given)?, None).await?.tenants().await?;
    if json {
        let tenants = tenants.iter().map(|tenant| {
            json!({
                "tenant_id": tenant.tenant_id.get(),
                "slug": tenant.slug,
                "name": tenant.name,
                "default_locale": tenant.default_locale,
                "public_key": tenant.public_key,
            })
        });
        println!("{:#}", tenants.collect::<serde_json::Value>());
        return Ok(());
    }
    let width = tenants.iter().map(|tenant| tenant.slug.len()).max().unwrap_or_default();
    for tenant in &tenants {
        // A name is whatever somebody called it; a terminal must not act on it.
        let name = tenant.name.replace(char::is_control, " ");
        println!("{:width$}  {}  {name}", tenant.slug, tenant.default_locale);
    }
    Ok(())
}

pub(super) async fn create(given: &Given, tenant: Description) -> anyhow::Result<()> {
    logging::to_stderr(given);
    let store = config::database(given)?;
    let public_key = read(&tenant.public_key)?;
    let realm_key = read_secret(&tenant.realm_key)?;
    let Description { name, slug, default_locale, astarte_url, realm, no_trigger_secret, .. } = tenant;
    let new = NewTenant::new(name, slug, public_key, astarte_url, realm, realm_key);
    let new = new.default_locale(default_locale).authenticate_triggers(!no_trigger_secret);
    let engine = engine(store, None).await?;
    let done = match engine.update_tenant(&new).await {
        Ok(None) => engine.provision_tenant(&new).await.map(|tenant| (tenant, "made")),
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

async fn status(given: &Given, slug: Option<&str>) -> anyhow::Result<()> {
    logging::to_stderr(given);
    let engine = engine(config::database(given)?, None).await?;
    let tenants = engine.tenants().await?;
    let known: HashMap<_, _> =
        engine.reconciliations().await?.into_iter().map(|it| (it.tenant_id, it)).collect();
    let told: Vec<_> = tenants.iter().filter(|it| slug.is_none_or(|slug| it.slug == slug)).collect();
    ensure!(slug.is_none() || !told.is_empty(), "there is no tenant {}", slug.unwrap_or_default());
    let width = told.iter().map(|tenant| tenant.slug.len()).max().unwrap_or_default();
    for tenant in told {
        if let Some(reconciliation) = known.get(&tenant.tenant_id) {
            println!("{:width$}  {}", tenant.slug, line(reconciliation));
        }
    }
    Ok(())
}

async fn reconcile(given: &Given, slug: &str) -> anyhow::Result<()> {
    logging::to_stderr(given);
    let engine = engine(config::database(given)?, None).await?;
    let unknown = || format!("there is no tenant {slug}");
    let tenant = engine.tenant(slug).await?.with_context(unknown)?.info().tenant_id;
    let requested = engine.request_reconciliation(tenant).await?.with_context(unknown)?;
    let mut pause = tokio::time::interval(LOOK);
    let done = async {
        loop {
            pause.tick().await;
            let reconciliation = engine.reconciliation(tenant).await?.with_context(unknown)?;
            let ended = reconciliation.ended_at >= reconciliation.began_at;
            if reconciliation.began_at > Some(requested) && ended {
                return anyhow::Ok(reconciliation);
            }
        }
    };
    let done = tokio::time::timeout(PATIENCE, done).await;
    let done = done.context("no server has done it yet; is one running?")??;
    println!("{slug}  {}", line(&done));
    ensure!(done.succeeded == Some(true), "the realm could not be reconciled");
    Ok(())
}

/// What is known of a reconciliation, in a line for people.
fn line(it: &Reconciliation) -> String {
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%SZ");
    let state = match (it.succeeded, it.ended_at) {
        (Some(true), Some(at)) => format!("right at {}", time(at)),
        (Some(false), Some(at)) => {
            let error = it.error.as_deref().unwrap_or_default().replace(char::is_control, " ");
            format!("failed {} times, last at {}: {error}", it.failures, time(at))
        }
        _ => "not looked at yet".to_owned(),
    };
    let mended = match it.mended.len() {
        0 => String::new(),
        count => format!(", {count} things mended"),
    };
    let next = if it.running { ", running now".to_owned() } else { format!(", next at {}", time(it.due_at)) };
    format!("{state}{mended}{next}")
}

async fn delete(given: &Given, slug: &str, yes: bool) -> anyhow::Result<()> {
    logging::to_stderr(given);
    let (store, storage) = config::database_and_files(given)?;
    let engine = engine(store, storage).await?;
    let tenant = engine.tenant(slug).await?.with_context(|| format!("there is no tenant {slug}"))?;
    if !yes {
        let devices = tenant.device_count().await?;
        eprint!(
            "This deletes the tenant {slug} with its {devices} devices and all else that it owns, for ever.\n\
             Its realm in Astarte stays as it is. Type the slug to go on: "
        );
        std::io::stderr().flush()?;
        let mut typed = String::new();
        std::io::stdin().read_line(&mut typed)?;
        ensure!(typed.trim() == slug, "nothing is deleted");
    }
    let deleted = engine.delete_tenant(tenant.info().tenant_id).await?;
    let deleted = deleted.with_context(|| format!("{slug} is gone already"))?;
    println!("{} is deleted", deleted.slug);
    Ok(())
}
