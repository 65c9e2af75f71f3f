#![doc = include_str!("../README.md")]

mod admin;
mod documents;
mod graphql;
mod http;
mod measures;
mod origins;
#[cfg(feature = "otel")]
pub mod otel;
mod rates;
mod session;
mod settings;
mod subscriptions;
mod uploads;

pub use graphql::{Schema, schema};
pub use http::{Access, ServedRoute, endpoint, endpoint_with, routes};
pub use measures::{Metrics, MetricsError, describe_metrics};
pub use origins::{AllowedOrigin, InvalidOrigin};
pub use settings::Settings;
