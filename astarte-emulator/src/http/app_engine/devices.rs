//! Lists of devices, and changes to one.

use std::collections::BTreeMap;

use poem::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use crate::DeviceId;
use crate::http::request::{ApiError, ApiRequest, Reply};
use crate::realm::{Device, RealmState};

const DEFAULT_LIMIT: usize = 1000;

/// A page of a list, with its links.
pub(super) struct Page {
    pub(super) empty: bool,
    body: Json,
}

impl From<Page> for Reply {
    fn from(page: Page) -> Self {
        Self::json(page.body)
    }
}

/// A page of devices: ids, or whole status objects.
pub(super) fn list(
    realm: &RealmState,
    request: &ApiRequest,
    self_path: &str,
    belongs: impl Fn(&Device) -> bool,
) -> Result<Page, ApiError> {
    let limit = match request.query("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| *limit > 0)
            .ok_or_else(|| ApiError::field("limit", "must be greater than 0"))?,
    };
    let details = match request.query("details") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::field("details", "is invalid")),
    };
    let from: Option<i64> = match request.query("from_token") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| ApiError::field("from_token", "is invalid"))?),
    };
    let page: Vec<_> = realm
        .listed()
        .into_iter()
        .filter(|(token, device)| from.is_none_or(|from| *token > from) && belongs(device))
        .take(limit)
        .collect();

    let link = |token: Option<i64>| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if details {
            query.append_pair("details", "true");
        }
        query.append_pair("limit", &limit.to_string());
        if let Some(token) = token {
            query.append_pair("from_token", &token.to_string());
        }
        format!("{self_path}?{}", query.finish())
    };
    let mut links = json!({"self": link(from)});
    // A full page always has a next one, which may be empty.
    if page.len() == limit {
        links["next"] = json!(link(page.last().map(|(token, _)| *token)));
    }
    let data: Vec<Json> =
        page.iter()
            .map(|(_, device)| {
                if details {
                    device.status(&realm.groups_of(device.id))
                } else {
                    json!(device.id.to_string())
                }
            })
            .collect();
    Ok(Page { empty: data.is_empty(), body: json!({"data": data, "links": links}) })
}

/// Changes to a device's tags. `None` removes.
type Changes = BTreeMap<String, Option<String>>;

pub(super) fn patch(realm: &mut RealmState, request: &ApiRequest, id: DeviceId) -> Result<Reply, ApiError> {
    if request.header("content-type") != Some("application/merge-patch+json") {
        return Err(ApiError::detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"));
    }
    let data = request.data_object()?;
    let aliases = changes(&data, "aliases")?;
    let attributes = changes(&data, "attributes")?;
    let inhibited = match data.get("credentials_inhibited") {
        None => None,
        Some(Json::Bool(inhibited)) => Some(*inhibited),
        Some(_) => return Err(ApiError::field("credentials_inhibited", "is invalid")),
    };
    check_aliases(realm, id, &aliases)?;
    let device = realm.devices.get_mut(&id).ok_or_else(ApiError::device_not_found)?;
    check_attributes(device, &attributes)?;

    apply(&mut device.aliases, aliases);
    apply(&mut device.attributes, attributes);
    if let Some(inhibited) = inhibited {
        device.credentials_inhibited = inhibited;
    }
    let status = realm.devices.get(&id).map(|device| device.status(&realm.groups_of(id)));
    Ok(Reply::data(status))
}

fn changes(data: &Map<String, Json>, field: &str) -> Result<Changes, ApiError> {
    let invalid = || ApiError::field(field, "is invalid");
    match data.get(field) {
        None | Some(Json::Null) => Ok(Changes::new()),
        Some(changes) => changes
            .as_object()
            .ok_or_else(invalid)?
            .iter()
            .map(|(key, value)| match value {
                Json::Null => Ok((key.clone(), None)),
                Json::String(value) => Ok((key.clone(), Some(value.clone()))),
                _ => Err(invalid()),
            })
            .collect(),
    }
}

fn check_aliases(realm: &RealmState, id: DeviceId, changes: &Changes) -> Result<(), ApiError> {
    let bad = |detail| Err(ApiError::detail(StatusCode::BAD_REQUEST, detail));
    let device = realm.devices.get(&id).ok_or_else(ApiError::device_not_found)?;
    for (tag, alias) in changes {
        match alias {
            _ if tag.is_empty() => return bad("Invalid alias"),
            None if !device.aliases.contains_key(tag) => return bad("Alias tag not found"),
            None => {}
            Some(alias) if alias.is_empty() => return bad("Invalid alias"),
            Some(alias) if realm.device_by_alias(alias).is_some_and(|other| other != id) => {
                return Err(ApiError::detail(StatusCode::CONFLICT, "Alias already in use"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn check_attributes(device: &Device, changes: &Changes) -> Result<(), ApiError> {
    for (key, value) in changes {
        if key.is_empty() {
            return Err(ApiError::detail(StatusCode::BAD_REQUEST, "Invalid attributes"));
        }
        if value.is_none() && !device.attributes.contains_key(key) {
            return Err(ApiError::detail(StatusCode::UNPROCESSABLE_ENTITY, "Attribute key not found"));
        }
    }
    Ok(())
}

fn apply(tags: &mut BTreeMap<String, String>, changes: Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => tags.insert(key, value),
            None => tags.remove(&key),
        };
    }
}
