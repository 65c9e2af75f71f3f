//! How much of the server a tenant may use in a second, and how often somebody may guess at its tokens.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use edgehog_engine::TenantId;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use moka::sync::Cache;

/// Something that each tenant may do so many times in a second, and twice that many times at once.
pub(crate) struct Rate(Option<DefaultKeyedRateLimiter<TenantId>>);

impl Rate {
    /// Zero is no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        let quota = |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_add(rate.get()));
        Self(NonZeroU32::new(per_second).map(|rate| DefaultKeyedRateLimiter::keyed(quota(rate))))
    }

    /// Whether the tenant may do it once more.
    pub(crate) fn admits(&self, tenant: TenantId) -> bool {
        self.wait(tenant).is_none()
    }

    /// Counts it; how long the tenant must wait where it was once too often.
    fn wait(&self, tenant: TenantId) -> Option<Duration> {
        let refused = self.0.as_ref()?.check_key(&tenant).err()?;
        Some(refused.wait_time_from(DefaultClock::default().now()))
    }
}

/// Tokens that somebody tries at a tenant's door. Who tries many wrong ones is not listened to for a while, as each costs
/// the check of a signature; tokens that were right a while ago are checked all the same.
pub(crate) struct Guesses {
    wrong: Rate,
    deaf: Mutex<HashMap<TenantId, Instant>>,
    right: Cache<u64, ()>,
    hasher: RandomState,
}

/// How long a token is known to have been right.
const REMEMBERED: Duration = Duration::from_mins(10);

/// Tokens of all tenants that are known to have been right.
const TOKENS: u64 = 10_000;

/// There were too many wrong tokens.
pub(crate) struct TooMany;

impl Guesses {
    pub(crate) fn new(wrong: Rate) -> Self {
        Self {
            wrong,
            deaf: Mutex::default(),
            right: Cache::builder().max_capacity(TOKENS).time_to_live(REMEMBERED).build(),
            hasher: RandomState::new(),
        }
    }

    /// Checks a token, unless there were too many wrong ones.
    pub(crate) fn check<E>(
        &self,
        tenant: TenantId,
        token: &str,
        verify: impl FnOnce() -> Result<(), E>,
    ) -> Result<Result<(), E>, TooMany> {
        // No token is kept. Who finds another one of the same number is listened to, and refused.
        let number = self.hasher.hash_one((tenant, token));
        let was_right = self.right.contains_key(&number);
        if !was_right && self.is_deaf(tenant) {
            return Err(TooMany);
        }
        let verified = verify();
        match &verified {
            Ok(()) if !was_right => self.right.insert(number, ()),
            Ok(()) => {}
            Err(_) => {
                if let Some(wait) = self.wrong.wait(tenant) {
                    let mut deaf = self.deaf.lock().unwrap_or_else(PoisonError::into_inner);
                    deaf.insert(tenant, Instant::now() + wait);
                }
            }
        }
        Ok(verified)
    }

    fn is_deaf(&self, tenant: TenantId) -> bool {
        let mut deaf = self.deaf.lock().unwrap_or_else(PoisonError::into_inner);
        match deaf.get(&tenant) {
            Some(until) if *until > Instant::now() => true,
            Some(_) => {
                deaf.remove(&tenant);
                false
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So much at once, and then next to nothing: what a test does takes no time to speak of.
    fn slow(burst: u32) -> Rate {
        let quota = Quota::per_hour(NonZeroU32::MIN).allow_burst(NonZeroU32::new(burst).unwrap());
        Rate(Some(DefaultKeyedRateLimiter::keyed(quota)))
    }

    /// One tenant's haste is not another's, and no limit is none.
    #[test]
    fn each_tenant_has_its_rate() {
        let (one, other) = (TenantId::from(1), TenantId::from(2));
        let rate = slow(2);
        assert!(rate.admits(one) && rate.admits(one) && !rate.admits(one));
        assert!(rate.admits(other));
        let none = Rate::new(0);
        assert!((0..100_000).all(|_| none.admits(one)));
    }

    /// Wrong tokens make the door deaf to what it does not know, at that tenant alone; a token that is known is heard, and
    /// still refused once it is not right any more.
    #[test]
    fn guessing_tires_the_door() {
        let (one, other) = (TenantId::from(1), TenantId::from(2));
        let guesses = Guesses::new(slow(2));
        let right = || Ok::<(), ()>(());
        assert!(matches!(guesses.check(one, "right", right), Ok(Ok(()))));
        let listened = (0..10).filter(|it| guesses.check(one, &format!("wrong-{it}"), || Err(())).is_ok());
        assert_eq!(listened.count(), 3);
        assert!(matches!(guesses.check(one, "new", right), Err(TooMany)));
        assert!(matches!(guesses.check(one, "right", right), Ok(Ok(()))));
        assert!(matches!(guesses.check(one, "right", || Err(())), Ok(Err(()))));
        assert!(matches!(guesses.check(other, "new", right), Ok(Ok(()))));
    }
}
