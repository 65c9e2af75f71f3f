use std::fmt;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

use super::ServiceError;

/// How long a result is good. Networks and streets move slowly.
const RESULT: Duration = Duration::from_secs(60 * 60);

/// How long a service is not asked again for what it did not know or could not answer.
const NO_RESULT: Duration = Duration::from_secs(30);

/// Size of all that is kept, bytes.
const CAPACITY: u64 = 8 * 1024 * 1024;

/// What one entry takes beside its question, bytes, roughly.
const ENTRY: u32 = 256;

/// The answers of a service by question, for a while: each one costs money. Who asks what is being asked already waits
/// for that answer.
pub(super) struct Recent<T>(Cache<String, Outcome<T>>);

type Outcome<T> = Result<Option<T>, ServiceError>;

impl<T: Clone + Send + Sync + 'static> Recent<T> {
    pub(super) fn new() -> Self {
        let cache = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|question: &String, _| {
                u32::try_from(question.len()).unwrap_or(u32::MAX).saturating_add(ENTRY)
            })
            .expire_after(Freshness)
            .build();
        Self(cache)
    }

    pub(super) async fn get(
        &self,
        question: String,
        ask: impl Future<Output = Outcome<T>> + Send,
    ) -> Outcome<T> {
        self.0.get_with(question, ask).await
    }
}

/// Shows nothing of what is kept: it tells where devices are.
impl<T> fmt::Debug for Recent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

struct Freshness;

impl<T> Expiry<String, Outcome<T>> for Freshness {
    fn expire_after_create(&self, _: &String, outcome: &Outcome<T>, _: Instant) -> Option<Duration> {
        Some(if matches!(outcome, Ok(Some(_))) { RESULT } else { NO_RESULT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failures, and things a service does not know, are asked for again soon.
    #[test]
    fn failures_are_not_kept_for_long() {
        for (outcome, kept) in
            [(Ok(Some(())), RESULT), (Ok(None), NO_RESULT), (Err(ServiceError::Status(503)), NO_RESULT)]
        {
            let lives = Freshness.expire_after_create(&String::new(), &outcome, Instant::now());
            assert_eq!(lives, Some(kept), "{outcome:?}");
        }
    }
}
