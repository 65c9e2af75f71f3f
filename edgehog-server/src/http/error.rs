//! The one shape of all answers that are not a success, outside GraphQL and the admin API.

use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, PathPattern, Response};
use serde_json::json;

/// Statuses that a client may meet, told by nothing but their names.
#[derive(Debug, thiserror::Error)]
#[error("{}", detail(*.0))]
pub(crate) struct Refusal(pub(crate) StatusCode);

impl Refusal {
    pub(crate) const BAD_REQUEST: Self = Self(StatusCode::BAD_REQUEST);
    pub(crate) const UNAUTHORIZED: Self = Self(StatusCode::UNAUTHORIZED);
    pub(crate) const FORBIDDEN: Self = Self(StatusCode::FORBIDDEN);
    pub(crate) const NOT_FOUND: Self = Self(StatusCode::NOT_FOUND);
    pub(crate) const NOT_ACCEPTABLE: Self = Self(StatusCode::NOT_ACCEPTABLE);
    pub(crate) const REQUEST_TIMEOUT: Self = Self(StatusCode::REQUEST_TIMEOUT);
    pub(crate) const TOO_MANY_REQUESTS: Self = Self(StatusCode::TOO_MANY_REQUESTS);
    pub(crate) const UNAVAILABLE: Self = Self(StatusCode::SERVICE_UNAVAILABLE);
    pub(crate) const GATEWAY_TIMEOUT: Self = Self(StatusCode::GATEWAY_TIMEOUT);
    pub(crate) const TOO_LARGE: Self = Self(StatusCode::PAYLOAD_TOO_LARGE);
    pub(crate) const UNPROCESSABLE: Self = Self(StatusCode::UNPROCESSABLE_ENTITY);
    pub(crate) const INTERNAL: Self = Self(StatusCode::INTERNAL_SERVER_ERROR);
}

impl ResponseError for Refusal {
    fn status(&self) -> StatusCode {
        self.0
    }

    fn as_response(&self) -> Response {
        body(self.0)
    }
}

/// Turns whatever ended a request into that shape. Which route it was is still known then.
pub(crate) async fn render(error: poem::Error) -> Response {
    let mut response = body(match error.status() {
        // A route is a path with its method: another method is another route.
        StatusCode::METHOD_NOT_ALLOWED => StatusCode::NOT_FOUND,
        status => status,
    });
    if let Some(route) = error.data::<PathPattern>() {
        response.set_data(route.clone());
    }
    response
}

fn body(status: StatusCode) -> Response {
    let mut response = json!({ "errors": { "detail": detail(status) } })
        .to_string()
        .with_content_type("application/json; charset=utf-8")
        .with_status(status)
        .with_header(header::CACHE_CONTROL, "no-store")
        .into_response();
    // What was too much in one second is fine in the next one.
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The reason phrases of the contract; two are not those of today's standard.
fn detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        status => status.canonical_reason().unwrap_or("Error"),
    }
}
