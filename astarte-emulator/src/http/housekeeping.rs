//! Housekeeping: realms.

use poem::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::auth::PublicKey;
use super::request::{ApiError, ApiRequest, Reply};
use crate::Error;
use crate::id::is_realm_name;
use crate::mqtt::Realms as _;
use crate::realm::RealmState;
use crate::shared::Shared;

pub(super) fn handle(shared: &Shared, request: &mut ApiRequest) -> Result<Reply, ApiError> {
    request.take_version().ok_or_else(ApiError::not_found)?;
    shared.housekeeping_key.authorize("a_ha", request)?;
    match (&request.method, request.segments().as_slice()) {
        (&Method::GET, ["version"]) => Ok(Reply::data(shared.version.clone())),
        (&Method::GET, ["realms"]) => Ok(Reply::data(shared.realm_names())),
        (&Method::POST, ["realms"]) => create(shared, &request.data_object()?),
        (&Method::GET, ["realms", name]) => {
            let realm = shared.realm(name).ok_or_else(realm_not_found)?;
            Ok(Reply::data(realm_json(&realm.lock())))
        }
        (&Method::PATCH, ["realms", name]) => {
            let realm = shared.realm(name).ok_or_else(realm_not_found)?;
            let changes = Settings::read(&request.data_object()?)?;
            let mut state = realm.lock();
            changes.apply(&mut state);
            Ok(Reply::data(realm_json(&state)))
        }
        (&Method::DELETE, ["realms", _]) => {
            Err(ApiError::detail(StatusCode::METHOD_NOT_ALLOWED, "Realm deletion disabled"))
        }
        _ => Err(ApiError::detail(StatusCode::NOT_FOUND, "Page not found")),
    }
}

/// What may be set at creation and changed later. The outer option is "given", the inner one "limited".
struct Settings {
    key: Option<PublicKey>,
    device_registration_limit: Option<Option<u64>>,
    max_retention: Option<Option<u64>>,
}

impl Settings {
    fn read(data: &Map<String, Json>) -> Result<Self, ApiError> {
        let key = match data.get("jwt_public_key_pem") {
            None => None,
            Some(pem) => {
                let key = pem.as_str().and_then(|pem| PublicKey::from_pem(pem).ok());
                let invalid = || ApiError::field("jwt_public_key_pem", "is not a valid PEM public key");
                Some(key.ok_or_else(invalid)?)
            }
        };
        let limit = |field: &str| match data.get(field) {
            None => Ok(None),
            Some(Json::Null) => Ok(Some(None)),
            Some(value) => {
                let number = value.as_u64().ok_or_else(|| ApiError::field(field, "is invalid"))?;
                Ok(Some(Some(number)))
            }
        };
        Ok(Self {
            key,
            device_registration_limit: limit("device_registration_limit")?,
            max_retention: limit("datastream_maximum_storage_retention")?,
        })
    }

    fn apply(self, realm: &mut RealmState) {
        if let Some(key) = self.key {
            realm.key = key;
        }
        if let Some(limit) = self.device_registration_limit {
            realm.device_registration_limit = limit;
        }
        if let Some(limit) = self.max_retention {
            realm.max_retention = limit;
        }
    }
}

fn create(shared: &Shared, data: &Map<String, Json>) -> Result<Reply, ApiError> {
    let name = data.get("realm_name").and_then(Json::as_str).unwrap_or_default();
    if name.is_empty() {
        return Err(ApiError::field("realm_name", "can't be blank"));
    }
    if !is_realm_name(name) {
        return Err(ApiError::field("realm_name", "has invalid format"));
    }
    let mut settings = Settings::read(data)?;
    let key = settings.key.take();
    let key = key.ok_or_else(|| ApiError::field("jwt_public_key_pem", "can't be blank"))?;
    let realm = shared.create_realm(name, key).map_err(|error| match error {
        Error::RealmExists(_) => ApiError::detail(StatusCode::CONFLICT, "Realm already exists"),
        _ => ApiError::field("realm_name", "has invalid format"),
    })?;
    let mut state = realm.lock();
    settings.apply(&mut state);
    Ok(Reply::created(Some(format!("/v1/realms/{name}")), Some(realm_json(&state))))
}

fn realm_json(realm: &RealmState) -> Json {
    json!({
        "realm_name": realm.name,
        "jwt_public_key_pem": realm.key.pem(),
        "replication_class": "SimpleStrategy",
        "replication_factor": 1,
        "device_registration_limit": realm.device_registration_limit,
        "datastream_maximum_storage_retention": realm.max_retention,
    })
}

fn realm_not_found() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "realm not found")
}
