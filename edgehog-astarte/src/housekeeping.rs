use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::client::below;
use crate::http::{Api, Http, HttpConfig, Request, TokenSource};
use crate::{Claims, Error, RealmName, SigningKey};

/// Housekeeping of an Astarte installation: its realms.
///
/// ```no_run
/// use edgehog_astarte::{Housekeeping, HttpConfig, Realm, RealmName, SigningKey};
///
/// # async fn run(key: SigningKey, realm_key: SigningKey) -> Result<(), Box<dyn std::error::Error>> {
/// let base_url = "https://api.astarte.example.com".parse()?;
/// let housekeeping = Housekeeping::new(&base_url, key, HttpConfig::default())?;
/// let realm = Realm::new(RealmName::new("test")?, realm_key.public_key_pem());
/// housekeeping.create_realm(&realm).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Housekeeping {
    api: Arc<Api>,
}

impl Housekeeping {
    /// Housekeeping below `/housekeeping` of an installation; the key is Housekeeping's own, not that of a realm.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for a URL that is not HTTP, [`Error::HttpClient`] when the HTTP client cannot be set
    /// up.
    pub fn new(base_url: &Url, key: SigningKey, config: HttpConfig) -> Result<Self, Error> {
        Self::with_url(&below(base_url, &["housekeeping"])?, key, config)
    }

    /// Housekeeping at its own URL, for installations without ingress (`http://host:4001`).
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn with_url(url: &Url, key: SigningKey, config: HttpConfig) -> Result<Self, Error> {
        let http = Arc::new(Http::new(config)?);
        let permit = |claims: Claims| claims.housekeeping([Claims::EVERYTHING]);
        let tokens = TokenSource::new(key, http.token_lifetime(), permit);
        Ok(Self { api: Arc::new(Api::new("housekeeping", http, below(url, &["v1"])?, tokens)) })
    }

    /// The names of the realms.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    pub async fn realms(&self) -> Result<Vec<RealmName>, Error> {
        self.api.send(Request::get(["realms"])?).await?.data()
    }

    /// A realm, or `None`.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    pub async fn realm(&self, name: &RealmName) -> Result<Option<Realm>, Error> {
        match self.api.send(Request::get(["realms", name.as_str()])?).await {
            Ok(reply) => reply.data().map(Some),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a realm and waits for it. The other services may refuse it for some moments longer.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when it exists, [`Error::Rejected`] for an unusable key or replication, and what any
    /// request may end with.
    pub async fn create_realm(&self, realm: &Realm) -> Result<(), Error> {
        let request = Request::post(["realms"], realm)?.synchronous().install();
        match self.api.send(request).await {
            // An earlier attempt may have done it, and its answer was lost.
            Err(Error::Conflict(answer)) if answer.attempt() > 1 => {
                match self.realm(&realm.realm_name).await? {
                    Some(existing) if existing.jwt_public_key_pem == realm.jwt_public_key_pem => Ok(()),
                    _ => Err(Error::Conflict(answer)),
                }
            }
            result => result.map(drop),
        }
    }

    /// Changes a realm; answers with what it is then. Astarte 1.2 or later.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Rejected`] for an unusable key, and what any request may end with.
    pub async fn patch_realm(&self, name: &RealmName, patch: &RealmPatch) -> Result<Realm, Error> {
        self.api.send(Request::patch(["realms", name.as_str()], patch)?).await?.data()
    }

    /// Deletes a realm with all its data. Most installations forbid it.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when it is forbidden or the realm has connected devices, [`Error::NotFound`], and what any
    /// request may end with.
    pub async fn delete_realm(&self, name: &RealmName) -> Result<(), Error> {
        self.api.delete(Request::delete(["realms", name.as_str()])?.synchronous().install()).await
    }
}

impl fmt::Debug for Housekeeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Housekeeping").finish_non_exhaustive()
    }
}

/// A realm.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct Realm {
    /// The name.
    pub realm_name: RealmName,
    /// The public key that checks the realm's tokens; see [`SigningKey::public_key_pem`].
    pub jwt_public_key_pem: String,
    /// How the database keeps copies; the installation's default when absent.
    pub replication: Option<Replication>,
    /// How many devices may be registered; any number when absent.
    pub device_registration_limit: Option<u64>,
    /// How long data of datastreams is stored at most, in seconds; for ever when absent.
    pub datastream_maximum_storage_retention: Option<u64>,
}

/// How the database keeps copies of a realm's data.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Replication {
    /// This number of copies.
    Factor(u32),
    /// This number of copies in each data centre, by its name.
    PerDatacenter(BTreeMap<String, u32>),
}

impl Realm {
    /// A realm with default replication and without limits.
    pub fn new(name: RealmName, public_key_pem: impl Into<String>) -> Self {
        Self {
            realm_name: name,
            jwt_public_key_pem: public_key_pem.into(),
            replication: None,
            device_registration_limit: None,
            datastream_maximum_storage_retention: None,
        }
    }

    /// Sets how the database keeps copies.
    #[must_use]
    pub fn replication(mut self, replication: Replication) -> Self {
        self.replication = Some(replication);
        self
    }

    /// Limits the number of devices.
    #[must_use]
    pub fn device_registration_limit(mut self, devices: u64) -> Self {
        self.device_registration_limit = Some(devices);
        self
    }

    /// Limits how long data of datastreams is stored, in seconds.
    #[must_use]
    pub fn datastream_maximum_storage_retention(mut self, seconds: u64) -> Self {
        self.datastream_maximum_storage_retention = Some(seconds);
        self
    }
}

/// A realm on the wire.
#[derive(Serialize, Deserialize)]
struct Form {
    realm_name: RealmName,
    jwt_public_key_pem: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    replication_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replication_factor: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datacenter_replication_factors: Option<BTreeMap<String, u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_registration_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datastream_maximum_storage_retention: Option<u64>,
}

impl From<Form> for Realm {
    fn from(form: Form) -> Self {
        let replication = match (form.datacenter_replication_factors, form.replication_factor) {
            (Some(factors), _) => Some(Replication::PerDatacenter(factors)),
            (None, factor) => factor.map(Replication::Factor),
        };
        Self {
            realm_name: form.realm_name,
            jwt_public_key_pem: form.jwt_public_key_pem,
            replication,
            device_registration_limit: form.device_registration_limit,
            datastream_maximum_storage_retention: form.datastream_maximum_storage_retention,
        }
    }
}

impl From<Realm> for Form {
    fn from(realm: Realm) -> Self {
        let (class, factor, factors) = match realm.replication {
            None => (None, None, None),
            Some(Replication::Factor(factor)) => (None, Some(factor), None),
            Some(Replication::PerDatacenter(factors)) => {
                (Some("NetworkTopologyStrategy".to_owned()), None, Some(factors))
            }
        };
        Self {
            realm_name: realm.realm_name,
            jwt_public_key_pem: realm.jwt_public_key_pem,
            replication_class: class,
            replication_factor: factor,
            datacenter_replication_factors: factors,
            device_registration_limit: realm.device_registration_limit,
            datastream_maximum_storage_retention: realm.datastream_maximum_storage_retention,
        }
    }
}

/// A change of a realm.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct RealmPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt_public_key_pem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_registration_limit: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datastream_maximum_storage_retention: Option<Option<u64>>,
}

impl RealmPatch {
    /// No change yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the public key.
    #[must_use]
    pub fn public_key_pem(mut self, pem: impl Into<String>) -> Self {
        self.jwt_public_key_pem = Some(pem.into());
        self
    }

    /// Limits the number of devices; `None` lifts the limit.
    #[must_use]
    pub fn device_registration_limit(mut self, devices: Option<u64>) -> Self {
        self.device_registration_limit = Some(devices);
        self
    }

    /// Limits how long data of datastreams is stored, in seconds; `None` lifts the limit.
    #[must_use]
    pub fn datastream_maximum_storage_retention(mut self, seconds: Option<u64>) -> Self {
        self.datastream_maximum_storage_retention = Some(seconds);
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn realm() -> Realm {
        Realm::new(RealmName::new("test").unwrap(), "PEM")
    }

    #[test]
    fn realms_are_written_as_documented() {
        let table = [
            (realm(), json!({"realm_name": "test", "jwt_public_key_pem": "PEM"})),
            (
                realm().replication(Replication::Factor(3)).device_registration_limit(10),
                json!({
                    "realm_name": "test", "jwt_public_key_pem": "PEM", "replication_factor": 3,
                    "device_registration_limit": 10
                }),
            ),
            (
                realm()
                    .replication(Replication::PerDatacenter([("dc1".to_owned(), 2)].into()))
                    .datastream_maximum_storage_retention(60),
                json!({
                    "realm_name": "test", "jwt_public_key_pem": "PEM",
                    "replication_class": "NetworkTopologyStrategy",
                    "datacenter_replication_factors": {"dc1": 2},
                    "datastream_maximum_storage_retention": 60
                }),
            ),
        ];
        for (realm, json) in table {
            assert_eq!(serde_json::to_value(&realm).unwrap(), json);
            assert_eq!(serde_json::from_value::<Realm>(json).unwrap(), realm);
        }
    }

    #[test]
    fn null_lifts_a_limit() {
        let patch = RealmPatch::new().device_registration_limit(None).public_key_pem("PEM");
        assert_eq!(
            serde_json::to_value(patch).unwrap(),
            json!({"jwt_public_key_pem": "PEM", "device_registration_limit": null})
        );
    }
}
