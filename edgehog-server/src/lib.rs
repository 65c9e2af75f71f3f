#![doc = include_str!("../README.md")]

mod documents;
mod graphql;
mod http;
mod origins;
mod session;
mod settings;
mod subscriptions;
mod uploads;

pub use graphql::{Schema, schema};
pub use http::{endpoint, endpoint_with};
pub use origins::{AllowedOrigin, InvalidOrigin};
pub use settings::Settings;
