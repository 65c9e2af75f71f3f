use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use super::api::{Failure, Http, error_body, read_body};
use crate::Error;

/// Something of your own around each attempt of each request: to trace, to add a header, to answer from a cache or a
/// recording, to fail on purpose.
///
/// Set with [`HttpConfig::middleware`](crate::HttpConfig::middleware), so it works for
/// [`Client`](crate::Client) and [`Housekeeping`](crate::Housekeeping) alike. It sees the request as it goes out, whose
/// token is in a header marked as sensitive, and the answer whatever its status: whole and within the limit of
/// [`max_reply_bytes`](crate::HttpConfig::max_reply_bytes), or as much as there is of the first 64 KiB of an error's body.
/// Requests and answers are of the `http` crate, their bodies of the `bytes` crate.
///
/// What it ends with is treated as the attempt itself would be: [`Error::Unreachable`] and statuses that may pass are
/// tried again where the request may be repeated, a refused token is replaced once. Time-outs hold for
/// [`Next::run`], not for what a middleware does beside it, and the permit of
/// [`max_in_flight`](crate::HttpConfig::max_in_flight) is held meanwhile. The future may be dropped at any point. A
/// middleware that sends a request a second time must know that the first may have arrived.
///
/// ```
/// use async_trait::async_trait;
/// use bytes::Bytes;
/// use edgehog_astarte::{AppEngine as _, Client, Error, HttpConfig, Middleware, Next, RealmName, SigningKey};
/// use http::{Request, Response};
///
/// /// Answers instead of Astarte.
/// struct NoDevices;
///
/// #[async_trait]
/// impl Middleware for NoDevices {
///     async fn handle(&self, request: Request<Bytes>, next: Next<'_>) -> Result<Response<Bytes>, Error> {
///         if request.uri().path().ends_with("/stats/devices") {
///             let body = r#"{"data": {"total_devices": 0, "connected_devices": 0}}"#;
///             return Ok(Response::new(Bytes::from_static(body.as_bytes())));
///         }
///         next.run(request).await
///     }
/// }
///
/// # async fn run(key: SigningKey) -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder("https://api.astarte.example.com".parse()?, RealmName::new("test")?, key)
///     .http_config(HttpConfig::default().middleware(NoDevices))
///     .build()?;
/// assert_eq!(client.device_stats().await?.total_devices, 0);
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Middleware: Send + Sync {
    /// Handles one attempt; `next` is the rest of the way to Astarte.
    ///
    /// # Errors
    ///
    /// Those of [`Next::run`], and whatever the middleware itself has to tell.
    async fn handle(&self, request: Request<Bytes>, next: Next<'_>) -> Result<Response<Bytes>, Error>;
}

/// The rest of the way to Astarte, from within a [`Middleware`].
#[derive(Clone, Copy)]
pub struct Next<'a> {
    http: &'a Http,
    endpoint: &'a str,
    timeout: Option<Duration>,
    rest: &'a [Arc<dyn Middleware>],
}

impl<'a> Next<'a> {
    pub(super) fn begin(
        http: &'a Http,
        endpoint: &'a str,
        request: reqwest::Request,
    ) -> Result<(Request<Bytes>, Self), Error> {
        let timeout = request.timeout().copied();
        let body = request.body().and_then(reqwest::Body::as_bytes).map(Bytes::copy_from_slice);
        let mut outgoing = Request::new(body.unwrap_or_default());
        *outgoing.method_mut() = request.method().clone();
        *outgoing.uri_mut() = request
            .url()
            .as_str()
            .parse()
            .map_err(|_| Error::invalid_input("URL", "must be one that HTTP can carry"))?;
        *outgoing.headers_mut() = request.headers().clone();
        Ok((outgoing, Self { http, endpoint, timeout, rest: &http.config.middleware }))
    }

    /// Passes the request on, to the next middleware or to Astarte, and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] where there is no answer, [`Error::ReplyTooLarge`] where it is too long. An answer with
    /// the status of an error is none here.
    pub async fn run(self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        if let Some((first, rest)) = self.rest.split_first() {
            return first.handle(request, Self { rest, ..self }).await;
        }
        self.send(request).await.map_err(|failure| failure.into_error(self.endpoint.to_owned()))
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let is_empty = request.body().is_empty();
        let mut request = reqwest::Request::try_from(request).map_err(Failure::Transport)?;
        if is_empty {
            *request.body_mut() = None;
        }
        *request.timeout_mut() = self.timeout;
        let response = self.http.client.execute(request).await.map_err(Failure::Transport)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = if status.is_success() {
            read_body(response, self.http.config.max_reply_bytes, self.endpoint).await?
        } else {
            error_body(response).await
        };
        let mut answer = Response::new(Bytes::from(body));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}
