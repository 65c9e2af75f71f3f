//! Requests in, answers out. What they mean is the engine's affair.

pub(crate) mod auth;
pub(crate) mod body;
mod error;
mod files;
mod graphql;
mod layers;
mod ready;
mod routes;
mod sockets;
mod triggers;

use std::sync::Arc;

use edgehog_engine::{Engine, Tenant};
use poem::endpoint::BoxEndpoint;
use poem::web::{Data, Json};
use poem::{IntoResponse, Response, handler};
use serde_json::json;

use self::error::Refusal;
pub use self::routes::{Access, ServedRoute, routes};
use crate::documents::TenantDocuments;
use crate::graphql::Schema;
use crate::measures::{Operations, Requests, Tenants};
use crate::rates::{Guesses, Rate};
use crate::session::Session;
use crate::settings::Settings;
use crate::subscriptions::{Hub, Quota};

/// What every handler may use.
pub(crate) struct State {
    engine: Engine,
    schema: Schema,
    settings: Arc<Settings>,
    hub: Hub,
    sockets: Quota,
    readiness: ready::Readiness,
    operations: Arc<Operations>,
    requests: Arc<Rate>,
    events: Rate,
    guesses: Guesses,
    tenants: Arc<Tenants>,
}

/// The documents of a tenant's user.
fn session(state: &State, tenant: Tenant) -> Session {
    let gone = tenant.gone().clone();
    let documents = TenantDocuments {
        schema: state.schema.clone(),
        tenant,
        operations: state.operations.clone(),
        rate: state.requests.clone(),
        tenants: state.tenants.clone(),
        timeout: state.settings.limits.request,
    };
    Session { documents: Arc::new(documents), hub: state.hub.clone(), gone }
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
    endpoint_with(engine, Settings::default())
}

/// The same as [`endpoint`], in a way of one's own.
#[must_use]
pub fn endpoint_with(engine: Engine, settings: Settings) -> BoxEndpoint<'static, Response> {
    let (schema, limits) = (crate::graphql::schema(), &settings.limits);
    let https = engine.public_url().scheme() == "https";
    let requests = Arc::new(Requests::default());
    let state = Arc::new(State {
        readiness: ready::Readiness::new(engine.clone()),
        engine,
        hub: Hub::new(limits),
        sockets: Quota::new(limits.sockets_per_tenant),
        operations: Arc::new(Operations::new(&schema)),
        requests: Arc::new(Rate::new(limits.requests_per_second)),
        events: Rate::new(limits.events_per_second),
        guesses: Guesses::new(Rate::new(limits.wrong_tokens_per_second)),
        tenants: Arc::default(),
        schema,
        settings: Arc::new(settings),
    });
    routes::serve(state, requests, https)
}

/// Alive, whatever the database does: a server that is restarted for a database's trouble only adds to it.
#[handler]
fn health() -> &'static str {
    "OK"
}

/// What has been counted, for Prometheus.
#[handler]
fn metrics(Data(state): Data<&Arc<State>>) -> Result<Response, Refusal> {
    let metrics = state.settings.metrics.as_ref().ok_or(Refusal::UNAVAILABLE)?;
    state.engine.sample_metrics();
    Ok(metrics.render().with_content_type("text/plain; version=0.0.4; charset=utf-8").into_response())
}

#[handler]
fn version() -> Json<serde_json::Value> {
    Json(json!({ "version": env!("CARGO_PKG_VERSION") }))
}
