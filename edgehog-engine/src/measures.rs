//! What the engine times and counts, for whoever records metrics.

use std::time::Instant;

use edgehog_store::Mended;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::storage::StorageError;

/// Tells the recorder of this process what the metrics of the engine mean, and those of the floors below it.
pub fn describe_metrics() {
    edgehog_astarte::describe_metrics();
    edgehog_store::describe_metrics();
    describe_histogram!(
        "edgehog_ingest_queue_seconds",
        Unit::Seconds,
        "Time that an event of Astarte waited for the commit before its own"
    );
    describe_histogram!("edgehog_ingest_batch_events", Unit::Count, "Events that were committed together");
    describe_counter!(
        "edgehog_tenant_lookups_total",
        Unit::Count,
        "Tenants looked up by the names in URLs, by what was found"
    );
    describe_counter!(
        "edgehog_reconciliations_total",
        Unit::Count,
        "Reconciliations of realms by this server, by tenant and outcome"
    );
    describe_histogram!(
        "edgehog_reconciliation_seconds",
        Unit::Seconds,
        "Time of a reconciliation, the devices of the realm included, by outcome"
    );
    describe_counter!(
        "edgehog_reconciliation_mended_total",
        Unit::Count,
        "What was not as it must be in a realm, by tenant and kind"
    );
    describe_gauge!(
        "edgehog_reconciliation_success_timestamp_seconds",
        Unit::Seconds,
        "When this server reconciled the realm last, in seconds since 1970, by tenant"
    );
    describe_histogram!(
        "edgehog_storage_operation_seconds",
        Unit::Seconds,
        "Time of an operation of the storage, by operation and outcome; a read ends where the content begins"
    );
    describe_histogram!(
        "edgehog_geolocation_seconds",
        Unit::Seconds,
        "Time until a provider told a position or an address, recent answers included, by provider and outcome"
    );
}

/// Notes how the reconciliation of a tenant's realm went.
pub(crate) fn reconciled(tenant: &str, since: Instant, mended: &[Mended], succeeded: bool) {
    let outcome = if succeeded { "succeeded" } else { "failed" };
    let tenant = || tenant.to_owned();
    counter!("edgehog_reconciliations_total", "tenant" => tenant(), "outcome" => outcome).increment(1);
    histogram!("edgehog_reconciliation_seconds", "outcome" => outcome).record(since.elapsed());
    for thing in mended {
        let kind = thing.kind.clone();
        counter!("edgehog_reconciliation_mended_total", "tenant" => tenant(), "kind" => kind).increment(1);
    }
    if succeeded {
        #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 seconds")]
        let now = chrono::Utc::now().timestamp() as f64;
        gauge!("edgehog_reconciliation_success_timestamp_seconds", "tenant" => tenant()).set(now);
    }
}

/// Times an operation of the storage.
pub(crate) fn stored<T>(
    operation: &'static str,
    since: Instant,
    result: Result<T, StorageError>,
) -> Result<T, StorageError> {
    let outcome = match &result {
        Ok(_) => "ok",
        Err(StorageError::NotFound) => "missing",
        Err(_) => "error",
    };
    let labels = [("operation", operation), ("outcome", outcome)];
    histogram!("edgehog_storage_operation_seconds", &labels).record(since.elapsed());
    result
}

/// Times a provider's answer to a `question`, which is `position` or `address`.
pub(crate) fn located<T, E>(
    question: &'static str,
    provider: &'static str,
    since: Instant,
    answer: &Result<Option<T>, E>,
) {
    let outcome = match answer {
        Ok(Some(_)) => "found",
        Ok(None) => "unknown",
        Err(_) => "error",
    };
    let labels = [("question", question), ("provider", provider), ("outcome", outcome)];
    histogram!("edgehog_geolocation_seconds", &labels).record(since.elapsed());
}

/// What came of a look for a tenant.
#[derive(Clone, Copy)]
pub(crate) enum Lookup {
    Remembered,
    Database,
    Unknown,
    Refused,
}

pub(crate) fn looked_up(lookup: Lookup) {
    const NAME: &str = "edgehog_tenant_lookups_total";
    let counter = match lookup {
        Lookup::Remembered => counter!(NAME, "found" => "remembered"),
        Lookup::Database => counter!(NAME, "found" => "in_database"),
        Lookup::Unknown => counter!(NAME, "found" => "unknown"),
        Lookup::Refused => counter!(NAME, "found" => "not_looked_up"),
    };
    counter.increment(1);
}
