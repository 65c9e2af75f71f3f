//! Requests in, answers out. What they mean is the engine's affair.

mod auth;
mod error;
mod graphql;
mod layers;
mod triggers;

use std::sync::Arc;

use edgehog_engine::Engine;
use poem::endpoint::BoxEndpoint;
use poem::middleware::{NormalizePath, TrailingSlash};
use poem::web::Json;
use poem::{EndpointExt, Response, Route, get, handler, post};
use serde_json::json;

use crate::graphql::Schema;

/// What every handler may use.
pub(crate) struct State {
    engine: Engine,
    schema: Schema,
}

/// The whole server as an endpoint, to be served by poem or nested into a program's own routes.
///
/// ```no_run
/// use poem::{Server, listener::TcpListener};
///
/// # async fn example(engine: edgehog_engine::Engine) -> std::io::Result<()> {
/// let endpoint = edgehog_server::endpoint(engine);
/// Server::new(TcpListener::bind("[::]:4000")).run(endpoint).await
/// # }
/// ```
#[must_use]
pub fn endpoint(engine: Engine) -> BoxEndpoint<'static, Response> {
    let state = Arc::new(State { engine, schema: crate::graphql::schema() });
    let api = Route::new()
        .at("/version", get(version))
        .at("/tenants/:slug/api", get(graphql::query).post(graphql::execute))
        .at("/tenants/:slug/triggers", post(triggers::receive))
        .data(state)
        .around(layers::cors)
        .around(layers::observe);
    Route::new()
        .at("/health", get(health))
        .nest("/", api)
        .with(NormalizePath::new(TrailingSlash::Trim))
        .catch_all_error(error::render)
        .boxed()
}

/// Alive, whatever the database does: a server that is restarted for a database's trouble only adds to it.
#[handler]
fn health() -> &'static str {
    "OK"
}

#[handler]
fn version() -> Json<serde_json::Value> {
    Json(json!({ "version": env!("CARGO_PKG_VERSION") }))
}
