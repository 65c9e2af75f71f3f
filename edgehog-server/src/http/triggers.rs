//! Where Astarte posts its events.

use std::sync::Arc;

use edgehog_engine::{Event, EventError, TRIGGER_SECRET_HEADER, Tenant, TriggerEvent, UntrustedEvent};
use metrics::counter;
use poem::http::{HeaderValue, StatusCode};
use poem::web::{Data, Path};
use poem::{Body, Request, Response, handler};

use super::error::Refusal;
use super::{State, auth, body};

const REALM: &str = "astarte-realm";

/// Answers 200 once the event is committed. Astarte sends an event again after a 5xx and drops it after a 4xx.
#[handler]
pub(crate) async fn receive(
    request: &Request,
    body: Body,
    Data(state): Data<&Arc<State>>,
    Path(slug): Path<String>,
) -> Result<Response, Refusal> {
    let tenant = auth::tenant(&state.engine, &slug).await?;
    let mut kind = "unknown";
    let answer = take_in(request, body, state, &tenant, &mut kind).await;
    let status = answer.as_ref().map_or_else(|refusal| refusal.0, |()| StatusCode::OK);
    let status = match status {
        StatusCode::OK => "200",
        StatusCode::BAD_REQUEST => "400",
        StatusCode::NOT_FOUND => "404",
        StatusCode::UNPROCESSABLE_ENTITY => "422",
        StatusCode::INTERNAL_SERVER_ERROR => "500",
        StatusCode::SERVICE_UNAVAILABLE => "503",
        _ => "other",
    };
    counter!("edgehog_trigger_events_total", "kind" => kind, "status" => status).increment(1);
    state.tenants.event(&tenant);
    answer.map(|()| Response::builder().status(StatusCode::OK).finish())
}

/// `kind` is set as soon as it is known.
async fn take_in(
    request: &Request,
    body: Body,
    state: &State,
    tenant: &Tenant,
    kind: &mut &'static str,
) -> Result<(), Refusal> {
    let slug = &tenant.info().slug;
    auth::accepts_json(request.headers())?;
    let mut realms = request.headers().get_all(REALM).iter();
    let (Some(Ok(realm)), None) = (realms.next().map(|realm| realm.to_str()), realms.next()) else {
        tracing::warn!(tenant = slug, "an event without exactly one Astarte-Realm header was dropped");
        return Err(Refusal::BAD_REQUEST);
    };
    // Before the body: nobody has to listen to strangers.
    if let Err(untrusted) = tenant.verify_trigger(secret(request)) {
        tracing::warn!(tenant = slug, realm, error = %untrusted, "an event was refused");
        return Err(match untrusted {
            UntrustedEvent::Missing => Refusal::UNAUTHORIZED,
            UntrustedEvent::Wrong => Refusal::FORBIDDEN,
            _ => Refusal::UNAVAILABLE,
        });
    }
    let body = body::read(body).await?;
    let event = TriggerEvent::parse_lenient(&body).map_err(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(tenant = slug, realm, error, "an event of unknown form was dropped");
        Refusal::BAD_REQUEST
    })?;
    *kind = named(&event.event);
    if !state.events.admits(tenant.info().tenant_id) {
        tracing::warn!(tenant = slug, realm, "an event came too early, for the tenant has too many");
        state.tenants.refused(tenant, "event");
        return Err(Refusal::UNAVAILABLE);
    }
    state.engine.ingest(tenant, realm, &event).await.map_err(|failure| {
        let error = &failure as &dyn std::error::Error;
        let device = event.device_id.as_str();
        tracing::error!(
            tenant = slug,
            realm,
            device,
            trigger = event.trigger_name,
            error,
            "an event was not taken in"
        );
        match failure {
            EventError::UnknownRealm => Refusal::NOT_FOUND,
            EventError::Busy | EventError::ShuttingDown => Refusal::UNAVAILABLE,
            EventError::UnknownDevice | EventError::InvalidValue { .. } | EventError::Unacceptable(_) => {
                Refusal::UNPROCESSABLE
            }
            _ => Refusal::INTERNAL,
        }
    })
}

/// What an event is counted as.
const fn named(event: &Event) -> &'static str {
    match event {
        Event::DeviceConnected { .. } => "device_connected",
        Event::DeviceDisconnected => "device_disconnected",
        Event::DeviceError { .. } => "device_error",
        Event::DeviceRegistered => "device_registered",
        Event::DeviceDeletionStarted => "device_deletion_started",
        Event::DeviceDeletionFinished => "device_deletion_finished",
        Event::IncomingData { .. } => "incoming_data",
        _ => "other",
    }
}

/// What is shown as the secret of the realm, where that is one thing.
fn secret(request: &Request) -> Option<&[u8]> {
    let mut shown = request.headers().get_all(TRIGGER_SECRET_HEADER).iter();
    shown.next().filter(|_| shown.next().is_none()).map(HeaderValue::as_bytes)
}
