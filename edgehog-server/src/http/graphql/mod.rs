//! GraphQL over HTTP.

mod batch;
mod events;
mod multipart;
mod parameters;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use poem::http::{HeaderMap, Method, header};
use poem::web::{Data, Path};
use poem::{Body, IntoResponse, Request, Response, handler};
use serde_json::Value;
use tracing::Instrument;

use self::parameters::{Parameters, Unusable};
use super::auth::{self, Wish};
use super::body;
use super::error::Refusal;
use super::{State, session};
use crate::documents::{Unanswered, kind};
use crate::session::{Answer, Session};
use crate::settings::Settings;
use crate::uploads::Uploads;

/// `POST` and `GET`, for users of the tenant.
#[handler]
pub(crate) async fn serve(
    request: &Request,
    body: Body,
    Data(state): Data<&Arc<State>>,
    Path(slug): Path<String>,
) -> Result<Response, Refusal> {
    let tenant = auth::tenant(&state.engine, &slug).await?;
    let wish = auth::wish(request.headers())?;
    auth::user_of(state, &tenant, request.headers())?;
    let door = Door { session: session(state, tenant), settings: state.settings.clone(), wish };
    let span = tracing::info_span!("graphql", tenant = slug);
    async {
        if request.method() == Method::POST {
            door.post(request, body).await
        } else {
            door.get(request).await
        }
    }
    .instrument(span)
    .await
}

/// Where the documents of one request go in.
pub(crate) struct Door {
    pub(crate) session: Session,
    pub(crate) settings: Arc<Settings>,
    pub(crate) wish: Wish,
}

/// What a body is, by its type.
enum Form {
    Json,
    Urlencoded,
    /// The parts' boundary, where it has one.
    Multipart(Option<String>),
    /// Nothing but the document.
    Document,
}

impl Door {
    /// Queries in the URL.
    pub(crate) async fn get(&self, request: &Request) -> Result<Response, Refusal> {
        let parameters = Parameters::from_form(request.uri().query().unwrap_or_default().as_bytes())?;
        self.answer(Method::GET, parameters, Uploads::default()).await
    }

    /// JSON, a form with or without files, or the document itself under any other type.
    pub(crate) async fn post(&self, request: &Request, body: Body) -> Result<Response, Refusal> {
        let mut uploads = Uploads::default();
        let parameters = match form(request) {
            Form::Multipart(None) => return Err(Refusal::BAD_REQUEST),
            Form::Multipart(Some(boundary)) => {
                if content_length(request.headers()) > Some(self.settings.max_upload_bytes) {
                    return Err(Refusal::TOO_LARGE);
                }
                let (parameters, files) = multipart::read(body, boundary, &self.settings).await?;
                uploads = files;
                parameters
            }
            Form::Json => {
                let body = body::read(body).await?;
                if body.trim_ascii_start().starts_with(b"[") {
                    let elements: Vec<Value> =
                        serde_json::from_slice(&body).map_err(|_| Refusal::BAD_REQUEST)?;
                    let answers = batch::answer(self.session.documents.as_ref(), elements);
                    // Each of them has its time, but not all of them one after the other.
                    let answers = tokio::time::timeout(self.settings.limits.request, answers).await;
                    return match answers.map_err(|_| Unanswered::TooSlow)? {
                        Ok(answer) => Ok(json(answer)),
                        Err(unusable) => Ok(unusable.into_response()),
                    };
                }
                serde_json::from_slice(&body).map_err(|_| Refusal::BAD_REQUEST)?
            }
            Form::Urlencoded => Parameters::from_form(&body::read(body).await?)?,
            Form::Document => {
                let document =
                    String::from_utf8(body::read(body).await?).map_err(|_| Refusal::BAD_REQUEST)?;
                Parameters { query: Some(document), ..Parameters::default() }
            }
        };
        self.answer(Method::POST, parameters, uploads).await
    }

    async fn answer(
        &self,
        method: Method,
        parameters: Parameters,
        uploads: Uploads,
    ) -> Result<Response, Refusal> {
        let mut operation = match parameters.into_operation() {
            Ok(operation) => operation.data(uploads),
            Err(unusable) => return Ok(unusable.into_response()),
        };
        let kind = kind(&mut operation);
        tracing::debug!(operation = operation.operation_name, kind = ?kind, "asked");
        Ok(match kind {
            Some(OperationType::Mutation) if method == Method::GET => Unusable::METHOD.into_response(),
            Some(OperationType::Subscription) if method == Method::GET && !self.wish.events => {
                Unusable::METHOD.into_response()
            }
            Some(OperationType::Subscription) => match self.session.run(operation).await {
                Answer::Subscribed(subscription) => {
                    events::of_subscription(subscription, self.session.gone.clone(), &self.settings)
                }
                Answer::Executed(answer) | Answer::Refused(answer) => self.whole(answer),
            },
            _ => self.whole(self.session.documents.execute(operation).await?),
        })
    }

    fn whole(&self, answer: String) -> Response {
        if self.wish.json { json(answer) } else { events::of_answer(&answer) }
    }
}

impl From<Unanswered> for Refusal {
    fn from(reason: Unanswered) -> Self {
        match reason {
            Unanswered::TooMany => Self::TOO_MANY_REQUESTS,
            Unanswered::TooSlow => Self::GATEWAY_TIMEOUT,
            Unanswered::Broken => Self::INTERNAL,
        }
    }
}

fn form(request: &Request) -> Form {
    let content_type = request.content_type().unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/json" => Form::Json,
        "application/x-www-form-urlencoded" => Form::Urlencoded,
        "multipart/form-data" => Form::Multipart(multer::parse_boundary(content_type).ok()),
        other if other.ends_with("+json") => Form::Json,
        _ => Form::Document,
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn json(answer: String) -> Response {
    answer
        .with_content_type("application/json; charset=utf-8")
        .with_header(header::CACHE_CONTROL, "max-age=0, private, must-revalidate")
        .into_response()
}
