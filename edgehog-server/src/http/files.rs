//! Files of a storage that is a directory of this machine.

use std::io;
use std::sync::Arc;

use edgehog_engine::storage::StorageError;
use futures::{StreamExt, TryStreamExt};
use poem::http::{StatusCode, header};
use poem::web::{Data, Path};
use poem::{Body, Request, Response, handler};
use serde::Deserialize;
use tokio_util::io::StreamReader;

use super::error::Refusal;
use super::{State, body};

/// What makes a URL of the storage good.
#[derive(Deserialize)]
struct Proof {
    signature: String,
    #[serde(default)]
    expires: Option<i64>,
}

/// `GET`: a file, for whoever has a URL that the storage signed.
#[handler]
pub(crate) async fn serve(
    request: &Request,
    Data(state): Data<&Arc<State>>,
    Path(key): Path<String>,
) -> Result<Response, Refusal> {
    let storage = state.engine.storage().ok_or(Refusal::NOT_FOUND)?;
    let proof: Proof = request.params().map_err(|_| Refusal::FORBIDDEN)?;
    let object = storage.open_local(&key, &proof.signature, proof.expires).await.map_err(refusal)?;
    let mut response = Response::builder()
        .header(header::CONTENT_LENGTH, object.size)
        // Pages of other origins show pictures, too.
        .header("cross-origin-resource-policy", "cross-origin")
        // The key of a file is never used for another one.
        .header(header::CACHE_CONTROL, "private, max-age=31536000, immutable");
    for (name, value) in object.headers() {
        response = response.header(name, value);
    }
    Ok(response.body(Body::from_async_read(object.file)))
}

/// `PUT`: a file, from whoever has a URL that the storage signed for that.
#[handler]
pub(crate) async fn receive(
    request: &Request,
    content: Body,
    Data(state): Data<&Arc<State>>,
    Path(key): Path<String>,
) -> Result<StatusCode, Refusal> {
    let storage = state.engine.storage().ok_or(Refusal::NOT_FOUND)?;
    let proof: Proof = request.params().map_err(|_| Refusal::FORBIDDEN)?;
    let limit = state.settings.max_upload_bytes;
    let declared = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    // Whoever does not say how much will come might not stop.
    if declared.is_none_or(|length| length > limit) {
        return Err(Refusal::TOO_LARGE);
    }
    let content = body::paced(content, state.settings.limits.upload).map_err(io::Error::other);
    storage
        .receive_local(&key, &proof.signature, proof.expires, StreamReader::new(content.boxed()))
        .await
        .map_err(refusal)?;
    Ok(StatusCode::CREATED)
}

fn refusal(error: StorageError) -> Refusal {
    match error {
        StorageError::InvalidSignature | StorageError::Expired => Refusal::FORBIDDEN,
        StorageError::NotFound | StorageError::NotConfigured => Refusal::NOT_FOUND,
        other => {
            let error = &other as &dyn std::error::Error;
            tracing::error!(error, "a stored file cannot be served; look at the storage's directory");
            Refusal::INTERNAL
        }
    }
}
