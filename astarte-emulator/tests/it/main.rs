//! The emulator from outside: over REST, over MQTT, and with the official device SDK as the peer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::future_not_send,
    reason = "a test ends with a panic where something is missing, and runs on one thread"
)]

mod app_engine;
mod auth;
mod pairing;
mod program;
mod protocol;
mod realm_management;
mod sdk;
mod simulated;
mod triggers;
mod world;
