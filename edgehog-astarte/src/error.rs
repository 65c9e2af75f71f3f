use std::fmt;

use serde_json::Value;

use crate::key::KeyError;
use crate::value::ValueError;

/// How many bytes of an error body are kept.
const KEPT_BODY: usize = 1024;

/// What went wrong, by what the caller can do about it.
///
/// No variant, and nothing below it, holds a token or a key.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The realm has no such device.
    #[error("device not found: {0}")]
    DeviceNotFound(ErrorResponse),
    /// The device does not announce this interface, or the realm has not got it installed.
    #[error("interface not found: {0}")]
    InterfaceNotFound(ErrorResponse),
    /// The path is fine, but nothing is stored there in the asked range.
    #[error("no data: {0}")]
    NoData(ErrorResponse),
    /// Something else named in the request does not exist: a trigger, a policy, a group, a realm.
    #[error("not found: {0}")]
    NotFound(ErrorResponse),
    /// The thing exists already, is in use, or contradicts what is installed.
    #[error("conflict: {0}")]
    Conflict(ErrorResponse),
    /// The token was refused, also after it was minted anew: wrong key, unknown realm or missing permission.
    #[error("access refused: {0}")]
    Refused(ErrorResponse),
    /// The server understood the request and does not want it; repeating it does not help.
    ///
    /// See [`ErrorResponse::detail`] and [`ErrorResponse::fields`] for the reason.
    #[error("request rejected: {0}")]
    Rejected(ErrorResponse),
    /// The broker has no session for the device, so a message that must arrive was not taken. Try again when the
    /// device has connected.
    #[error("device has no session: {0}")]
    CannotPush(ErrorResponse),
    /// No usable answer: the connection failed, timed out or broke, or the server failed, and the permitted
    /// attempts are spent. A write may or may not have happened.
    ///
    /// The source is a [`reqwest::Error`] or an [`ErrorResponse`].
    #[error("{endpoint} is unreachable")]
    Unreachable {
        /// Method and path of the request.
        endpoint: String,
        /// What the last attempt ended with.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is not what the API documents.
    #[error("{endpoint} gave an answer of unknown form at `{path}`")]
    Malformed {
        /// Method and path of the request.
        endpoint: String,
        /// Where in the JSON document, for example `data.introspection`; `.` is the document itself.
        path: String,
        /// What was expected there.
        source: serde_json::Error,
    },
    /// The answer is larger than the configured limit.
    #[error("{endpoint} gave an answer of more than {limit} bytes")]
    ReplyTooLarge {
        /// Method and path of the request.
        endpoint: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The private key cannot be used.
    #[error("unusable private key")]
    InvalidKey(#[from] KeyError),
    /// A value does not fit its Astarte type.
    #[error("invalid value")]
    InvalidValue(#[from] ValueError),
    /// An argument can never be right, so nothing was sent.
    #[error("invalid {what}: {problem}")]
    InvalidInput {
        /// The argument.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client")]
    HttpClient(#[source] reqwest::Error),
}

impl Error {
    pub(crate) fn invalid_input(what: &'static str, problem: &'static str) -> Self {
        Self::InvalidInput { what, problem }
    }

    /// Whether the thing asked for does not exist: device, interface, data or anything else.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(
            self,
            Self::DeviceNotFound(_) | Self::InterfaceNotFound(_) | Self::NoData(_) | Self::NotFound(_)
        )
    }

    /// Whether the same request may succeed later without anyone changing anything.
    ///
    /// False for [`CannotPush`](Self::CannotPush): it succeeds only after the device has connected.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// The error answer of the server, when there was one.
    #[must_use]
    pub fn response(&self) -> Option<&ErrorResponse> {
        match self {
            Self::DeviceNotFound(r)
            | Self::InterfaceNotFound(r)
            | Self::NoData(r)
            | Self::NotFound(r)
            | Self::Conflict(r)
            | Self::Refused(r)
            | Self::Rejected(r)
            | Self::CannotPush(r) => Some(r),
            Self::Unreachable { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }
}

/// Sorts an error answer into its variant.
///
/// Useful for fakes of [`AppEngine`](crate::AppEngine) and [`RealmManagement`](crate::RealmManagement):
///
/// ```
/// use edgehog_astarte::{Error, ErrorResponse};
///
/// let error = Error::from(ErrorResponse::new("GET devices/x", 404, "Device not found"));
/// assert!(matches!(error, Error::DeviceNotFound(_)));
/// ```
impl From<ErrorResponse> for Error {
    fn from(response: ErrorResponse) -> Self {
        let detail = response.detail().unwrap_or_default();
        match response.status() {
            // Deletion of an interface in use is told by the status that otherwise means a bad token.
            403 if detail.contains("currently used") => Self::Conflict(response),
            403 if detail.starts_with("Interface can't be deleted") => Self::Rejected(response),
            401 | 403 => Self::Refused(response),
            404 => match detail {
                "Device not found" => Self::DeviceNotFound(response),
                "Path not found" => Self::NoData(response),
                d if d.starts_with("Interface") => Self::InterfaceNotFound(response),
                _ => Self::NotFound(response),
            },
            409 => Self::Conflict(response),
            422 if response.says_it_exists() => Self::Conflict(response),
            503 if detail == "Cannot push to device" => Self::CannotPush(response),
            429 | 500..=599 => {
                Self::Unreachable { endpoint: response.endpoint().to_owned(), source: Box::new(response) }
            }
            _ => Self::Rejected(response),
        }
    }
}

/// An answer of the server that is not a success.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorResponse(Box<Inner>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Inner {
    endpoint: String,
    status: u16,
    detail: Option<String>,
    fields: Option<Value>,
    body: String,
    attempt: u32,
}

impl ErrorResponse {
    /// An answer with a `detail` text, as Astarte would give it.
    pub fn new(endpoint: impl Into<String>, status: u16, detail: impl Into<String>) -> Self {
        let body = serde_json::json!({"errors": {"detail": detail.into()}}).to_string();
        Self::from_body(endpoint.into(), status, body.as_bytes(), 1)
    }

    /// Reads what can be read: the body may be empty, HTML or anything else.
    pub(crate) fn from_body(endpoint: String, status: u16, body: &[u8], attempt: u32) -> Self {
        let errors = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|mut body| body.get_mut("errors").map(Value::take))
            .filter(Value::is_object);
        let detail = errors.as_ref().and_then(|e| e.get("detail")).and_then(Value::as_str).map(str::to_owned);
        let body = String::from_utf8_lossy(&body[..body.len().min(KEPT_BODY)]).into_owned();
        Self(Box::new(Inner { endpoint, status, detail, fields: errors, body, attempt }))
    }

    /// Pairing tells a conflict, and Astarte 1.2 some more, by the status of validation errors.
    fn says_it_exists(&self) -> bool {
        let name = self.fields().and_then(|fields| fields["error_name"][0].as_str());
        self.detail() == Some("Device already registered")
            || matches!(name, Some("device_already_registered" | "existing_realm"))
    }

    /// Method and path of the request.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The text of `errors.detail`, when the body has one.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The whole `errors` object, when the body has one. A validation error (status 422) names each bad field in
    /// it, for example `{"limit": ["must be greater than 0"]}`.
    #[must_use]
    pub fn fields(&self) -> Option<&Value> {
        self.0.fields.as_ref()
    }

    /// The beginning of the body, at most 1024 bytes.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.0.body
    }

    /// Which attempt got this answer, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { endpoint, status, detail, fields, .. } = &*self.0;
        write!(f, "{endpoint} answered {status}")?;
        match (detail, fields) {
            (Some(detail), _) => write!(f, ": {detail}"),
            (None, Some(fields)) => write!(f, ": {fields}"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for ErrorResponse {}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, detail: &str) -> &'static str {
        match Error::from(ErrorResponse::new("GET x", status, detail)) {
            Error::DeviceNotFound(_) => "device",
            Error::InterfaceNotFound(_) => "interface",
            Error::NoData(_) => "data",
            Error::NotFound(_) => "other",
            Error::Conflict(_) => "conflict",
            Error::Refused(_) => "refused",
            Error::Rejected(_) => "rejected",
            Error::CannotPush(_) => "push",
            Error::Unreachable { .. } => "unreachable",
            e => panic!("{e:?}"),
        }
    }

    /// Every documented pair of status and detail leads to the variant its caller waits for.
    #[test]
    fn answers_are_sorted_by_what_the_caller_can_do() {
        let table = [
            (404, "Device not found", "device"),
            (404, "Interface not found in device introspection", "interface"),
            (404, "Interface not found", "interface"),
            (404, "Interface major not found", "interface"),
            (404, "Path not found", "data"),
            (404, "Trigger not found", "other"),
            (404, "Trigger policy not found", "other"),
            (404, "Group not found", "other"),
            (404, "some new text", "other"),
            (409, "Interface already exists", "conflict"),
            (409, "Cannot delete policy as it is being currently used by triggers", "conflict"),
            (403, "Interface can't be deleted since it's currently used", "conflict"),
            (403, "Interface can't be deleted", "rejected"),
            (401, "Unauthorized", "refused"),
            (403, "Forbidden", "refused"),
            (400, "Endpoint not found", "rejected"),
            (400, "Bad request", "rejected"),
            (405, "Cannot write to device owned resource", "rejected"),
            (422, "Unexpected value type", "rejected"),
            (422, "Device already registered", "conflict"),
            (302, "", "rejected"),
            (503, "Cannot push to device", "push"),
            (503, "Service unavailable", "unreachable"),
            (500, "Internal server error", "unreachable"),
            (429, "slow down", "unreachable"),
        ];
        for (status, detail, expected) in table {
            assert_eq!(kind(status, detail), expected, "{status} {detail}");
        }
    }

    #[test]
    fn bodies_of_any_kind_are_survived() {
        let validation = br#"{"errors":{"limit":["must be greater than 0"]}}"#;
        let response = ErrorResponse::from_body("GET x".into(), 422, validation, 1);
        assert_eq!(response.detail(), None);
        assert_eq!(response.fields().unwrap()["limit"][0], "must be greater than 0");
        assert_eq!(response.to_string(), r#"GET x answered 422: {"limit":["must be greater than 0"]}"#);

        for name in ["device_already_registered", "existing_realm"] {
            let body = serde_json::json!({"errors": {"error_name": [name]}}).to_string();
            let response = ErrorResponse::from_body("POST x".into(), 422, body.as_bytes(), 1);
            assert!(matches!(Error::from(response), Error::Conflict(_)), "{name}");
        }
        for body in [&b""[..], b"<html>502</html>", b"[1]", br#"{"errors":"x"}"#, b"\xff\xfe"] {
            let response = ErrorResponse::from_body("GET x".into(), 502, body, 1);
            assert_eq!((response.detail(), response.fields()), (None, None));
        }
        let response = ErrorResponse::from_body("GET x".into(), 502, &[b'x'; 5000], 1);
        assert_eq!(response.body().len(), 1024);
    }

    #[test]
    fn the_answer_behind_an_unreachable_server_can_be_asked_for() {
        let error = Error::from(ErrorResponse::new("GET x", 500, "Internal server error"));
        assert_eq!(error.response().map(ErrorResponse::status), Some(500));
        assert!(error.is_retryable() && !error.is_absent());
    }
}
