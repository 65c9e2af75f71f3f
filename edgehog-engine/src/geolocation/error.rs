use std::sync::Arc;

/// Why a provider could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GeolocationError {
    /// What Astarte keeps of the device could not be read.
    #[error(transparent)]
    Device(#[from] edgehog_sdk::Error),
    /// Astarte did not answer in time.
    #[error("Astarte did not answer in time")]
    TimedOut,
    /// The service that was asked is of no help.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The failure of a provider that is not of this crate.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// Why a service on the network is of no help.
///
/// Neither variants nor sources hold the key, nor the URL with the key in it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// No connection, or no whole answer in time.
    #[error("the service is unreachable")]
    Unreachable(#[source] Arc<reqwest::Error>),
    /// The answer is longer than any useful one.
    #[error("the service's answer is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is no JSON.
    #[error("the service's answer is no JSON")]
    Malformed(#[source] Arc<serde_json::Error>),
    /// An answer without result, by its HTTP status.
    #[error("the service answered with HTTP status {0} and no result; look at the key and its quota")]
    Status(u16),
    /// An answer without result, by the service's word for the reason.
    #[error("the service answered {0}; look at the key and its quota")]
    Refused(&'static str),
}

impl From<reqwest::Error> for ServiceError {
    fn from(error: reqwest::Error) -> Self {
        // The key is in the URL.
        Self::Unreachable(Arc::new(error.without_url()))
    }
}
