//! Where Astarte posts its events.

use std::sync::Arc;

use edgehog_engine::{EventError, TRIGGER_SECRET_HEADER, TriggerEvent, UntrustedEvent};
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
    state.engine.ingest(&tenant, realm, &event).await.map_err(|failure| {
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
    })?;
    Ok(Response::builder().status(StatusCode::OK).finish())
}

/// What is shown as the secret of the realm, where that is one thing.
fn secret(request: &Request) -> Option<&[u8]> {
    let mut shown = request.headers().get_all(TRIGGER_SECRET_HEADER).iter();
    shown.next().filter(|_| shown.next().is_none()).map(HeaderValue::as_bytes)
}
