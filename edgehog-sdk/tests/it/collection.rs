//! The declared definitions are Edgehog's collection, to the letter.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use edgehog_sdk::{Interface as _, interfaces};
use serde_json::{Value, json};

/// Guards every definition by the repository alone: one line for the head, one for each mapping.
#[test]
fn definitions() {
    let mut text = String::new();
    for definition in interfaces::all() {
        let json = serde_json::to_value(definition).unwrap();
        let head =
            ["type", "ownership", "aggregation"].map(|name| json[name].as_str().unwrap_or("individual"));
        writeln!(text, "{} {}.{} {}", definition.name, definition.major, definition.minor, head.join(" "))
            .unwrap();
        for mapping in definition.mappings() {
            writeln!(text, "  {}", serde_json::to_string(&mapping).unwrap()).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

/// Nothing is listed twice, and Astarte's official crate accepts every definition.
#[test]
fn definitions_are_valid() {
    let mut names = BTreeSet::new();
    for definition in interfaces::all() {
        let version = (definition.name, definition.major);
        assert!(names.insert(version), "{version:?} is listed twice");
        let interface = definition.to_interface().unwrap();
        assert_eq!(interface.interface_name(), definition.name);
        assert_eq!(interface.ownership(), definition.ownership);
    }
    assert_eq!(names.len(), 53);
}

/// Members that a definition leaves out have Astarte's defaults.
fn fill_defaults(mut definition: Value) -> Value {
    let set = |object: &mut Value, defaults: Value| {
        for (name, default) in defaults.as_object().unwrap() {
            object.as_object_mut().unwrap().entry(name).or_insert_with(|| default.clone());
        }
    };
    set(&mut definition, json!({"aggregation": "individual"}));
    for mapping in definition["mappings"].as_array_mut().unwrap() {
        set(
            mapping,
            json!({
                "reliability": "unreliable", "retention": "discard", "expiry": 0, "explicit_timestamp": false,
                "allow_unset": false, "database_retention_policy": "no_ttl",
            }),
        );
    }
    definition
}

/// Where the contract lies beside the repository, the declarations are equal to it, order of mappings included.
#[test]
fn definitions_equal_the_contract() {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contract/interfaces");
    let Ok(files) = fs::read_dir(contract) else { return };
    let mut compared = 0;
    for file in files {
        let expected: Value = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        let name = expected["interface_name"].as_str().unwrap();
        let major = expected["version_major"].as_u64().unwrap();
        let definition = interfaces::all().find(|it| it.name == name && u64::from(it.major) == major);
        let declared =
            serde_json::to_value(definition.unwrap_or_else(|| panic!("{name} is not declared"))).unwrap();
        assert_eq!(fill_defaults(declared), fill_defaults(expected.clone()), "{name}");
        compared += 1;
    }
    // What stock devices use in a newer major than the contract has.
    let newer = interfaces::all().filter(|it| (it.name, it.major) == (interfaces::StorageUsageV1::NAME, 1));
    assert_eq!(compared + newer.count(), interfaces::all().count());
}
