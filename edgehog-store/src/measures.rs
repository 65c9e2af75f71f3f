//! What the store times and counts, for whoever records metrics. Without a recorder all of it is nearly free.

use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use sqlx::PgPool;
use sqlx::error::ErrorKind;

/// Tells the recorder of this process what the metrics of the store mean.
pub fn describe_metrics() {
    describe_histogram!(
        "edgehog_sql_begin_seconds",
        Unit::Seconds,
        "Time until a transaction has begun: the wait for a connection, and one round trip"
    );
    describe_histogram!(
        "edgehog_sql_transaction_seconds",
        Unit::Seconds,
        "Time that a transaction held its connection, by how it ended"
    );
    describe_counter!("edgehog_sql_errors_total", Unit::Count, "Failures of the database, by class");
    describe_gauge!("edgehog_sql_connections", Unit::Count, "Connections to the database, by state");
    describe_gauge!(
        "edgehog_sql_connections_limit",
        Unit::Count,
        "Connections to the database that there may be at most"
    );
}

/// Whose rows a transaction is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Tenant,
    Registry,
}

/// Times the begin of a transaction.
pub(crate) fn begun(purpose: Purpose, since: Instant) {
    let histogram = match purpose {
        Purpose::Tenant => histogram!("edgehog_sql_begin_seconds", "kind" => "tenant"),
        Purpose::Registry => histogram!("edgehog_sql_begin_seconds", "kind" => "registry"),
    };
    histogram.record(since.elapsed());
}

/// Times a transaction, until it is dropped.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    purpose: Purpose,
    since: Instant,
    pub(crate) committed: bool,
}

impl Stopwatch {
    pub(crate) fn start(purpose: Purpose) -> Self {
        Self { purpose, since: Instant::now(), committed: false }
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        const NAME: &str = "edgehog_sql_transaction_seconds";
        // Written out, so that no label is put together for each transaction.
        let histogram = match (self.purpose, self.committed) {
            (Purpose::Tenant, true) => histogram!(NAME, "kind" => "tenant", "outcome" => "commit"),
            (Purpose::Tenant, false) => histogram!(NAME, "kind" => "tenant", "outcome" => "rollback"),
            (Purpose::Registry, true) => histogram!(NAME, "kind" => "registry", "outcome" => "commit"),
            (Purpose::Registry, false) => histogram!(NAME, "kind" => "registry", "outcome" => "rollback"),
        };
        histogram.record(self.since.elapsed());
    }
}

pub(crate) fn failed(error: &sqlx::Error) {
    counter!("edgehog_sql_errors_total", "class" => class(error)).increment(1);
}

pub(crate) fn sample(pool: &PgPool) {
    let (open, idle) = (f64::from(pool.size()), u32::try_from(pool.num_idle()).unwrap_or(u32::MAX));
    gauge!("edgehog_sql_connections", "state" => "idle").set(f64::from(idle));
    gauge!("edgehog_sql_connections", "state" => "in_use").set((open - f64::from(idle)).max(0.0));
    gauge!("edgehog_sql_connections_limit").set(f64::from(pool.options().get_max_connections()));
}

/// What kind of failure an operator has before him.
fn class(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::PoolTimedOut => "no_connection",
        sqlx::Error::PoolClosed => "closed",
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => "connection",
        sqlx::Error::Database(database) => match (database.kind(), database.code().as_deref()) {
            // Of a client's making: a name that is taken, a record that is gone.
            (
                ErrorKind::UniqueViolation
                | ErrorKind::ForeignKeyViolation
                | ErrorKind::CheckViolation
                | ErrorKind::NotNullViolation,
                _,
            ) => "constraint",
            (_, Some("57014")) => "statement_timeout",
            (_, Some("40001" | "40P01")) => "conflict",
            (_, Some(code)) if code.starts_with("22") => "data",
            (_, Some(code)) if code.starts_with("57P") || code.starts_with("08") => "connection",
            (_, Some(code)) if code.starts_with("53") => "resources",
            _ => "other",
        },
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An overload, an outage and a bug are different alarms.
    #[test]
    fn failures_have_classes() {
        assert_eq!(class(&sqlx::Error::PoolTimedOut), "no_connection");
        assert_eq!(class(&sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into())), "connection");
        assert_eq!(class(&sqlx::Error::RowNotFound), "other");
    }
}
