//! What a tenant has, as it sees it itself.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::schema::Schema;
use crate::Server;

/// All that the API tells a tenant.
#[derive(Default)]
pub(super) struct Records {
    /// By type.
    pub(super) ids: BTreeMap<String, BTreeSet<String>>,
    /// By type and field.
    pub(super) values: BTreeMap<(String, String), Vec<Value>>,
    /// All texts, and all keys.
    pub(super) texts: BTreeSet<String>,
}

/// The key in a global id.
pub(super) fn raw_key(id: &str) -> String {
    let id = String::from_utf8(STANDARD.decode(id).unwrap()).unwrap();
    id.split_once(':').unwrap().1.to_owned()
}

/// An id of the same form that nothing ever had.
pub(super) fn absent(id: &str) -> String {
    let decoded = String::from_utf8(STANDARD.decode(id).unwrap()).unwrap();
    let (ty, key) = decoded.split_once(':').unwrap();
    STANDARD.encode(format!("{ty}:{}", absent_key(key)))
}

/// A key of the same form that nothing ever had, right behind one that there is: all others lie on the same side of both.
pub(super) fn absent_key(key: &str) -> String {
    match (key.parse::<i64>(), key.parse::<Uuid>()) {
        (Ok(number), _) => (number + 500_000).to_string(),
        (_, Ok(uuid)) => Uuid::from_u128(uuid.as_u128() ^ 1).to_string(),
        _ => format!("{key}x"),
    }
}

impl Records {
    /// Asks for everything that can be asked for without an argument.
    pub(super) async fn of(server: &Server, schema: &Schema) -> Self {
        let mut records = Self::default();
        for query in schema.queries().iter().filter(|it| it.arguments.iter().all(|it| !it.required)) {
            let document = format!("{{ {} {} }}", query.name, schema.selection(&query.named));
            let answer = server.query(&document).await;
            assert!(answer.get("errors").is_none(), "{}: {answer}", query.name);
            records.collect(schema, &query.named, &answer["data"][&query.name]);
        }
        records
    }

    fn collect(&mut self, schema: &Schema, ty: &str, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.collect(schema, ty, item)),
            Value::Object(object) => self.collect_object(schema, ty, object),
            _ => {}
        }
    }

    fn collect_object(&mut self, schema: &Schema, ty: &str, object: &Map<String, Value>) {
        for member in schema.members(ty) {
            let Some(value) = object.get(&member.name).filter(|it| !it.is_null()) else { continue };
            if !schema.is_leaf(&member.named) {
                self.collect(schema, &member.named, value);
                continue;
            }
            let place = (ty.to_owned(), member.name.clone());
            self.values.entry(place).or_default().push(value.clone());
            self.note(value);
            if let Some(id) = value.as_str().filter(|_| member.name == "id") {
                self.ids.entry(ty.to_owned()).or_default().insert(id.to_owned());
                self.texts.insert(raw_key(id));
            }
        }
    }

    /// Takes up all texts in an answer, and the keys in its global ids.
    pub(super) fn note(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.texts.insert(text.clone());
                let id = STANDARD.decode(text).ok().and_then(|it| String::from_utf8(it).ok());
                self.texts.extend(id.and_then(|it| it.split_once(':').map(|(_, key)| key.to_owned())));
            }
            Value::Array(items) => items.iter().for_each(|item| self.note(item)),
            Value::Object(object) => object.values().for_each(|item| self.note(item)),
            _ => {}
        }
    }

    /// Leaves what others do not have too.
    pub(super) fn without(mut self, others: &Self) -> Self {
        for (ty, ids) in &others.ids {
            self.ids.entry(ty.clone()).or_default().retain(|id| !ids.contains(id));
        }
        for (place, values) in &others.values {
            self.values
                .entry(place.clone())
                .or_default()
                .retain(|it| it.is_boolean() || !values.contains(it));
        }
        // A short text says nothing of where it is from.
        self.texts.retain(|text| text.len() >= 6 && !others.texts.contains(text));
        self
    }

    pub(super) fn id(&self, ty: &str) -> &str {
        let id = self.ids.get(ty).and_then(|ids| ids.first());
        id.unwrap_or_else(|| panic!("there is no {ty}: make one in `World::seed`"))
    }

    /// The values of a field, keys where it is the id.
    pub(super) fn column(&self, ty: &str, field: &str) -> Vec<Value> {
        let values = self.values.get(&(ty.to_owned(), field.to_owned())).into_iter().flatten();
        values
            .filter(|it| !it.is_array())
            .map(|value| match value.as_str().filter(|_| field == "id") {
                Some(id) => raw_key(id).parse::<i64>().map_or_else(|_| raw_key(id).into(), Value::from),
                None => value.clone(),
            })
            .collect()
    }
}
