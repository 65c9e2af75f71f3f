use std::path::PathBuf;

use secrecy::{SecretSlice, SecretString};
use url::Url;

/// The region of a store that has none.
const DEFAULT_REGION: &str = "us-east-1";

const GOOGLE: &str = "storage.googleapis.com";

/// Which store keeps the files. [`from_vars`](Self::from_vars) reads it from the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StorageConfig {
    /// A directory of this machine, or one that all servers share. The server itself serves the files.
    Local(LocalConfig),
    /// Amazon S3 and whatever speaks like it.
    S3(S3Config),
    /// Google Cloud Storage.
    Gcs(GcsConfig),
    /// Azure Blob Storage.
    Azure(AzureConfig),
    /// The memory of this process, for tests. Its URLs lead nowhere.
    Memory,
}

impl StorageConfig {
    /// Files in a directory, served below `base_url`. Their URLs are signed with a key that is made once and kept in the
    /// directory; [`LocalConfig::signing_key`] takes another.
    #[must_use]
    pub fn local(directory: impl Into<PathBuf>, base_url: Url) -> Self {
        LocalConfig::new(directory, base_url).into()
    }
}

/// Files in a directory.
#[derive(Clone, Debug)]
pub struct LocalConfig {
    pub(super) directory: PathBuf,
    pub(super) base_url: Url,
    pub(super) signing_key: Option<SecretSlice<u8>>,
}

impl LocalConfig {
    /// See [`StorageConfig::local`].
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, base_url: Url) -> Self {
        Self { directory: directory.into(), base_url, signing_key: None }
    }

    /// Signs URLs with this key, and keeps none in the directory. Whoever changes it makes all earlier URLs useless.
    #[must_use]
    pub fn signing_key(mut self, key: SecretSlice<u8>) -> Self {
        self.signing_key = Some(key);
        self
    }
}

/// A bucket of S3 or a compatible store.
#[derive(Clone, Debug)]
pub struct S3Config {
    pub(super) bucket: String,
    pub(super) access_key_id: SecretString,
    pub(super) secret_access_key: SecretString,
    pub(super) region: String,
    pub(super) endpoint: Option<Url>,
    pub(super) public_url: Option<Url>,
    pub(super) public_read_acl: bool,
}

impl S3Config {
    /// A bucket of Amazon S3.
    #[must_use]
    pub fn new(
        bucket: impl Into<String>,
        access_key_id: SecretString,
        secret_access_key: SecretString,
    ) -> Self {
        Self {
            bucket: bucket.into(),
            access_key_id,
            secret_access_key,
            region: DEFAULT_REGION.to_owned(),
            endpoint: None,
            public_url: None,
            public_read_acl: true,
        }
    }

    /// The region that requests are signed for, `us-east-1` where not set.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Where the store is reached from here. Amazon's endpoint of the region where not set.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Url) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// What public URLs begin with: `{public_url}/{key}`. Where the bucket is not in the host, it must be in the path.
    /// Signed URLs take scheme, host and port of it. Where not set, both follow from the endpoint.
    #[must_use]
    pub fn public_url(mut self, public_url: Url) -> Self {
        self.public_url = Some(public_url);
        self
    }

    /// Whether each object is made readable for everyone, as it is by default. Buckets that refuse access lists for
    /// objects need a policy of their own instead.
    #[must_use]
    pub const fn public_read_acl(mut self, acl: bool) -> Self {
        self.public_read_acl = acl;
        self
    }

    pub(super) fn internal(&self) -> String {
        self.endpoint.as_ref().map_or_else(
            || format!("https://s3.{}.amazonaws.com", self.region),
            |url| trimmed(url).to_owned(),
        )
    }

    /// What signed URLs begin with, before the bucket.
    pub(super) fn signing(&self) -> String {
        self.public_url.as_ref().map_or_else(|| self.internal(), |url| url.origin().ascii_serialization())
    }

    /// Whether the host of [`internal`](Self::internal) is the bucket's own, so that the bucket is no part of paths.
    /// Elsewhere than at Amazon, a host that begins like the bucket may be a coincidence.
    pub(super) fn internal_has_bucket(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|url| is_amazon(url) && self.begins(url))
    }

    /// The same of [`signing`](Self::signing). A public URL without a path cannot have the bucket elsewhere.
    pub(super) fn signing_has_bucket(&self) -> bool {
        match &self.public_url {
            Some(url) => url.path() == "/" && self.begins(url),
            None => self.internal_has_bucket(),
        }
    }

    fn begins(&self, url: &Url) -> bool {
        let rest = url.host_str().and_then(|host| host.strip_prefix(&self.bucket));
        rest.is_some_and(|rest| rest.starts_with('.'))
    }

    pub(super) fn base(&self) -> String {
        match (&self.public_url, &self.endpoint) {
            (Some(url), _) => trimmed(url).to_owned(),
            (None, Some(url)) if self.internal_has_bucket() => trimmed(url).to_owned(),
            (None, Some(url)) if !is_amazon(url) => format!("{}/{}", trimmed(url), self.bucket),
            _ => format!("https://{}.s3.amazonaws.com", self.bucket),
        }
    }
}

fn is_amazon(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host.ends_with(".amazonaws.com"))
}

/// A bucket of Google Cloud Storage.
#[derive(Clone, Debug)]
pub struct GcsConfig {
    pub(super) bucket: String,
    pub(super) credentials: SecretString,
    pub(super) public_url: Option<Url>,
    pub(super) public_read_acl: bool,
}

impl GcsConfig {
    /// A bucket, and the JSON of a service account that may write to it.
    #[must_use]
    pub fn new(bucket: impl Into<String>, credentials: SecretString) -> Self {
        Self { bucket: bucket.into(), credentials, public_url: None, public_read_acl: true }
    }

    /// What public URLs begin with: `{public_url}/{key}`. Google's own URL of the bucket where not set.
    #[must_use]
    pub fn public_url(mut self, public_url: Url) -> Self {
        self.public_url = Some(public_url);
        self
    }

    /// Whether each object is made readable for everyone, as it is by default. Buckets with uniform access need a
    /// policy of their own instead.
    #[must_use]
    pub const fn public_read_acl(mut self, acl: bool) -> Self {
        self.public_read_acl = acl;
        self
    }

    pub(super) fn base(&self) -> String {
        match &self.public_url {
            Some(url) if !is_google(url) => trimmed(url).to_owned(),
            _ => format!("https://{GOOGLE}/{}", self.bucket),
        }
    }
}

/// Google's host alone: the bucket has to be added.
fn is_google(url: &Url) -> bool {
    url.host_str() == Some(GOOGLE) && url.path() == "/"
}

/// A container of Azure Blob Storage.
#[derive(Clone, Debug)]
pub struct AzureConfig {
    pub(super) account: String,
    pub(super) key: SecretString,
    pub(super) container: String,
    pub(super) endpoint: Url,
}

impl AzureConfig {
    /// A container of the account that has this key (base64), reached at `endpoint`.
    #[must_use]
    pub fn new(
        account: impl Into<String>,
        key: SecretString,
        container: impl Into<String>,
        endpoint: Url,
    ) -> Self {
        Self { account: account.into(), key, container: container.into(), endpoint }
    }

    pub(super) fn base(&self) -> String {
        format!("{}/{}", trimmed(&self.endpoint), self.container)
    }
}

macro_rules! into_storage_config {
    ($($variant:ident($config:ident)),*) => {
        $(impl From<$config> for StorageConfig {
            fn from(config: $config) -> Self {
                Self::$variant(config)
            }
        })*
    };
}

into_storage_config!(Local(LocalConfig), S3(S3Config), Gcs(GcsConfig), Azure(AzureConfig));

/// A URL that a path can be put behind.
pub(super) fn trimmed(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

pub(super) fn is_google_host(host: &str) -> bool {
    host.eq_ignore_ascii_case(GOOGLE)
}
