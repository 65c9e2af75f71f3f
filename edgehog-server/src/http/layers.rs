//! What happens around every request: a span and a line for operators, an id, what browsers may do with the answer, and
//! leave for those of other origins.

use std::sync::Arc;
use std::time::Instant;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, PathPattern, Request, Response, Result};
use tracing::Instrument;
use uuid::Uuid;

use crate::measures::Requests;

const REQUEST_ID: &str = "x-request-id";

/// Ids of clients are taken over when they look like ids.
const REQUEST_ID_LENGTH: std::ops::RangeInclusive<usize> = 20..=200;

/// Logs and counts the request, under an id that the answer carries too.
pub(crate) async fn observe<E: Endpoint>(
    next: Arc<E>,
    request: Request,
    requests: Arc<Requests>,
) -> Result<Response> {
    let id = request.header(REQUEST_ID).filter(|id| is_request_id(id));
    let id = id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let method = request.method().clone();
    let path = request.original_uri().path().to_owned();
    let span = tracing::info_span!("request", request_id = %id, %method, path);
    #[cfg(feature = "otel")]
    crate::otel::adopt(&span, request.headers());
    async move {
        let long = is_long(&request);
        let in_flight = requests.begin(&method, announced(&request));
        let begun = Instant::now();
        let answer = next.call(request).await.map(IntoResponse::into_response);
        let mut response = match answer {
            Ok(response) => response,
            Err(error) => super::error::render(error).await,
        };
        // What is left of the body is not read: the connection is of no use for another request.
        if long && (response.status().is_client_error() || response.status().is_server_error()) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let route = response.data::<PathPattern>().map(|pattern| pattern.0.clone());
        let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
        let status = response.status().as_u16();
        if response.status().is_server_error() {
            tracing::error!(status, milliseconds, "failed");
        } else {
            tracing::info!(status, milliseconds, "answered");
        }
        #[cfg(feature = "otel")]
        crate::otel::answered(&tracing::Span::current(), route.as_ref(), response.status());
        in_flight.answered(route, response.status());
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        Ok(response)
    }
    .instrument(span)
    .await
}

/// An id stands in the log as it came, so it must not look like anything else there.
fn is_request_id(id: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.:;,=+/~@".contains(&it);
    REQUEST_ID_LENGTH.contains(&id.len()) && id.bytes().all(is_plain)
}

/// Whether a body may be longer than what the HTTP library reads on its own after an early answer.
fn is_long(request: &Request) -> bool {
    const SHORT: u64 = 16 * 1024;
    announced(request) > SHORT || request.headers().contains_key(header::TRANSFER_ENCODING)
}

/// The bytes that a request says its body has.
fn announced(request: &Request) -> u64 {
    request.header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()).unwrap_or_default()
}

/// Headers that keep browsers from doing more with an answer than it is meant for. A handler whose answer is meant for
/// more sets its own.
pub(crate) async fn secure<E: Endpoint>(next: Arc<E>, request: Request, https: bool) -> Result<Response> {
    const DEFAULTS: [(&str, &str); 5] = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        // Of no matter to pages that ask for JSON by CORS, as they all do: this is about pictures and scripts.
        ("cross-origin-resource-policy", "same-origin"),
    ];
    let mut response = match next.call(request).await {
        Ok(response) => response.into_response(),
        Err(error) => super::error::render(error).await,
    };
    let headers = response.headers_mut();
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if https {
        headers
            .entry(header::STRICT_TRANSPORT_SECURITY)
            .or_insert(HeaderValue::from_static("max-age=31536000"));
    }
    Ok(response)
}

/// The API may be used from a web page of any origin: what protects it is the token, which no browser sends by itself.
pub(crate) async fn cors<E: Endpoint>(next: Arc<E>, request: Request) -> Result<Response> {
    const ALWAYS: [(&str, &str); 3] = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", ""),
    ];
    const PREFLIGHT: [(&str, &str); 3] = [
        ("access-control-max-age", "1728000"),
        ("access-control-allow-methods", "GET,POST,PUT,PATCH,DELETE,OPTIONS"),
        (
            "access-control-allow-headers",
            "Authorization,Content-Type,Accept,Origin,User-Agent,DNT,Cache-Control,X-Mx-ReqToken,Keep-Alive,\
             X-Requested-With,If-Modified-Since,X-CSRF-Token",
        ),
    ];
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight {
        let mut response = StatusCode::NO_CONTENT.into_response();
        for (name, value) in PREFLIGHT {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    } else {
        match next.call(request).await {
            Ok(response) => response.into_response(),
            Err(error) => super::error::render(error).await,
        }
    };
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page that brings its own policy keeps it, and nothing else changes.
    #[tokio::test]
    async fn a_handlers_own_policy_stands() {
        let page = poem::endpoint::make_sync(|_| {
            "page".with_header("content-security-policy", "default-src 'self'").into_response()
        });
        let answer = secure(Arc::new(page), Request::default(), true).await.unwrap();
        assert_eq!(answer.headers()["content-security-policy"], "default-src 'self'");
        assert_eq!(answer.headers()["x-frame-options"], "DENY");
    }

    /// Ids of the usual makers are taken over; what could be read as a part of the log is not.
    #[test]
    fn ids_look_like_ids() {
        for id in [
            "0b6f1a52-5f0c-4a3e-9c57-0c9c7a5fd0a1",
            "Root=1-67891233-abcdef012345678912345678",
            "an-id-of-twenty-chars",
            "F9k1bUwH3Xr+/z0123456789AB==",
        ] {
            assert!(is_request_id(id), "{id}");
        }
        for id in [
            "short",
            "an id of twenty chars!",
            "x\" status=200 path=\"/tenants",
            "0123456789012345678\u{1b}[31m",
            &"x".repeat(201),
        ] {
            assert!(!is_request_id(id), "{id}");
        }
    }
}
