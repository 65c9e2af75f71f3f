//! Tests of the crate through its public API.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by a panic, also in the functions it calls"
)]

mod collection;
mod device;
mod events;
mod history;
mod hostile;
mod reads;
mod requests;
mod selector;
