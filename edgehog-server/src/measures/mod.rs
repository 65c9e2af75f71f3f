//! What the server times and counts. Metrics of hot paths are looked up once for their labels, and kept.

mod exporter;
mod graphql;
mod http;
mod sockets;
mod tenants;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};

pub use exporter::{Metrics, MetricsError};
pub(crate) use graphql::{Operations, refused};
pub(crate) use http::Requests;
pub(crate) use sockets::{OpenSocket, OpenSubscription, cut_off, delivered, socket_refused};
pub(crate) use tenants::Tenants;

/// Tells the recorder of this process what the metrics of the server mean, and those of the crates that it is made of.
/// [`Metrics::install`] does it; it is for programs that bring a recorder of their own.
pub fn describe_metrics() {
    edgehog_engine::describe_metrics();
    describe_gauge!("edgehog_build_info", Unit::Count, "Always 1; the label tells the version");
    describe_http();
    describe_documents();
    describe_sockets();
    describe_tenants();
}

/// Which server this is.
pub(crate) fn build_info() {
    gauge!("edgehog_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

fn describe_http() {
    describe_counter!("edgehog_http_requests_total", Unit::Count, "Requests by method, route and status");
    describe_histogram!(
        "edgehog_http_request_seconds",
        Unit::Seconds,
        "Time from a request's head to its answer's, by method, route and status"
    );
    describe_gauge!("edgehog_http_requests_in_flight", Unit::Count, "Requests that are being answered");
    describe_counter!(
        "edgehog_http_requests_abandoned_total",
        Unit::Count,
        "Requests whose clients went away before the answer"
    );
    describe_counter!(
        "edgehog_http_request_bytes_total",
        Unit::Bytes,
        "Bytes that requests announced for their bodies, by method and route"
    );
}

fn describe_documents() {
    describe_histogram!(
        "edgehog_graphql_operation_seconds",
        Unit::Seconds,
        "Time of a query or mutation, by its kind and first field"
    );
    describe_counter!(
        "edgehog_graphql_operation_errors_total",
        Unit::Count,
        "Queries and mutations whose answers had errors, by kind and first field"
    );
    describe_counter!(
        "edgehog_graphql_refusals_total",
        Unit::Count,
        "GraphQL documents that were not run, by reason"
    );
}

fn describe_sockets() {
    describe_gauge!("edgehog_sockets_open", Unit::Count, "Open sockets by protocol");
    describe_counter!("edgehog_sockets_refused_total", Unit::Count, "Sockets that were refused, by reason");
    describe_counter!(
        "edgehog_subscribers_cut_off_total",
        Unit::Count,
        "Subscribers that were cut off, by reason: they missed events, or do not read"
    );
    describe_gauge!("edgehog_subscriptions_open", Unit::Count, "Subscriptions, equal ones counted each");
    describe_counter!("edgehog_subscription_events_total", Unit::Count, "Events told to subscribers");
    describe_histogram!(
        "edgehog_subscription_lag_seconds",
        Unit::Seconds,
        "Time that an event waited for its subscriber"
    );
}

fn describe_tenants() {
    describe_counter!(
        "edgehog_trigger_events_total",
        Unit::Count,
        "Events that Astarte posted, by kind and by the status that Astarte got"
    );
    describe_counter!(
        "edgehog_tenant_events_total",
        Unit::Count,
        "Events that Astarte posted, by tenant; of very many tenants the later ones are told as other"
    );
    describe_counter!(
        "edgehog_tenant_refusals_total",
        Unit::Count,
        "What tenants were refused for having too much of it, by tenant and reason"
    );
}
