//! The rules that a definition has to meet before it is installed.

use std::collections::BTreeSet;

use astarte_interfaces::Interface;
use astarte_interfaces::interface::name::InterfaceName;
use astarte_interfaces::mapping::endpoint::Level;
use astarte_interfaces::schema::InterfaceJson;
use serde_json::{Map, Value as Json, json};

use super::{InterfaceDef, last_token, mapping_type};

const MAX_MAPPINGS: usize = 1024;
const MAX_DESCRIPTION: usize = 1000;
const MAX_DOC: usize = 100_000;
const MAX_TTL: i64 = 630_720_000;

/// Why a definition is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum DefinitionError {
    /// Messages by field, in the nesting that clients see.
    #[error("{0}")]
    Invalid(Json),
    /// A path could belong to two endpoints.
    #[error("Overlapping endpoints in interface mappings")]
    Overlapping,
}

impl DefinitionError {
    pub(super) fn field(name: &str, message: &str) -> Self {
        Self::Invalid(json!({ name: [message] }))
    }
}

/// Messages collected for one object.
#[derive(Default)]
struct Errors(Map<String, Json>);

impl Errors {
    fn add(&mut self, field: &str, message: &str) {
        let messages = self.0.entry(field).or_insert_with(|| json!([]));
        if let Some(messages) = messages.as_array_mut() {
            messages.push(json!(message));
        }
    }
}

pub(super) fn parse(json: &Json) -> Result<InterfaceDef, DefinitionError> {
    let mut json = json.clone();
    let Some(definition) = json.as_object_mut() else {
        return Err(DefinitionError::field("interface_name", "can't be blank"));
    };
    replace_old_names(definition);
    check(definition)?;

    let definition: InterfaceJson<String> = serde_json::from_value(json)
        .map_err(|error| DefinitionError::field("mappings", &error.to_string()))?;
    let interface = InterfaceDef::new(definition)?;
    cross_check(&interface)?;
    // The published crate is stricter than Astarte in one point: objects need a base path there.
    let has_base = interface.endpoints.iter().all(|endpoint| endpoint.iter().count() > 1);
    if !interface.is_object() || has_base {
        Interface::try_from(interface.definition.clone())
            .map_err(|error| DefinitionError::field("mappings", &error.to_string()))?;
    }
    Ok(interface)
}

/// Definitions written for early versions of Astarte use other member names. Members of later versions are unknown
/// to this one, which ignores what it does not know.
fn replace_old_names(definition: &mut Map<String, Json>) {
    if let Some(quality) = definition.remove("quality") {
        let ownership = match quality.as_str() {
            Some("producer") => json!("device"),
            Some("consumer") => json!("server"),
            _ => quality,
        };
        definition.entry("ownership").or_insert(ownership);
    }
    if definition.remove("aggregate") == Some(json!(true)) {
        definition.entry("aggregation").or_insert(json!("object"));
    }
    for mapping in definition.get_mut("mappings").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(mapping) = mapping.as_object_mut() {
            if let Some(path) = mapping.remove("path") {
                mapping.entry("endpoint").or_insert(path);
            }
            mapping.remove("required");
            mapping.remove("encrypted");
        }
    }
}

fn check(definition: &Map<String, Json>) -> Result<(), DefinitionError> {
    let mut errors = Errors::default();
    check_name(definition, &mut errors);
    check_version(definition, &mut errors);
    check_choice(definition, "type", &["datastream", "properties"], true, &mut errors);
    check_choice(definition, "ownership", &["device", "server"], true, &mut errors);
    check_choice(definition, "aggregation", &["individual", "object"], false, &mut errors);
    check_texts(definition, &mut errors);
    let properties = definition.get("type") == Some(&json!("properties"));
    if properties && definition.get("aggregation") == Some(&json!("object")) {
        errors.add("aggregation", "must be individual for properties interfaces");
    }
    match definition.get("mappings").and_then(Json::as_array) {
        None => errors.add("mappings", "can't be blank"),
        Some(mappings) if mappings.is_empty() => errors.add("mappings", "should have at least 1 item(s)"),
        Some(mappings) if mappings.len() > MAX_MAPPINGS => {
            errors.add("mappings", "should have at most 1024 item(s)");
        }
        Some(mappings) => {
            let items: Vec<Json> =
                mappings.iter().map(|mapping| check_mapping(mapping, properties)).collect();
            if items.iter().any(|item| item != &json!({})) {
                errors.0.insert("mappings".into(), items.into());
            }
        }
    }
    if errors.0.is_empty() { Ok(()) } else { Err(DefinitionError::Invalid(errors.0.into())) }
}

fn check_name(definition: &Map<String, Json>, errors: &mut Errors) {
    match definition.get("interface_name").and_then(Json::as_str) {
        None | Some("") => errors.add("interface_name", "can't be blank"),
        Some(name) if name.len() > 128 => {
            errors.add("interface_name", "should be at most 128 character(s)");
        }
        Some("astarte" | "control" | "device") => errors.add("interface_name", "is reserved"),
        Some(name) if InterfaceName::try_from(name).is_err() => {
            errors.add("interface_name", "has invalid format");
        }
        Some(_) => {}
    }
}

fn check_version(definition: &Map<String, Json>, errors: &mut Errors) {
    let mut numbers = Vec::new();
    for field in ["version_major", "version_minor"] {
        match definition.get(field) {
            None | Some(Json::Null) => errors.add(field, "can't be blank"),
            Some(value) => match value.as_i64() {
                None => errors.add(field, "is invalid"),
                Some(number) if i32::try_from(number).is_err() => errors.add(field, "is invalid"),
                Some(number) if number < 0 => errors.add(field, "must be greater than or equal to 0"),
                Some(number) => numbers.push(number),
            },
        }
    }
    if numbers == [0, 0] {
        errors.add("version_minor", "must be > 0 if major_version is 0");
    }
}

fn check_choice(
    object: &Map<String, Json>,
    field: &str,
    choices: &[&str],
    required: bool,
    errors: &mut Errors,
) {
    match object.get(field) {
        None | Some(Json::Null) if required => errors.add(field, "can't be blank"),
        None | Some(Json::Null) => {}
        Some(value) if value.as_str().is_some_and(|value| choices.contains(&value)) => {}
        Some(_) => errors.add(field, "is invalid"),
    }
}

fn check_texts(object: &Map<String, Json>, errors: &mut Errors) {
    for (field, max) in [("description", MAX_DESCRIPTION), ("doc", MAX_DOC)] {
        match object.get(field) {
            None | Some(Json::Null) => {}
            Some(Json::String(text)) if text.chars().count() <= max => {}
            Some(Json::String(_)) => errors.add(field, &format!("should be at most {max} character(s)")),
            Some(_) => errors.add(field, "is invalid"),
        }
    }
}

fn check_mapping(mapping: &Json, properties: bool) -> Json {
    let mut errors = Errors::default();
    let Some(mapping) = mapping.as_object() else {
        return json!({"endpoint": ["can't be blank"]});
    };
    match mapping.get("endpoint").and_then(Json::as_str) {
        None => errors.add("endpoint", "can't be blank"),
        Some(endpoint) => {
            if !(2..=256).contains(&endpoint.len())
                || astarte_interfaces::Endpoint::<&str>::try_from(endpoint).is_err()
            {
                errors.add("endpoint", "has invalid format");
            }
        }
    }
    match mapping.get("type").and_then(Json::as_str) {
        None => errors.add("type", "can't be blank"),
        Some(name) if mapping_type(name).is_none() => errors.add("type", "is invalid"),
        Some(_) => {}
    }
    check_choice(mapping, "reliability", &["unreliable", "guaranteed", "unique"], false, &mut errors);
    check_choice(mapping, "retention", &["discard", "volatile", "stored"], false, &mut errors);
    check_choice(mapping, "database_retention_policy", &["no_ttl", "use_ttl"], false, &mut errors);
    check_texts(mapping, &mut errors);
    for field in ["allow_unset", "explicit_timestamp"] {
        if !matches!(mapping.get(field), None | Some(Json::Null | Json::Bool(_))) {
            errors.add(field, "is invalid");
        }
    }
    check_seconds(mapping, &mut errors);
    check_kind(mapping, properties, &mut errors);
    errors.0.into()
}

fn check_seconds(mapping: &Map<String, Json>, errors: &mut Errors) {
    match mapping.get("expiry") {
        None | Some(Json::Null) => {}
        Some(value) if value.as_i64().is_some_and(|seconds| seconds >= 0) => {}
        Some(_) => errors.add("expiry", "must be greater than or equal to 0"),
    }
    let uses_ttl = mapping.get("database_retention_policy") == Some(&json!("use_ttl"));
    match mapping.get("database_retention_ttl") {
        None | Some(Json::Null) if uses_ttl => errors.add("database_retention_ttl", "can't be blank"),
        None | Some(Json::Null) => {}
        Some(_) if !uses_ttl => errors.add("database_retention_ttl", "must be blank"),
        Some(value) => match value.as_i64() {
            Some(60..MAX_TTL) => {}
            _ => errors.add("database_retention_ttl", "must be between 60 and 630719999"),
        },
    }
}

/// Members that only datastreams, or only properties, may set to anything but their default.
fn check_kind(mapping: &Map<String, Json>, properties: bool, errors: &mut Errors) {
    let defaults = [
        ("reliability", json!("unreliable")),
        ("retention", json!("discard")),
        ("expiry", json!(0)),
        ("database_retention_policy", json!("no_ttl")),
        ("database_retention_ttl", Json::Null),
        ("explicit_timestamp", json!(false)),
    ];
    let differs = |field: &str, default: &Json| {
        mapping.get(field).is_some_and(|value| !value.is_null() && value != default)
    };
    if properties {
        for (field, default) in &defaults {
            if differs(field, default) {
                errors.add(field, "must be blank");
            }
        }
    } else if differs("allow_unset", &json!(false)) {
        errors.add("allow_unset", "must be blank");
    }
}

/// Rules between mappings: no path may belong to two endpoints, and an object's mappings must be alike.
fn cross_check(interface: &InterfaceDef) -> Result<(), DefinitionError> {
    let mut seen = BTreeSet::new();
    for endpoint in &interface.endpoints {
        let folded: Vec<_> = endpoint
            .iter()
            .map(|level| match level {
                Level::Simple(name) => name.to_ascii_lowercase(),
                Level::Parameter(_) => String::new(),
            })
            .collect();
        if !seen.insert(folded) {
            return Err(DefinitionError::field("mappings", "contain conflicting endpoints"));
        }
    }
    for (index, one) in interface.endpoints.iter().enumerate() {
        for other in &interface.endpoints[index + 1..] {
            let overlap = one.iter().zip(other.iter()).all(|(one, other)| match (one, other) {
                (Level::Simple(one), Level::Simple(other)) => one == other,
                _ => true,
            });
            if overlap {
                return Err(DefinitionError::Overlapping);
            }
        }
    }
    if interface.is_object() { cross_check_object(interface) } else { Ok(()) }
}

fn cross_check_object(interface: &InterfaceDef) -> Result<(), DefinitionError> {
    let base =
        |endpoint: &str| endpoint.strip_suffix(last_token(endpoint)).map(str::to_owned).unwrap_or_default();
    let mut mappings = interface.mappings().iter();
    let Some(first) = mappings.next() else { return Ok(()) };
    if interface.mappings().iter().any(|mapping| last_token(mapping.endpoint()).starts_with("%{")) {
        return Err(DefinitionError::field("mappings", "contain conflicting endpoints"));
    }
    for mapping in mappings {
        if base(mapping.endpoint()) != base(first.endpoint()) {
            return Err(DefinitionError::field("mappings", "contain conflicting endpoints"));
        }
        let alike = mapping.retention().unwrap_or_default() == first.retention().unwrap_or_default()
            && mapping.reliability().unwrap_or_default() == first.reliability().unwrap_or_default()
            && mapping.expiry().unwrap_or_default() == first.expiry().unwrap_or_default()
            && mapping.explicit_timestamp().unwrap_or_default()
                == first.explicit_timestamp().unwrap_or_default()
            && mapping.database_retention_policy().unwrap_or_default()
                == first.database_retention_policy().unwrap_or_default()
            && mapping.database_retention_ttl() == first.database_retention_ttl();
        if !alike {
            return Err(DefinitionError::field("mappings", "contain conflicting attributes"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Json {
        json!({
            "interface_name": "org.example.Values", "version_major": 0, "version_minor": 1,
            "type": "datastream", "ownership": "device",
            "mappings": [{"endpoint": "/a", "type": "double"}],
        })
    }

    fn with(pointer: &str, value: Json) -> Json {
        let mut json = definition();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        json.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(field.to_owned(), value);
        json
    }

    fn errors(json: &Json) -> Json {
        match parse(json) {
            Err(DefinitionError::Invalid(errors)) => errors,
            other => panic!("{json} gave {other:?}"),
        }
    }

    #[test]
    fn fields_are_checked() {
        let cases = [
            ("/interface_name", json!("control")),
            ("/interface_name", json!("1a.b")),
            ("/interface_name", json!("a.b-c")),
            ("/version_major", json!(-1)),
            ("/version_minor", json!("1")),
            ("/version_minor", json!(0)),
            ("/type", json!("stream")),
            ("/ownership", Json::Null),
            ("/description", json!("x".repeat(1001))),
            ("/mappings", json!([])),
        ];
        for (pointer, value) in cases {
            let errors = errors(&with(pointer, value));
            assert!(errors.get(&pointer[1..]).is_some(), "{pointer}: {errors}");
        }
    }

    #[test]
    fn mapping_fields_are_checked() {
        let cases = [
            ("endpoint", json!("a")),
            ("endpoint", json!("/a/")),
            ("endpoint", json!("/1a")),
            ("type", json!("float")),
            ("reliability", json!("maybe")),
            ("expiry", json!(-1)),
            ("allow_unset", json!(true)),
            ("database_retention_ttl", json!(120)),
        ];
        for (field, value) in cases {
            let errors = errors(&with(&format!("/mappings/0/{field}"), value));
            assert!(errors["mappings"][0].get(field).is_some(), "{field}: {errors}");
        }
    }

    // Properties have no retention, reliability or timestamps of their own.
    #[test]
    fn properties_take_no_datastream_members() {
        for (field, value) in
            [("reliability", json!("unique")), ("expiry", json!(5)), ("explicit_timestamp", json!(true))]
        {
            let mut json = with(&format!("/mappings/0/{field}"), value);
            json["type"] = json!("properties");
            assert_eq!(errors(&json)["mappings"][0][field], json!(["must be blank"]));
        }
    }

    #[test]
    fn a_path_belongs_to_one_endpoint() {
        let mappings = |endpoints: &[&str]| {
            let items: Vec<_> =
                endpoints.iter().map(|endpoint| json!({"endpoint": endpoint, "type": "double"})).collect();
            with("/mappings", items.into())
        };
        assert_eq!(
            errors(&mappings(&["/a/%{x}", "/A/%{y}"]))["mappings"],
            json!(["contain conflicting endpoints"])
        );
        for endpoints in [["/a/%{x}", "/a/b"], ["/a", "/a/b"], ["/%{x}/b", "/a/%{y}"]] {
            assert_eq!(parse(&mappings(&endpoints)).unwrap_err(), DefinitionError::Overlapping);
        }
        assert!(parse(&mappings(&["/a/b", "/a/c"])).is_ok());
    }

    #[test]
    fn objects_are_uniform() {
        let object = |one: Json, other: Json| {
            let mut json = with("/mappings", json!([one, other]));
            json["aggregation"] = json!("object");
            json
        };
        let conflicting = object(
            json!({"endpoint": "/o/a", "type": "double", "expiry": 3, "retention": "stored"}),
            json!({"endpoint": "/o/b", "type": "double"}),
        );
        assert_eq!(errors(&conflicting)["mappings"], json!(["contain conflicting attributes"]));
        let apart = object(
            json!({"endpoint": "/%{x}/a", "type": "double"}),
            json!({"endpoint": "/%{y}/b", "type": "double"}),
        );
        assert_eq!(errors(&apart)["mappings"], json!(["contain conflicting endpoints"]));
        // Deprecated, but accepted: the base path is then "/".
        let flat =
            object(json!({"endpoint": "/a", "type": "double"}), json!({"endpoint": "/b", "type": "double"}));
        assert!(parse(&flat).is_ok());
    }

    #[test]
    fn old_member_names_are_understood() {
        let json = json!({
            "interface_name": "org.example.Old", "version_major": 1, "version_minor": 0,
            "type": "datastream", "quality": "consumer", "aggregate": true,
            "mappings": [{"path": "/o/a", "type": "double"}],
        });
        let interface = parse(&json).unwrap();
        assert!(interface.is_server_owned() && interface.is_object());
    }
}
