//! GraphQL over HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Variables;
use edgehog_engine::Tenant;
use poem::error::ReadBodyError;
use poem::http::{StatusCode, header};
use poem::web::{Data, Path};
use poem::{Body, IntoResponse, Request, Response, handler};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::Instrument;

use super::error::Refusal;
use super::{State, auth};

/// Bodies without uploads.
const MAX_BODY: usize = 8_000_000;

/// How long a client may take to send one.
const BODY_PATIENCE: Duration = Duration::from_secs(60);

/// A document with what belongs to it, as clients send it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    variables: Option<Value>,
    #[serde(default)]
    operation_name: Option<String>,
}

/// Why a request holds no document that can be run. Told as GraphQL tells errors, with a status of its own.
struct Unusable(StatusCode, &'static str);

impl Parameters {
    fn into_operation(self) -> Result<async_graphql::Request, Unusable> {
        const NO_OBJECT: Unusable = Unusable(StatusCode::BAD_REQUEST, "The variables must be a JSON object.");
        let document = self.query.filter(|document| !document.trim().is_empty());
        let document =
            document.ok_or(Unusable(StatusCode::BAD_REQUEST, "The request has no GraphQL document."))?;
        let variables = match self.variables {
            Some(Value::String(text)) if text.trim().is_empty() => Value::Null,
            Some(Value::String(text)) => serde_json::from_str(&text).map_err(|_| NO_OBJECT)?,
            variables => variables.unwrap_or(Value::Null),
        };
        if !(variables.is_object() || variables.is_null()) {
            return Err(NO_OBJECT);
        }
        let operation = async_graphql::Request::new(document).variables(Variables::from_json(variables));
        Ok(match self.operation_name.filter(|name| !name.is_empty()) {
            Some(name) => operation.operation_name(name),
            None => operation,
        })
    }
}

/// `POST`: JSON, or the document itself under any other type.
#[handler]
pub(crate) async fn execute(
    request: &Request,
    body: Body,
    Data(state): Data<&Arc<State>>,
    Path(slug): Path<String>,
) -> Result<Response, Refusal> {
    let tenant = user(state, &slug, request).await?;
    let body = read(body).await?;
    let is_json = request.content_type().is_some_and(|it| {
        let media_type = it.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("application/json") || media_type.ends_with("+json")
    });
    let parameters = if is_json {
        serde_json::from_slice(&body).map_err(|_| Refusal::BAD_REQUEST)?
    } else {
        let document = String::from_utf8(body).map_err(|_| Refusal::BAD_REQUEST)?;
        Parameters { query: Some(document), variables: None, operation_name: None }
    };
    Ok(answer(state, tenant, parameters).await)
}

/// `GET`: queries in the URL.
#[handler]
pub(crate) async fn query(
    request: &Request,
    Data(state): Data<&Arc<State>>,
    Path(slug): Path<String>,
) -> Result<Response, Refusal> {
    let tenant = user(state, &slug, request).await?;
    let parameters = request.params().map_err(|_| Refusal::BAD_REQUEST)?;
    Ok(answer(state, tenant, parameters).await)
}

async fn user(state: &State, slug: &str, request: &Request) -> Result<Tenant, Refusal> {
    let tenant = auth::tenant(&state.engine, slug).await?;
    auth::accepts_json(request.headers())?;
    auth::user_of(&tenant, request.headers())?;
    Ok(tenant)
}

async fn answer(state: &State, tenant: Tenant, parameters: Parameters) -> Response {
    let operation = match parameters.into_operation() {
        Ok(operation) => operation,
        Err(unusable) => return unusable.into_response(),
    };
    let slug = tenant.info().slug.clone();
    let span = tracing::info_span!("graphql", tenant = slug, operation = operation.operation_name);
    let answer = crate::graphql::execute(&state.schema, tenant, operation).instrument(span).await;
    answer
        .with_content_type("application/json; charset=utf-8")
        .with_header(header::CACHE_CONTROL, "max-age=0, private, must-revalidate")
        .into_response()
}

impl IntoResponse for Unusable {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        json!({ "errors": [{ "message": message }] })
            .to_string()
            .with_content_type("application/json; charset=utf-8")
            .with_status(status)
            .into_response()
    }
}

/// Reads a body, within what a stranger may send.
pub(crate) async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    match tokio::time::timeout(BODY_PATIENCE, body.into_bytes_limit(MAX_BODY)).await {
        Ok(Ok(body)) => Ok(body.into()),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(Refusal::TOO_LARGE),
        Ok(Err(_)) => Err(Refusal::BAD_REQUEST),
        Err(_) => Err(Refusal::REQUEST_TIMEOUT),
    }
}
