//! AppEngine: devices, groups, values.

mod devices;
mod groups;
mod read;
mod tables;
mod write;

use poem::http::{Method, StatusCode};
use serde_json::json;

use super::request::{ApiError, ApiRequest, Reply, device_id, parse_time};
use crate::DeviceId;
use crate::mqtt::Realms as _;
use crate::realm::RealmState;
use crate::shared::Shared;

pub(super) fn handle(shared: &Shared, request: &mut ApiRequest) -> Result<Reply, ApiError> {
    let name = request.take_realm().ok_or_else(ApiError::not_found)?;
    let realm = shared.realm(&name).ok_or_else(ApiError::unauthorized)?;
    let mut realm = realm.lock();
    let realm = &mut *realm;
    realm.key.authorize("a_aea", request)?;
    match (&request.method, request.segments().as_slice()) {
        (&Method::GET, ["version"]) => Ok(Reply::data(shared.version.clone())),
        (&Method::GET, ["stats", "devices"]) => {
            let connected = realm.devices.values().filter(|device| device.connection.is_some()).count();
            Ok(Reply::data(json!({
                "total_devices": realm.devices.len(), "connected_devices": connected,
            })))
        }
        (&Method::GET, ["devices"]) => {
            let self_path = format!("/v1/{name}/devices");
            Ok(devices::list(realm, request, &self_path, |_| true)?.into())
        }
        (_, ["devices", id, rest @ ..]) => {
            let id = device_id(id)?;
            device(realm, request, id, rest)
        }
        (&Method::GET, ["devices-by-alias"]) => {
            Err(ApiError::detail(StatusCode::METHOD_NOT_ALLOWED, "Cannot list devices by alias"))
        }
        // Broken in Astarte, too: clients look the id up first.
        (&Method::PATCH, ["devices-by-alias", _]) => Err(ApiError::bad_request()),
        (_, ["devices-by-alias", alias, rest @ ..]) => {
            let id = realm.device_by_alias(alias).ok_or_else(ApiError::device_not_found)?;
            device(realm, request, id, rest)
        }
        (_, ["groups", rest @ ..]) => groups::handle(realm, request, rest),
        _ => Err(ApiError::not_found()),
    }
}

/// Everything below one device, however the device was named.
fn device(
    realm: &mut RealmState,
    request: &ApiRequest,
    id: DeviceId,
    path: &[&str],
) -> Result<Reply, ApiError> {
    let device = realm.devices.get(&id).ok_or_else(ApiError::device_not_found)?;
    match (&request.method, path) {
        (&Method::GET, []) => Ok(Reply::data(device.status(&realm.groups_of(id)))),
        (&Method::PATCH, []) => devices::patch(realm, request, id),
        (&Method::GET, ["interfaces"]) => {
            Ok(Reply::data(device.introspection.keys().cloned().collect::<Vec<_>>()))
        }
        (&Method::GET, ["interfaces", interface, path @ ..]) => {
            read::values(realm, request, id, interface, path)
        }
        (&Method::PUT | &Method::POST, ["interfaces", interface, path @ ..]) => {
            write::set(realm, request, id, interface, path)
        }
        (&Method::DELETE, ["interfaces", interface, path @ ..]) => write::unset(realm, id, interface, path),
        _ => Err(ApiError::not_found()),
    }
}
