#![doc = include_str!("../README.md")]

mod graphql;
mod http;

pub use graphql::{Schema, schema};
pub use http::endpoint;
