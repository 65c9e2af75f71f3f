//! A GraphQL schema, reduced to what a client can rely on.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use async_graphql_parser::Positioned;
use async_graphql_parser::types::{
    FieldDefinition, InputValueDefinition, ServiceDocument, TypeDefinition, TypeKind, TypeSystemDefinition,
};

/// The types by their names. The roots go by names of ours, because theirs are nothing to a client.
pub(super) struct Schema {
    pub(super) types: BTreeMap<String, Type>,
}

pub(super) struct Type {
    /// As the schema has it, also for roots.
    pub(super) own_name: String,
    pub(super) kind: Kind,
    pub(super) members: BTreeMap<Member, Signature>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    Object,
    Interface,
    Union,
    Enum,
    InputObject,
}

/// A part of a type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Member {
    Field(String),
    Argument { field: String, name: String },
    Input(String),
    Value(String),
    Possible(String),
    Implements(String),
}

/// What a member must agree in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// Empty for members that have no type.
    pub(super) type_name: String,
    /// Whether a request is wrong without it.
    pub(super) mandatory: bool,
}

impl Schema {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let document = async_graphql_parser::parse_schema(text)?;
        let roots = roots(&document);
        let mut types: BTreeMap<String, Type> = BTreeMap::new();
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let own_name = definition.node.name.node.to_string();
            let name = roots.get(&own_name).map_or_else(|| own_name.clone(), |root| (*root).to_owned());
            let entry = types.entry(name).or_insert_with(|| Type {
                own_name,
                kind: kind(&definition.node.kind),
                members: BTreeMap::new(),
            });
            entry.members.extend(members(definition.node));
        }
        Ok(Self { types })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.types.iter().any(|(known, found)| found.is_called(known, name))
    }
}

impl Type {
    /// Whether somebody who says `name` means this type, which goes by `known`.
    pub(super) fn is_called(&self, known: &str, name: &str) -> bool {
        known == name || self.own_name == name
    }
}

/// Our names of the roots by their own.
fn roots(document: &ServiceDocument) -> BTreeMap<String, &'static str> {
    let mut names = [String::from("Query"), String::from("Mutation"), String::from("Subscription")];
    for definition in &document.definitions {
        let TypeSystemDefinition::Schema(schema) = definition else { continue };
        let schema = &schema.node;
        for (name, root) in names.iter_mut().zip([&schema.query, &schema.mutation, &schema.subscription]) {
            if let Some(root) = root {
                *name = root.node.to_string();
            }
        }
    }
    names.into_iter().zip(["<query root>", "<mutation root>", "<subscription root>"]).collect()
}

fn kind(kind: &TypeKind) -> Kind {
    match kind {
        TypeKind::Scalar => Kind::Scalar,
        TypeKind::Object(_) => Kind::Object,
        TypeKind::Interface(_) => Kind::Interface,
        TypeKind::Union(_) => Kind::Union,
        TypeKind::Enum(_) => Kind::Enum,
        TypeKind::InputObject(_) => Kind::InputObject,
    }
}

fn members(definition: TypeDefinition) -> Vec<(Member, Signature)> {
    let implements = |name: &Positioned<_>| plain(Member::Implements, &name.node);
    match definition.kind {
        TypeKind::Scalar => Vec::new(),
        TypeKind::Object(object) => {
            fields(&object.fields).chain(object.implements.iter().map(implements)).collect()
        }
        TypeKind::Interface(interface) => {
            fields(&interface.fields).chain(interface.implements.iter().map(implements)).collect()
        }
        TypeKind::Union(union) => {
            union.members.iter().map(|name| plain(Member::Possible, &name.node)).collect()
        }
        TypeKind::Enum(values) => {
            values.values.iter().map(|value| plain(Member::Value, &value.node.value.node)).collect()
        }
        TypeKind::InputObject(object) => {
            let input = |field: &Positioned<InputValueDefinition>| {
                (Member::Input(field.node.name.node.to_string()), Signature::of_input(&field.node))
            };
            object.fields.iter().map(input).collect()
        }
    }
}

fn fields(fields: &[Positioned<FieldDefinition>]) -> impl Iterator<Item = (Member, Signature)> {
    fields.iter().flat_map(|field| {
        let field = &field.node;
        let name = field.name.node.to_string();
        let itself = (Member::Field(name.clone()), Signature::of(&field.ty.node, false));
        let arguments = field.arguments.iter().map(move |argument| {
            let (field, argument) = (name.clone(), &argument.node);
            let member = Member::Argument { field, name: argument.name.node.to_string() };
            (member, Signature::of_input(argument))
        });
        std::iter::once(itself).chain(arguments)
    })
}

fn plain(member: impl Fn(String) -> Member, name: &impl ToString) -> (Member, Signature) {
    (member(name.to_string()), Signature { type_name: String::new(), mandatory: false })
}

impl Signature {
    fn of(type_name: &impl ToString, mandatory: bool) -> Self {
        Self { type_name: type_name.to_string(), mandatory }
    }

    fn of_input(input: &InputValueDefinition) -> Self {
        Self::of(&input.ty.node, !input.ty.node.nullable && input.default_value.is_none())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Object => "type",
            Self::Interface => "interface",
            Self::Union => "union",
            Self::Enum => "enum",
            Self::InputObject => "input",
        })
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) | Self::Input(name) => f.write_str(name),
            Self::Argument { field, name } => write!(f, "{field}({name}:)"),
            Self::Value(name) => write!(f, "value {name}"),
            Self::Possible(name) => write!(f, "member {name}"),
            Self::Implements(name) => write!(f, "implements {name}"),
        }
    }
}
