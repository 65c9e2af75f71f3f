//! How requests are made: the same for all services.

mod api;
mod config;
mod middleware;
mod request;
mod token;

pub(crate) use self::api::{Api, Http, malformed};
pub use self::config::HttpConfig;
pub use self::middleware::{Middleware, Next};
pub(crate) use self::request::Request;
pub(crate) use self::token::TokenSource;
