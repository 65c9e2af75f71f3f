//! Groups of devices. A group exists while it has members.

use std::collections::BTreeSet;

use poem::http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::devices;
use crate::DeviceId;
use crate::http::request::{ApiError, ApiRequest, Reply, device_id};
use crate::realm::RealmState;

pub(super) fn handle(realm: &mut RealmState, request: &ApiRequest, path: &[&str]) -> Result<Reply, ApiError> {
    match (&request.method, path) {
        (&Method::GET, []) => Ok(Reply::data(realm.groups.keys().cloned().collect::<Vec<_>>())),
        (&Method::POST, []) => create(realm, request),
        (&Method::GET, [group]) => {
            members(realm, group)?;
            Ok(Reply::data(json!({"group_name": group})))
        }
        (&Method::GET, [group, "devices"]) => list(realm, request, group),
        (&Method::POST, [group, "devices"]) => add(realm, request, group),
        (&Method::DELETE, [group, "devices", id]) => remove(realm, group, device_id(id)?),
        (_, [group, "devices", id, rest @ ..]) => {
            let id = device_id(id)?;
            if !members(realm, group)?.contains(&id) {
                return Err(ApiError::device_not_found());
            }
            super::device(realm, request, id, rest)
        }
        _ => Err(ApiError::not_found()),
    }
}

fn members<'a>(realm: &'a RealmState, group: &str) -> Result<&'a BTreeSet<DeviceId>, ApiError> {
    realm.groups.get(group).ok_or_else(group_not_found)
}

fn create(realm: &mut RealmState, request: &ApiRequest) -> Result<Reply, ApiError> {
    let data = request.data_object()?;
    let name = data.get("group_name").and_then(Json::as_str).unwrap_or_default();
    let ids = data.get("devices").and_then(Json::as_array).filter(|ids| !ids.is_empty());
    let ids = ids.ok_or_else(|| ApiError::field("devices", "can't be blank"))?;
    if name.is_empty() {
        return Err(ApiError::field("group_name", "can't be blank"));
    }
    if name.starts_with(['@', '~']) {
        return Err(ApiError::field("group_name", "is not valid"));
    }
    let mut members = BTreeSet::new();
    for id in ids {
        let text = id.as_str().ok_or_else(ApiError::bad_request)?;
        let id = device_id(text)?;
        if !realm.devices.contains_key(&id) {
            return Err(ApiError::field("devices", &format!("must exist ({text} not found)")));
        }
        members.insert(id);
    }
    if realm.groups.contains_key(name) {
        return Err(ApiError::detail(StatusCode::CONFLICT, "Group already exists"));
    }
    realm.groups.insert(name.to_owned(), members);
    Ok(Reply::created(None, Some(json!({"group_name": name, "devices": ids}))))
}

/// A page past the end is 404, as an empty group does not exist.
fn list(realm: &RealmState, request: &ApiRequest, group: &str) -> Result<Reply, ApiError> {
    let members = members(realm, group)?;
    let self_path = format!("/v1/{}/groups/{group}/devices", realm.name);
    let page = devices::list(realm, request, &self_path, |device| members.contains(&device.id))?;
    if page.empty { Err(group_not_found()) } else { Ok(page.into()) }
}

fn add(realm: &mut RealmState, request: &ApiRequest, group: &str) -> Result<Reply, ApiError> {
    let data = request.data_object()?;
    let text = data.get("device_id").and_then(Json::as_str);
    let text = text.ok_or_else(|| ApiError::field("device_id", "can't be blank"))?;
    let id = text.parse().map_err(|_| ApiError::field("device_id", "is not a valid device id"))?;
    let known = realm.devices.contains_key(&id);
    let members = realm.groups.get_mut(group).ok_or_else(group_not_found)?;
    if !known {
        return Err(ApiError::field("device_id", "does not exist"));
    }
    if !members.insert(id) {
        return Err(ApiError::detail(StatusCode::CONFLICT, "Device already in group"));
    }
    Ok(Reply::created(None, None))
}

fn remove(realm: &mut RealmState, group: &str, id: DeviceId) -> Result<Reply, ApiError> {
    let members = realm.groups.get_mut(group).ok_or_else(group_not_found)?;
    if !members.remove(&id) {
        return Err(ApiError::device_not_found());
    }
    if members.is_empty() {
        realm.groups.remove(group);
    }
    Ok(Reply::no_content())
}

fn group_not_found() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "Group not found")
}
