//! How much of something each tenant has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edgehog_engine::TenantId;

/// Places, as many for each tenant.
#[derive(Clone, Debug)]
pub(crate) struct Quota(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    taken: Mutex<HashMap<TenantId, usize>>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    quota: Quota,
    tenant: TenantId,
}

impl Quota {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Inner { limit, taken: Mutex::default() }))
    }

    /// A place for the tenant, unless it has them all.
    pub(crate) fn take(&self, tenant: TenantId) -> Option<Place> {
        let mut all = self.taken();
        let taken = all.entry(tenant).or_default();
        if *taken >= self.0.limit {
            return None;
        }
        *taken += 1;
        drop(all);
        Some(Place { quota: self.clone(), tenant })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut taken) = self.quota.taken().entry(self.tenant) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One tenant's greed is not the other's trouble; places come back.
    #[test]
    fn each_tenant_has_its_places() {
        let quota = Quota::new(2);
        let (one, other) = (TenantId::from(1), TenantId::from(2));
        let places = (quota.take(one).unwrap(), quota.take(one).unwrap());
        assert!(quota.take(one).is_none());
        let theirs = quota.take(other).unwrap();
        drop(places.0);
        assert!(quota.take(one).is_some());
        drop((places.1, theirs));
        assert!(quota.taken().is_empty());
    }
}
