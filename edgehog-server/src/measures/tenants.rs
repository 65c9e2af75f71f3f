use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use edgehog_engine::{Tenant, TenantId};
use metrics::{Counter, counter};

/// Tenants that have metrics of their own. The later ones share some.
const TENANTS: usize = 1000;

/// Metrics by tenant, for what an operator asks of single ones.
#[derive(Default)]
pub(crate) struct Tenants(RwLock<HashMap<TenantId, Known>>);

#[derive(Clone)]
struct Known {
    label: String,
    events: Counter,
}

impl Tenants {
    /// Counts an event of Astarte.
    pub(crate) fn event(&self, tenant: &Tenant) {
        self.known(tenant, |known| known.events.increment(1));
    }

    /// Counts a refusal: of a `request`, an `event`, an `authentication`.
    pub(crate) fn refused(&self, tenant: &Tenant, reason: &'static str) {
        let label = self.known(tenant, |known| known.label.clone());
        counter!("edgehog_tenant_refusals_total", "tenant" => label, "reason" => reason).increment(1);
    }

    fn known<T>(&self, tenant: &Tenant, with: impl Fn(&Known) -> T) -> T {
        let info = tenant.info();
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&info.tenant_id) {
            return with(known);
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let label = if all.len() < TENANTS { info.slug.clone() } else { "other".to_owned() };
        let known =
            Known { events: counter!("edgehog_tenant_events_total", "tenant" => label.clone()), label };
        if all.len() < TENANTS {
            all.insert(info.tenant_id, known.clone());
        }
        with(&known)
    }
}
