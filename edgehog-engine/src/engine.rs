use std::sync::Arc;
use std::time::Duration;

use edgehog_astarte::{HttpConfig, TriggerEvent};
use edgehog_store::{NewTenant, Store};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::events::effect;
use crate::tenants::Directory;
use crate::{Error, EventError, Tenant, provisioning, realm_resources};

/// Tenants whose realms are reconciled at the same time.
const REALMS_AT_ONCE: usize = 8;

/// Tenants that may wait to be reconciled out of turn. What does not fit is reconciled in turn.
const WAITING: usize = 64;

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
    out_of_turn: mpsc::Sender<String>,
    requests: tokio::sync::Mutex<mpsc::Receiver<String>>,
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
        let (out_of_turn, requests) = mpsc::channel(WAITING);
        Ok(Engine(Arc::new(Inner {
            directory: Directory::new(self.store.clone(), http, self.read_timeout),
            store: self.store,
            public_url: self.public_url,
            interval: self.interval,
            out_of_turn,
            requests: tokio::sync::Mutex::new(requests),
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

    /// Makes a tenant with its realm. Astarte is not asked; its realm is made ready by [`Engine::run`], at once.
    ///
    /// # Errors
    ///
    /// All that is wrong: [`Error::Invalid`] for each attribute that breaks a rule, or [`Error::Store`] with
    /// [`edgehog_store::Error::Taken`]. Nothing is made then.
    pub async fn provision_tenant(&self, new: &NewTenant) -> Result<edgehog_store::Tenant, Vec<Error>> {
        provisioning::validate(new)?;
        let tenant = self.0.store.registry().tenant_create(new).await.map_err(|error| vec![error.into()])?;
        // A full queue means that much is to be done already; the tenant is then reconciled in its turn.
        let _ = self.0.out_of_turn.try_send(tenant.slug.clone());
        Ok(tenant)
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
        let mut requests = self.0.requests.lock().await;
        let mut turn = tokio::time::interval(self.0.interval);
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let work = async {
            loop {
                tokio::select! {
                    _ = turn.tick() => self.reconcile_all().await,
                    Some(slug) = requests.recv() => self.reconcile(&slug).await,
                }
            }
        };
        // All of it can be begun again, so it may end anywhere.
        let _ = stop.run_until_cancelled(work).await;
    }

    async fn reconcile_all(&self) {
        let tenants = match self.0.store.registry().tenant_list().await {
            Ok(tenants) => tenants,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(
                    error,
                    "the tenants could not be listed; no realm is reconciled until the next turn"
                );
                return;
            }
        };
        futures::stream::iter(tenants)
            .for_each_concurrent(REALMS_AT_ONCE, |tenant| async move { self.reconcile(&tenant.slug).await })
            .await;
    }

    /// Reconciles one tenant. A failure is its own affair and ends with its report.
    #[tracing::instrument(skip(self))]
    async fn reconcile(&self, tenant: &str) {
        match self.reconcile_tenant(tenant).await {
            Ok(()) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "the realm could not be reconciled; look at its URL and private key, and at Astarte's health"
                );
            }
        }
    }

    async fn reconcile_tenant(&self, slug: &str) -> Result<(), Error> {
        let Some(tenant) = self.tenant(slug).await? else { return Ok(()) };
        let realm = tenant.realm().ok_or(Error::NoRealm)?;
        realm_resources::reconcile(realm.client()?, &self.trigger_url(slug)).await?;
        let devices = tenant.reconcile_devices().await?;
        tracing::info!(devices, "the realm is reconciled");
        Ok(())
    }

    fn trigger_url(&self, slug: &str) -> String {
        format!("{}/tenants/{slug}/triggers", self.0.public_url.as_str().trim_end_matches('/'))
    }
}
