//! What the engine times and counts, for whoever records metrics.

use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

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
