//! What is wrong with a request, as JSON:API tells it.

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use uuid::Uuid;

use super::documents::{JsonApi, Version};

/// Kinds of problems. Each has a status, a code for programs and a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Required,
    InvalidAttribute,
    InvalidBody,
    InvalidQuery,
    NotFound,
    NoRouteFound,
    UnacceptableMediaType,
    UnsupportedMediaType,
    SomethingWentWrong,
}

impl Kind {
    const fn names(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Required => (StatusCode::BAD_REQUEST, "required", "Required"),
            Self::InvalidAttribute => (StatusCode::BAD_REQUEST, "invalid_attribute", "InvalidAttribute"),
            Self::InvalidBody => (StatusCode::BAD_REQUEST, "invalid_body", "InvalidBody"),
            Self::InvalidQuery => (StatusCode::BAD_REQUEST, "invalid_query", "InvalidQuery"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "Entity Not Found"),
            Self::NoRouteFound => (StatusCode::NOT_FOUND, "no_route_found", "NoRouteFound"),
            Self::UnacceptableMediaType => {
                (StatusCode::NOT_ACCEPTABLE, "unacceptable_media_type", "Unacceptable Media Type")
            }
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported Media Type")
            }
            Self::SomethingWentWrong => {
                (StatusCode::INTERNAL_SERVER_ERROR, "something_went_wrong", "SomethingWentWrong")
            }
        }
    }
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    id: Uuid,
    pub(super) kind: Kind,
    detail: String,
    source: Option<Source>,
    /// The pattern that a value does not match.
    pattern: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { id: Uuid::new_v4(), kind, detail: detail.into(), source: None, pattern: None }
    }

    /// Says which member of the body is at fault, by its JSON pointer.
    pub(super) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.source = Some(Source { pointer: Some(pointer.into()), parameter: None });
        self
    }

    /// Says which parameter of the query is at fault.
    pub(super) fn in_parameter(mut self, name: impl Into<String>) -> Self {
        self.source = Some(Source { pointer: None, parameter: Some(name.into()) });
        self
    }

    pub(super) const fn matching(mut self, pattern: Option<&'static str>) -> Self {
        self.pattern = pattern;
        self
    }

    pub(super) fn pointer(&self) -> Option<&str> {
        self.source.as_ref()?.pointer.as_deref()
    }

    /// The engine failed. The client is told a number under which the log tells more.
    pub(super) fn internal(error: &edgehog_engine::Error) -> Self {
        let mut problem = Self::new(Kind::SomethingWentWrong, "");
        let error = error as &dyn std::error::Error;
        tracing::error!(error_id = %problem.id, error, "the admin API failed; is the database well?");
        problem.detail = format!("something went wrong; the log tells more about the error {}", problem.id);
        problem
    }
}

/// All that is wrong with a request.
#[derive(Debug, thiserror::Error)]
#[error("the request is refused: {0:?}")]
pub(super) struct Failure(pub(super) Vec<Problem>);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl ResponseError for Failure {
    /// The highest of all.
    fn status(&self) -> StatusCode {
        let statuses = self.0.iter().map(|problem| problem.kind.names().0);
        statuses.max().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        JsonApi(ErrorDocument::from(self)).with_status(self.status()).into_response()
    }
}

/// What every operation may answer instead.
impl ApiResponse for Failure {
    fn meta() -> MetaResponses {
        let document = || MetaMediaType {
            content_type: JsonApi::<ErrorDocument>::CONTENT_TYPE,
            schema: ErrorDocument::schema_ref(),
        };
        let refusal = || MetaMediaType {
            content_type: "application/json; charset=utf-8",
            schema: Refusal::schema_ref(),
        };
        let responses = [
            (400, "The request breaks rules: all that were found are told.", vec![document(), refusal()]),
            (401, "There is no bearer token.", vec![refusal()]),
            (403, "The token is not an administrator's, or has expired.", vec![refusal()]),
            (406, "The client takes no JSON, or JSON:API only with parameters.", vec![document(), refusal()]),
            (415, "The body is not JSON:API, or has parameters.", vec![document()]),
            (500, "Something went wrong; the log tells more.", vec![document(), refusal()]),
        ];
        let responses = responses.into_iter().map(|(status, description, content)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: Vec::new(),
        });
        MetaResponses { responses: responses.collect() }
    }

    fn register(registry: &mut Registry) {
        ErrorDocument::register(registry);
        Refusal::register(registry);
    }
}

/// All that is wrong with a request.
#[derive(Object)]
pub(super) struct ErrorDocument {
    errors: Vec<Error>,
    jsonapi: Version,
}

impl From<&Failure> for ErrorDocument {
    fn from(failure: &Failure) -> Self {
        Self { errors: failure.0.iter().map(Error::from).collect(), jsonapi: Version::default() }
    }
}

/// One thing that is wrong with a request.
#[derive(Object)]
struct Error {
    /// A number of its own, under which the log tells more where the server is at fault.
    id: String,
    /// The HTTP status that it has by itself.
    status: String,
    /// What kind of problem it is, for programs.
    code: String,
    /// The same for people.
    title: String,
    /// What is wrong.
    detail: String,
    #[oai(skip_serializing_if_is_none)]
    source: Option<Source>,
    meta: Meta,
}

/// What is at fault.
#[derive(Clone, Debug, Object)]
struct Source {
    /// The member of the body, as a JSON pointer.
    #[oai(skip_serializing_if_is_none)]
    pointer: Option<String>,
    /// The parameter of the query.
    #[oai(skip_serializing_if_is_none)]
    parameter: Option<String>,
}

/// More about a problem.
#[derive(Object)]
#[oai(rename = "ErrorMeta")]
struct Meta {
    /// The pattern that the value does not match.
    #[oai(rename = "match", skip_serializing_if_is_none)]
    pattern: Option<String>,
}

impl From<&Problem> for Error {
    fn from(problem: &Problem) -> Self {
        let (status, code, title) = problem.kind.names();
        Self {
            id: problem.id.to_string(),
            status: status.as_u16().to_string(),
            code: code.to_owned(),
            title: title.to_owned(),
            detail: problem.detail.clone(),
            source: problem.source.clone(),
            meta: Meta { pattern: problem.pattern.map(str::to_owned) },
        }
    }
}

/// The answer to requests that do not reach the API.
#[derive(Object)]
pub(super) struct Refusal {
    errors: RefusalDetail,
}

/// Why a request does not reach the API.
#[derive(Object)]
struct RefusalDetail {
    /// The name of the status.
    detail: String,
}

impl Refusal {
    pub(super) fn new(detail: impl Into<String>) -> Self {
        Self { errors: RefusalDetail { detail: detail.into() } }
    }
}
