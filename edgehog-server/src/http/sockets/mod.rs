//! Sockets for subscriptions: that of the stock console, and the standard ones.

mod connection;
mod phoenix;
mod protocol;
mod standard;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use edgehog_engine::Tenant;
use poem::error::ResponseError;
use poem::http::{HeaderMap, StatusCode, header};
use poem::web::websocket::{WebSocket, WebSocketConfig};
use poem::web::{Data, Path};
use poem::{IntoResponse, Request, Response, handler};
use tracing::Instrument;
use url::form_urlencoded;

use self::phoenix::Phoenix;
use self::protocol::Protocol;
use self::standard::{Dialect, Standard};
use super::error::Refusal;
use super::{State, auth, session};
use crate::measures::socket_refused;
use crate::origins;
use crate::session::Session;
use crate::settings::Settings;

/// A parameter in the URL, where it has one.
fn parameter<'r>(request: &'r Request, name: &str) -> Option<Cow<'r, str>> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == name).then_some(value))
}

/// The socket of Phoenix. Whoever is refused is told nothing but 403.
#[handler]
pub(crate) async fn phoenix_socket(
    request: &Request,
    socket: WebSocketOrNot,
    state: Data<&Arc<State>>,
) -> Response {
    let state = state.0;
    match phoenix_user(state, request).await {
        Ok((tenant, version)) => open(state, tenant, socket, Phoenix::new(version), &[]),
        Err(refusal) => {
            socket_refused("forbidden");
            match refusal {
                Refusal(StatusCode::INTERNAL_SERVER_ERROR) => Refusal::INTERNAL.0.into(),
                _ => StatusCode::FORBIDDEN.into(),
            }
        }
    }
}

/// What was asked for as a socket, or else why it was none: who is refused is refused first.
type WebSocketOrNot = poem::Result<WebSocket>;

async fn phoenix_user(state: &State, request: &Request) -> Result<(Tenant, phoenix::Version), Refusal> {
    let headers = request.headers();
    if let Some(origin) = headers.get(header::ORIGIN) {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let admitted =
            origin.to_str().is_ok_and(|it| origins::admits(&state.settings.allowed_origins, host, it));
        if !admitted {
            tracing::info!(?origin, "refused: the page's origin is not one of those allowed");
            return Err(Refusal::FORBIDDEN);
        }
    }
    let version = phoenix::Version::of(parameter(request, "vsn").as_deref()).ok_or(Refusal::FORBIDDEN)?;
    let token = parameter(request, "token").ok_or(Refusal::FORBIDDEN)?;
    let slug = parameter(request, "tenant").ok_or(Refusal::FORBIDDEN)?;
    let tenant = auth::tenant(&state.engine, &slug).await?;
    auth::subscriber_of(state, &tenant, &token)?;
    Ok((tenant, version))
}

/// The sockets of `graphql-transport-ws`, and of its elder `graphql-ws`. The token may come with the request, or in the
/// first message.
#[handler]
pub(crate) async fn standard_socket(
    request: &Request,
    socket: WebSocketOrNot,
    state: Data<&Arc<State>>,
    Path(slug): Path<String>,
) -> Result<Response, Refusal> {
    let state = state.0;
    let tenant = auth::tenant(&state.engine, &slug).await?;
    let token = auth::bearer(request.headers()).map(str::to_owned);
    let token = token.or_else(|| parameter(request, "token").map(Cow::into_owned));
    if let Some(token) = &token {
        auth::subscriber_of(state, &tenant, token).inspect_err(|_| socket_refused("forbidden"))?;
    }
    let known = token.is_some();
    let dialect = dialect(request.headers()).ok_or(Refusal::BAD_REQUEST)?;
    let (door, user) = (state.clone(), tenant.clone());
    let admits = move |given: Option<&str>| match given {
        Some(token) => auth::subscriber_of(&door, &user, token).is_ok(),
        None => known,
    };
    Ok(open(state, tenant, socket, Standard::new(dialect, admits), &[dialect.name()]))
}

/// The first protocol of the client's that is one of ours.
fn dialect(headers: &HeaderMap) -> Option<Dialect> {
    let wanted = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    wanted.split(',').find_map(|name| Dialect::named(name.trim()))
}

fn open(
    state: &Arc<State>,
    tenant: Tenant,
    socket: WebSocketOrNot,
    protocol: impl Protocol + Sync + 'static,
    names: &[&'static str],
) -> Response {
    let Ok(socket) = socket else { return Refusal::BAD_REQUEST.as_response() };
    let slug = tenant.info().slug.clone();
    let Some(place) = state.sockets.take(tenant.info().tenant_id) else {
        socket_refused("too_many");
        state.tenants.refused(&tenant, "socket");
        tracing::warn!(tenant = slug, "a socket was refused: the tenant has too many");
        return StatusCode::TOO_MANY_REQUESTS.into();
    };
    let (session, settings) = (session(state, tenant), state.settings.clone());
    let span = tracing::info_span!("socket", tenant = slug);
    span.in_scope(|| upgrade(socket.protocols(names.to_vec()), protocol, session, settings, place))
}

/// Serves the socket as soon as it is one. `place` is kept until it ends.
fn upgrade(
    socket: WebSocket,
    protocol: impl Protocol + Sync + 'static,
    session: Session,
    settings: Arc<Settings>,
    place: impl Send + Sync + 'static,
) -> Response {
    let largest = Some(settings.limits.message_bytes);
    let config = WebSocketConfig::default().max_message_size(largest).max_frame_size(largest);
    let span = tracing::Span::current();
    let upgraded = socket.config(config).on_upgrade(move |socket| {
        let sockets = settings.sockets.clone();
        let served = async move {
            connection::serve(socket, protocol, session, settings).await;
            drop(place);
        };
        sockets.track_future(served).instrument(span)
    });
    upgraded.into_response()
}
