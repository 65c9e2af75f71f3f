use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBuilder;
use chrono::TimeDelta;

use super::Middleware;
use crate::Error;

/// How requests are made: time-outs, retries and limits.
///
/// ```
/// use std::time::Duration;
/// use edgehog_astarte::HttpConfig;
///
/// // Several realms share the connections of one HTTP client.
/// let http = HttpConfig::default().request_timeout(Duration::from_secs(5));
/// let shared = http.build_client()?;
/// let http = http.client(shared);
/// # Ok::<(), edgehog_astarte::Error>(())
/// ```
#[derive(Clone)]
pub struct HttpConfig {
    client: Option<reqwest::Client>,
    connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) long_read_timeout: Duration,
    pub(super) install_timeout: Duration,
    pub(super) call_timeout: Option<Duration>,
    attempts: u32,
    backoff: Duration,
    max_backoff: Duration,
    pub(super) max_in_flight: usize,
    pub(super) max_reply_bytes: usize,
    pub(super) token_lifetime: TimeDelta,
    pub(super) middleware: Vec<Arc<dyn Middleware>>,
}

impl fmt::Debug for HttpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConfig")
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("attempts", &self.attempts)
            .field("max_in_flight", &self.max_in_flight)
            .field("middleware", &self.middleware.len())
            .finish_non_exhaustive()
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            client: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(15),
            long_read_timeout: Duration::from_secs(30),
            install_timeout: Duration::from_secs(60),
            call_timeout: None,
            attempts: 3,
            backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            max_in_flight: 16,
            max_reply_bytes: 64 * 1024 * 1024,
            token_lifetime: TimeDelta::seconds(300),
            middleware: Vec::new(),
        }
    }
}

impl HttpConfig {
    /// Uses this HTTP client, for example one that several realms share or that trusts another CA.
    ///
    /// Begin it with [`client_builder`](Self::client_builder): a client that follows redirects would send the token
    /// to wherever they lead.
    #[must_use]
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.client = Some(client);
        self
    }

    /// How long a connection may take, 5 s by default. For clients made from this configuration only.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an attempt may take from connecting to the last byte, 15 s by default.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// The same for lists with details and reads of whole interfaces, 30 s by default.
    #[must_use]
    pub fn long_read_timeout(mut self, timeout: Duration) -> Self {
        self.long_read_timeout = timeout;
        self
    }

    /// The same for installations of interfaces, which the server finishes before it answers, 60 s by default.
    #[must_use]
    pub fn install_timeout(mut self, timeout: Duration) -> Self {
        self.install_timeout = timeout;
        self
    }

    /// How long a call may take with all its attempts and pauses, and the wait for its turn; without limit by default.
    ///
    /// Then it ends with [`Error::Unreachable`], whose source is a [`tokio::time::error::Elapsed`].
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = Some(timeout);
        self
    }

    /// How many times a request that may be repeated is sent in all, 3 by default; 0 means 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The pause before the second attempt, 200 ms by default, and the longest pause, 5 s by default. Pauses double
    /// from one to the next, with jitter on top.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = first;
        self.max_backoff = longest;
        self
    }

    /// How many requests a realm serves at a time, 16 by default; further ones wait. 0 means 1.
    #[must_use]
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// The longest answer, 64 MiB by default.
    #[must_use]
    pub fn max_reply_bytes(mut self, bytes: usize) -> Self {
        self.max_reply_bytes = bytes;
        self
    }

    /// How long a token is valid, 300 s by default. It is used for 80 % of that time, then minted anew.
    #[must_use]
    pub fn token_lifetime(mut self, lifetime: TimeDelta) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Puts something of your own around each attempt of each request. The first one given is the outermost.
    ///
    /// See [`Middleware`].
    #[must_use]
    pub fn middleware(mut self, middleware: impl Middleware + 'static) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// A builder with everything set that an HTTP client for Astarte needs: no redirects, the connect time-out, and
    /// no reuse of connections idle for so long that the server may be closing them.
    pub fn client_builder(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.connect_timeout)
            // The services close a connection after 5 idle seconds. A message to a device must not be lost in one.
            .pool_idle_timeout(Duration::from_secs(4))
            // Repeating is decided here, by what the request does.
            .retry(reqwest::retry::never())
    }

    /// An HTTP client made from this configuration, to be shared among realms with [`client`](Self::client).
    ///
    /// # Errors
    ///
    /// [`Error::HttpClient`] when TLS or the resolver cannot be set up.
    pub fn build_client(&self) -> Result<reqwest::Client, Error> {
        self.client_builder().build().map_err(Error::HttpClient)
    }

    /// The given HTTP client, or a new one.
    pub(super) fn given_client(&self) -> Result<reqwest::Client, Error> {
        match &self.client {
            Some(client) => Ok(client.clone()),
            None => self.build_client(),
        }
    }

    pub(super) fn pauses(&self) -> ExponentialBuilder {
        let repeats = usize::try_from(self.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        ExponentialBuilder::default()
            .with_min_delay(self.backoff)
            .with_max_delay(self.max_backoff)
            .with_max_times(repeats)
            .with_jitter()
    }
}
