//! Pairing: registration of devices, and their certificates.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use poem::http::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value as Json, json};

use super::auth::bearer;
use super::request::{ApiError, ApiRequest, Reply};
use crate::DeviceId;
use crate::ca::Verdict;
use crate::mqtt::Realms as _;
use crate::realm::{RealmState, RegisterError, secret_matches};
use crate::shared::Shared;

pub(super) fn handle(shared: &Shared, request: &mut ApiRequest) -> Result<Reply, ApiError> {
    let name = request.take_realm().ok_or_else(ApiError::not_found)?;
    let realm = shared.realm(&name).ok_or_else(ApiError::forbidden)?;
    let mut realm = realm.lock();
    match (&request.method, request.segments().as_slice()) {
        (&Method::GET, ["version"]) => Ok(Reply::data(shared.version.clone())),
        (&Method::GET, ["health"]) => Ok(Reply::empty(StatusCode::OK)),
        (_, ["agent", rest @ ..]) => {
            realm.key.authorize("a_pa", request)?;
            agent(&mut realm, request, rest)
        }
        (_, ["devices", id, rest @ ..]) => {
            let id = id.parse().map_err(|_| ApiError::device_not_found())?;
            device(shared, &mut realm, request, id, rest)
        }
        _ => Err(ApiError::detail(StatusCode::NOT_FOUND, "Page not found")),
    }
}

fn agent(realm: &mut RealmState, request: &ApiRequest, path: &[&str]) -> Result<Reply, ApiError> {
    match (&request.method, path) {
        (&Method::POST, ["devices"]) => register(realm, &request.data_object()?),
        (&Method::DELETE, ["devices", id]) => {
            let id = id.parse().map_err(|_| ApiError::bad_request())?;
            if realm.unregister(id) { Ok(Reply::no_content()) } else { Err(ApiError::device_not_found()) }
        }
        _ => Err(ApiError::detail(StatusCode::NOT_FOUND, "Page not found")),
    }
}

fn register(realm: &mut RealmState, data: &Map<String, Json>) -> Result<Reply, ApiError> {
    let id = data.get("hw_id").and_then(Json::as_str);
    let id = id.ok_or_else(|| ApiError::field("hw_id", "can't be blank"))?;
    let id: DeviceId =
        id.parse().map_err(|_| ApiError::field("hw_id", "is not a valid base64 encoded 128 bits id"))?;
    let introspection = initial_introspection(data)?;
    let secret = realm.register(id, introspection).map_err(|error| {
        let detail = match error {
            RegisterError::HasCredentials => "Device already registered",
            RegisterError::LimitReached => "Device registration limit reached",
        };
        ApiError::detail(StatusCode::UNPROCESSABLE_ENTITY, detail)
    })?;
    Ok(Reply::created(None, Some(json!({"credentials_secret": secret.expose_secret()}))))
}

fn initial_introspection(data: &Map<String, Json>) -> Result<BTreeMap<String, (i32, i32)>, ApiError> {
    let invalid = |message| ApiError::field("initial_introspection", message);
    let Some(given) = data.get("initial_introspection").filter(|given| !given.is_null()) else {
        return Ok(BTreeMap::new());
    };
    let version = |json: &Json| json.as_i64().and_then(|n| i32::try_from(n).ok()).filter(|n| *n >= 0);
    given
        .as_object()
        .ok_or_else(|| invalid("is invalid"))?
        .iter()
        .map(|(name, entry)| match (version(&entry["major"]), version(&entry["minor"])) {
            (Some(0), Some(0)) | (None, _) | (_, None) => Err(invalid("has invalid versions")),
            (Some(major), Some(minor)) => Ok((name.clone(), (major, minor))),
        })
        .collect()
}

/// Routes for the device itself, which shows its credentials secret.
fn device(
    shared: &Shared,
    realm: &mut RealmState,
    request: &ApiRequest,
    id: DeviceId,
    path: &[&str],
) -> Result<Reply, ApiError> {
    const MQTT: &str = "astarte_mqtt_v1";
    let secret = bearer(request).ok_or_else(ApiError::unauthorized)?;
    let common_name = realm.base_topic(id);
    let device = realm.devices.get_mut(&id).ok_or_else(ApiError::device_not_found)?;
    if !secret_matches(device.secret.as_ref(), secret) {
        return Err(ApiError::forbidden());
    }
    match (&request.method, path) {
        (&Method::GET, []) => {
            let status = match device.first_credentials_request {
                _ if device.credentials_inhibited => "inhibited",
                None => "pending",
                Some(_) => "confirmed",
            };
            Ok(Reply::data(json!({
                "version": shared.version,
                "status": status,
                "protocols": { MQTT: {"broker_url": shared.broker_url} },
            })))
        }
        (&Method::POST, ["protocols", MQTT, "credentials"]) => {
            let data = request.data_object()?;
            let csr = data.get("csr").and_then(Json::as_str);
            let csr = csr.ok_or_else(|| ApiError::field("csr", "can't be blank"))?;
            if device.credentials_inhibited {
                return Err(ApiError::forbidden());
            }
            let issued = shared
                .ca
                .issue(csr, &common_name)
                .map_err(|_| ApiError::field("csr", "is not a valid PEM CSR"))?;
            device.certificate = Some(issued.fingerprint);
            device.first_credentials_request.get_or_insert_with(Utc::now);
            device.last_credentials_request_ip = request.peer;
            Ok(Reply::created(None, Some(json!({"client_crt": issued.pem}))))
        }
        (&Method::POST, ["protocols", MQTT, "credentials", "verify"]) => {
            let data = request.data_object()?;
            let certificate = data.get("client_crt").and_then(Json::as_str);
            let certificate = certificate.ok_or_else(|| ApiError::field("client_crt", "can't be blank"))?;
            let verdict = shared.ca.verify(certificate, device.certificate.as_ref(), &common_name);
            let now = spaced(Utc::now());
            Ok(Reply::data(match verdict {
                Verdict::Valid { until } => {
                    json!({"valid": true, "timestamp": now, "until": spaced(until)})
                }
                Verdict::Invalid { cause } => {
                    json!({"valid": false, "timestamp": now, "cause": cause, "details": null})
                }
            }))
        }
        _ => Err(ApiError::detail(StatusCode::NOT_FOUND, "Page not found")),
    }
}

/// Verification prints times with a space where the standard has a `T`.
fn spaced(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true).replacen('T', " ", 1)
}
