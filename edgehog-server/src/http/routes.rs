//! All routes of the server, in one table. What is not in it is not served, and what is in it is tried by the tests with
//! every wrong token.

use std::collections::BTreeMap;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem::middleware::{NormalizePath, TrailingSlash};
use poem::{Endpoint, EndpointExt, Response, Route, RouteMethod};

use super::{State, error, files, graphql, health, layers, metrics, ready, sockets, triggers, version};
use crate::admin;
use crate::measures::Requests;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Everybody: it tells nothing of any tenant.
    Anyone,
    /// Holders of a token of the tenant that the path names, which they send as a bearer token.
    TenantToken,
    /// Holders of such a token, who may also send it in the URL or in the first message: a web page can give a socket no
    /// header. The tenant is named by the path or by the parameter `tenant`.
    SocketToken,
    /// Holders of an administrator's token, which they send as a bearer token.
    AdminToken,
    /// Holders of a URL that the storage signed.
    SignedUrl,
    /// Astarte, which shows the secret of the realm that its header names, and which is the tenant's. Where a tenant was
    /// made without such a secret, the operator's network decides who can be Astarte.
    Astarte,
}

/// A route that the server has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServedRoute {
    /// The method. `HEAD` goes wherever `GET` does.
    pub method: Method,
    /// The path: a segment that begins with `:` stands for any segment, one that begins with `*` for all that follow.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
}

/// All routes of [`endpoint`](crate::endpoint), for those who set up a proxy or a firewall before it.
///
/// ```
/// use edgehog_server::{Access, routes};
///
/// let open: Vec<_> = routes().into_iter().filter(|route| route.access == Access::Anyone).collect();
/// assert!(open.iter().any(|route| route.path == "/health"));
/// ```
#[must_use]
pub fn routes() -> Vec<ServedRoute> {
    let own = table().into_iter().map(|entry| entry.route);
    own.chain(admin::OPERATIONS.map(|(method, path, access)| ServedRoute { method, path, access })).collect()
}

/// What happens around a route's requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    /// Nothing: whoever watches the process asks too often for a log.
    Nothing,
    /// They are logged. Who opens a socket says where the page is from, and is not told how other pages fare.
    Log,
    /// They are logged, and pages of any origin may send them.
    LogAndCors,
}

struct Entry {
    route: ServedRoute,
    around: Around,
    endpoint: BoxEndpoint<'static>,
}

/// One line for each route. Those of the admin API are in [`admin::OPERATIONS`].
fn table() -> Vec<Entry> {
    use Access::{Anyone, Astarte, SignedUrl, SocketToken, TenantToken};
    use Around::{Log, LogAndCors, Nothing};
    vec![
        at(Method::GET, "/health", Anyone, Nothing, health),
        at(Method::GET, "/metrics", Anyone, Nothing, metrics),
        at(Method::GET, "/ready", Anyone, Nothing, ready::ready),
        at(Method::GET, "/version", Anyone, LogAndCors, version),
        at(Method::GET, "/tenants/:slug/api", TenantToken, LogAndCors, graphql::serve),
        at(Method::POST, "/tenants/:slug/api", TenantToken, LogAndCors, graphql::serve),
        at(Method::GET, "/tenants/:slug/api/socket", SocketToken, LogAndCors, sockets::standard_socket),
        at(Method::GET, "/socket/websocket", SocketToken, Log, sockets::phoenix_socket),
        at(Method::POST, "/tenants/:slug/triggers", Astarte, LogAndCors, triggers::receive),
        at(Method::GET, "/storage/*key", SignedUrl, LogAndCors, files::serve),
        at(Method::PUT, "/storage/*key", SignedUrl, LogAndCors, files::receive),
    ]
}

fn at(
    method: Method,
    path: &'static str,
    access: Access,
    around: Around,
    endpoint: impl Endpoint<Output = Response> + 'static,
) -> Entry {
    Entry { route: ServedRoute { method, path, access }, around, endpoint: endpoint.boxed() }
}

/// The routes with the same surroundings.
fn those(around: Around) -> Route {
    let mut paths: BTreeMap<&str, RouteMethod> = BTreeMap::new();
    for Entry { route, endpoint, .. } in table().into_iter().filter(|entry| entry.around == around) {
        let methods = paths.remove(route.path).unwrap_or_default();
        paths.insert(route.path, methods.method(route.method, endpoint));
    }
    paths.into_iter().fold(Route::new(), |routes, (path, methods)| routes.at(path, methods))
}

/// Serves the table.
pub(super) fn serve(state: Arc<State>, requests: Arc<Requests>, https: bool) -> BoxEndpoint<'static> {
    let admin = admin::routes(state.engine.clone(), state.settings.admin_key.clone());
    let observed = requests.clone();
    let logged =
        those(Around::Log).around(move |next, request| layers::observe(next, request, requests.clone()));
    let open = those(Around::LogAndCors)
        .nest(admin::PREFIX, admin)
        .around(layers::cors)
        .around(move |next, request| layers::observe(next, request, observed.clone()));
    those(Around::Nothing)
        .nest_no_strip("/socket", logged)
        .nest("/", open)
        .data(state)
        .with(NormalizePath::new(TrailingSlash::Trim))
        .catch_all_error(error::render)
        .around(move |next, request| layers::secure(next, request, https))
        .boxed()
}
