use std::sync::Arc;
use std::time::Duration;

use edgehog_astarte::{HttpConfig, TriggerEvent};
use edgehog_store::Store;
use url::Url;

use crate::events::effect;
use crate::storage::Storage;
use crate::tenants::{Directory, Settings};
use crate::{Error, EventError, ForwarderConfig, Geolocation, Tenant};

/// Everything the server does, minus HTTP. Cheap to clone.
///
/// ```no_run
/// use edgehog_engine::{Engine, Keyring, Store, StoreConfig};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let keyring = Keyring::from_base64(&std::env::var("EDGEHOG_ENCRYPTION_KEYS")?.into())?;
/// let store = Store::connect(StoreConfig::new("postgres://localhost/edgehog".parse()?, keyring)).await?;
/// let engine = Engine::builder(store, "https://edgehog.example".parse()?).build()?;
/// tokio::spawn(engine.clone().run(Default::default()));
/// let tenant = engine.tenant("plant-one").await?.ok_or("no such tenant")?;
/// println!("{} devices", tenant.device_count().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Engine(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) directory: Directory,
    pub(crate) public_url: Url,
    pub(crate) interval: Duration,
}

/// Settings of an [`Engine`].
#[derive(Debug)]
#[must_use]
pub struct EngineBuilder {
    store: Store,
    public_url: Url,
    http: Option<reqwest::Client>,
    interval: Duration,
    settings: Settings,
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
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.settings.read_timeout = timeout;
        self
    }

    /// Who finds out where devices are. Nobody where not set.
    pub fn geolocation(mut self, geolocation: Geolocation) -> Self {
        self.settings.geolocation = geolocation;
        self
    }

    /// Where devices meet people who want to use their terminals. Nowhere where not set.
    pub fn forwarder(mut self, forwarder: Option<ForwarderConfig>) -> Self {
        self.settings.forwarder = forwarder;
        self
    }

    /// Where pictures and other files are kept. Nowhere where not set: what needs them is refused.
    pub fn storage(mut self, storage: Option<Storage>) -> Self {
        self.settings.storage = storage;
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
            directory: Directory::new(self.store.clone(), http, Arc::new(self.settings)),
            store: self.store,
            public_url: self.public_url,
            interval: self.interval,
        })))
    }
}

impl Engine {
    /// Where clients and Astarte reach the server.
    #[must_use]
    pub fn public_url(&self) -> &Url {
        &self.0.public_url
    }

    /// Records the metrics that are not events but states, such as the number of connections. Call it before metrics are
    /// read.
    pub fn sample_metrics(&self) {
        self.0.store.sample_metrics();
    }

    /// Where pictures and other files are kept.
    #[must_use]
    pub fn storage(&self) -> Option<&Storage> {
        self.0.directory.settings().storage.as_ref()
    }

    /// Asks the database for nothing but an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where there is none, or no free connection.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.0.store.ping().await?)
    }

    /// Begins an engine on `store`. `public_url` is where Astarte reaches the server that receives its triggers.
    pub fn builder(store: Store, public_url: Url) -> EngineBuilder {
        EngineBuilder {
            store,
            public_url,
            http: None,
            interval: Duration::from_mins(10),
            settings: Settings::default(),
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
}
