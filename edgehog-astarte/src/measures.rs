//! What is timed and counted of the calls to Astarte, for whoever records metrics.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

/// Tells the recorder of this process what the metrics of the calls mean.
pub fn describe_metrics() {
    describe_histogram!(
        "edgehog_astarte_call_seconds",
        Unit::Seconds,
        "Time of a call to Astarte, repeats and pauses included, by service, method and outcome"
    );
    describe_counter!(
        "edgehog_astarte_retries_total",
        Unit::Count,
        "Attempts of calls to Astarte beyond the first, by service"
    );
}

/// Times one call. `outcome` is the class of the status, or why there was none.
pub(crate) fn called(api: &'static str, method: &'static str, outcome: &'static str, time: Duration) {
    let labels = [("api", api), ("method", method), ("outcome", outcome)];
    histogram!("edgehog_astarte_call_seconds", &labels).record(time);
}

pub(crate) fn repeated(api: &'static str) {
    counter!("edgehog_astarte_retries_total", "api" => api).increment(1);
}

/// The method, among those that are used.
pub(crate) fn method(method: &reqwest::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// The class of a status.
pub(crate) const fn status_class(status: u16) -> &'static str {
    match status {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}
