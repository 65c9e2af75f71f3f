//! Interfaces as a realm holds them: definition, resolution of paths, versions side by side.

mod catalogue;
mod validation;

use std::time::Duration;

use astarte_interfaces::Endpoint;
use astarte_interfaces::mapping::endpoint::Level;
use astarte_interfaces::schema::{
    Aggregation, DatabaseRetentionPolicy, InterfaceJson, InterfaceType, Mapping, MappingType, Ownership,
    Reliability,
};
use mqttbytes::QoS;
use serde_json::Value as Json;

pub(crate) use self::catalogue::{Catalogue, CatalogueError};
pub(crate) use self::validation::DefinitionError;

/// One major version of an interface, ready for use.
#[derive(Debug)]
pub(crate) struct InterfaceDef {
    definition: InterfaceJson<String>,
    endpoints: Vec<Endpoint>,
}

/// What a path means to an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathError {
    /// An empty segment, or a character that MQTT keeps for itself.
    Invalid,
    /// No endpoint has this form.
    NoEndpoint,
    /// The path ends before an endpoint does.
    Incomplete,
}

impl InterfaceDef {
    /// Checks a definition as Realm Management does.
    pub(crate) fn parse(json: &Json) -> Result<Self, DefinitionError> {
        validation::parse(json)
    }

    fn new(definition: InterfaceJson<String>) -> Result<Self, DefinitionError> {
        let endpoints = definition
            .mappings()
            .iter()
            .map(|mapping| Endpoint::<String>::try_from(mapping.endpoint()))
            .collect::<Result<_, _>>()
            .map_err(|error| DefinitionError::field("mappings", &error.to_string()))?;
        Ok(Self { definition, endpoints })
    }

    pub(crate) fn name(&self) -> &str {
        self.definition.interface_name()
    }

    pub(crate) fn major(&self) -> i32 {
        self.definition.version_major()
    }

    pub(crate) fn minor(&self) -> i32 {
        self.definition.version_minor()
    }

    pub(crate) fn is_properties(&self) -> bool {
        self.definition.interface_type() == InterfaceType::Properties
    }

    pub(crate) fn is_object(&self) -> bool {
        self.definition.aggregation() == Some(Aggregation::Object)
    }

    pub(crate) fn is_server_owned(&self) -> bool {
        self.definition.ownership() == Ownership::Server
    }

    pub(crate) fn mappings(&self) -> &[Mapping<String>] {
        self.definition.mappings()
    }

    /// The definition as Realm Management prints it: members at their default are left out.
    pub(crate) fn to_json(&self) -> Json {
        serde_json::to_value(&self.definition).unwrap_or_default()
    }

    /// The mapping that `path` (with its leading slash) stands for.
    pub(crate) fn resolve(&self, path: &str) -> Result<&Mapping<String>, PathError> {
        let segments = segments(path)?;
        let mut incomplete = false;
        for (endpoint, mapping) in self.endpoints.iter().zip(self.mappings()) {
            let levels: Vec<_> = endpoint.iter().collect();
            if levels.len() >= segments.len() && matches(&levels[..segments.len()], &segments) {
                if levels.len() == segments.len() {
                    return Ok(mapping);
                }
                incomplete = true;
            }
        }
        Err(if incomplete { PathError::Incomplete } else { PathError::NoEndpoint })
    }

    /// Tells whether `path` is a base path of this object interface.
    pub(crate) fn resolve_base(&self, path: &str) -> Result<(), PathError> {
        let segments = if path == "/" { Vec::new() } else { segments(path)? };
        let levels: Vec<_> =
            self.endpoints.first().map(|endpoint| endpoint.iter().collect()).unwrap_or_default();
        let base = &levels[..levels.len().saturating_sub(1)];
        if base.len() >= segments.len() && matches(&base[..segments.len()], &segments) {
            if base.len() == segments.len() { Ok(()) } else { Err(PathError::Incomplete) }
        } else {
            Err(PathError::NoEndpoint)
        }
    }

    /// The mapping behind a key of an object.
    pub(crate) fn object_key(&self, key: &str) -> Option<&Mapping<String>> {
        self.mappings().iter().find(|mapping| last_token(mapping.endpoint()) == key)
    }

    /// The keys of an object, sorted.
    pub(crate) fn object_keys(&self) -> Vec<&str> {
        let mut keys: Vec<_> = self.mappings().iter().map(|mapping| last_token(mapping.endpoint())).collect();
        keys.sort_unstable();
        keys
    }

    /// The quality of service for a mapping's messages. Properties always travel exactly once.
    pub(crate) fn qos(&self, mapping: &Mapping<String>) -> QoS {
        match mapping.reliability().unwrap_or_default() {
            _ if self.is_properties() => QoS::ExactlyOnce,
            Reliability::Unreliable => QoS::AtMostOnce,
            Reliability::Guaranteed => QoS::AtLeastOnce,
            Reliability::Unique => QoS::ExactlyOnce,
        }
    }
}

/// How long a mapping's values are stored; `None` is for ever.
pub(crate) fn time_to_live(mapping: &Mapping<String>) -> Option<Duration> {
    match mapping.database_retention_policy().unwrap_or_default() {
        DatabaseRetentionPolicy::NoTtl => None,
        DatabaseRetentionPolicy::UseTtl => {
            mapping.database_retention_ttl().and_then(|ttl| u64::try_from(ttl).ok()).map(Duration::from_secs)
        }
    }
}

/// The type that a mapping type name stands for.
pub(crate) fn mapping_type(name: &str) -> Option<MappingType> {
    serde_json::from_value(Json::from(name)).ok()
}

fn last_token(endpoint: &str) -> &str {
    endpoint.rsplit('/').next().unwrap_or_default()
}

fn matches(levels: &[&Level<String>], segments: &[&str]) -> bool {
    levels.iter().zip(segments).all(|(level, segment)| match level {
        Level::Simple(name) => name == segment,
        Level::Parameter(_) => true,
    })
}

fn segments(path: &str) -> Result<Vec<&str>, PathError> {
    let path = path.strip_prefix('/').ok_or(PathError::Invalid)?;
    let segments: Vec<_> = path.split('/').collect();
    if segments.iter().any(|segment| segment.is_empty() || segment.contains(['+', '#'])) {
        return Err(PathError::Invalid);
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sensors() -> InterfaceDef {
        InterfaceDef::parse(&json!({
            "interface_name": "org.example.Sensors", "version_major": 1, "version_minor": 0,
            "type": "datastream", "ownership": "device",
            "mappings": [
                {"endpoint": "/%{room}/temp", "type": "double"},
                {"endpoint": "/%{room}/door/open", "type": "boolean", "reliability": "guaranteed"},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn paths_resolve_to_endpoints() {
        let interface = sensors();
        let endpoint = |path| interface.resolve(path).map(|mapping| mapping.endpoint().to_owned());
        assert_eq!(endpoint("/kitchen/temp").unwrap(), "/%{room}/temp");
        assert_eq!(endpoint("/kitchen/door/open").unwrap(), "/%{room}/door/open");
        assert_eq!(endpoint("/kitchen"), Err(PathError::Incomplete));
        assert_eq!(endpoint("/kitchen/door"), Err(PathError::Incomplete));
        assert_eq!(endpoint("/kitchen/hum"), Err(PathError::NoEndpoint));
        assert_eq!(endpoint("/kitchen/temp/x"), Err(PathError::NoEndpoint));
        for path in ["kitchen/temp", "//temp", "/kitchen/temp/", "/a+/temp", "/#/temp", "/"] {
            assert_eq!(endpoint(path), Err(PathError::Invalid), "{path}");
        }
    }

    // Defaults are not printed, so a client that compares definitions must fill them in.
    #[test]
    fn printed_definitions_leave_defaults_out() {
        let json = sensors().to_json();
        assert!(json.get("aggregation").is_none());
        assert!(json["mappings"][0].get("reliability").is_none());
        assert_eq!(json["mappings"][1]["reliability"], "guaranteed");
    }
}
