//! What the endpoint may be told.

use std::path::PathBuf;
use std::time::Duration;

use edgehog_engine::VerifyingKey;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::measures::Metrics;
use crate::origins::AllowedOrigin;

/// How the endpoint serves. The default suits a server that is tried out.
///
/// ```
/// use edgehog_server::Settings;
///
/// let settings = Settings::default()
///     .max_upload_bytes(100_000_000)
///     .allowed_origins(vec!["https://console.example".parse()?]);
/// # Ok::<_, edgehog_server::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    pub(crate) max_upload_bytes: u64,
    pub(crate) upload_directory: PathBuf,
    pub(crate) allowed_origins: Vec<AllowedOrigin>,
    pub(crate) admin_key: Option<VerifyingKey>,
    pub(crate) limits: Limits,
    pub(crate) draining: CancellationToken,
    pub(crate) shutdown: CancellationToken,
    pub(crate) sockets: TaskTracker,
    pub(crate) metrics: Option<Metrics>,
}

/// What one client may ask of the server, and how long the server bears with it.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// How long a query or mutation, or a batch of them, may take.
    pub(crate) request: Duration,
    /// GraphQL documents of a tenant in a second; zero is no limit.
    pub(crate) requests_per_second: u32,
    /// Astarte's events for a tenant in a second; zero is no limit.
    pub(crate) events_per_second: u32,
    /// Wrong tokens at a tenant's door in a second, before unknown ones are not looked at.
    pub(crate) wrong_tokens_per_second: u32,
    pub(crate) sockets_per_tenant: usize,
    pub(crate) subscriptions_per_tenant: usize,
    pub(crate) subscriptions_per_socket: usize,
    /// The bytes of one message of a client.
    pub(crate) message_bytes: usize,
    /// Events that wait for a slow subscriber, before it is cut off.
    pub(crate) events_behind: usize,
    /// How long a client may be silent.
    pub(crate) silence: Duration,
    /// How long a client may take to say who it is, where it does so on the socket.
    pub(crate) greeting: Duration,
    /// How long a client may take to receive one message.
    pub(crate) write: Duration,
    /// How long a client may take to send the next bytes of an upload.
    pub(crate) upload: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_upload_bytes: 4_000_000_000,
            upload_directory: std::env::temp_dir(),
            allowed_origins: Vec::new(),
            admin_key: None,
            limits: Limits::default(),
            draining: CancellationToken::new(),
            shutdown: CancellationToken::new(),
            sockets: TaskTracker::new(),
            metrics: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(60),
            requests_per_second: 1000,
            events_per_second: 5000,
            wrong_tokens_per_second: 50,
            sockets_per_tenant: 10_000,
            subscriptions_per_tenant: 50_000,
            subscriptions_per_socket: 100,
            message_bytes: 1_000_000,
            events_behind: 512,
            silence: Duration::from_secs(60),
            greeting: Duration::from_secs(10),
            write: Duration::from_secs(30),
            upload: Duration::from_secs(60),
        }
    }
}

impl Settings {
    /// The bytes that a request with files may have at most.
    #[must_use]
    pub fn max_upload_bytes(mut self, bytes: u64) -> Self {
        self.max_upload_bytes = bytes;
        self
    }

    /// Where files are kept while a request is at work on them. The system's directory for temporary files by default.
    #[must_use]
    pub fn upload_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.upload_directory = directory.into();
        self
    }

    /// The web pages that may open the socket at `/socket/websocket`. With none, those of the server's own host.
    #[must_use]
    pub fn allowed_origins(mut self, origins: Vec<AllowedOrigin>) -> Self {
        self.allowed_origins = origins;
        self
    }

    /// The key that verifies the tokens of administrators. With none nobody is one, and the admin API lets nobody in.
    #[must_use]
    pub fn admin_key(mut self, key: Option<VerifyingKey>) -> Self {
        self.admin_key = key;
        self
    }

    /// What `GET /metrics` tells. Without it, it tells that there is nothing to tell.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// How long a GraphQL query or mutation, or a batch of them, may take.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.limits.request = timeout;
        self
    }

    /// How many GraphQL documents a tenant may have run at this server in a second, on average; twice as many may come
    /// at once. Zero is no limit.
    #[must_use]
    pub fn tenant_requests_per_second(mut self, requests: u32) -> Self {
        self.limits.requests_per_second = requests;
        self
    }

    /// How many events this server takes from Astarte for a tenant in a second, on average; twice as many may come at
    /// once. Zero is no limit. Astarte sends again what was too much.
    #[must_use]
    pub fn tenant_events_per_second(mut self, events: u32) -> Self {
        self.limits.events_per_second = events;
        self
    }

    /// How many wrong tokens may be tried at a tenant's door in a second, on average, before it takes no others than those
    /// that were right a while ago. Zero is no limit.
    #[must_use]
    pub fn wrong_tokens_per_second(mut self, tokens: u32) -> Self {
        self.limits.wrong_tokens_per_second = tokens;
        self
    }

    /// How many sockets a tenant may have open at this server.
    #[must_use]
    pub fn sockets_per_tenant(mut self, sockets: usize) -> Self {
        self.limits.sockets_per_tenant = sockets;
        self
    }

    /// How many subscriptions a tenant may have at this server, on all its sockets.
    #[must_use]
    pub fn subscriptions_per_tenant(mut self, subscriptions: usize) -> Self {
        self.limits.subscriptions_per_tenant = subscriptions;
        self
    }

    /// How many subscriptions one socket may have.
    #[must_use]
    pub fn subscriptions_per_socket(mut self, subscriptions: usize) -> Self {
        self.limits.subscriptions_per_socket = subscriptions;
        self
    }

    /// Once it is cancelled, `/ready` says that no more requests should come. Those that come are served.
    #[must_use]
    pub fn draining(mut self, token: CancellationToken) -> Self {
        self.draining = token;
        self
    }

    /// Ends sockets and streams of events once it is cancelled; other requests are left to end by themselves.
    #[must_use]
    pub fn shutdown(mut self, token: CancellationToken) -> Self {
        self.shutdown = token;
        self
    }

    /// Follows the sockets, which outlive the HTTP server: wait for them before the process ends, and each client is
    /// told that it did.
    #[must_use]
    pub fn sockets(mut self, tracker: TaskTracker) -> Self {
        self.sockets = tracker;
        self
    }
}
