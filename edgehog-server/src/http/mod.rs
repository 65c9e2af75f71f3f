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
use poem::web::Json;
use poem::{Response, handler};
use serde_json::json;

pub use self::routes::{Access, ServedRoute, routes};
use crate::documents::TenantDocuments;
use crate::graphql::Schema;
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
}

/// The documents of a tenant's user.
fn session(state: &State, tenant: Tenant) -> Session {
    let gone = tenant.gone().clone();
    let documents = TenantDocuments { schema: state.schema.clone(), tenant };
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
    let state = Arc::new(State {
        readiness: ready::Readiness::new(engine.clone()),
        engine,
        schema: crate::graphql::schema(),
        hub: Hub::new(&settings.limits),
        sockets: Quota::new(settings.limits.sockets_per_tenant),
        settings: Arc::new(settings),
    });
    routes::serve(state)
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
