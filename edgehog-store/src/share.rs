//! How many connections one tenant may hold, so that the others find some left.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, TenantId};

/// Connections that no tenant uses: those that listen for changes of records and of tenants.
const LISTENERS: u32 = 2;

/// The shares of all tenants in a pool.
pub(crate) struct Shares {
    connections: usize,
    patience: Duration,
    known: Mutex<HashMap<TenantId, Share>>,
}

/// One tenant's share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Share {
    places: Arc<Semaphore>,
    patience: Duration,
}

/// Leave to hold one connection, until it is dropped.
pub(crate) struct Place(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Shares {
    /// `connections` for each tenant; where not set, what suits the pool.
    pub(crate) fn new(pool_size: u32, connections: Option<u32>, patience: Duration) -> Self {
        let connections = connections.unwrap_or_else(|| suitable(pool_size)).max(1);
        let connections = usize::try_from(connections).map_or(Semaphore::MAX_PERMITS, |it| it);
        Self { connections, patience, known: Mutex::default() }
    }

    pub(crate) fn of(&self, tenant: TenantId) -> Share {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let share = || Share { places: Arc::new(Semaphore::new(self.connections)), patience: self.patience };
        known.entry(tenant).or_insert_with(share).clone()
    }
}

impl Share {
    /// Waits for a place, for as long as one waits for a connection.
    pub(crate) async fn place(&self) -> Result<Place, Error> {
        match tokio::time::timeout(self.patience, self.places.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Place(permit)),
            Ok(Err(_)) | Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
        }
    }
}

/// Three quarters of what is left beside the listeners. A pool of a few connections has no room for both: there the share
/// is all but one, so that a tenant can at least work at two things.
fn suitable(pool_size: u32) -> u32 {
    let at_work = pool_size.saturating_sub(LISTENERS);
    if at_work < 4 { pool_size.saturating_sub(1) } else { at_work - at_work.div_ceil(4) }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shares").field("connections", &self.connections).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the pool's size, a tenant can work, and where there are enough connections another one can, too.
    #[test]
    fn a_share_is_never_all_and_never_nothing() {
        for (pool_size, share) in [(1, 1), (2, 1), (3, 2), (4, 3), (6, 3), (10, 6), (42, 30)] {
            let shares = Shares::new(pool_size, None, Duration::ZERO);
            assert_eq!(shares.connections, share, "{pool_size}");
        }
        assert_eq!(Shares::new(10, Some(0), Duration::ZERO).connections, 1);
    }
}
