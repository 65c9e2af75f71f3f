//! Trigger definitions: reading, checking, printing back.

use std::str::FromStr;
use std::sync::Arc;

use astarte_interfaces::Endpoint;
use astarte_interfaces::mapping::endpoint::Level;
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::{Map, Value as Json, json};

use super::delivery::{Delivery, Target as Receiver};
use super::event::{DataEvent, Event};
use super::matching::{Condition, InterfaceMatch, Operator, PathMatch, Target};
use crate::DeviceId;
use crate::interfaces::{Catalogue, InterfaceDef};
use crate::value::{Value, item_type, timestamp};

const METHODS: [&str; 7] = ["delete", "get", "head", "options", "patch", "post", "put"];
const FORBIDDEN_HEADERS: [&str; 12] = [
    "connection",
    "content-length",
    "date",
    "host",
    "te",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "sec-websocket-accept",
    "proxy-authorization",
    "proxy-authenticate",
];
const MAX_HEADER_BYTES: usize = 8192;
const MAX_URL: usize = 8192;
const NOT_SUPPORTED: &str = "is not supported by this emulator";

/// A trigger as it was installed.
#[derive(Debug)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    pub(crate) policy: Option<String>,
    receiver: Arc<Receiver>,
    watches: Vec<(Target, Condition)>,
    json: Json,
}

/// Why a trigger is refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DefinitionError {
    /// Messages by field, in the nesting that clients see.
    Invalid(Json),
    InterfaceNotFound,
    /// Waits for something that datastreams do not do.
    InvalidDatastreamTrigger,
    /// Waits for changes on all paths at once.
    UnsupportedTriggerType,
    /// Looks into an object.
    InvalidObjectAggregationTrigger,
}

impl DefinitionError {
    fn field(name: &str, message: &str) -> Self {
        Self::Invalid(json!({ name: [message] }))
    }

    fn action(field: &str, message: &str) -> Self {
        Self::Invalid(json!({"action": { field: [message] }}))
    }

    fn simple(field: &str, message: &str) -> Self {
        Self::Invalid(json!({"simple_triggers": [{ field: [message] }]}))
    }
}

impl Trigger {
    pub(crate) fn parse(json: &Json, interfaces: &Catalogue) -> Result<Self, DefinitionError> {
        let name = json["name"].as_str().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| DefinitionError::field("name", "can't be blank"))?;
        let policy = match &json["policy"] {
            Json::Null => None,
            Json::String(policy) if policy.len() <= 128 && !policy.starts_with('@') => Some(policy.clone()),
            _ => return Err(DefinitionError::field("policy", "is invalid")),
        };
        let action = json["action"].as_object();
        let action = action.ok_or_else(|| DefinitionError::field("action", "can't be blank"))?;
        let (receiver, action) = parse_action(action)?;
        let simple = json["simple_triggers"].as_array().filter(|items| !items.is_empty());
        let simple = simple.ok_or_else(|| DefinitionError::field("simple_triggers", "can't be blank"))?;
        let mut watches = Vec::new();
        let mut printed = Vec::new();
        for item in simple {
            let (target, target_json) = parse_target(item)?;
            let (condition, mut json) = match item["type"].as_str() {
                Some("data_trigger") => parse_data(item, interfaces)?,
                Some("device_trigger") => parse_device(item)?,
                _ => return Err(DefinitionError::simple("type", "is invalid")),
            };
            json.extend(target_json);
            watches.push((target, condition));
            printed.push(Json::Object(json));
        }
        let mut json = json!({"name": name, "action": action, "simple_triggers": printed});
        if let Some(policy) = &policy {
            json["policy"] = json!(policy);
        }
        Ok(Self { name: name.to_owned(), policy, receiver: Arc::new(receiver), watches, json })
    }

    /// As clients read it back.
    pub(crate) fn to_json(&self) -> &Json {
        &self.json
    }

    pub(crate) fn matches(&self, device: DeviceId, groups: &[&str], event: &Event) -> bool {
        self.watches
            .iter()
            .any(|(target, condition)| target.matches(device, groups) && condition.matches(event))
    }

    pub(crate) fn uses_interface(&self, interface: &str, version: i32) -> bool {
        self.watches.iter().any(|(_, condition)| match condition {
            Condition::Data { interface: InterfaceMatch::Version { name, major }, .. } => {
                name == interface && *major == version
            }
            _ => false,
        })
    }

    /// The request that tells the receiver about an event.
    pub(crate) fn delivery(
        &self,
        realm: &str,
        device: DeviceId,
        time: DateTime<Utc>,
        event: &Event,
    ) -> Delivery {
        let body = json!({
            "timestamp": timestamp(time),
            "device_id": device.to_string(),
            "trigger_name": self.name,
            "event": event.to_json(),
        });
        Delivery::new(&self.receiver, realm, &self.name, body.to_string())
    }
}

fn parse_action(action: &Map<String, Json>) -> Result<(Receiver, Json), DefinitionError> {
    for field in ["amqp_exchange", "template", "template_type"] {
        if action.get(field).is_some_and(|value| !value.is_null()) {
            return Err(DefinitionError::action(field, NOT_SUPPORTED));
        }
    }
    let legacy = action.get("http_post_url");
    let url = legacy.or_else(|| action.get("http_url")).and_then(Json::as_str);
    let url_text = url.ok_or_else(|| DefinitionError::action("http_url", "can't be blank"))?;
    let url = Url::parse(url_text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url_text.len() <= MAX_URL)
        .ok_or_else(|| DefinitionError::action("http_url", "must be a valid HTTP(S) URL"))?;
    let method_text = match (legacy, action.get("http_method")) {
        (Some(_), None) => "post",
        (_, Some(Json::String(method))) if METHODS.contains(&method.as_str()) => method,
        (None, None) => return Err(DefinitionError::action("http_method", "can't be blank")),
        _ => return Err(DefinitionError::action("http_method", "is invalid")),
    };
    let method = Method::from_bytes(method_text.to_ascii_uppercase().as_bytes())
        .map_err(|_| DefinitionError::action("http_method", "is invalid"))?;
    let ignore_ssl_errors = match action.get("ignore_ssl_errors") {
        None | Some(Json::Null) => false,
        Some(Json::Bool(ignore)) => *ignore,
        Some(_) => return Err(DefinitionError::action("ignore_ssl_errors", "is invalid")),
    };
    let mut json = json!({
        "http_url": url_text, "http_method": method_text, "ignore_ssl_errors": ignore_ssl_errors,
    });
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(given) = action.get("http_static_headers").filter(|headers| !headers.is_null()) {
        let invalid = || DefinitionError::action("http_static_headers", "is invalid");
        append_headers(&mut headers, given.as_object().ok_or_else(invalid)?).ok_or_else(invalid)?;
        json["http_static_headers"] = given.clone();
    }
    Ok((Receiver { url, method, headers, ignore_ssl_errors }, json))
}

/// A header that repeats a built-in one becomes a second line. `None` when a header is not allowed.
fn append_headers(headers: &mut HeaderMap, given: &Map<String, Json>) -> Option<()> {
    let mut size = 0;
    for (name, value) in given {
        let value = value.as_str()?;
        size += name.len() + value.len();
        let name = HeaderName::from_str(name).ok()?;
        if FORBIDDEN_HEADERS.contains(&name.as_str()) || size >= MAX_HEADER_BYTES {
            return None;
        }
        headers.append(name, HeaderValue::from_str(value).ok()?);
    }
    Some(())
}

fn parse_target(item: &Json) -> Result<(Target, Map<String, Json>), DefinitionError> {
    let mut json = Map::new();
    let target = match (&item["device_id"], &item["group_name"]) {
        (Json::Null, Json::Null) => Target::AllDevices,
        (Json::String(id), Json::Null) => {
            json.insert("device_id".into(), json!(id));
            if id == "*" {
                Target::AllDevices
            } else {
                let invalid = |_| DefinitionError::simple("device_id", "is not a valid device_id");
                Target::Device(id.parse().map_err(invalid)?)
            }
        }
        (Json::Null, Json::String(group)) => {
            json.insert("group_name".into(), json!(group));
            Target::Group(group.clone())
        }
        _ => return Err(DefinitionError::simple("device_id", "must not be set with group_name")),
    };
    Ok((target, json))
}

fn parse_data(
    item: &Json,
    interfaces: &Catalogue,
) -> Result<(Condition, Map<String, Json>), DefinitionError> {
    let on_text = item["on"].as_str().unwrap_or_default();
    let on = match on_text {
        "incoming_data" => Some(DataEvent::IncomingData),
        "value_stored" => None,
        "value_change" => Some(DataEvent::ValueChange),
        "value_change_applied" => Some(DataEvent::ValueChangeApplied),
        "path_created" => Some(DataEvent::PathCreated),
        "path_removed" => Some(DataEvent::PathRemoved),
        _ => return Err(DefinitionError::simple("on", "is invalid")),
    };
    let operator_text = item["value_match_operator"].as_str().unwrap_or("*");
    let operator = parse_operator(operator_text)?;
    let path_text = item["match_path"].as_str();
    let path_text = path_text.ok_or_else(|| DefinitionError::simple("match_path", "can't be blank"))?;
    let path = parse_path(path_text)?;
    if path == PathMatch::Any && operator != Operator::Any {
        return Err(DefinitionError::simple("value_match_operator", "must be * for match_path /*"));
    }
    let name = item["interface_name"].as_str();
    let name = name.ok_or_else(|| DefinitionError::simple("interface_name", "can't be blank"))?;
    let mut json = Map::from_iter([
        ("type".into(), json!("data_trigger")),
        ("on".into(), json!(on_text)),
        ("interface_name".into(), json!(name)),
        ("match_path".into(), json!(path_text)),
        ("value_match_operator".into(), json!(operator_text)),
    ]);
    if name == "*" {
        if on != Some(DataEvent::IncomingData) || path != PathMatch::Any {
            return Err(DefinitionError::simple("interface_name", "* needs incoming_data on /*"));
        }
        let condition = Condition::Data { on, interface: InterfaceMatch::Any, path, operator, known: None };
        return Ok((condition, json));
    }
    let major = item["interface_major"].as_i64().and_then(|major| i32::try_from(major).ok());
    let major = major.ok_or_else(|| DefinitionError::simple("interface_major", "can't be blank"))?;
    json.insert("interface_major".into(), json!(major));
    let interface = interfaces.get(name, major).ok_or(DefinitionError::InterfaceNotFound)?;
    check_kind(interface, on, on_text, &path, operator)?;
    let known = if operator == Operator::Any {
        None
    } else {
        json.insert("known_value".into(), item["known_value"].clone());
        Some(known_value(interface, &path, operator, &item["known_value"])?)
    };
    let interface = InterfaceMatch::Version { name: name.to_owned(), major };
    Ok((Condition::Data { on, interface, path, operator, known }, json))
}

/// What an interface's kind allows to watch.
fn check_kind(
    interface: &InterfaceDef,
    on: Option<DataEvent>,
    on_text: &str,
    path: &PathMatch,
    operator: Operator,
) -> Result<(), DefinitionError> {
    let everything = *path == PathMatch::Any && operator == Operator::Any;
    if interface.is_object() && !(on == Some(DataEvent::IncomingData) && everything) {
        return Err(DefinitionError::InvalidObjectAggregationTrigger);
    }
    let change = matches!(on_text, "value_change" | "value_change_applied");
    if !interface.is_properties() && (change || on_text == "path_removed") {
        return Err(DefinitionError::InvalidDatastreamTrigger);
    }
    if change && *path == PathMatch::Any {
        return Err(DefinitionError::UnsupportedTriggerType);
    }
    Ok(())
}

fn parse_operator(text: &str) -> Result<Operator, DefinitionError> {
    Ok(match text {
        "*" => Operator::Any,
        "==" => Operator::Equal,
        "!=" => Operator::NotEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        "contains" => Operator::Contains,
        "not_contains" => Operator::NotContains,
        _ => return Err(DefinitionError::simple("value_match_operator", "is invalid")),
    })
}

fn parse_path(text: &str) -> Result<PathMatch, DefinitionError> {
    if text == "/*" {
        return Ok(PathMatch::Any);
    }
    let endpoint = Endpoint::<&str>::try_from(text)
        .map_err(|_| DefinitionError::simple("match_path", "has invalid format"))?;
    let segments = endpoint.iter().map(|level| match level {
        Level::Simple(name) => Some((*name).to_owned()),
        Level::Parameter(_) => None,
    });
    Ok(PathMatch::Segments(segments.collect()))
}

/// The known value, read with the type of the mapping that the path leads to.
fn known_value(
    interface: &InterfaceDef,
    path: &PathMatch,
    operator: Operator,
    json: &Json,
) -> Result<Value, DefinitionError> {
    let invalid = || DefinitionError::simple("known_value", "is invalid");
    let PathMatch::Segments(segments) = path else { return Err(invalid()) };
    // Any word may stand for a placeholder: it can only match a parameter of the endpoint.
    let path: String =
        segments.iter().map(|segment| format!("/{}", segment.as_deref().unwrap_or("%"))).collect();
    let mapping = interface
        .resolve(&path)
        .map_err(|_| DefinitionError::simple("match_path", "does not match any endpoint"))?;
    let mapping_type = mapping.mapping_type();
    let wanted = match (operator, item_type(mapping_type)) {
        (Operator::Contains | Operator::NotContains, Some(item)) => item,
        _ => mapping_type,
    };
    Value::from_json(wanted, json).map_err(|_| invalid())
}

fn parse_device(item: &Json) -> Result<(Condition, Map<String, Json>), DefinitionError> {
    let on = item["on"].as_str().unwrap_or_default();
    let about_interfaces = match on {
        "device_connected"
        | "device_disconnected"
        | "device_error"
        | "device_registered"
        | "device_deletion_started"
        | "device_deletion_finished"
        | "incoming_introspection"
        | "device_empty_cache_received" => false,
        "interface_added" | "interface_removed" | "interface_minor_updated" => true,
        _ => return Err(DefinitionError::simple("on", "is invalid")),
    };
    let name = &item["interface_name"];
    let major = &item["interface_major"];
    let interface = if about_interfaces {
        match (name.as_str(), major.as_i64().and_then(|major| i32::try_from(major).ok())) {
            (Some("*"), _) if on != "interface_minor_updated" => Some(InterfaceMatch::Any),
            (Some(name), Some(major)) if name != "*" => {
                Some(InterfaceMatch::Version { name: name.to_owned(), major })
            }
            (Some(name), None) if name != "*" => {
                return Err(DefinitionError::simple("interface_major", "can't be blank"));
            }
            _ => return Err(DefinitionError::simple("interface_name", "is invalid")),
        }
    } else {
        for (field, value) in [("interface_name", name), ("interface_major", major)] {
            if !value.is_null() {
                return Err(DefinitionError::simple(field, "must be blank"));
            }
        }
        None
    };
    let json = Map::from_iter([("type".into(), json!("device_trigger")), ("on".into(), json!(on))]);
    Ok((Condition::Device { on: on.to_owned(), interface }, json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::default();
        for (name, kind, aggregation, endpoint) in [
            ("org.example.Stream", "datastream", "individual", "/%{room}/temp"),
            ("org.example.Props", "properties", "individual", "/%{room}/label"),
            ("org.example.Object", "datastream", "object", "/%{room}/temp"),
        ] {
            let interface = InterfaceDef::parse(&json!({
                "interface_name": name, "version_major": 1, "version_minor": 0, "type": kind,
                "ownership": "device", "aggregation": aggregation,
                "mappings": [{"endpoint": endpoint, "type": "integer"}],
            }));
            catalogue.install(interface.unwrap(), None).unwrap();
        }
        catalogue
    }

    fn trigger(simple: &Json) -> Json {
        json!({
            "name": "t", "action": {"http_url": "http://localhost/", "http_method": "post"},
            "simple_triggers": [simple],
        })
    }

    fn data(interface: &str, on: &str, path: &str) -> Json {
        json!({
            "type": "data_trigger", "on": on, "interface_name": interface, "interface_major": 1,
            "match_path": path, "value_match_operator": "*",
        })
    }

    #[test]
    fn an_interfaces_kind_limits_its_triggers() {
        let catalogue = catalogue();
        let cases = [
            ("org.example.Stream", "value_change", "/%{a}/temp", DefinitionError::InvalidDatastreamTrigger),
            ("org.example.Stream", "path_removed", "/*", DefinitionError::InvalidDatastreamTrigger),
            ("org.example.Props", "value_change", "/*", DefinitionError::UnsupportedTriggerType),
            (
                "org.example.Object",
                "incoming_data",
                "/a/temp",
                DefinitionError::InvalidObjectAggregationTrigger,
            ),
            ("org.example.Missing", "incoming_data", "/*", DefinitionError::InterfaceNotFound),
        ];
        for (interface, on, path, expected) in cases {
            let refused = Trigger::parse(&trigger(&data(interface, on, path)), &catalogue).unwrap_err();
            assert_eq!(refused, expected, "{interface} {on} {path}");
        }
        for (interface, on, path) in [
            ("org.example.Stream", "incoming_data", "/*"),
            ("org.example.Props", "value_change", "/%{any}/label"),
            ("org.example.Props", "path_removed", "/*"),
            ("org.example.Object", "incoming_data", "/*"),
            ("*", "incoming_data", "/*"),
        ] {
            let parsed = Trigger::parse(&trigger(&data(interface, on, path)), &catalogue);
            assert!(parsed.is_ok(), "{interface} {on} {path}: {parsed:?}");
        }
    }

    // What is read back has ignore_ssl_errors always, and lacks the interface of introspection triggers.
    #[test]
    fn printed_form() {
        let catalogue = catalogue();
        let mut with_operator = data("org.example.Stream", "incoming_data", "/%{any}/temp");
        with_operator["value_match_operator"] = json!(">");
        with_operator["known_value"] = json!(5);
        with_operator["device_id"] = json!("*");
        let device = json!({
            "type": "device_trigger", "on": "interface_added", "interface_name": "*", "group_name": "g",
        });
        let legacy = json!({
            "name": "t", "action": {"http_post_url": "http://localhost/", "http_static_headers": {}},
            "simple_triggers": [data("*", "incoming_data", "/*")],
        });
        let printed: Vec<_> = [trigger(&with_operator), trigger(&device), legacy]
            .iter()
            .map(|json| Trigger::parse(json, &catalogue).unwrap().to_json().clone())
            .collect();
        // The order of members depends on features that other crates switch on.
        insta::with_settings!({ sort_maps => true }, { insta::assert_json_snapshot!(printed) });
    }

    #[test]
    fn actions_are_checked() {
        let catalogue = catalogue();
        for (field, value) in [
            ("http_method", json!("POST")),
            ("http_url", json!("ftp://localhost/")),
            ("http_static_headers", json!({"Host": "x"})),
            ("http_static_headers", json!({"a": "x".repeat(8192)})),
            ("template", json!("{{value}}")),
            ("amqp_exchange", json!("astarte_events_test_x")),
        ] {
            let mut json = trigger(&data("*", "incoming_data", "/*"));
            json["action"][field] = value;
            let Err(DefinitionError::Invalid(errors)) = Trigger::parse(&json, &catalogue) else {
                panic!("{field} was accepted");
            };
            assert!(errors["action"].get(field).is_some(), "{field}: {errors}");
        }
    }
}
