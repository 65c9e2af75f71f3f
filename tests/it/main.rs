//! Whole journeys: devices, an emulated Astarte, the server, a client.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot prepare a test has failed it")]
#![expect(clippy::future_not_send, reason = "each test runs on one thread")]

mod console;
mod fleet;
mod history;
mod links;
mod realm;
mod replicas;
mod runtime;
mod simulated;
mod world;
