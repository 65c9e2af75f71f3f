//! Bodies of requests that are read into memory.

use std::time::Duration;

use poem::Body;
use poem::error::ReadBodyError;

use super::error::Refusal;

/// Bodies without uploads.
pub(crate) const MAX_BODY: usize = 8_000_000;

/// How long a client may take to send one.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a body, within what a stranger may send.
pub(crate) async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    match tokio::time::timeout(PATIENCE, body.into_bytes_limit(MAX_BODY)).await {
        Ok(Ok(body)) => Ok(body.into()),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(Refusal::TOO_LARGE),
        Ok(Err(_)) => Err(Refusal::BAD_REQUEST),
        Err(_) => Err(Refusal::REQUEST_TIMEOUT),
    }
}
