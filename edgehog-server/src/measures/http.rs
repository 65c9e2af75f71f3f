use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use poem::http::{Method, StatusCode};

/// Metrics of requests over HTTP.
pub(crate) struct Requests {
    in_flight: Gauge,
    abandoned: Counter,
    known: RwLock<HashMap<Kind, Answers>>,
    /// What a request is counted as that leads nowhere.
    nowhere: Arc<str>,
}

/// Method, route and status.
type Kind = (&'static str, Arc<str>, StatusCode);

/// Answers of one kind.
#[derive(Clone)]
struct Answers {
    number: Counter,
    seconds: Histogram,
    bytes: Counter,
}

/// A request that is being answered.
pub(crate) struct InFlight<'a> {
    requests: &'a Requests,
    method: &'static str,
    bytes: u64,
    begun: Instant,
    answered: bool,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            in_flight: gauge!("edgehog_http_requests_in_flight"),
            abandoned: counter!("edgehog_http_requests_abandoned_total"),
            known: RwLock::default(),
            nowhere: "none".into(),
        }
    }
}

impl Requests {
    pub(crate) fn begin(&self, method: &Method, bytes: u64) -> InFlight<'_> {
        self.in_flight.increment(1.0);
        InFlight { requests: self, method: named(method), bytes, begun: Instant::now(), answered: false }
    }

    fn answers(&self, method: &'static str, route: Arc<str>, status: StatusCode) -> Answers {
        let key = (method, route, status);
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let labels = [
            ("method", method.to_owned()),
            ("route", key.1.to_string()),
            ("status", status.as_str().to_owned()),
        ];
        let answers = Answers {
            number: counter!("edgehog_http_requests_total", &labels),
            seconds: histogram!("edgehog_http_request_seconds", &labels),
            bytes: counter!("edgehog_http_request_bytes_total", &labels[..2]),
        };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key, answers.clone());
        answers
    }
}

impl InFlight<'_> {
    /// Counts the answer. `route` is the pattern of the route, where the request has found one.
    pub(crate) fn answered(mut self, route: Option<Arc<str>>, status: StatusCode) {
        let route = route.unwrap_or_else(|| self.requests.nowhere.clone());
        let answers = self.requests.answers(self.method, route, status);
        answers.number.increment(1);
        answers.seconds.record(self.begun.elapsed());
        answers.bytes.increment(self.bytes);
        self.answered = true;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.requests.in_flight.decrement(1.0);
        if !self.answered {
            self.requests.abandoned.increment(1);
        }
    }
}

/// A client may call its method what it wants.
fn named(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
