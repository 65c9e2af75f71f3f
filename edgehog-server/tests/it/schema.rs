//! The schema against what clients rely on.

use std::collections::BTreeMap;
use std::path::Path;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{InputValueDefinition, TypeKind, TypeSystemDefinition};

/// Types that lack members, whose own types are still to come. All others are whole.
const PARTIAL: [&str; 9] = [
    "Device",
    "DeviceFilterInput",
    "DeviceGroup",
    "DeviceGroupFilterInput",
    "RootMutationType",
    "RootQueryType",
    "RootSubscriptionType",
    "SystemModel",
    "SystemModelFilterInput",
];

#[test]
fn the_schema_changes_only_on_purpose() {
    insta::assert_snapshot!(edgehog_server::schema().sdl());
}

/// Name of type to name of member to its type.
type Types = BTreeMap<String, BTreeMap<String, String>>;

fn types(sdl: &str) -> Types {
    let document = parse_schema(sdl).unwrap();
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(definition.node),
        _ => None,
    });
    types.map(|definition| (definition.name.node.to_string(), members(definition.kind))).collect()
}

fn members(kind: TypeKind) -> BTreeMap<String, String> {
    let input = |input: &InputValueDefinition| (input.name.node.to_string(), input.ty.node.to_string());
    match kind {
        TypeKind::Object(object) => {
            let mut members = BTreeMap::new();
            for field in object.fields.into_iter().map(|field| field.node) {
                for argument in &field.arguments {
                    let (name, ty) = input(&argument.node);
                    members.insert(format!("{}({name})", field.name.node), ty);
                }
                members.insert(field.name.node.to_string(), field.ty.node.to_string());
            }
            members
        }
        TypeKind::InputObject(object) => object.fields.iter().map(|field| input(&field.node)).collect(),
        TypeKind::Enum(values) => values
            .values
            .into_iter()
            .map(|value| (value.node.value.node.to_string(), "value".to_owned()))
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// Where the contract is at hand, all of our types that it has are as it has them, and whole but for those that are known
/// not to be.
#[test]
fn types_are_those_of_the_contract() {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contract/schema.graphql");
    let Ok(contract) = std::fs::read_to_string(contract) else { return };
    let (contract, ours) = (types(&contract), types(&edgehog_server::schema().sdl()));
    for (name, ours) in &ours {
        let Some(wanted) = contract.get(name) else { continue };
        for (member, ty) in ours {
            assert_eq!(wanted.get(member), Some(ty), "{name}.{member}");
        }
        let whole = wanted.len() == ours.len();
        assert_eq!(whole, !PARTIAL.contains(&name.as_str()), "{name}: {:?}", wanted.len() - ours.len());
    }
}
