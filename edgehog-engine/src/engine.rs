use std::sync::Arc;
use std::time::{Duration, Instant};

use edgehog_astarte::{HttpConfig, TriggerEvent};
use edgehog_store::{Error as StoreError, Lease, NewTenant, RECONCILIATION, Store, TenantChanges};
use futures::future::join_all;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::events::effect;
use crate::tenants::Directory;
use crate::{Error, EventError, Tenant, provisioning, realm_resources};

/// Tenants whose realms are reconciled at the same time.
const REALMS_AT_ONCE: usize = 8;

/// The pause before listening again for changes of tenants, when the database was away.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// The pause before asking again for a realm that somebody else reconciles.
const BUSY: Duration = Duration::from_millis(500);

/// How far the reconciliation of a tenant got.
enum Progress {
    Done,
    Busy,
}

/// Everything the server does, minus HTTP. Cheap to clone.
///
/// ```no_run
/// use edgehog_engine::{Engine, Store, StoreConfig};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::connect(StoreConfig::new("postgres://localhost/edgehog".parse()?)).await?;
/// let engine = Engine::builder(store, "https://edgehog.example".parse()?).build()?;
/// tokio::spawn(engine.clone().run(Default::default()));
/// let tenant = engine.tenant("plant-one").await?.ok_or("no such tenant")?;
/// println!("{} devices", tenant.device_count().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    directory: Directory,
    public_url: Url,
    interval: Duration,
    realms: Semaphore,
}

/// Settings of an [`Engine`].
#[derive(Debug)]
#[must_use]
pub struct EngineBuilder {
    store: Store,
    public_url: Url,
    http: Option<reqwest::Client>,
    interval: Duration,
    read_timeout: Duration,
}

impl EngineBuilder {
    /// The HTTP client for Astarte, shared by all realms: give one to trust another authority or to go through a proxy.
    /// Begin it with [`HttpConfig::client_builder`], which sets what Astarte needs.
    pub fn http(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// How often every realm is reconciled. Ten minutes where not set.
    pub const fn reconcile_every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The longest that one read of Astarte may keep a client waiting. Ten seconds where not set.
    pub const fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Makes the engine. It does nothing in the background until [`Engine::run`].
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`] where the HTTP client cannot be set up.
    pub fn build(self) -> Result<Engine, Error> {
        let http = match self.http {
            Some(http) => http,
            None => HttpConfig::default().build_client()?,
        };
        Ok(Engine(Arc::new(Inner {
            directory: Directory::new(self.store.clone(), http, self.read_timeout),
            store: self.store,
            public_url: self.public_url,
            interval: self.interval,
            realms: Semaphore::new(REALMS_AT_ONCE),
        })))
    }
}

impl Engine {
    /// Begins an engine on `store`. `public_url` is where Astarte reaches the server that receives its triggers.
    pub fn builder(store: Store, public_url: Url) -> EngineBuilder {
        EngineBuilder {
            store,
            public_url,
            http: None,
            interval: Duration::from_mins(10),
            read_timeout: Duration::from_secs(10),
        }
    }

    /// The tenant with this name in URLs.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn tenant(&self, slug: &str) -> Result<Option<Tenant>, Error> {
        self.0.directory.find(slug).await
    }

    /// Makes a tenant with its realm. Astarte is not asked; its realm is made ready by [`Engine::run`] soon after, in
    /// whichever process that runs.
    ///
    /// # Errors
    ///
    /// All that is wrong: [`Error::Invalid`] for each attribute that breaks a rule, or [`Error::Store`] with
    /// [`edgehog_store::Error::Taken`]. Nothing is made then.
    pub async fn provision_tenant(&self, new: &NewTenant) -> Result<edgehog_store::Tenant, Vec<Error>> {
        provisioning::validate(new)?;
        self.0.store.registry().tenant_create(new).await.map_err(|error| vec![error.into()])
    }

    /// Gives an existing tenant all of these values; its devices stay. `None` where there is no tenant of this slug.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::provision_tenant`]. Nothing is changed then.
    pub async fn update_tenant(&self, new: &NewTenant) -> Result<Option<edgehog_store::Tenant>, Vec<Error>> {
        provisioning::validate(new)?;
        self.0.store.registry().tenant_update(new).await.map_err(|error| vec![error.into()])
    }

    /// Takes in an event that Astarte posted for a tenant. It is committed when this returns.
    ///
    /// # Errors
    ///
    /// [`EventError`] says whether another delivery can help.
    pub async fn ingest(&self, tenant: &Tenant, realm: &str, event: &TriggerEvent) -> Result<(), EventError> {
        let realm = tenant.realm().filter(|known| known.name == realm).ok_or(EventError::UnknownRealm)?;
        let recorded = tenant.events().record(effect(realm.id, event)?).await?;
        if let Some(device) = recorded.filter(|device| device.unread) {
            tenant.meet(device.device_id).await;
        }
        Ok(())
    }

    /// Works in the background until `stop` is cancelled: keeps every realm's interfaces, triggers and delivery policy
    /// as they must be, and the devices' states as Astarte knows them. Any number of engines may run on one database.
    pub async fn run(self, stop: CancellationToken) {
        let turn_now = Notify::new();
        let work =
            async { tokio::join!(self.reconcile_in_turn(&turn_now), self.reconcile_changed(&turn_now)) };
        // All of it can be begun again, so it may end anywhere.
        let _ = stop.run_until_cancelled(work).await;
    }

    async fn reconcile_in_turn(&self, turn_now: &Notify) {
        // Another server's round will do for ours, but for the first one: settings may have changed since.
        let round = self.0.interval * 3 / 4;
        loop {
            let recent = tokio::select! {
                () = tokio::time::sleep(self.0.interval) => round,
                () = turn_now.notified() => Duration::ZERO,
            };
            self.reconcile_all(recent).await;
        }
    }

    /// Reconciles tenants when they are made or changed. What changed while nobody listened is found by a turn, so there
    /// is one after listening has begun, however that went.
    async fn reconcile_changed(&self, turn_now: &Notify) {
        let mut listens = true;
        loop {
            let changes = self.0.store.registry().tenant_changes().await;
            if listens || changes.is_ok() {
                turn_now.notify_one();
            }
            listens = changes.is_ok();
            let ended = match changes {
                Ok(changes) => self.follow(changes, turn_now).await,
                Err(error) => error,
            };
            warn_deaf(&ended);
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    /// Follows changes until they cannot be heard any more.
    async fn follow(&self, mut changes: TenantChanges, turn_now: &Notify) -> StoreError {
        let mut work = JoinSet::new();
        loop {
            match changes.next().await {
                Ok(Some(slug)) => {
                    self.0.directory.forget(&slug);
                    let engine = self.clone();
                    work.spawn(async move { engine.reconcile(&slug, Duration::ZERO).await });
                    while work.try_join_next().is_some() {}
                }
                Ok(None) => {
                    self.0.directory.forget_all();
                    turn_now.notify_one();
                }
                Err(error) => return error,
            }
        }
    }

    async fn reconcile_all(&self, recent: Duration) {
        match self.0.store.registry().tenant_list().await {
            Ok(tenants) => {
                join_all(tenants.iter().map(|tenant| self.reconcile(&tenant.slug, recent))).await;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(
                    error,
                    "the tenants could not be listed; no realm is reconciled until the next turn"
                );
            }
        }
    }

    /// Reconciles one tenant. A failure is its own affair and ends with its report.
    #[tracing::instrument(skip(self, recent))]
    async fn reconcile(&self, tenant: &str, recent: Duration) {
        let begun = Instant::now();
        loop {
            match self.reconcile_tenant(tenant, recent + begun.elapsed()).await {
                Ok(Progress::Done) => return,
                // What the other one does may be older than what is wanted here: try until it is done.
                Ok(Progress::Busy) if begun.elapsed() < RECONCILIATION => tokio::time::sleep(BUSY).await,
                Ok(Progress::Busy) => {
                    return tracing::warn!("somebody else takes too long to reconcile the realm");
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    return tracing::warn!(
                        error,
                        "the realm could not be reconciled; look at its URL and private key, and at Astarte's health"
                    );
                }
            }
        }
    }

    async fn reconcile_tenant(&self, slug: &str, recent: Duration) -> Result<Progress, Error> {
        // Never closed, so this always is a permit.
        let _permit = self.0.realms.acquire().await.ok();
        let Some(tenant) = self.tenant(slug).await? else { return Ok(Progress::Done) };
        let realm = tenant.realm().ok_or(Error::NoRealm)?;
        let client = realm.client()?;
        let registry = self.0.store.registry();
        let lease = match registry.realm_lease(tenant.info().tenant_id, recent).await? {
            Lease::Granted(lease) => lease,
            Lease::Busy => return Ok(Progress::Busy),
            Lease::Done => return Ok(Progress::Done),
        };
        let reconciled = realm_resources::reconcile(client, &self.trigger_url(slug)).await;
        registry.realm_release(lease, reconciled.is_ok()).await?;
        reconciled?;
        let devices = tenant.reconcile_devices().await?;
        tracing::info!(devices, "the realm is reconciled");
        Ok(Progress::Done)
    }

    fn trigger_url(&self, slug: &str) -> String {
        format!("{}/tenants/{slug}/triggers", self.0.public_url.as_str().trim_end_matches('/'))
    }
}

fn warn_deaf(error: &StoreError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "changes of tenants are not heard; they take effect in turn until they are");
}
