use std::time::Instant;

use metrics::{Gauge, counter, gauge, histogram};

/// An open socket, until it is dropped.
pub(crate) struct OpenSocket(Gauge);

impl OpenSocket {
    pub(crate) fn new(protocol: &'static str) -> Self {
        let open = gauge!("edgehog_sockets_open", "protocol" => protocol);
        open.increment(1.0);
        Self(open)
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A subscription, until it is dropped.
pub(crate) struct OpenSubscription(());

impl OpenSubscription {
    pub(crate) fn new() -> Self {
        gauge!("edgehog_subscriptions_open").increment(1.0);
        Self(())
    }
}

impl Drop for OpenSubscription {
    fn drop(&mut self) {
        gauge!("edgehog_subscriptions_open").decrement(1.0);
    }
}

/// Counts a socket that is not opened.
pub(crate) fn socket_refused(reason: &'static str) {
    counter!("edgehog_sockets_refused_total", "reason" => reason).increment(1);
}

/// Counts a subscriber who missed events or does not read.
pub(crate) fn cut_off(reason: &'static str) {
    counter!("edgehog_subscribers_cut_off_total", "reason" => reason).increment(1);
}

/// Counts an event that a subscriber has got.
pub(crate) fn delivered(since: Instant) {
    counter!("edgehog_subscription_events_total").increment(1);
    histogram!("edgehog_subscription_lag_seconds").record(since.elapsed());
}
