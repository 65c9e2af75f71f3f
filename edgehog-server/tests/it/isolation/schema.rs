//! The schema as data, from which the attempts are made.

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, InputValueDefinition, Type, TypeKind, TypeSystemDefinition};

/// A field, an argument or a member of an input.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) name: String,
    /// As the schema spells it.
    pub(super) ty: String,
    /// The type's name without its brackets.
    pub(super) named: String,
    pub(super) list: bool,
    pub(super) required: bool,
    pub(super) arguments: Vec<Self>,
}

pub(super) struct Schema {
    /// Of objects, interfaces and inputs.
    members: BTreeMap<String, Vec<Member>>,
    enums: BTreeMap<String, Vec<String>>,
    implementors: BTreeMap<String, Vec<String>>,
}

impl Member {
    fn new(name: &str, ty: &Type, arguments: Vec<Self>) -> Self {
        let list = matches!(ty.base, BaseType::List(_));
        let (named, required) = (named(ty).to_owned(), !ty.nullable);
        Self { name: name.to_owned(), ty: ty.to_string(), named, list, required, arguments }
    }

    fn input(definition: &InputValueDefinition) -> Self {
        Self::new(&definition.name.node, &definition.ty.node, Vec::new())
    }

    pub(super) fn argument(&self, name: &str) -> Option<&Self> {
        self.arguments.iter().find(|it| it.name == name)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &Self> {
        self.arguments.iter().filter(|it| it.named == "ID")
    }
}

fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => named(item),
    }
}

impl Schema {
    pub(super) fn ours() -> Self {
        let (mut members, mut enums, mut implementors) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::<String, Vec<String>>::new());
        for definition in parse_schema(edgehog_server::schema().sdl()).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            let fields = match definition.node.kind {
                TypeKind::Object(object) => {
                    for interface in &object.implements {
                        implementors.entry(interface.node.to_string()).or_default().push(name.clone());
                    }
                    object.fields
                }
                TypeKind::Interface(interface) => interface.fields,
                TypeKind::InputObject(input) => {
                    members.insert(name, input.fields.iter().map(|it| Member::input(&it.node)).collect());
                    continue;
                }
                TypeKind::Enum(it) => {
                    let values = it.values.iter().map(|it| it.node.value.node.to_string()).collect();
                    enums.insert(name, values);
                    continue;
                }
                TypeKind::Scalar => continue,
                TypeKind::Union(_) => panic!("{name}: teach the isolation suite what a union is"),
            };
            let fields = fields.iter().map(|field| {
                let arguments = field.node.arguments.iter().map(|it| Member::input(&it.node)).collect();
                Member::new(&field.node.name.node, &field.node.ty.node, arguments)
            });
            members.insert(name, fields.collect());
        }
        Self { members, enums, implementors }
    }

    /// The fields of an object, or the members of an input; none of others.
    pub(super) fn members(&self, ty: &str) -> &[Member] {
        self.members.get(ty).map_or(&[], Vec::as_slice)
    }

    pub(super) fn member(&self, ty: &str, name: &str) -> Option<&Member> {
        self.members(ty).iter().find(|it| it.name == name)
    }

    pub(super) fn queries(&self) -> &[Member] {
        self.members("RootQueryType")
    }

    pub(super) fn mutations(&self) -> &[Member] {
        self.members("RootMutationType")
    }

    pub(super) fn subscriptions(&self) -> &[Member] {
        self.members("RootSubscriptionType")
    }

    /// The values of an enum; none of others.
    pub(super) fn values(&self, ty: &str) -> &[String] {
        self.enums.get(ty).map_or(&[], Vec::as_slice)
    }

    pub(super) fn implementors(&self, interface: &str) -> &[String] {
        self.implementors.get(interface).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_leaf(&self, ty: &str) -> bool {
        self.members(ty).is_empty()
    }

    /// What is kept in the database and can be filtered: all types of records.
    pub(super) fn records(&self) -> Vec<&str> {
        let filters = self.members.keys().filter_map(|name| name.strip_suffix("FilterInput"));
        filters.filter(|name| self.members.contains_key(*name)).collect()
    }

    /// The record that a field leads to, past payloads and connections.
    pub(super) fn record<'s>(&'s self, ty: &'s str) -> &'s str {
        if let Some(edges) = self.member(ty, "edges") {
            return self.member(&edges.named, "node").map_or(ty, |node| &node.named);
        }
        let within = ["result", "created", "updated"].iter().find_map(|name| self.member(ty, name));
        within.filter(|it| !self.is_leaf(&it.named)).map_or(ty, |it| &it.named)
    }

    /// Which records an id in this place may name.
    pub(super) fn owners(&self, field: &Member, id: &str) -> Vec<String> {
        let record = self.record(&field.named);
        if id == "id" {
            let nodes = self.implementors(record);
            return if nodes.is_empty() { vec![record.to_owned()] } else { nodes.to_vec() };
        }
        let stem = id.trim_end_matches('s').trim_end_matches("Id");
        let name = stem[..1].to_uppercase() + &stem[1..];
        assert!(self.members.contains_key(&name), "{}: say in `Schema::owners` whose {id} is", field.name);
        vec![name]
    }

    /// All that can be selected of a type. A type within itself is asked for its ids alone.
    pub(super) fn selection(&self, ty: &str) -> String {
        self.within(ty, &mut Vec::new())
    }

    fn within<'s>(&'s self, ty: &'s str, path: &mut Vec<&'s str>) -> String {
        if path.contains(&ty) {
            return if self.member(ty, "id").is_some() { "{ id }" } else { "{ __typename }" }.to_owned();
        }
        path.push(ty);
        let mut text = "{ __typename".to_owned();
        for member in self.members(ty) {
            text.push(' ');
            text.push_str(&member.name);
            if !self.is_leaf(&member.named) {
                text.push_str(&self.within(&member.named, path));
            }
        }
        for node in self.implementors(ty) {
            text.push_str(&format!(" ... on {node} {}", self.within(node, path)));
        }
        path.pop();
        text + " }"
    }
}
