//! The client against servers that answer as documented, and against servers that do not.

#![expect(clippy::unwrap_used, reason = "what supports a test fails as tests do")]

mod app_engine;
mod faults;
mod harness;
mod housekeeping;
mod interfaces;
mod middleware;
mod paging;
mod pairing;
mod realm_management;
mod tokens;
