use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use backon::Retryable as _;
use chrono::Utc;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use url::Url;

use super::middleware::Next;
use super::request::Patience;
use super::{HttpConfig, Request, TokenSource};
use crate::{Error, ErrorResponse, measures};

/// How much of an error body is read; more would be no message of Astarte.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The HTTP client of a realm, with its limits.
pub(crate) struct Http {
    pub(super) client: reqwest::Client,
    pub(super) config: HttpConfig,
    permits: Semaphore,
}

impl Http {
    pub(crate) fn new(config: HttpConfig) -> Result<Self, Error> {
        let client = config.given_client()?;
        let permits = Semaphore::new(config.max_in_flight.clamp(1, Semaphore::MAX_PERMITS));
        Ok(Self { client, config, permits })
    }

    pub(crate) fn token_lifetime(&self) -> chrono::TimeDelta {
        self.config.token_lifetime
    }
}

/// One service, for one realm where the service has realms.
pub(crate) struct Api {
    /// The service, for metrics.
    name: &'static str,
    http: Arc<Http>,
    root: Url,
    tokens: TokenSource,
}

/// Why an attempt did not succeed.
pub(super) enum Failure {
    Answer(ErrorResponse),
    Transport(reqwest::Error),
    Other(Error),
}

impl Api {
    /// `root` is the URL that the paths of requests are below.
    pub(crate) fn new(name: &'static str, http: Arc<Http>, root: Url, tokens: TokenSource) -> Self {
        Self { name, http, root, tokens }
    }

    /// Sends a request and repeats it as far as that is safe.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, Error> {
        let url = request.url(&self.root);
        let endpoint = format!("{} {}", request.method, url.path());
        let (attempts, begun) = (AtomicU32::new(0), Instant::now());
        let attempt = || async {
            let number = attempts.fetch_add(1, Ordering::Relaxed) + 1;
            self.attempt(&request, &url, &endpoint, number).await
        };
        let call = attempt
            .retry(self.http.config.pauses())
            .when(|failure| failure.may_be_repeated(&request))
            .notify(|failure, pause| {
                measures::repeated(self.name);
                tracing::debug!(endpoint, ?pause, reason = %failure.reason(), "request failed, trying again");
            });
        let result = match self.http.config.call_timeout {
            None => call.await,
            Some(limit) => tokio::time::timeout(limit, call).await.unwrap_or_else(|elapsed| {
                let (endpoint, source) = (endpoint.clone(), Box::new(elapsed));
                Err(Failure::Other(Error::Unreachable { endpoint, source }))
            }),
        };
        let outcome = result.as_ref().map_or_else(Failure::outcome, |_| "2xx");
        measures::called(self.name, measures::method(&request.method), outcome, begun.elapsed());
        match result {
            Ok(body) => Ok(Reply { endpoint, body }),
            Err(failure) => Err(failure.into_error(endpoint)),
        }
    }

    /// Sends the deletion of something that must exist.
    pub(crate) async fn delete(&self, request: Request) -> Result<(), Error> {
        match self.send(request).await {
            // An earlier attempt did it, and its answer was lost.
            Err(error) if error.is_absent() && error.response().is_some_and(|r| r.attempt() > 1) => Ok(()),
            result => result.map(drop),
        }
    }

    /// One attempt. A refused token is replaced once: by the status, an expired token and a missing permission look
    /// the same.
    async fn attempt(
        &self,
        request: &Request,
        url: &Url,
        endpoint: &str,
        number: u32,
    ) -> Result<Vec<u8>, Failure> {
        // Never closed, so this always is a permit.
        let _permit = self.http.permits.acquire().await.ok();
        let token = self.tokens.header(Utc::now()).map_err(Failure::Other)?;
        match self.exchange(request, url, endpoint, number, token.clone()).await {
            Err(failure) if failure.is_refused_token() => {
                let token = self.tokens.replacement(&token, Utc::now()).map_err(Failure::Other)?;
                self.exchange(request, url, endpoint, number, token).await
            }
            result => result,
        }
    }

    async fn exchange(
        &self,
        request: &Request,
        url: &Url,
        endpoint: &str,
        number: u32,
        token: HeaderValue,
    ) -> Result<Vec<u8>, Failure> {
        let config = &self.http.config;
        let timeout = match request.patience {
            Patience::Plain => config.request_timeout,
            Patience::LongRead => config.long_read_timeout,
            Patience::Install => config.install_timeout,
        };
        let mut builder = self
            .http
            .client
            .request(request.method.clone(), url.clone())
            .timeout(timeout)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, token);
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, request.content_type()).body(body.clone());
        }
        if !config.middleware.is_empty() {
            let request = builder.build().map_err(Failure::Transport)?;
            return self.through_middleware(request, endpoint, number).await;
        }
        let response = builder.send().await.map_err(Failure::Transport)?;
        let status = response.status();
        if !status.is_success() {
            let body = error_body(response).await;
            let answer = ErrorResponse::from_body(endpoint.to_owned(), status.as_u16(), &body, number);
            return Err(Failure::Answer(answer));
        }
        read_body(response, config.max_reply_bytes, endpoint).await
    }

    /// The same with those around it whom the configuration names.
    async fn through_middleware(
        &self,
        request: reqwest::Request,
        endpoint: &str,
        number: u32,
    ) -> Result<Vec<u8>, Failure> {
        let (request, next) = Next::begin(&self.http, endpoint, request).map_err(Failure::Other)?;
        let response = next.run(request).await.map_err(Failure::of_middleware)?;
        let (status, body) = (response.status(), response.into_body());
        if !status.is_success() {
            let answer = ErrorResponse::from_body(endpoint.to_owned(), status.as_u16(), &body, number);
            return Err(Failure::Answer(answer));
        }
        Ok(body.into())
    }
}

pub(super) async fn read_body(
    mut response: reqwest::Response,
    limit: usize,
    endpoint: &str,
) -> Result<Vec<u8>, Failure> {
    let too_large = || Failure::Other(Error::ReplyTooLarge { endpoint: endpoint.to_owned(), limit });
    let announced = response.content_length().unwrap_or_default();
    let announced = usize::try_from(announced).ok().filter(|bytes| *bytes <= limit).ok_or_else(too_large)?;
    let mut body = Vec::with_capacity(announced);
    while let Some(chunk) = response.chunk().await.map_err(Failure::Transport)? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads what can be had: the status counts, the body only explains it.
pub(super) async fn error_body(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < MAX_ERROR_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    body
}

impl Failure {
    fn is_refused_token(&self) -> bool {
        // Sorting tells the few other meanings of these statuses apart.
        matches!(self, Self::Answer(answer) if matches!(Error::from(answer.clone()), Error::Refused(_)))
    }

    fn may_be_repeated(&self, request: &Request) -> bool {
        match self {
            Self::Transport(error) if request.once => error.is_connect(),
            Self::Transport(error) => !error.is_builder(),
            Self::Answer(_) if request.once => false,
            Self::Answer(answer) => {
                let pushable = answer.detail() != Some("Cannot push to device");
                matches!(answer.status(), 429 | 500 | 502 | 503 | 504) && pushable
            }
            // A middleware's own word that there is no answer.
            Self::Other(Error::Unreachable { .. }) => !request.once,
            Self::Other(_) => false,
        }
    }

    /// What a middleware ended with, as what it was before that.
    fn of_middleware(error: Error) -> Self {
        match error {
            Error::Unreachable { endpoint, source } => match source.downcast() {
                Ok(transport) => Self::Transport(*transport),
                Err(source) => Self::Other(Error::Unreachable { endpoint, source }),
            },
            error => Self::Other(error),
        }
    }

    /// What metrics tell of it.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Answer(answer) => measures::status_class(answer.status()),
            Self::Transport(error) if error.is_timeout() => "timeout",
            Self::Other(Error::Unreachable { source, .. }) if source.is::<tokio::time::error::Elapsed>() => {
                "timeout"
            }
            Self::Transport(_) | Self::Other(Error::Unreachable { .. }) => "unreachable",
            Self::Other(_) => "other",
        }
    }

    fn reason(&self) -> &dyn std::fmt::Display {
        match self {
            Self::Answer(answer) => answer,
            Self::Transport(error) => error,
            Self::Other(error) => error,
        }
    }

    pub(super) fn into_error(self, endpoint: String) -> Error {
        match self {
            Self::Answer(answer) => answer.into(),
            Self::Transport(error) => Error::Unreachable { endpoint, source: Box::new(error.without_url()) },
            Self::Other(error) => error,
        }
    }
}

/// The body of a successful answer.
pub(crate) struct Reply {
    endpoint: String,
    body: Vec<u8>,
}

impl Reply {
    /// Reads the `data` member.
    pub(crate) fn data<T: DeserializeOwned>(&self) -> Result<T, Error> {
        #[derive(Deserialize)]
        struct Envelope<T> {
            data: T,
        }
        self.document::<Envelope<T>>().map(|envelope| envelope.data)
    }

    /// Reads the whole document.
    pub(crate) fn document<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        let document = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            Error::Malformed { endpoint: self.endpoint.clone(), path, source: error.into_inner() }
        })?;
        json.end().map_err(|error| malformed(&self.endpoint, ".", error))?;
        Ok(document)
    }

    pub(crate) fn malformed(&self, path: &str, problem: impl std::fmt::Display) -> Error {
        malformed(&self.endpoint, path, problem)
    }
}

/// The error for an answer that is JSON but not what it should be.
pub(crate) fn malformed(endpoint: &str, path: &str, problem: impl std::fmt::Display) -> Error {
    Error::Malformed {
        endpoint: endpoint.to_owned(),
        path: path.to_owned(),
        source: serde::de::Error::custom(problem),
    }
}
