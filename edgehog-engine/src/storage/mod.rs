//! Files that users and devices upload, kept in an object store or in a directory.
//!
//! A file is stored under a [`Key`], which names the tenant that owns it. Its public URL is what rows of the database
//! keep and what clients and devices fetch; from the URL its key is found again when the file is deleted.

mod config;
mod error;
mod key;
mod local;
mod media_type;
mod remote;
mod signature;
mod upload;
mod url;
mod vars;

use std::fmt;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{Attribute, GetOptions, GetResult, ObjectStore, ObjectStoreExt};
use tokio::io::AsyncRead;

use self::local::Local;
use self::signature::Use;
use crate::measures;

pub use self::config::{AzureConfig, GcsConfig, LocalConfig, S3Config, StorageConfig};
pub use self::error::StorageError;
pub use self::key::Key;
pub use self::local::{LOCAL_ROUTE, LocalObject};
pub use self::media_type::{is_picture_name, picture_media_type};
pub use self::vars::{StorageConfigError, StorageConfigMistake};

/// How long signed URLs are good for where nothing else is asked for.
pub const SIGNED_URL_VALIDITY: Duration = Duration::from_hours(1);

/// What public URLs of the memory begin with: a host that never exists.
const MEMORY_BASE: &str = "http://memory.invalid";

/// The store of uploaded files. Cheap to clone.
///
/// ```
/// use edgehog_engine::storage::{Key, Storage, StorageConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let storage = Storage::open(&StorageConfig::Memory)?;
/// let key = Key::system_model_picture(1, "board", "front view.png");
/// let stored = storage.put_reader(&key, &b"bytes"[..], "image/png").await?;
/// assert!(stored.url.ends_with("/front%20view.png"));
/// assert_eq!(storage.key_of_url(&stored.url), Some(key.clone()));
/// storage.delete(&key).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Storage(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    kind: Kind,
    base: String,
}

enum Kind {
    Local(Box<Local>),
    /// Azure and S3 encode paths in the URLs that they sign themselves; Google's client leaves it to us.
    Remote {
        signer: Arc<dyn Signer>,
        encode: bool,
    },
    Memory,
}

/// A file that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredObject {
    /// Its public URL.
    pub url: String,
    /// Its size in bytes.
    pub size: u64,
}

/// What the store knows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its size in bytes.
    pub size: u64,
    /// Its content type.
    pub content_type: String,
}

/// A file on its way out of the store.
#[non_exhaustive]
pub struct Object {
    /// What the store knows of it.
    pub info: ObjectInfo,
    /// Its content, piece by piece.
    pub content: BoxStream<'static, Result<Bytes, StorageError>>,
}

impl Storage {
    /// Opens a store. Others' stores are not asked anything yet; a local directory is made where there is none, with the
    /// key that signs its URLs. Blocks for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`StorageError::Refused`] where the directory or the credentials are of no use.
    pub fn open(config: &StorageConfig) -> Result<Self, StorageError> {
        Self::build(config, remote::http_client)
    }

    /// As [`open`](Self::open), with an HTTP client to trust another authority or to go through a proxy. It should limit
    /// how long a connection may take or stand still, but not how long a request may take.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_with(config: &StorageConfig, http: reqwest::Client) -> Result<Self, StorageError> {
        Self::build(config, || Ok(http))
    }

    fn build(
        config: &StorageConfig,
        http: impl FnOnce() -> Result<reqwest::Client, StorageError>,
    ) -> Result<Self, StorageError> {
        let inner = match config {
            StorageConfig::Local(config) => {
                let local = Local::open(config)?;
                let (objects, base) = (Arc::clone(&local.files), local.base.clone());
                Inner { objects, kind: Kind::Local(Box::new(local)), base }
            }
            StorageConfig::S3(config) => {
                let (objects, signer) = remote::s3(config, http()?)?;
                let kind = Kind::Remote { signer: Arc::new(signer), encode: false };
                Inner { objects: Arc::new(objects), kind, base: config.base() }
            }
            StorageConfig::Gcs(config) => {
                let objects = Arc::new(remote::gcs(config, http()?)?);
                let kind = Kind::Remote { signer: Arc::clone(&objects) as _, encode: true };
                Inner { objects, kind, base: config.base() }
            }
            StorageConfig::Azure(config) => {
                let objects = Arc::new(remote::azure(config, http()?)?);
                let kind = Kind::Remote { signer: Arc::clone(&objects) as _, encode: false };
                Inner { objects, kind, base: config.base() }
            }
            StorageConfig::Memory => {
                Inner { objects: Arc::new(InMemory::new()), kind: Kind::Memory, base: MEMORY_BASE.to_owned() }
            }
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Stores a file of this machine, a piece at a time. After a failure, or when the caller stops waiting, nothing of
    /// it stays in the store under this key, which is why every upload has a key of its own.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`] for the file, [`StorageError::Refused`] or [`StorageError::Unreachable`] for the store.
    pub async fn put_file(
        &self,
        key: &Key,
        file: impl AsRef<FilePath> + Send,
        content_type: &str,
    ) -> Result<StoredObject, StorageError> {
        let file = tokio::fs::File::open(file).await.map_err(StorageError::Unreadable)?;
        self.put_reader(key, file, content_type).await
    }

    /// Stores whatever can be read, as [`put_file`](Self::put_file) does.
    ///
    /// # Errors
    ///
    /// Those of [`put_file`](Self::put_file).
    pub async fn put_reader(
        &self,
        key: &Key,
        reader: impl AsyncRead + Send + Unpin + 'static,
        content_type: &str,
    ) -> Result<StoredObject, StorageError> {
        let since = Instant::now();
        let stored = upload::run(self.clone(), key.clone(), reader, content_type.to_owned()).await;
        let size = measures::stored("put", since, stored)?;
        Ok(StoredObject { url: self.public_url(key), size })
    }

    /// Deletes a file. One that is not there is deleted already.
    ///
    /// # Errors
    ///
    /// [`StorageError::Refused`] or [`StorageError::Unreachable`].
    pub async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        let (path, since) = (path(key)?, Instant::now());
        let deleted = match self.0.objects.delete(&path).await.map_err(StorageError::from) {
            Err(StorageError::NotFound) => Ok(()),
            result => result,
        };
        measures::stored("delete", since, deleted)
    }

    /// Deletes all files of a tenant, those that no record names too.
    ///
    /// # Errors
    ///
    /// Those of [`delete`](Self::delete), the first of them; the other files are deleted all the same.
    pub async fn delete_tenant(&self, tenant_id: i64) -> Result<(), StorageError> {
        let directory = Path::parse(Key::directory(tenant_id)).map_err(StorageError::refused)?;
        let found = self.0.objects.list(Some(&directory)).map_ok(|object| object.location).boxed();
        let mut failure = None;
        let mut deletions = self.0.objects.delete_stream(found);
        while let Some(deleted) = deletions.next().await {
            match deleted.map_err(StorageError::from) {
                Ok(_) | Err(StorageError::NotFound) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// What the store knows of a file.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`], [`StorageError::Refused`] or [`StorageError::Unreachable`].
    pub async fn head(&self, key: &Key) -> Result<ObjectInfo, StorageError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let (path, since) = (path(key)?, Instant::now());
        let found = self.0.objects.get_opts(&path, options).await.map_err(StorageError::from);
        let found = measures::stored("head", since, found)?;
        Ok(self.info(key, &found))
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Those of [`head`](Self::head); the stream has errors of its own.
    pub async fn get(&self, key: &Key) -> Result<Object, StorageError> {
        let (path, since) = (path(key)?, Instant::now());
        let result = self.0.objects.get(&path).await.map_err(StorageError::from);
        let result = measures::stored("get", since, result)?;
        let info = self.info(key, &result);
        Ok(Object { info, content: result.into_stream().map_err(StorageError::from).boxed() })
    }

    fn info(&self, key: &Key, result: &GetResult) -> ObjectInfo {
        let content_type = match &self.0.kind {
            Kind::Local(_) => local::content_type(key),
            _ => result.attributes.get(&Attribute::ContentType).map_or(media_type::OPAQUE, |value| value),
        };
        ObjectInfo { size: result.meta.size, content_type: content_type.to_owned() }
    }

    /// Where anyone who knows the URL can fetch the file, for as long as it is there.
    #[must_use]
    pub fn public_url(&self, key: &Key) -> String {
        match &self.0.kind {
            Kind::Local(local) => local.public_url(key),
            _ => format!("{}/{}", self.0.base, url::encode(key)),
        }
    }

    /// The key of the file that has this public URL. `None` for URLs that do not lie in this store. Of a URL that a
    /// client wrote, ask next whether the key [belongs to](Key::belongs_to) the client's tenant.
    #[must_use]
    pub fn key_of_url(&self, url: &str) -> Option<Key> {
        url::key_below(&self.0.base, url)
    }

    /// A URL from which the file can be fetched until its time is over.
    ///
    /// # Errors
    ///
    /// [`StorageError::Refused`] where the credentials cannot sign.
    pub async fn signed_get_url(&self, key: &Key, valid_for: Duration) -> Result<String, StorageError> {
        self.signed_url(Use::Read, key, valid_for).await
    }

    /// A URL to which the file can be sent by `PUT` until its time is over.
    ///
    /// # Errors
    ///
    /// [`StorageError::Refused`] where the credentials cannot sign.
    pub async fn signed_put_url(&self, key: &Key, valid_for: Duration) -> Result<String, StorageError> {
        self.signed_url(Use::Write, key, valid_for).await
    }

    async fn signed_url(&self, what: Use, key: &Key, valid_for: Duration) -> Result<String, StorageError> {
        match &self.0.kind {
            Kind::Local(local) => Ok(local.signed_url(what, key, valid_for)),
            Kind::Memory => Ok(self.public_url(key)),
            Kind::Remote { signer, encode } => {
                let method = match what {
                    Use::Read => Method::GET,
                    Use::Write => Method::PUT,
                };
                let path = match encode {
                    true => Path::parse(url::encode(key)).map_err(StorageError::refused)?,
                    false => path(key)?,
                };
                Ok(signer.signed_url(method, &path, valid_for).await?.into())
            }
        }
    }

    /// Opens the file that a URL of the local store asks for by `GET` or `HEAD`. `key` is the decoded path after
    /// [`LOCAL_ROUTE`] and a slash, the rest are the parameters of the query. The answer must have the
    /// [headers](LocalObject::headers) that come with the file.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidSignature`], [`StorageError::Expired`], or [`StorageError::NotFound`]: the file was deleted,
    /// or this store is not a local one.
    pub async fn open_local(
        &self,
        key: &str,
        signature: &str,
        expires: Option<i64>,
    ) -> Result<LocalObject, StorageError> {
        let local = self.local()?;
        let (key, since) = (local.verify(Use::Read, key, signature, expires)?, Instant::now());
        measures::stored("get", since, local.open_file(&key).await)
    }

    /// Takes in what is sent by `PUT` to a URL that [`signed_put_url`](Self::signed_put_url) made for the local store.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidSignature`], [`StorageError::Expired`], [`StorageError::NotFound`] where this store is not a
    /// local one, and those of [`put_reader`](Self::put_reader).
    pub async fn receive_local(
        &self,
        key: &str,
        signature: &str,
        expires: Option<i64>,
        reader: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<StoredObject, StorageError> {
        let key = self.local()?.verify(Use::Write, key, signature, expires)?;
        self.put_reader(&key, reader, media_type::OPAQUE).await
    }

    fn local(&self) -> Result<&Local, StorageError> {
        match &self.0.kind {
            Kind::Local(local) => Ok(local),
            _ => Err(StorageError::NotFound),
        }
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("base", &self.0.base).finish_non_exhaustive()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("info", &self.info).finish_non_exhaustive()
    }
}

/// A key is a path already: nothing is encoded.
fn path(key: &Key) -> Result<Path, StorageError> {
    Path::parse(key.as_str()).map_err(StorageError::refused)
}
