//! Requests and replies, free of the HTTP library.

use std::net::IpAddr;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use poem::Request;
use poem::http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use crate::DeviceId;

const MAX_BODY: usize = 8 * 1024 * 1024;

/// A request, its body read.
#[derive(Debug)]
pub(super) struct ApiRequest {
    pub(super) method: Method,
    /// What is left of the path, segment by segment, decoded.
    pub(super) path: Vec<String>,
    /// What is left of the path as it was sent.
    raw_path: Vec<String>,
    query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    body: Bytes,
    pub(super) peer: Option<IpAddr>,
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) body: Body,
}

/// What an answer carries.
#[derive(Debug)]
pub(super) enum Body {
    Empty,
    Json(Json),
    Text(String),
}

/// An unsuccessful answer.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) body: Body,
}

impl Reply {
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, location: None, body: Body::Empty }
    }

    pub(super) fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// 200 with `data`.
    pub(super) fn data(data: impl Into<Json>) -> Self {
        Self::json(json!({"data": data.into()}))
    }

    /// 200 with a body that has more than `data`.
    pub(super) fn json(body: Json) -> Self {
        Self { status: StatusCode::OK, location: None, body: Body::Json(body) }
    }

    /// 201, with a body or without, and with the place of what was made.
    pub(super) fn created(location: Option<String>, data: Option<Json>) -> Self {
        let body = data.map_or(Body::Empty, |data| Body::Json(json!({"data": data})));
        Self { status: StatusCode::CREATED, location, body }
    }
}

impl ApiError {
    /// `{"errors":{"detail":…}}`
    pub(super) fn detail(status: StatusCode, detail: &str) -> Self {
        Self { status, body: Body::Json(json!({"errors": {"detail": detail}})) }
    }

    /// 422 with messages by field.
    pub(super) fn fields(errors: Json) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, body: Body::Json(json!({"errors": errors})) }
    }

    /// 422 with one message.
    pub(super) fn field(name: &str, message: &str) -> Self {
        Self::fields(json!({ name: [message] }))
    }

    pub(super) fn not_found() -> Self {
        Self::detail(StatusCode::NOT_FOUND, "Not found")
    }

    pub(super) fn device_not_found() -> Self {
        Self::detail(StatusCode::NOT_FOUND, "Device not found")
    }

    pub(super) fn bad_request() -> Self {
        Self::detail(StatusCode::BAD_REQUEST, "Bad request")
    }

    pub(super) fn unauthorized() -> Self {
        Self::detail(StatusCode::UNAUTHORIZED, "Unauthorized")
    }

    pub(super) fn forbidden() -> Self {
        Self::detail(StatusCode::FORBIDDEN, "Forbidden")
    }
}

impl ApiRequest {
    pub(super) async fn read(mut request: Request) -> Result<Self, ApiError> {
        let body = request
            .take_body()
            .into_bytes_limit(MAX_BODY)
            .await
            .map_err(|_| ApiError::detail(StatusCode::PAYLOAD_TOO_LARGE, "Request entity too large"))?;
        let path = request.original_uri().path().trim_start_matches('/');
        let path = path.strip_suffix('/').unwrap_or(path);
        let raw_path: Vec<String> = path.split('/').map(str::to_owned).collect();
        let path = raw_path.iter().map(|segment| decode(segment)).collect::<Option<_>>();
        let query = request.original_uri().query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self {
            method: request.method().clone(),
            path: path.ok_or_else(ApiError::bad_request)?,
            raw_path,
            query,
            headers: request.headers().clone(),
            body,
            peer: request.remote_addr().as_socket_addr().map(|addr| addr.ip()),
        })
    }

    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// Takes `v1` and the realm's name off the path; `None` when they are not there.
    pub(super) fn take_realm(&mut self) -> Option<String> {
        self.take_version()?;
        if self.path.is_empty() { None } else { Some(self.path.remove(0)) }
    }

    pub(super) fn take_version(&mut self) -> Option<()> {
        if self.path.first()? == "v1" {
            self.path.remove(0);
            Some(())
        } else {
            None
        }
    }

    /// What claims are matched against: the rest of the path, as sent.
    pub(super) fn claim_path(&self) -> String {
        self.raw_path[self.raw_path.len().saturating_sub(self.path.len())..].join("/")
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn query_flag(&self, name: &str) -> bool {
        self.query(name) == Some("true")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The `data` member of the body.
    pub(super) fn data(&self) -> Result<Json, ApiError> {
        let mut body: Json = serde_json::from_slice(&self.body).map_err(|_| ApiError::bad_request())?;
        let data = body.as_object_mut().and_then(|body| body.remove("data"));
        data.ok_or_else(ApiError::bad_request)
    }

    /// The `data` member where only an object makes sense.
    pub(super) fn data_object(&self) -> Result<Map<String, Json>, ApiError> {
        match self.data()? {
            Json::Object(data) => Ok(data),
            _ => Err(ApiError::bad_request()),
        }
    }
}

/// An id in a path; AppEngine answers 400 to what is none.
pub(super) fn device_id(text: &str) -> Result<DeviceId, ApiError> {
    text.parse().map_err(|_| ApiError::bad_request())
}

/// A time in a query.
pub(super) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc))
}

fn decode(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
