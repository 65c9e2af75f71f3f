//! Names in URLs that no tenant has. Anybody may ask for them, so that they must cost next to nothing.

use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a name that nobody has is taken to be nobody's.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// Names that are remembered as nobody's.
const REMEMBERED: u64 = 1000;

/// Unknown names that the database is asked about at the same time: the others are at work with what is left.
const AT_ONCE: usize = 2;

/// The bytes of a name at most. No index of PostgreSQL holds more.
const LONGEST: usize = 2700;

/// Names that nobody has, as far as is known.
#[derive(Debug)]
pub(crate) struct Strangers {
    recent: Cache<String, ()>,
    turns: Semaphore,
}

impl Default for Strangers {
    fn default() -> Self {
        let recent = Cache::builder().max_capacity(REMEMBERED).time_to_live(FORGOTTEN).build();
        Self { recent, turns: Semaphore::new(AT_ONCE) }
    }
}

impl Strangers {
    /// Whether a tenant can have this name at all.
    pub(crate) fn is_name(slug: &str) -> bool {
        let fits = |it: u8| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-');
        !slug.is_empty() && slug.len() <= LONGEST && slug.bytes().all(fits)
    }

    /// Waits for leave to look a name up that is not known. `None` where nobody had it a moment ago.
    pub(crate) async fn turn(&self, slug: &str) -> Option<Turn<'_>> {
        if self.recent.contains_key(slug) {
            return None;
        }
        // Never closed.
        let permit = self.turns.acquire().await.ok();
        // Many may have waited to ask the same.
        (!self.recent.contains_key(slug)).then_some(Turn(permit))
    }

    /// Notes that nobody has this name.
    pub(crate) fn add(&self, slug: &str) {
        self.recent.insert(slug.to_owned(), ());
    }

    /// Somebody may have this name by now.
    pub(crate) fn forget(&self, slug: &str) {
        self.recent.invalidate(slug);
    }

    pub(crate) fn forget_all(&self) {
        self.recent.invalidate_all();
    }
}

/// Leave to look a name up, until it is dropped.
pub(crate) struct Turn<'a>(#[expect(dead_code, reason = "held for its drop")] Option<SemaphorePermit<'a>>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_few_characters() {
        for slug in ["a", "plant-one", "0", &"a".repeat(LONGEST)] {
            assert!(Strangers::is_name(slug), "{slug}");
        }
        for slug in ["", "Plant", "plant one", "plant_one", "ö", "a\0", "..", &"a".repeat(LONGEST + 1)] {
            assert!(!Strangers::is_name(slug), "{slug}");
        }
    }

    /// A name is looked up once in a while, and at once when it may have come to be somebody's.
    #[tokio::test]
    async fn a_name_is_not_looked_up_again_at_once() {
        let strangers = Strangers::default();
        assert!(strangers.turn("nobody").await.is_some());
        strangers.add("nobody");
        assert!(strangers.turn("nobody").await.is_none());
        assert!(strangers.turn("another").await.is_some());
        strangers.forget("nobody");
        assert!(strangers.turn("nobody").await.is_some());
    }

    /// However many ask, the database is asked by few.
    #[tokio::test]
    async fn few_look_at_the_same_time() {
        let strangers = Strangers::default();
        let names: Vec<_> = (0..=AT_ONCE).map(|number| format!("stranger-{number}")).collect();
        let mut turns = Vec::new();
        for name in &names[..AT_ONCE] {
            turns.push(strangers.turn(name).await.unwrap());
        }
        let mut last = Box::pin(strangers.turn(&names[AT_ONCE]));
        assert!(futures::poll!(last.as_mut()).is_pending());
        turns.pop();
        assert!(last.await.is_some());
    }
}
