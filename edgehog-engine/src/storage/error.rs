use std::error::Error;

use object_store::client::HttpError;

/// What can go wrong with stored files, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// No storage is configured: files cannot be uploaded.
    #[error("no file storage is configured")]
    NotConfigured,
    /// There is no such object.
    #[error("there is no such file")]
    NotFound,
    /// The store was reached and did not do as asked: its credentials, its bucket or its disk want a look.
    #[error("the file storage refused")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// The store did not answer. It may later.
    #[error("the file storage cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// What was to be stored could not be read to its end. Nothing of it is stored.
    #[error("the file to store cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// A URL of the local store was not made by it, or was changed.
    #[error("the signature is not valid")]
    InvalidSignature,
    /// A URL of the local store was good, and is no more.
    #[error("the signature has expired")]
    Expired,
}

impl StorageError {
    pub(super) fn refused(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(error.into())
    }
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            error if did_not_answer(&error) => Self::Unreachable(error.into()),
            error => Self::Refused(error.into()),
        }
    }
}

/// Whether there was no HTTP answer at all, somewhere below this error.
fn did_not_answer(error: &object_store::Error) -> bool {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<HttpError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
