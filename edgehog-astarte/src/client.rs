use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::http::{Api, Http, HttpConfig, TokenSource};
use crate::{Claims, Error, RealmName, SigningKey};

/// A realm of an Astarte installation.
///
/// Implements [`AppEngine`](crate::AppEngine), [`RealmManagement`](crate::RealmManagement) and
/// [`PairingAgent`](crate::PairingAgent). Clones share connections, tokens and limits, and are cheap.
///
/// ```no_run
/// use edgehog_astarte::{AppEngine as _, Client, RealmName, SigningKey};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::from_pem(&std::fs::read_to_string("realm.pem")?)?;
/// let realm = RealmName::new("test")?;
/// let client = Client::builder("https://api.astarte.example.com".parse()?, realm, key).build()?;
/// let status = client.device_status(&"2TBn-jNESuuHamE2Zo1anA".parse()?).await?;
/// println!("connected: {}", status.connected);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    realm: RealmName,
    app_engine: Api,
    realm_management: Api,
    pairing: Api,
}

impl Client {
    /// Begins a client for a realm.
    ///
    /// `base_url` is that of the whole installation, below which the services have their usual names:
    /// `/appengine`, `/realmmanagement` and `/pairing`.
    pub fn builder(base_url: Url, realm: RealmName, key: SigningKey) -> ClientBuilder {
        ClientBuilder {
            base_url,
            realm,
            key,
            http: HttpConfig::default(),
            app_engine_url: None,
            realm_management_url: None,
            pairing_url: None,
        }
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &RealmName {
        &self.inner.realm
    }

    pub(crate) fn app_engine(&self) -> &Api {
        &self.inner.app_engine
    }

    pub(crate) fn realm_management(&self) -> &Api {
        &self.inner.realm_management
    }

    pub(crate) fn pairing(&self) -> &Api {
        &self.inner.pairing
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("realm", &self.inner.realm).finish_non_exhaustive()
    }
}

/// Makes a [`Client`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    base_url: Url,
    realm: RealmName,
    key: SigningKey,
    http: HttpConfig,
    app_engine_url: Option<Url>,
    realm_management_url: Option<Url>,
    pairing_url: Option<Url>,
}

impl ClientBuilder {
    /// Sets time-outs, retries and limits.
    pub fn http_config(mut self, config: HttpConfig) -> Self {
        self.http = config;
        self
    }

    /// Uses this HTTP client; see [`HttpConfig::client`].
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = self.http.client(client);
        self
    }

    /// AppEngine is at this URL, for installations without ingress (`http://host:4002`).
    pub fn app_engine_url(mut self, url: Url) -> Self {
        self.app_engine_url = Some(url);
        self
    }

    /// Realm Management is at this URL (`http://host:4000`).
    pub fn realm_management_url(mut self, url: Url) -> Self {
        self.realm_management_url = Some(url);
        self
    }

    /// Pairing is at this URL (`http://host:4003`).
    pub fn pairing_url(mut self, url: Url) -> Self {
        self.pairing_url = Some(url);
        self
    }

    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for a URL that is not HTTP, [`Error::HttpClient`] when the HTTP client cannot be set
    /// up.
    pub fn build(self) -> Result<Client, Error> {
        let http = Arc::new(Http::new(self.http)?);
        let api = |own_url: Option<&Url>, prefix: &'static str, permit: fn(Claims) -> Claims| {
            let realm = ["v1", self.realm.as_str()];
            let root = match own_url {
                Some(url) => below(url, &realm),
                None => below(&self.base_url, &[&[prefix], &realm[..]].concat()),
            }?;
            let tokens = TokenSource::new(self.key.clone(), http.token_lifetime(), permit);
            let name = if prefix == "realmmanagement" { "realm_management" } else { prefix };
            Ok::<_, Error>(Api::new(name, Arc::clone(&http), root, tokens))
        };
        Ok(Client {
            inner: Arc::new(Inner {
                app_engine: api(self.app_engine_url.as_ref(), "appengine", |claims| {
                    claims.app_engine([Claims::EVERYTHING])
                })?,
                realm_management: api(self.realm_management_url.as_ref(), "realmmanagement", |claims| {
                    claims.realm_management([Claims::EVERYTHING])
                })?,
                pairing: api(self.pairing_url.as_ref(), "pairing", |claims| {
                    claims.pairing([Claims::EVERYTHING])
                })?,
                realm: self.realm,
            }),
        })
    }
}

/// The URL with these segments appended, and nothing after them.
pub(crate) fn below(url: &Url, segments: &[&str]) -> Result<Url, Error> {
    let mut url = url.clone();
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::invalid_input("URL", "must be http or https"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let mut path = url.path_segments_mut().map_err(|()| Error::invalid_input("URL", "must have a host"))?;
    path.pop_if_empty().extend(segments);
    drop(path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_below_the_base_url() {
        let table = [
            ("https://api.x", "https://api.x/appengine/v1/test"),
            ("https://api.x/", "https://api.x/appengine/v1/test"),
            ("https://x/astarte/", "https://x/astarte/appengine/v1/test"),
            ("http://x:80/a?b=c#d", "http://x/a/appengine/v1/test"),
        ];
        for (base, root) in table {
            let url = below(&base.parse().unwrap(), &["appengine", "v1", "test"]).unwrap();
            assert_eq!(url.as_str(), root);
        }
        for base in ["ftp://x/", "data:x"] {
            assert!(below(&base.parse().unwrap(), &["v1"]).is_err(), "{base}");
        }
    }
}
