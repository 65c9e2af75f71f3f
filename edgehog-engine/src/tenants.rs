//! Tenants at work: found by the name in a URL, with what serving them takes at hand.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use edgehog_astarte::{Client, RealmName, SigningKey};
use edgehog_store::{Realm, RealmKey, TenantScope};
use secrecy::ExposeSecret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::feed::{Feed, Feeds};
use crate::ingest::EventQueue;
use crate::storage::Storage;
use crate::{Error, ForwarderConfig, Geolocation, InvalidPublicKey, Store, VerifyingKey};

/// How long a tenant's settings are used before they are looked up again, where nobody listens for changes.
const FRESH: Duration = Duration::from_secs(5);

/// New devices of a realm that Astarte is asked about at the same time. When a whole fleet shows up at once, the rest is
/// read when the realm is reconciled.
const INTRODUCTIONS: usize = 64;

/// How long Astarte is not asked about new devices after it failed to answer.
const RECOVERY: Duration = Duration::from_secs(30);

/// A tenant with what serving it takes. Cheap to clone; looked up anew for each request.
#[derive(Clone, Debug)]
pub struct Tenant(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    row: edgehog_store::Tenant,
    scope: TenantScope,
    key: Result<VerifyingKey, InvalidPublicKey>,
    realm: Option<Arc<TenantRealm>>,
    events: EventQueue,
    feed: Feed,
    settings: Arc<Settings>,
}

/// What all tenants have in common.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The longest that one read of Astarte may keep a client waiting.
    pub(crate) read_timeout: Duration,
    pub(crate) geolocation: Geolocation,
    pub(crate) forwarder: Option<ForwarderConfig>,
    pub(crate) storage: Option<Storage>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_timeout: Duration::from_secs(10),
            geolocation: Geolocation::default(),
            forwarder: None,
            storage: None,
        }
    }
}

/// The realm of a tenant, with a client for it.
#[derive(Debug)]
pub(crate) struct TenantRealm {
    pub(crate) id: RealmKey,
    pub(crate) name: String,
    client: Option<Client>,
    updated_at: DateTime<Utc>,
    introductions: Arc<Semaphore>,
    failed: Mutex<Option<Instant>>,
}

impl TenantRealm {
    /// The client for the realm.
    ///
    /// # Errors
    ///
    /// [`Error::NoRealm`] where the stored URL or key is of no use; the log says why.
    pub(crate) fn client(&self) -> Result<&Client, Error> {
        self.client.as_ref().ok_or(Error::NoRealm)
    }

    /// Leave to read about a new device now, unless much is being read already, or a read failed a moment ago: events
    /// must not wait for an Astarte that is away.
    pub(crate) fn introduction(&self) -> Option<OwnedSemaphorePermit> {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some_and(|failed| failed.elapsed() < RECOVERY) {
            return None;
        }
        self.introductions.clone().try_acquire_owned().ok()
    }

    /// Notes that a read about a new device failed.
    pub(crate) fn introduction_failed(&self) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

impl Tenant {
    /// Its name, slug and locale.
    #[must_use]
    pub fn info(&self) -> &edgehog_store::Tenant {
        &self.0.row
    }

    /// The key that verifies tokens of its users.
    ///
    /// # Errors
    ///
    /// [`InvalidPublicKey`] where what is stored is none; nobody can come in then.
    pub fn verifying_key(&self) -> Result<&VerifyingKey, &InvalidPublicKey> {
        self.0.key.as_ref()
    }

    /// The door to its rows.
    #[must_use]
    pub fn scope(&self) -> &TenantScope {
        &self.0.scope
    }

    pub(crate) fn realm(&self) -> Option<&Arc<TenantRealm>> {
        self.0.realm.as_ref()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn events(&self) -> &EventQueue {
        &self.0.events
    }

    pub(crate) fn feed(&self) -> &Feed {
        &self.0.feed
    }
}

/// Finds tenants, and keeps what is dear to make: clients with their connections and tokens, queues of events.
#[derive(Debug)]
pub(crate) struct Directory {
    store: Store,
    http: reqwest::Client,
    settings: Arc<Settings>,
    known: Mutex<HashMap<String, (Instant, Tenant)>>,
    pub(crate) feeds: Feeds,
}

impl Directory {
    pub(crate) fn new(store: Store, http: reqwest::Client, settings: Arc<Settings>) -> Self {
        Self { store, http, settings, known: Mutex::default(), feeds: Feeds::default() }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) async fn find(&self, slug: &str) -> Result<Option<Tenant>, Error> {
        let known = self.known().get(slug).cloned();
        if let Some((looked_up, tenant)) = &known
            && looked_up.elapsed() < FRESH
        {
            return Ok(Some(tenant.clone()));
        }
        let looked_up = Instant::now();
        let Some((row, realm)) = self.store.registry().tenant_by_slug(slug).await? else {
            self.known().remove(slug);
            return Ok(None);
        };
        let tenant = self.tenant(row, realm, known.map(|(_, tenant)| tenant));
        Ok(Some(self.remember(slug, looked_up, tenant)))
    }

    /// Looks the tenant up anew when it is asked for next.
    pub(crate) fn forget(&self, slug: &str) {
        self.known().remove(slug);
    }

    /// The same for all tenants.
    pub(crate) fn forget_all(&self) {
        self.known().clear();
    }

    fn tenant(&self, row: edgehog_store::Tenant, realm: Option<Realm>, known: Option<Tenant>) -> Tenant {
        let known = known.filter(|known| known.0.row.tenant_id == row.tenant_id);
        let scope = self.store.scope(row.tenant_id);
        let known_realm = known.as_ref().and_then(Tenant::realm);
        let realm = realm.map(|realm| match known_realm {
            Some(known) if known.id == realm.id && known.updated_at == realm.updated_at => known.clone(),
            _ => Arc::new(self.connect(&row, realm)),
        });
        let events = known.map_or_else(|| EventQueue::new(scope.clone()), |known| known.0.events.clone());
        let key = VerifyingKey::from_pem(&row.public_key);
        if key.is_err() {
            tracing::warn!(tenant = %row.slug, "the tenant's public key is unusable; its users cannot come in");
        }
        let feed = self.feeds.of(&scope);
        Tenant(Arc::new(Inner { row, scope, key, realm, events, feed, settings: self.settings.clone() }))
    }

    fn connect(&self, row: &edgehog_store::Tenant, realm: Realm) -> TenantRealm {
        let client = (|| {
            let url = Url::parse(&realm.base_api_url).map_err(|error| error.to_string())?;
            let name = RealmName::new(realm.name.as_str()).map_err(|error| error.to_string())?;
            let key =
                SigningKey::from_pem(realm.private_key.expose_secret()).map_err(|error| error.to_string())?;
            Client::builder(url, name, key)
                .http_client(self.http.clone())
                .build()
                .map_err(|error| error.to_string())
        })();
        let client = client.inspect_err(|error| {
            tracing::error!(
                tenant = %row.slug, realm = %realm.name, error,
                "the tenant's realm is unusable; mend its URL, name or private key"
            );
        });
        TenantRealm {
            id: realm.id,
            name: realm.name,
            client: client.ok(),
            updated_at: realm.updated_at,
            introductions: Arc::new(Semaphore::new(INTRODUCTIONS)),
            failed: Mutex::default(),
        }
    }

    /// Of two lookups at once the later one stands, and its queue is the one in use.
    fn remember(&self, slug: &str, looked_up: Instant, tenant: Tenant) -> Tenant {
        match self.known().entry(slug.to_owned()) {
            Entry::Occupied(mut entry) if entry.get().0 <= looked_up => {
                entry.insert((looked_up, tenant.clone()));
                tenant
            }
            Entry::Occupied(entry) => entry.get().1.clone(),
            Entry::Vacant(entry) => entry.insert((looked_up, tenant)).1.clone(),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Tenant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
