//! What happens around every request: a span and a line for operators, an id, and leave for browsers of other origins.

use std::time::Instant;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use tracing::Instrument;
use uuid::Uuid;

const REQUEST_ID: &str = "x-request-id";

/// Ids of clients are taken over when they look like ids.
const REQUEST_ID_LENGTH: std::ops::RangeInclusive<usize> = 20..=200;

/// Logs the request, under an id that the answer carries too.
pub(crate) async fn observe<E: Endpoint>(next: std::sync::Arc<E>, request: Request) -> Result<Response> {
    let id = request.header(REQUEST_ID).filter(|id| REQUEST_ID_LENGTH.contains(&id.len()));
    let id = id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let method = request.method().clone();
    let path = request.original_uri().path().to_owned();
    let span = tracing::info_span!("request", request_id = %id, %method, path);
    async move {
        let begun = Instant::now();
        let answer = next.call(request).await.map(IntoResponse::into_response);
        let mut response = match answer {
            Ok(response) => response,
            Err(error) => super::error::render(error).await,
        };
        let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
        let status = response.status().as_u16();
        if response.status().is_server_error() {
            tracing::error!(status, milliseconds, "failed");
        } else {
            tracing::info!(status, milliseconds, "answered");
        }
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        Ok(response)
    }
    .instrument(span)
    .await
}

/// The API may be used from a web page of any origin: what protects it is the token, which no browser sends by itself.
pub(crate) async fn cors<E: Endpoint>(next: std::sync::Arc<E>, request: Request) -> Result<Response> {
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
