//! Documents that the schema allows, or nearly so.

use std::collections::HashMap;
use std::fmt::Write;

use arbitrary::{Result, Unstructured};
use async_graphql_parser::parse_schema;
use async_graphql_parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql_value::{Name, Number, Value};
use serde_json::Value as Json;

use crate::world::Known;

/// How deep selections and values may nest: one level more than the deepest of use.
const DEPTH: usize = 7;

/// Texts that mean something somewhere.
const TEXTS: [&str; 16] = [
    "",
    "x",
    "board",
    "lift",
    "plant-one",
    "2TBn-jNESuuHamE2Zo1anA",
    "2026-01-02T03:04:05Z",
    "1970-01-01",
    "a%_\\",
    "\0",
    "\u{feff}\u{202e}",
    "🦀",
    "\"lift\" in tags",
    "null",
    "0",
    "https://p.example/x",
];

const NUMBERS: [i64; 10] = [0, 1, -1, 2, 250, 251, 2_147_483_647, 2_147_483_648, i64::MIN, i64::MAX];

/// What a server offers.
pub(crate) struct Schema {
    types: HashMap<String, TypeKind>,
}

impl Schema {
    pub(crate) fn ours() -> Self {
        let document = parse_schema(edgehog_server::schema().sdl()).unwrap();
        let types = document.definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some(definition.node),
            _ => None,
        });
        Self { types: types.map(|it| (it.name.node.to_string(), it.kind)).collect() }
    }
}

/// Makes one document as the bytes decide.
pub(crate) struct Generator<'a> {
    schema: &'a Schema,
    known: &'a Known,
    bytes: Unstructured<'a>,
    /// What the ids are likely to be of that are to be given next, in lower case.
    about: String,
    declarations: Vec<String>,
    variables: serde_json::Map<String, Json>,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(schema: &'a Schema, known: &'a Known, bytes: &'a [u8]) -> Self {
        let (about, declarations, variables) = Default::default();
        Self { schema, known, bytes: Unstructured::new(bytes), about, declarations, variables }
    }

    /// A document, and its variables.
    pub(crate) fn document(mut self) -> Result<(String, Json)> {
        let (word, root) =
            if self.one_in(4)? { ("mutation", "RootMutationType") } else { ("query", "RootQueryType") };
        let selection = self.selection(root, DEPTH)?;
        let declared = match self.declarations.as_slice() {
            [] => String::new(),
            some => format!("({})", some.join(", ")),
        };
        Ok((format!("{word} Made{declared} {selection}"), Json::Object(self.variables)))
    }

    /// True once in so many times; never where the bytes have come to their end.
    fn one_in(&mut self, times: u8) -> Result<bool> {
        Ok(self.bytes.arbitrary::<u8>()? % times == times - 1)
    }

    fn selection(&mut self, of: &str, depth: usize) -> Result<String> {
        let schema = self.schema;
        let fields: Vec<&FieldDefinition> = match &schema.types[of] {
            TypeKind::Object(object) => object.fields.iter().map(|it| &it.node).collect(),
            TypeKind::Interface(interface) => interface.fields.iter().map(|it| &it.node).collect(),
            _ => Vec::new(),
        };
        let mut text = String::from("{ __typename");
        for number in 0..=self.bytes.int_in_range(0..=2)? {
            let Some(field) = fields.get(self.bytes.choose_index(fields.len())?) else { break };
            let below = type_name(&field.ty.node);
            let leaf = !matches!(schema.types.get(below), Some(TypeKind::Object(_) | TypeKind::Interface(_)));
            if !leaf && depth == 0 {
                continue;
            }
            let arguments = self.arguments(field)?;
            let rest = if leaf { String::new() } else { self.selection(below, depth - 1)? };
            write!(text, " f{number}: {}{arguments} {rest}", field.name.node).unwrap();
        }
        text.push_str(" }");
        Ok(text)
    }

    fn arguments(&mut self, field: &FieldDefinition) -> Result<String> {
        self.about = format!("{} {}", field.name.node, type_name(&field.ty.node)).to_lowercase();
        let given = self.members(field.arguments.iter().map(|it| &it.node), DEPTH, true)?;
        let given: Vec<_> = given.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        Ok(if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) })
    }

    /// Some of these, and most of those that must be given.
    fn members<'s>(
        &mut self,
        all: impl Iterator<Item = &'s InputValueDefinition>,
        depth: usize,
        variables: bool,
    ) -> Result<Vec<(Name, Value)>> {
        let mut given = Vec::new();
        for member in all {
            let wanted = if member.ty.node.nullable { self.one_in(4)? } else { !self.one_in(64)? };
            if wanted {
                if member.name.node.ends_with("Id") {
                    self.about = member.name.node.to_lowercase();
                }
                given.push((member.name.node.clone(), self.input(&member.ty.node, depth, variables)?));
            }
        }
        Ok(given)
    }

    /// A value of this type, now and then of another one, and now and then by way of a variable.
    fn input(&mut self, of: &Type, depth: usize, variables: bool) -> Result<Value> {
        if variables && self.one_in(8)? {
            let name = format!("v{}", self.declarations.len());
            self.declarations.push(format!("${name}: {of}"));
            let value = self.input(of, depth, false)?;
            let json = value.into_const().and_then(|value| value.into_json().ok());
            self.variables.insert(name.clone(), json.unwrap_or_default());
            return Ok(Value::Variable(Name::new(name)));
        }
        if self.one_in(32)? {
            return self.anything();
        }
        match &of.base {
            BaseType::List(of) => {
                let count = if depth == 0 { 0 } else { self.bytes.int_in_range(0..=3)? };
                let items = (0..count).map(|_| self.input(of, depth - 1, variables));
                Ok(Value::List(items.collect::<Result<_>>()?))
            }
            BaseType::Named(name) => self.named(name, depth, variables),
        }
    }

    fn named(&mut self, name: &str, depth: usize, variables: bool) -> Result<Value> {
        let schema = self.schema;
        Ok(match (name, schema.types.get(name)) {
            ("Boolean", _) => Value::Boolean(self.bytes.arbitrary()?),
            ("Int", _) => Value::Number(self.number()?.into()),
            ("Float", _) => {
                let number = Number::from_f64(self.bytes.arbitrary()?);
                number.map_or(Value::Null, Value::Number)
            }
            ("ID", _) => Value::String(self.id()?),
            (_, Some(TypeKind::Enum(all))) => {
                Value::Enum(self.bytes.choose(&all.values)?.node.value.node.clone())
            }
            (_, Some(TypeKind::InputObject(object))) if depth > 0 => {
                let mut fields = object.fields.iter().map(|it| &it.node);
                // One condition is the rule in a filter, and what must be given elsewhere.
                let one = self.bytes.choose_index(object.fields.len())?;
                let mut given = self.members(fields.clone(), depth - 1, variables)?;
                if let Some(one) = fields.nth(one).filter(|one| given.iter().all(|it| it.0 != one.name.node))
                {
                    given.push((one.name.node.clone(), self.input(&one.ty.node, depth - 1, variables)?));
                }
                Value::Object(given.into_iter().collect())
            }
            (_, Some(TypeKind::InputObject(_))) => Value::Object(Default::default()),
            _ => Value::String(self.text()?),
        })
    }

    fn anything(&mut self) -> Result<Value> {
        Ok(match self.bytes.int_in_range(0..=5)? {
            0 => Value::Null,
            1 => Value::Number(self.number()?.into()),
            2 => Value::Boolean(true),
            3 => Value::List(vec![Value::Null]),
            4 => Value::Object(Default::default()),
            _ => Value::String(self.text()?),
        })
    }

    /// An id, most often of what it should be of.
    fn id(&mut self) -> Result<String> {
        let all = self.known.ids.iter();
        let anyones = self.one_in(8)?;
        let fitting = all.filter(|(of, _)| anyones || self.about.contains(of)).map(|(_, id)| id.as_str());
        let fitting: Vec<_> = fitting.collect();
        if fitting.is_empty() { self.text() } else { Ok((*self.bytes.choose(&fitting)?).to_owned()) }
    }

    fn number(&mut self) -> Result<i64> {
        if self.one_in(8)? { self.bytes.arbitrary() } else { self.bytes.choose(&NUMBERS).copied() }
    }

    fn text(&mut self) -> Result<String> {
        Ok(match self.bytes.int_in_range(0..=3)? {
            0 => (*self.bytes.choose(&TEXTS)?).to_owned(),
            1 => self.bytes.choose(&self.known.cursors)?.clone(),
            2 => self.number()?.to_string(),
            _ => self.bytes.arbitrary::<&str>()?.to_owned(),
        })
    }
}

fn type_name(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name,
        BaseType::List(of) => type_name(of),
    }
}
