//! One upload, from its first byte to a whole object or to nothing.

use object_store::path::Path;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use super::{Key, Kind, Storage, StorageError, path};

/// The size of a part: what an upload holds in memory. Ten thousand of them, as many as S3 allows, are 80 GiB.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Stores what the reader has; tells how many bytes it was. The work is a task of its own: a caller who stops waiting
/// ends it, but cannot keep it from cleaning up.
pub(super) async fn run(
    storage: Storage,
    key: Key,
    reader: impl AsyncRead + Send + Unpin + 'static,
    content_type: String,
) -> Result<u64, StorageError> {
    let abandoned = CancellationToken::new();
    let _guard = abandoned.clone().drop_guard();
    let task = async move { Upload { storage, key, content_type, abandoned }.run(reader).await };
    tokio::spawn(task).await.map_err(StorageError::refused)?
}

struct Upload {
    storage: Storage,
    key: Key,
    content_type: String,
    /// Nobody waits for the result any more.
    abandoned: CancellationToken,
}

impl Upload {
    async fn run(self, mut reader: impl AsyncRead + Send + Unpin) -> Result<u64, StorageError> {
        let path = path(&self.key)?;
        let first = self.unless_abandoned(read_part(&mut reader)).await?;
        let stored = if is_last(&first) {
            self.whole(&path, first).await
        } else {
            self.in_parts(&path, first, &mut reader).await
        };
        match stored {
            Ok(size) if !self.abandoned.is_cancelled() => Ok(size),
            Ok(_) => self.clean_up(StorageError::refused(Abandoned)).await,
            Err(error) => self.clean_up(error).await,
        }
    }

    async fn whole(&self, path: &Path, content: Vec<u8>) -> Result<u64, StorageError> {
        let size = content.len() as u64;
        let options = PutOptions { attributes: self.attributes(), ..PutOptions::default() };
        self.store().put_opts(path, PutPayload::from(content), options).await?;
        Ok(size)
    }

    async fn in_parts(
        &self,
        path: &Path,
        first: Vec<u8>,
        reader: &mut (impl AsyncRead + Send + Unpin),
    ) -> Result<u64, StorageError> {
        let options = PutMultipartOptions { attributes: self.attributes(), ..PutMultipartOptions::default() };
        let mut upload = self.store().put_multipart_opts(path, options).await?;
        let parts = self.unless_abandoned(send_parts(&mut *upload, first, reader)).await;
        let completed = match parts {
            Ok(size) => upload.complete().await.map(|_| size).map_err(StorageError::from),
            Err(error) => Err(error),
        };
        if completed.is_err()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(key = %self.key, %error, "an upload that failed could not be taken back");
        }
        completed
    }

    async fn unless_abandoned<T>(
        &self,
        work: impl Future<Output = Result<T, StorageError>> + Send,
    ) -> Result<T, StorageError> {
        let work = self.abandoned.run_until_cancelled(work).await;
        work.unwrap_or_else(|| Err(StorageError::refused(Abandoned)))
    }

    /// The store may have taken the object although its answer was lost. No other upload has the key.
    async fn clean_up(&self, error: StorageError) -> Result<u64, StorageError> {
        if let Err(error) = self.storage.delete(&self.key).await {
            tracing::warn!(key = %self.key, %error, "what is left of an upload could not be deleted");
        }
        if let Kind::Local(local) = &self.storage.0.kind {
            local.prune(&self.key);
        }
        Err(error)
    }

    fn store(&self) -> &dyn ObjectStore {
        &*self.storage.0.objects
    }

    /// A directory has no place for them.
    fn attributes(&self) -> Attributes {
        match self.storage.0.kind {
            Kind::Local(_) => Attributes::new(),
            _ => Attributes::from_iter([(Attribute::ContentType, self.content_type.clone())]),
        }
    }
}

/// Why an upload ended that nobody waits for: nobody sees this but the log.
#[derive(Debug, thiserror::Error)]
#[error("the upload was abandoned")]
struct Abandoned;

/// One part after the other, so that at most one is in memory.
async fn send_parts(
    upload: &mut dyn MultipartUpload,
    first: Vec<u8>,
    reader: &mut (impl AsyncRead + Send + Unpin),
) -> Result<u64, StorageError> {
    let mut size = 0;
    let mut part = first;
    loop {
        size += part.len() as u64;
        let last = is_last(&part);
        if !part.is_empty() {
            upload.put_part(PutPayload::from(part)).await?;
        }
        if last {
            return Ok(size);
        }
        part = read_part(reader).await?;
    }
}

async fn read_part(reader: &mut (impl AsyncRead + Send + Unpin)) -> Result<Vec<u8>, StorageError> {
    let mut part = Vec::new();
    reader.take(PART_BYTES).read_to_end(&mut part).await.map_err(StorageError::Unreadable)?;
    Ok(part)
}

fn is_last(part: &[u8]) -> bool {
    (part.len() as u64) < PART_BYTES
}
