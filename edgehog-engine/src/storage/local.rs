use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use super::config::{LocalConfig, trimmed};
use super::signature::{Signatures, Use};
use super::{Key, StorageError, media_type, url};

/// Where the server serves the files of a local store, below its own URL: `GET {base}/storage/{key}`.
pub const LOCAL_ROUTE: &str = "/storage";

/// Files in a directory. Writing is atomic: a file has its name only once it is whole and on the disk.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) files: Arc<LocalFileSystem>,
    signatures: Signatures,
    root: PathBuf,
    pub(super) base: String,
}

/// A file of the local store that a valid URL asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct LocalObject {
    /// Its content type, told by its name: that of a picture, else `application/octet-stream`.
    pub content_type: &'static str,
    /// Its size in bytes.
    pub size: u64,
    /// The file itself, to read from its beginning.
    pub file: tokio::fs::File,
}

impl LocalObject {
    /// The headers that the answer must have, beside `Content-Length`. Browsers then show pictures in pages and run
    /// nothing that a user uploaded, whatever its name: no script of a drawing, no page.
    #[must_use]
    pub const fn headers(&self) -> [(&'static str, &'static str); 4] {
        [
            ("content-type", self.content_type),
            ("content-disposition", "attachment"),
            ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
            ("x-content-type-options", "nosniff"),
        ]
    }
}

impl Local {
    /// Makes the directory where there is none.
    pub(super) fn open(config: &LocalConfig) -> Result<Self, StorageError> {
        std::fs::create_dir_all(&config.directory).map_err(StorageError::refused)?;
        let root = config.directory.canonicalize().map_err(StorageError::refused)?;
        let signatures = match &config.signing_key {
            Some(key) => Signatures::new(key),
            None => Signatures::of_directory(&root).map_err(StorageError::refused)?,
        };
        let files = LocalFileSystem::new_with_prefix(&root)?.with_automatic_cleanup(true).with_fsync(true);
        let base = format!("{}{LOCAL_ROUTE}", trimmed(&config.base_url));
        Ok(Self { files: Arc::new(files), signatures, root, base })
    }

    pub(super) fn public_url(&self, key: &Key) -> String {
        self.url(Use::Read, key, None)
    }

    pub(super) fn signed_url(&self, what: Use, key: &Key, valid_for: Duration) -> String {
        let seconds = i64::try_from(valid_for.as_secs()).unwrap_or(i64::MAX);
        self.url(what, key, Some(Utc::now().timestamp().saturating_add(seconds)))
    }

    fn url(&self, what: Use, key: &Key, expires: Option<i64>) -> String {
        let signature = self.signatures.sign(what, key, expires);
        let end = expires.map(|end| format!("&expires={end}")).unwrap_or_default();
        format!("{}/{}?signature={signature}{end}", self.base, url::encode(key))
    }

    pub(super) fn verify(
        &self,
        what: Use,
        key: &str,
        signature: &str,
        expires: Option<i64>,
    ) -> Result<Key, StorageError> {
        // Nothing else was ever signed.
        let key = Key::parse(key).ok_or(StorageError::InvalidSignature)?;
        self.signatures.verify(what, &key, signature, expires)?;
        Ok(key)
    }

    pub(super) async fn open_file(&self, key: &Key) -> Result<LocalObject, StorageError> {
        let path = Path::parse(key.as_str()).map_err(StorageError::refused)?;
        let path = self.files.path_to_filesystem(&path)?;
        let file = tokio::fs::File::open(path).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => StorageError::NotFound,
            _ => StorageError::refused(error),
        })?;
        let metadata = file.metadata().await.map_err(StorageError::refused)?;
        if !metadata.is_file() {
            return Err(StorageError::NotFound);
        }
        Ok(LocalObject { content_type: content_type(key), size: metadata.len(), file })
    }

    /// Removes the directories of an upload that came to nothing, as far as they are empty.
    pub(super) fn prune(&self, key: &Key) {
        let path = self.root.join(key.as_str());
        let above = path.ancestors().skip(1).take_while(|path| *path != self.root);
        above.map(FilePath::to_owned).all(|directory| std::fs::remove_dir(directory).is_ok());
    }
}

/// A directory keeps no types; what the uploader said is not to be trusted anyway where the server itself serves.
pub(super) fn content_type(key: &Key) -> &'static str {
    media_type::picture_media_type(key.file_name()).unwrap_or(media_type::OPAQUE)
}
