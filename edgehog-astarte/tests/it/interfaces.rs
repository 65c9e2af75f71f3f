//! The definitions of the `astarte-interfaces` crate keep what Realm Management takes.

use edgehog_astarte::Interface;
use serde_json::{Value, json};

/// The order of mappings has no meaning; the definitions below are in the order that the crate prints.
fn assert_kept(definition: &Value) {
    let interface: Interface = serde_json::from_value(definition.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&interface).unwrap(), definition);
}

#[test]
fn nothing_is_lost_of_an_individual_datastream() {
    assert_kept(&json!({
        "interface_name": "org.example.Sensors", "version_major": 0, "version_minor": 1, "type": "datastream",
        "ownership": "device", "description": "d", "doc": "long",
        "mappings": [
            {"endpoint": "/uptime", "type": "longinteger"},
            {
                "endpoint": "/%{room}/temp", "type": "double", "reliability": "unique", "explicit_timestamp": true,
                "retention": "stored", "expiry": 60, "database_retention_policy": "use_ttl",
                "database_retention_ttl": 3600, "description": "d", "doc": "long"
            }
        ]
    }));
}

#[test]
fn nothing_is_lost_of_an_object_datastream() {
    let mapping = |endpoint: &str, required: bool| {
        let mut mapping = json!({
            "endpoint": endpoint, "type": "stringarray", "reliability": "guaranteed", "explicit_timestamp": true,
            "retention": "volatile", "expiry": 60, "database_retention_policy": "use_ttl",
            "database_retention_ttl": 3600
        });
        if required {
            mapping["required"] = json!(true);
        }
        mapping
    };
    assert_kept(&json!({
        "interface_name": "org.example.Storage", "version_major": 1, "version_minor": 0, "type": "datastream",
        "ownership": "server", "aggregation": "object",
        "mappings": [mapping("/%{unit}/free", false), mapping("/%{unit}/total", true)]
    }));
}

#[test]
fn nothing_is_lost_of_properties() {
    assert_kept(&json!({
        "interface_name": "org.example.Settings", "version_major": 1, "version_minor": 3, "type": "properties",
        "ownership": "server",
        "mappings": [{"endpoint": "/a", "type": "datetime", "allow_unset": true, "doc": "long"}]
    }));
}
