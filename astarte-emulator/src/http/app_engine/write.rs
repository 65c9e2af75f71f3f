//! Writing values of interfaces that the server owns.

use std::sync::Arc;

use astarte_interfaces::schema::{Mapping, MappingType};
use bson::{Bson, Document};
use chrono::{DateTime, Utc};
use mqttbytes::QoS;
use poem::http::StatusCode;
use serde_json::{Value as Json, json};

use super::read::{endpoint_not_found, interface};
use super::{ApiError, ApiRequest, Reply};
use crate::DeviceId;
use crate::ingest::value_payload;
use crate::interfaces::{InterfaceDef, PathError, time_to_live};
use crate::realm::{Object, RealmState, Sample, expiry};
use crate::value::{Value, ValueError, type_name};

pub(super) fn set(
    realm: &mut RealmState,
    request: &ApiRequest,
    id: DeviceId,
    name: &str,
    path: &[&str],
) -> Result<Reply, ApiError> {
    let data = request.data()?;
    let interface = writable(realm, id, name)?;
    let path = format!("/{}", path.join("/"));
    if interface.is_object() {
        set_object(realm, id, &interface, &path, &data)?;
    } else {
        let mapping = endpoint(&interface, &path)?;
        set_individual(realm, id, &interface, mapping, &path, &data)?;
    }
    Ok(Reply::data(data))
}

fn set_individual(
    realm: &mut RealmState,
    id: DeviceId,
    interface: &InterfaceDef,
    mapping: &Mapping<String>,
    path: &str,
    data: &Json,
) -> Result<(), ApiError> {
    let value = parse(mapping.mapping_type(), data)?;
    let now = Utc::now();
    publish(realm, id, interface, mapping, path, value.to_bson(), now)?;
    let expires = expiry(now, time_to_live(mapping), realm.max_retention);
    let device = realm.devices.get_mut(&id).ok_or_else(ApiError::device_not_found)?;
    if interface.is_properties() {
        let properties = &mut device.data_mut(interface.name(), interface.major()).properties;
        properties.insert(path.to_owned(), value);
    } else {
        let sample = Sample { timestamp: now, reception: now, expires, value };
        device.store_individual(interface.name(), interface.major(), path, sample);
    }
    Ok(())
}

fn set_object(
    realm: &mut RealmState,
    id: DeviceId,
    interface: &InterfaceDef,
    path: &str,
    data: &Json,
) -> Result<(), ApiError> {
    let not_found = |_| ApiError::detail(StatusCode::NOT_FOUND, "Path not found");
    interface.resolve_base(path).map_err(not_found)?;
    let members = data.as_object().ok_or_else(|| unexpected_type("object"))?;
    let mut object = Object::new();
    for (key, value) in members {
        let mapping = interface
            .object_key(key)
            .ok_or_else(|| ApiError::detail(StatusCode::BAD_REQUEST, "Unexpected object key"))?;
        object.insert(key.clone(), parse(mapping.mapping_type(), value)?);
    }
    let Some(mapping) = interface.mappings().first() else { return Err(endpoint_not_found()) };
    let document: Document = object.iter().map(|(key, value)| (key.clone(), value.to_bson())).collect();
    let now = Utc::now();
    publish(realm, id, interface, mapping, path, document.into(), now)?;
    let expires = expiry(now, time_to_live(mapping), realm.max_retention);
    let sample = Sample { timestamp: now, reception: now, expires, value: object };
    let device = realm.devices.get_mut(&id).ok_or_else(ApiError::device_not_found)?;
    device.store_object(interface.name(), interface.major(), path, sample);
    Ok(())
}

pub(super) fn unset(
    realm: &mut RealmState,
    id: DeviceId,
    name: &str,
    path: &[&str],
) -> Result<Reply, ApiError> {
    let interface = writable(realm, id, name)?;
    let path = format!("/{}", path.join("/"));
    if !interface.is_properties() {
        return Err(read_only());
    }
    let mapping = endpoint(&interface, &path)?;
    if !mapping.allow_unset().unwrap_or_default() {
        return Err(ApiError::detail(StatusCode::UNPROCESSABLE_ENTITY, "Unset not allowed"));
    }
    realm.send(id, &format!("/{name}{path}"), Vec::new().into(), QoS::ExactlyOnce);
    let device = realm.devices.get_mut(&id).ok_or_else(ApiError::device_not_found)?;
    device.data_mut(name, interface.major()).properties.remove(&path);
    Ok(Reply::no_content())
}

/// Sends a value to the device. Only a datastream that promises delivery fails when nobody listens: a property is
/// read again at the next synchronisation, an unreliable value may be lost.
fn publish(
    realm: &mut RealmState,
    id: DeviceId,
    interface: &InterfaceDef,
    mapping: &Mapping<String>,
    path: &str,
    value: Bson,
    now: DateTime<Utc>,
) -> Result<(), ApiError> {
    let qos = interface.qos(mapping);
    let suffix = format!("/{}{path}", interface.name());
    let stamped = realm.server_timestamps && mapping.explicit_timestamp().unwrap_or_default();
    let timestamp = stamped.then_some(now);
    let listening = realm.send(id, &suffix, value_payload(value, timestamp).into(), qos);
    if !listening && !interface.is_properties() && qos != QoS::AtMostOnce {
        return Err(ApiError::detail(StatusCode::SERVICE_UNAVAILABLE, "Cannot push to device"));
    }
    Ok(())
}

fn writable(realm: &RealmState, id: DeviceId, name: &str) -> Result<Arc<InterfaceDef>, ApiError> {
    let interface = interface(realm, id, name)?;
    if !interface.is_server_owned() {
        let detail = "Cannot write to device owned resource";
        return Err(ApiError::detail(StatusCode::METHOD_NOT_ALLOWED, detail));
    }
    Ok(interface)
}

fn endpoint<'a>(interface: &'a InterfaceDef, path: &str) -> Result<&'a Mapping<String>, ApiError> {
    interface.resolve(path).map_err(|error| match error {
        PathError::Incomplete => read_only(),
        // The interface itself was addressed: as incomplete as a path can be.
        PathError::Invalid if path == "/" => read_only(),
        PathError::Invalid | PathError::NoEndpoint => endpoint_not_found(),
    })
}

fn parse(mapping_type: MappingType, json: &Json) -> Result<Value, ApiError> {
    Value::from_json(mapping_type, json).map_err(|error| match error {
        ValueError::UnexpectedType => unexpected_type(type_name(mapping_type)),
        ValueError::TooLarge => {
            ApiError::detail(StatusCode::UNPROCESSABLE_ENTITY, "Value size exceeds size limits")
        }
    })
}

fn unexpected_type(expected: &str) -> ApiError {
    ApiError::fields(json!({"detail": "Unexpected value type", "expected_type": expected}))
}

fn read_only() -> ApiError {
    ApiError::detail(StatusCode::METHOD_NOT_ALLOWED, "Cannot write to read-only resource")
}
