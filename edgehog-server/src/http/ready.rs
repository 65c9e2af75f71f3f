//! Whether requests should come to this server now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use edgehog_engine::Engine;
use poem::handler;
use poem::web::Data;
use tokio::sync::Mutex;

use super::State;
use super::error::Refusal;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer of the database is good for: however often somebody asks, the database is asked twice in a second.
const FRESH: Duration = Duration::from_millis(500);

/// What was last known of the database.
#[derive(Clone)]
pub(super) struct Readiness {
    engine: Engine,
    /// When it was asked, and whether it answered.
    last: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl Readiness {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, last: Arc::default() }
    }

    /// Whoever asks while the database is being asked waits for that answer.
    async fn database_answers(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((asked, answered)) = *last
            && asked.elapsed() < FRESH
        {
            return answered;
        }
        let asked = Instant::now();
        let answered = match tokio::time::timeout(PATIENCE, self.engine.ping()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "not ready: the database cannot be used");
                false
            }
            Err(_) => {
                tracing::warn!("not ready: the database does not answer in time");
                false
            }
        };
        *last = Some((asked, answered));
        answered
    }
}

/// Ready for requests. A load balancer asks this; who restarts processes asks `/health`.
#[handler]
pub(super) async fn ready(state: Data<&Arc<State>>) -> Result<&'static str, Refusal> {
    let settings = &state.settings;
    if settings.draining.is_cancelled() || settings.shutdown.is_cancelled() {
        return Err(Refusal::UNAVAILABLE);
    }
    let readiness = state.readiness.clone();
    // By itself, so that an answer that nobody waits for any more still is one.
    match tokio::spawn(async move { readiness.database_answers().await }).await {
        Ok(true) => Ok("OK"),
        _ => Err(Refusal::UNAVAILABLE),
    }
}
