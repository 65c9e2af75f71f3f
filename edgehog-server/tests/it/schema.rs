//! The schema against what clients rely on.

use std::collections::BTreeMap;
use std::path::Path;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};

/// Types that are whole: everything that the contract has of them is there.
const WHOLE: [&str; 18] = [
    "BaseImageInfo",
    "BatterySlot",
    "BatterySlotStatus",
    "DateTime",
    "DeviceCapability",
    "DeviceEdge",
    "HardwareInfo",
    "Modem",
    "ModemRegistrationStatus",
    "ModemTechnology",
    "NetworkInterface",
    "NetworkInterfaceTechnology",
    "OsInfo",
    "PageInfo",
    "RuntimeInfo",
    "StorageUnit",
    "SystemStatus",
    "TenantInfo",
];

#[test]
fn the_schema_changes_only_on_purpose() {
    insta::assert_snapshot!(edgehog_server::schema().sdl());
}

/// Name of type to name of member to its type.
fn members(sdl: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let document = parse_schema(sdl).unwrap();
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(definition.node),
        _ => None,
    });
    types
        .map(|definition| {
            let members = match definition.kind {
                TypeKind::Object(object) => (object.fields.into_iter())
                    .map(|field| (field.node.name.node.to_string(), field.node.ty.node.to_string()))
                    .collect(),
                TypeKind::Enum(values) => (values.values.into_iter())
                    .map(|value| (value.node.value.node.to_string(), "value".to_owned()))
                    .collect(),
                _ => BTreeMap::new(),
            };
            (definition.name.node.to_string(), members)
        })
        .collect()
}

/// Where the contract is at hand, the types that are said to be whole have all that it has, with the same types.
#[test]
fn whole_types_are_those_of_the_contract() {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contract/schema.graphql");
    let Ok(contract) = std::fs::read_to_string(contract) else { return };
    let (contract, ours) = (members(&contract), members(&edgehog_server::schema().sdl()));
    for name in WHOLE {
        assert_eq!(ours.get(name), contract.get(name), "{name}");
    }
    let (wanted, device) = (&contract["Device"], &ours["Device"]);
    for (field, kind) in device {
        assert_eq!(wanted.get(field), Some(kind), "Device.{field}");
    }
}
