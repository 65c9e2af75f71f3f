//! Realm Management: interfaces, triggers, policies, the realm's key, deletion of devices.

use poem::http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::auth::PublicKey;
use super::request::{ApiError, ApiRequest, Reply};
use crate::interfaces::{CatalogueError, DefinitionError as InterfaceError, InterfaceDef};
use crate::mqtt::Realms as _;
use crate::realm::RealmState;
use crate::shared::Shared;
use crate::triggers::{DefinitionError as TriggerError, Policy, Trigger};

pub(super) fn handle(shared: &Shared, request: &mut ApiRequest) -> Result<Reply, ApiError> {
    let name = request.take_realm().ok_or_else(ApiError::not_found)?;
    let realm = shared.realm(&name).ok_or_else(ApiError::forbidden)?;
    let mut realm = realm.lock();
    let realm = &mut *realm;
    realm.key.authorize("a_rma", request)?;
    match (&request.method, request.segments().as_slice()) {
        (&Method::GET, ["version"]) => Ok(Reply::data(shared.version.clone())),

        (&Method::GET, ["interfaces"]) => Ok(Reply::data(realm.interfaces.names().collect::<Vec<_>>())),
        (&Method::POST, ["interfaces"]) => install(realm, request),
        (&Method::GET, ["interfaces", name]) => {
            realm.interfaces.majors(name).map(Reply::data).ok_or_else(interface_not_found)
        }
        (&Method::GET, ["interfaces", name, major]) => {
            let interface = realm.interfaces.get(name, parse_major(major)?);
            Ok(Reply::data(interface.ok_or_else(interface_not_found)?.to_json()))
        }
        (&Method::PUT, ["interfaces", name, major]) => update(realm, request, name, parse_major(major)?),
        (&Method::DELETE, ["interfaces", name, major]) => uninstall(realm, name, parse_major(major)?),

        (&Method::GET, ["triggers"]) => Ok(Reply::data(realm.triggers.names().collect::<Vec<_>>())),
        (&Method::POST, ["triggers"]) => create_trigger(realm, request),
        (&Method::GET, ["triggers", name]) => {
            let trigger = realm.triggers.get(name).ok_or_else(trigger_not_found)?;
            Ok(Reply::data(trigger.to_json().clone()))
        }
        (&Method::DELETE, ["triggers", name]) => {
            if realm.triggers.remove(name) {
                Ok(Reply::no_content())
            } else {
                Err(trigger_not_found())
            }
        }

        (&Method::GET, ["policies"]) => Ok(Reply::data(realm.triggers.policy_names().collect::<Vec<_>>())),
        (&Method::POST, ["policies"]) => create_policy(realm, request),
        (&Method::GET, ["policies", name]) => {
            let policy = realm.triggers.policy(name).ok_or_else(policy_not_found)?;
            Ok(Reply::data(policy.to_json().clone()))
        }
        (&Method::DELETE, ["policies", name]) => delete_policy(realm, name),

        (&Method::GET, ["config", "auth"]) => Ok(Reply::data(json!({"jwt_public_key_pem": realm.key.pem()}))),
        (&Method::PUT, ["config", "auth"]) => {
            let data = request.data_object()?;
            let key = data.get("jwt_public_key_pem").and_then(Json::as_str);
            let invalid = || ApiError::field("jwt_public_key_pem", "is not a valid PEM public key");
            realm.key = key.and_then(|pem| PublicKey::from_pem(pem).ok()).ok_or_else(invalid)?;
            Ok(Reply::no_content())
        }
        (&Method::GET, ["config", "device_registration_limit"]) => {
            Ok(Reply::data(json!(realm.device_registration_limit)))
        }
        (&Method::GET, ["config", "datastream_maximum_storage_retention"]) => {
            Ok(Reply::data(realm.max_retention.unwrap_or(0)))
        }

        (&Method::DELETE, ["devices", id]) => {
            let invalid =
                |_| ApiError::detail(StatusCode::BAD_REQUEST, "The provided id is not a valid device id");
            let id = id.parse().map_err(invalid)?;
            if realm.delete(id) { Ok(Reply::no_content()) } else { Err(ApiError::device_not_found()) }
        }
        _ => Err(ApiError::not_found()),
    }
}

fn install(realm: &mut RealmState, request: &ApiRequest) -> Result<Reply, ApiError> {
    let interface = InterfaceDef::parse(&request.data_object()?.into()).map_err(invalid_interface)?;
    let location = format!("/v1/{}/interfaces/{}/{}", realm.name, interface.name(), interface.major());
    realm.interfaces.install(interface, realm.max_retention).map_err(catalogue_error)?;
    Ok(Reply::created(Some(location), None))
}

fn update(realm: &mut RealmState, request: &ApiRequest, name: &str, major: i32) -> Result<Reply, ApiError> {
    let interface = InterfaceDef::parse(&request.data_object()?.into()).map_err(invalid_interface)?;
    let conflict = |detail| Err(ApiError::detail(StatusCode::CONFLICT, detail));
    if interface.name() != name {
        return conflict("Interface name doesn't match the one in the interface json");
    }
    if interface.major() != major {
        return conflict("Interface major version doesn't match the one in the interface json");
    }
    realm.interfaces.update(interface, realm.max_retention).map_err(catalogue_error)?;
    Ok(Reply::no_content())
}

fn uninstall(realm: &mut RealmState, name: &str, major: i32) -> Result<Reply, ApiError> {
    let forbidden = |detail| Err(ApiError::detail(StatusCode::FORBIDDEN, detail));
    if major != 0 {
        return forbidden("Interface can't be deleted");
    }
    let used = realm.devices.values().any(|device| device.major(name) == Some(0));
    if used || realm.triggers.use_interface(name, 0) {
        return forbidden("Interface can't be deleted since it's currently used");
    }
    if !realm.interfaces.remove(name, 0) {
        return Err(interface_not_found());
    }
    for device in realm.devices.values_mut() {
        device.data.remove(&(name.to_owned(), 0));
    }
    Ok(Reply::no_content())
}

fn create_trigger(realm: &mut RealmState, request: &ApiRequest) -> Result<Reply, ApiError> {
    let detail = |status, detail| ApiError::detail(status, detail);
    let trigger = Trigger::parse(&request.data_object()?.into(), &realm.interfaces);
    let trigger = trigger.map_err(|error| match error {
        TriggerError::Invalid(errors) => ApiError::fields(errors),
        TriggerError::InterfaceNotFound => interface_not_found(),
        TriggerError::InvalidDatastreamTrigger => {
            detail(StatusCode::BAD_REQUEST, "Invalid datastream trigger")
        }
        TriggerError::UnsupportedTriggerType => detail(StatusCode::BAD_REQUEST, "Unsupported trigger type"),
        TriggerError::InvalidObjectAggregationTrigger => {
            detail(StatusCode::BAD_REQUEST, "Invalid object aggregation trigger")
        }
    })?;
    if realm.triggers.get(&trigger.name).is_some() {
        return Err(detail(StatusCode::CONFLICT, "Trigger already exists"));
    }
    if trigger.policy.as_deref().is_some_and(|policy| realm.triggers.policy(policy).is_none()) {
        return Err(policy_not_found());
    }
    let location = format!("/v1/{}/triggers/{}", realm.name, trigger.name);
    let json = trigger.to_json().clone();
    realm.triggers.insert(trigger);
    Ok(Reply::created(Some(location), Some(json)))
}

fn create_policy(realm: &mut RealmState, request: &ApiRequest) -> Result<Reply, ApiError> {
    let policy = Policy::parse(&request.data_object()?.into())
        .map_err(|_| ApiError::detail(StatusCode::UNPROCESSABLE_ENTITY, "Invalid trigger policy"))?;
    if realm.triggers.policy(&policy.name).is_some() {
        return Err(ApiError::detail(StatusCode::CONFLICT, "Policy already exists"));
    }
    let location = format!("/v1/{}/policies/{}", realm.name, policy.name);
    let json = policy.created_json();
    realm.triggers.insert_policy(policy);
    Ok(Reply::created(Some(location), Some(json)))
}

fn delete_policy(realm: &mut RealmState, name: &str) -> Result<Reply, ApiError> {
    if realm.triggers.policy(name).is_none() {
        return Err(policy_not_found());
    }
    if realm.triggers.use_policy(name) {
        let detail = "Cannot delete policy as it is being currently used by triggers";
        return Err(ApiError::detail(StatusCode::CONFLICT, detail));
    }
    realm.triggers.remove_policy(name);
    realm.deliveries.remove(name);
    Ok(Reply::no_content())
}

fn parse_major(text: &str) -> Result<i32, ApiError> {
    text.parse().map_err(|_| ApiError::detail(StatusCode::NOT_FOUND, "Invalid major version"))
}

fn invalid_interface(error: InterfaceError) -> ApiError {
    match error {
        InterfaceError::Invalid(errors) => ApiError::fields(errors),
        InterfaceError::Overlapping => ApiError::detail(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    }
}

fn catalogue_error(error: CatalogueError) -> ApiError {
    let status = match error {
        CatalogueError::MajorNotFound => StatusCode::NOT_FOUND,
        CatalogueError::TtlAboveMaximum => StatusCode::UNPROCESSABLE_ENTITY,
        CatalogueError::AlreadyExists
        | CatalogueError::NameCollision
        | CatalogueError::MinorNotIncreased
        | CatalogueError::Downgrade
        | CatalogueError::InvalidUpdate
        | CatalogueError::MissingEndpoints
        | CatalogueError::IncompatibleEndpointChange => StatusCode::CONFLICT,
    };
    ApiError::detail(status, &error.to_string())
}

fn interface_not_found() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "Interface not found")
}

fn trigger_not_found() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "Trigger not found")
}

fn policy_not_found() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "Trigger policy not found")
}
