//! The types of the schema that follow from a resource's declaration: object, connection, edge, filters, sorts.

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{MetaEnumValue, MetaField, MetaInputValue, MetaType, Registry};
use async_graphql::{ID, InputType, OutputType};
use edgehog_engine::store::{Attribute, Cardinality, Kind, Relation, Resource};

use super::names::{doc, field, part, value};
use super::{NODE, shown};
use crate::graphql::scalars::DateTime;

/// The argument of every list in the order in which the schema has them: name, type, meaning.
pub(super) const PAGE_ARGUMENTS: [(&str, &str, &str); 4] = [
    ("first", "Int", "How many items to give from the start, or after `after`. At most 250."),
    ("before", "String", "The cursor right before which to end."),
    ("after", "String", "The cursor after which to begin."),
    ("last", "Int", "How many items to give right before `before`. At most 250."),
];

const WINDOW_ARGUMENTS: [(&str, &str, &str); 2] = [
    ("limit", "Int", "How many items to give. All where not given."),
    ("offset", "Int", "How many items to leave out at the start."),
];

/// Registers the object type of a resource and all types that it leads to. Gives its name.
pub(in crate::graphql) fn object(registry: &mut Registry, resource: &'static Resource) -> String {
    let name = resource.name.to_owned();
    if !reserve(registry, &name) {
        return name;
    }
    let shown = shown(resource);
    let mut fields = IndexMap::new();
    for attribute in resource.attributes.iter().filter(|it| !it.internal) {
        let ty = output_type(registry, attribute);
        let ty = if attribute.nullable { ty } else { format!("{ty}!") };
        let doc = if attribute.name == "id" { "The global id.".to_owned() } else { doc(attribute.doc) };
        add(&mut fields, meta_field(&field(attribute.name), doc, ty, IndexMap::new()));
    }
    for relation in resource.relations.iter().filter(|it| !it.internal) {
        let meta = relation_field(registry, relation);
        add(&mut fields, meta);
    }
    if let Some(extra) = shown.and_then(|shown| shown.extra.as_ref()) {
        fields.extend((extra.register)(registry));
    }
    if shown.is_some_and(|shown| shown.is_node) {
        registry.add_implements(&name, NODE);
    }
    registry.types.insert(name.clone(), meta_object(&name, doc(resource.doc), fields));
    name
}

fn relation_field(registry: &mut Registry, relation: &Relation) -> MetaField {
    let target = relation.target;
    let name = field(relation.name);
    match relation.cardinality {
        Cardinality::One => meta_field(&name, doc(relation.doc), object(registry, target), IndexMap::new()),
        Cardinality::Pages => {
            let ty = format!("{}!", connection(registry, target));
            meta_field(&name, doc(relation.doc), ty, list_arguments(registry, target, &PAGE_ARGUMENTS))
        }
        _ => {
            let ty = format!("[{}!]!", object(registry, target));
            meta_field(&name, doc(relation.doc), ty, list_arguments(registry, target, &WINDOW_ARGUMENTS))
        }
    }
}

/// Registers the connection type of a resource. Gives its name.
pub(super) fn connection(registry: &mut Registry, resource: &'static Resource) -> String {
    let name = format!("{}Connection", resource.name);
    if !reserve(registry, &name) {
        return name;
    }
    let page_info = async_graphql::connection::PageInfo::create_type_info(registry);
    let node = object(registry, resource);
    let edge = format!("{}Edge", resource.name);
    let plain = |name: &str, doc: &str, ty: String| meta_field(name, doc.to_owned(), ty, IndexMap::new());
    let mut fields = IndexMap::new();
    add(&mut fields, plain("cursor", "The place right after this item.", "String!".to_owned()));
    add(&mut fields, plain("node", "The item.", format!("{node}!")));
    registry
        .types
        .insert(edge.clone(), meta_object(&edge, "An item of a list, with its place.".into(), fields));
    let mut fields = IndexMap::new();
    add(&mut fields, plain("count", "How many items the list has on all its pages.", "Int".to_owned()));
    add(&mut fields, plain("pageInfo", "Where this page lies in the list.", page_info));
    add(&mut fields, plain("edges", "The items of this page.", format!("[{edge}!]")));
    registry.types.insert(name.clone(), meta_object(&name, "A page of a list.".into(), fields));
    name
}

/// The arguments of a list of a resource.
pub(super) fn list_arguments(
    registry: &mut Registry,
    resource: &'static Resource,
    part_arguments: &[(&str, &str, &str)],
) -> IndexMap<String, MetaInputValue> {
    let sort = format!("[{}]", sort_input(registry, resource));
    let filter = filter_input(registry, resource);
    i64::create_info(registry);
    let mut arguments = IndexMap::new();
    add_input(&mut arguments, meta_input("sort", "By what to sort, the first one first.", sort));
    add_input(&mut arguments, meta_input("filter", "Which items to give.", filter));
    for (name, ty, doc) in part_arguments {
        add_input(&mut arguments, meta_input(name, doc, (*ty).to_owned()));
    }
    arguments
}

/// Registers the filter type of a resource and of all resources that it leads to. Gives its name.
pub(in crate::graphql) fn filter_input(registry: &mut Registry, resource: &'static Resource) -> String {
    let name = format!("{}FilterInput", resource.name);
    if !reserve(registry, &name) {
        return name;
    }
    let mut fields = IndexMap::new();
    let list = format!("[{name}!]");
    for (operator, doc) in [("and", "All of these."), ("or", "Any of these."), ("not", "Not all of these.")] {
        add_input(&mut fields, meta_input(operator, doc, list.clone()));
    }
    for attribute in resource.attributes.iter().filter(|it| !it.internal) {
        let ty = attribute_filter(registry, resource, attribute);
        add_input(&mut fields, meta_input(&field(attribute.name), &doc(attribute.doc), ty));
    }
    for relation in resource.relations.iter().filter(|it| !it.internal) {
        let ty = filter_input(registry, relation.target);
        add_input(&mut fields, meta_input(&field(relation.name), &doc(relation.doc), ty));
    }
    registry.types.insert(
        name.clone(),
        meta_input_object(&name, "Which items are wanted: all that is said here must be so.", fields),
    );
    name
}

fn attribute_filter(registry: &mut Registry, resource: &Resource, attribute: &Attribute) -> String {
    let name = format!("{}Filter{}", resource.name, part(attribute.name));
    let ty = filter_type(registry, attribute.kind);
    bool::create_info(registry);
    let mut fields = IndexMap::new();
    let member = if attribute.nullable { format!("[{ty}]") } else { format!("[{ty}!]") };
    for (operator, ty, doc) in [
        ("isNil", "Boolean", "Whether there is no value."),
        ("eq", ty, "Equal to this."),
        ("notEq", ty, "Not equal to this; no value is not equal to anything."),
        ("in", member.as_str(), "One of these."),
        ("lessThan", ty, "Less than this."),
        ("greaterThan", ty, "Greater than this."),
        ("lessThanOrEqual", ty, "This or less."),
        ("greaterThanOrEqual", ty, "This or greater."),
        ("isDistinctFrom", ty, "Not this, or no value."),
        ("isNotDistinctFrom", ty, "This; no value is the same as no value."),
    ] {
        add_input(&mut fields, meta_input(operator, doc, ty.to_owned()));
    }
    if attribute.kind == Kind::Text {
        for (operator, doc) in [
            ("contains", "Has this in it."),
            ("stringStartsWith", "Begins with this."),
            ("stringEndsWith", "Ends with this."),
            ("like", "Fits this pattern of `%` and `_`."),
            ("ilike", "Fits this pattern of `%` and `_`, whatever the case."),
        ] {
            add_input(&mut fields, meta_input(operator, doc, "String".to_owned()));
        }
    }
    registry.types.insert(name.clone(), meta_input_object(&name, "What a value is to be like.", fields));
    name
}

fn sort_input(registry: &mut Registry, resource: &'static Resource) -> String {
    let name = format!("{}SortInput", resource.name);
    if !reserve(registry, &name) {
        return name;
    }
    let values = resource.attributes.iter().filter(|it| !it.internal);
    let values = values.map(|it| meta_value(&value(it.name), doc(it.doc)));
    let fields = format!("{}SortField", resource.name);
    let doc = "What to sort by.";
    registry.types.insert(fields.clone(), meta_enum(&fields, doc, values));
    let order = <super::arguments::SortOrder as InputType>::create_type_info(registry);
    let mut members = IndexMap::new();
    add_input(
        &mut members,
        meta_input("order", "In which direction.", order.trim_end_matches('!').to_owned()),
    );
    add_input(&mut members, meta_input("field", doc, format!("{fields}!")));
    registry.types.insert(name.clone(), meta_input_object(&name, "How to sort.", members));
    name
}

/// The types of attributes when they are shown.
fn output_type(registry: &mut Registry, attribute: &Attribute) -> String {
    let qualified = match attribute.kind {
        Kind::Key | Kind::Uuid => <ID as OutputType>::create_type_info(registry),
        Kind::Integer => <i64 as OutputType>::create_type_info(registry),
        Kind::Boolean => <bool as OutputType>::create_type_info(registry),
        Kind::Seconds | Kind::Time => <DateTime as OutputType>::create_type_info(registry),
        _ => <String as OutputType>::create_type_info(registry),
    };
    qualified.trim_end_matches('!').to_owned()
}

/// The types of attributes in filters. Keys are compared as they are, not as global ids.
fn filter_type(registry: &mut Registry, kind: Kind) -> &'static str {
    match kind {
        Kind::Key | Kind::Integer => i64::create_info(registry),
        Kind::Boolean => bool::create_info(registry),
        Kind::Seconds | Kind::Time => DateTime::create_info(registry),
        Kind::Uuid => ID::create_info(registry),
        _ => String::create_info(registry),
    }
}

/// Registers an input type by what the schema calls it.
trait Named: InputType {
    const NAME: &'static str;

    fn create_info(registry: &mut Registry) -> &'static str {
        Self::create_type_info(registry);
        Self::NAME
    }
}

macro_rules! named {
    ($($type:ty = $name:literal),+) => {
        $(impl Named for $type {
            const NAME: &'static str = $name;
        })+
    };
}

named!(i64 = "Int", bool = "Boolean", String = "String", ID = "ID", DateTime = "DateTime");

/// Takes a name for a type that is about to be made, as it may lead back to itself. Says whether it was free.
fn reserve(registry: &mut Registry, name: &str) -> bool {
    if registry.types.contains_key(name) {
        return false;
    }
    registry.types.insert(name.to_owned(), meta_object(name, String::new(), IndexMap::new()));
    true
}

fn add(fields: &mut IndexMap<String, MetaField>, field: MetaField) {
    fields.insert(field.name.clone(), field);
}

pub(super) fn add_input(fields: &mut IndexMap<String, MetaInputValue>, field: MetaInputValue) {
    fields.insert(field.name.clone(), field);
}

pub(in crate::graphql) fn meta_object(
    name: &str,
    doc: String,
    fields: IndexMap<String, MetaField>,
) -> MetaType {
    MetaType::Object {
        name: name.to_owned(),
        description: Some(doc),
        fields,
        cache_control: Default::default(),
        extends: false,
        shareable: false,
        resolvable: true,
        keys: None,
        visible: None,
        inaccessible: false,
        interface_object: false,
        tags: Vec::new(),
        is_subscription: false,
        rust_typename: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

pub(in crate::graphql) fn meta_field(
    name: &str,
    doc: String,
    ty: String,
    args: IndexMap<String, MetaInputValue>,
) -> MetaField {
    MetaField {
        name: name.to_owned(),
        description: Some(doc),
        args,
        ty,
        deprecation: Default::default(),
        cache_control: Default::default(),
        external: false,
        requires: None,
        provides: None,
        visible: None,
        shareable: false,
        inaccessible: false,
        tags: Vec::new(),
        override_from: None,
        compute_complexity: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

pub(super) fn meta_input(name: &str, doc: &str, ty: String) -> MetaInputValue {
    MetaInputValue {
        name: name.to_owned(),
        description: Some(doc.to_owned()),
        ty,
        deprecation: Default::default(),
        default_value: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        is_secret: false,
        directive_invocations: Vec::new(),
    }
}

fn meta_input_object(name: &str, doc: &str, input_fields: IndexMap<String, MetaInputValue>) -> MetaType {
    MetaType::InputObject {
        name: name.to_owned(),
        description: Some(doc.to_owned()),
        input_fields,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: None,
        oneof: false,
        directive_invocations: Vec::new(),
    }
}

fn meta_enum(name: &str, doc: &str, values: impl Iterator<Item = MetaEnumValue>) -> MetaType {
    MetaType::Enum {
        name: name.to_owned(),
        description: Some(doc.to_owned()),
        enum_values: values.map(|value| (value.name.clone(), value)).collect(),
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

fn meta_value(name: &str, doc: String) -> MetaEnumValue {
    MetaEnumValue {
        name: name.to_owned(),
        description: Some(doc),
        deprecation: Default::default(),
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        directive_invocations: Vec::new(),
    }
}
