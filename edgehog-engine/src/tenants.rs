//! Tenants at work: found by the name in a URL, with what serving them takes at hand.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use edgehog_astarte::{Client, HttpConfig, RealmName, SigningKey};
use edgehog_store::{Realm, RealmKey, SealError, TenantScope};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::feed::{Feed, Feeds};
use crate::ingest::EventQueue;
use crate::measures::{Lookup, looked_up};
use crate::storage::Storage;
use crate::strangers::Strangers;
use crate::trigger_guard::{TriggerGuard, UntrustedEvent};
use crate::{Error, ForwarderConfig, Geolocation, InvalidPublicKey, Store, VerifyingKey};

/// How long a tenant's settings are used before they are looked up again, where nobody listens for changes.
const FRESH: Duration = Duration::from_secs(5);

/// New devices of a realm that Astarte is asked about at the same time. When a whole fleet shows up at once, the rest is
/// read when the realm is reconciled.
const INTRODUCTIONS: usize = 64;

/// The bytes of a reply of Astarte at most: several times what a page of devices has. Many realms are read at once.
const MAX_REPLY: usize = 16 * 1024 * 1024;

/// How long Astarte is not asked about new devices after it failed to answer.
const RECOVERY: Duration = Duration::from_secs(30);

/// A tenant with what serving it takes. Cheap to clone; looked up anew for each request.
#[derive(Clone, Debug)]
pub struct Tenant(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    row: edgehog_store::Tenant,
    scope: TenantScope,
    key: Arc<Result<VerifyingKey, InvalidPublicKey>>,
    realm: Option<Arc<TenantRealm>>,
    trigger_guard: TriggerGuard,
    trigger_secret: Option<Result<SecretString, SealError>>,
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
        (*self.0.key).as_ref()
    }

    /// Checks that an event comes from the tenant's realm: it must show the realm's secret in the header
    /// [`TRIGGER_SECRET_HEADER`](crate::TRIGGER_SECRET_HEADER), if the realm has one.
    ///
    /// # Errors
    ///
    /// [`UntrustedEvent`].
    pub fn verify_trigger(&self, shown: Option<&[u8]>) -> Result<(), UntrustedEvent> {
        self.0.trigger_guard.verify(shown)
    }

    /// Cancelled when it is known that the tenant was deleted: what runs for it must end.
    #[must_use]
    pub fn gone(&self) -> &CancellationToken {
        self.0.feed.gone()
    }

    /// The door to its rows.
    #[must_use]
    pub fn scope(&self) -> &TenantScope {
        &self.0.scope
    }

    pub(crate) fn realm(&self) -> Option<&Arc<TenantRealm>> {
        self.0.realm.as_ref()
    }

    /// What the realm's triggers are to show with events.
    pub(crate) fn trigger_secret(&self) -> Result<Option<SecretString>, Error> {
        let secret = self.0.trigger_secret.clone().transpose();
        secret.map_err(|error| edgehog_store::Error::Sealed(error).into())
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
    known: Mutex<HashMap<String, Known>>,
    strangers: Strangers,
    pub(crate) feeds: Feeds,
}

/// A tenant that was looked up.
#[derive(Clone, Debug)]
struct Known {
    tenant: Tenant,
    /// When that was; never, where it has changed since.
    looked_up: Option<Instant>,
}

impl Directory {
    pub(crate) fn new(store: Store, http: reqwest::Client, settings: Arc<Settings>) -> Self {
        let (known, strangers, feeds) = (Mutex::default(), Strangers::default(), Feeds::default());
        Self { store, http, settings, known, strangers, feeds }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) async fn find(&self, slug: &str) -> Result<Option<Tenant>, Error> {
        let known = self.known().get(slug).cloned();
        if let Some(Known { tenant, looked_up: Some(at) }) = &known
            && at.elapsed() < FRESH
        {
            looked_up(Lookup::Remembered);
            return Ok(Some(tenant.clone()));
        }
        let turn = match &known {
            Some(_) => None,
            None if Strangers::is_name(slug) => self.strangers.turn(slug).await,
            None => None,
        };
        if known.is_none() && turn.is_none() {
            looked_up(Lookup::Refused);
            return Ok(None);
        }
        let at = Instant::now();
        let Some((row, realm)) = self.store.registry().tenant_by_slug(slug).await? else {
            looked_up(Lookup::Unknown);
            self.part_with(slug);
            self.strangers.add(slug);
            return Ok(None);
        };
        looked_up(Lookup::Database);
        let tenant = self.tenant(row, realm, known.map(|known| known.tenant));
        Ok(Some(self.remember(slug, at, tenant)))
    }

    pub(crate) fn knows(&self, slug: &str) -> bool {
        self.known().contains_key(slug)
    }

    /// Looks the tenant up anew when it is asked for next.
    pub(crate) fn forget(&self, slug: &str) {
        if let Some(known) = self.known().get_mut(slug) {
            known.looked_up = None;
        }
        self.strangers.forget(slug);
    }

    /// The same for all tenants. Says which are known.
    pub(crate) fn forget_all(&self) -> Vec<String> {
        self.strangers.forget_all();
        self.known().iter_mut().map(|(slug, known)| (known.looked_up = None, slug.clone()).1).collect()
    }

    /// Ends what runs for a tenant that is no more.
    pub(crate) fn part_with(&self, slug: &str) {
        if let Some(known) = self.known().remove(slug) {
            self.end(&known.tenant);
        }
    }

    fn end(&self, tenant: &Tenant) {
        self.feeds.end(tenant.info().tenant_id);
    }

    fn tenant(&self, row: edgehog_store::Tenant, realm: Option<Realm>, known: Option<Tenant>) -> Tenant {
        let known = known.filter(|known| known.0.row.tenant_id == row.tenant_id);
        let scope = self.store.scope(row.tenant_id);
        let trigger_guard = TriggerGuard::of(realm.as_ref());
        let trigger_secret = realm.as_ref().and_then(|realm| realm.trigger_secret.clone());
        let known_realm = known.as_ref().and_then(Tenant::realm);
        let realm = realm.map(|realm| match known_realm {
            Some(known) if known.id == realm.id && known.updated_at == realm.updated_at => known.clone(),
            _ => Arc::new(self.connect(&row, realm)),
        });
        let key = match &known {
            Some(known) if known.0.row.public_key == row.public_key => known.0.key.clone(),
            _ => Arc::new(verifying_key(&row)),
        };
        let events = known.map_or_else(|| EventQueue::new(scope.clone()), |known| known.0.events.clone());
        let feed = self.feeds.of(&scope);
        let settings = self.settings.clone();
        Tenant(Arc::new(Inner {
            row,
            scope,
            key,
            realm,
            trigger_guard,
            trigger_secret,
            events,
            feed,
            settings,
        }))
    }

    fn connect(&self, row: &edgehog_store::Tenant, realm: Realm) -> TenantRealm {
        let client = (|| {
            let url = Url::parse(&realm.base_api_url).map_err(|error| error.to_string())?;
            let name = RealmName::new(realm.name.as_str()).map_err(|error| error.to_string())?;
            let key = realm.private_key.as_ref().map_err(ToString::to_string)?;
            let key = SigningKey::from_pem(key.expose_secret()).map_err(|error| error.to_string())?;
            Client::builder(url, name, key)
                .http_config(HttpConfig::default().max_reply_bytes(MAX_REPLY).client(self.http.clone()))
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
        let found = Known { tenant, looked_up: Some(looked_up) };
        let before = match self.known().entry(slug.to_owned()) {
            Entry::Occupied(entry) if entry.get().looked_up.is_some_and(|it| it > looked_up) => {
                return entry.get().tenant.clone();
            }
            Entry::Occupied(mut entry) => Some(entry.insert(found.clone()).tenant),
            Entry::Vacant(entry) => {
                entry.insert(found.clone());
                None
            }
        };
        // Deleted, and another one made under the same name.
        if let Some(before) = before.filter(|it| it.info().tenant_id != found.tenant.info().tenant_id) {
            self.end(&before);
        }
        found.tenant
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn verifying_key(row: &edgehog_store::Tenant) -> Result<VerifyingKey, InvalidPublicKey> {
    VerifyingKey::from_pem(&row.public_key).inspect_err(|_| {
        tracing::warn!(tenant = %row.slug, "the tenant's public key is unusable; its users cannot come in");
    })
}
