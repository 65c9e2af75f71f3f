//! Somebody who can carry out every mutation of the schema.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::records::Records;
use super::schema::{Member, Schema};
use crate::Server;

pub(super) struct Actor<'w> {
    pub(super) schema: &'w Schema,
    pub(super) server: &'w Server,
    pub(super) records: &'w Records,
    /// What all texts begin with.
    mark: String,
    count: AtomicUsize,
}

/// A place among the arguments of a mutation that can name something of another's.
pub(super) struct Place {
    /// A JSON pointer.
    pub(super) at: String,
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    Text,
}

/// A mutation that is ready to be sent, and would succeed.
pub(super) struct Prepared {
    document: String,
    pub(super) arguments: Value,
    pub(super) places: Vec<Place>,
}

impl<'w> Actor<'w> {
    pub(super) fn new(
        schema: &'w Schema,
        server: &'w Server,
        records: &'w Records,
        mark: impl Into<String>,
    ) -> Self {
        Self { schema, server, records, mark: mark.into(), count: AtomicUsize::new(0) }
    }

    /// A text that nobody has.
    fn fresh(&self) -> String {
        format!("{}-{}", self.mark, self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// The record that a mutation is about.
    pub(super) fn subject(&self, mutation: &'w Member) -> &'w str {
        self.schema.record(&mutation.named)
    }

    fn mutation(&self, verb: &str, record: &str) -> Option<&'w Member> {
        self.schema.mutations().iter().find(|it| it.name == format!("{verb}{record}"))
    }

    /// Arguments with which a mutation succeeds, on a record of its own where one can be made.
    pub(super) async fn prepare(&self, mutation: &Member) -> Prepared {
        let (mut arguments, mut places) = (json!({}), Vec::new());
        for argument in &mutation.arguments {
            let at = format!("/{}", argument.name);
            arguments[&argument.name] = if argument.name == "id" {
                places.push(Place { at, name: argument.name.clone(), kind: Kind::Id });
                let owner = self.schema.owners(mutation, "id").remove(0);
                json!(self.own(&owner).await)
            } else {
                self.value(mutation, argument, at, &mut places)
            };
        }
        let declared: Vec<_> =
            mutation.arguments.iter().map(|it| format!("${}: {}", it.name, it.ty)).collect();
        let given: Vec<_> = mutation.arguments.iter().map(|it| format!("{0}: ${0}", it.name)).collect();
        let selection = if self.schema.is_leaf(&mutation.named) {
            String::new()
        } else {
            self.schema.selection(&mutation.named)
        };
        let document = format!(
            "mutation ({}) {{ {}({}) {selection} }}",
            declared.join(", "),
            mutation.name,
            given.join(", ")
        );
        Prepared { document, arguments, places }
    }

    /// A record that was made for the purpose, or else one that there is.
    async fn own(&self, owner: &str) -> String {
        let Some(create) = self.mutation("create", owner) else { return self.records.id(owner).to_owned() };
        let prepared = Box::pin(self.prepare(create)).await;
        let answer = self.send(&prepared).await;
        let id = answer["data"][&create.name]["result"]["id"].as_str();
        id.unwrap_or_else(|| panic!("{} fails: {answer}", create.name)).to_owned()
    }

    fn value(&self, mutation: &Member, member: &Member, at: String, places: &mut Vec<Place>) -> Value {
        if member.list {
            return json!([self.item(mutation, member, format!("{at}/0"), places)]);
        }
        self.item(mutation, member, at, places)
    }

    fn item(&self, mutation: &Member, member: &Member, at: String, places: &mut Vec<Place>) -> Value {
        let members = self.schema.members(&member.named);
        if !members.is_empty() {
            let mut object = json!({});
            for member in members {
                object[&member.name] = self.value(mutation, member, format!("{at}/{}", member.name), places);
            }
            return object;
        }
        if let Some(value) = self.schema.values(&member.named).first() {
            return json!(value);
        }
        let name = member.name.clone();
        match member.named.as_str() {
            "ID" => {
                places.push(Place { at, name, kind: Kind::Id });
                json!(self.records.id(&self.schema.owners(mutation, &member.name)[0]))
            }
            "String" => {
                places.push(Place { at, name, kind: Kind::Text });
                json!(self.text(&member.name))
            }
            "Int" => json!(1),
            "Float" => json!(1.5),
            "Boolean" => json!(true),
            "DateTime" => json!("2026-01-02T03:04:05Z"),
            "Json" | "JsonString" => json!("{}"),
            // Files are tried with the storage.
            "Upload" => Value::Null,
            other => panic!("{}: say in `Actor::item` what a {other} may be", mutation.name),
        }
    }

    /// A text of the form that a member of this name must have.
    fn text(&self, member: &str) -> String {
        let fresh = self.fresh();
        match member {
            "selector" => format!(r#""{fresh}" in tags"#),
            "pictureUrl" => format!("https://pictures.example/{fresh}.png"),
            _ => fresh,
        }
    }

    pub(super) async fn send(&self, prepared: &Prepared) -> Value {
        self.server.query_with(&prepared.document, prepared.arguments.clone()).await
    }

    pub(super) async fn send_with(&self, prepared: &Prepared, place: &Place, value: &str) -> Value {
        let mut arguments = prepared.arguments.clone();
        *arguments.pointer_mut(&place.at).unwrap() = json!(value);
        self.server.query_with(&prepared.document, arguments).await
    }

    /// Carries out every mutation. Gives the answers, by name.
    pub(super) async fn everything(&self) -> Vec<(String, Value)> {
        let mut answers = Vec::new();
        for mutation in self.schema.mutations() {
            let answer = self.send(&self.prepare(mutation).await).await;
            answers.push((mutation.name.clone(), answer));
        }
        answers
    }

    /// Deletes the record that an answer is about, where that can be done.
    pub(super) async fn undo(&self, mutation: &'w Member, answer: &Value) {
        let result = &answer["data"][&mutation.name]["result"];
        let delete = self.mutation("delete", self.subject(mutation));
        let Some((delete, id)) = delete.zip(result["id"].as_str()) else { return };
        let document = format!("mutation ($id: ID!) {{ {}(id: $id) {{ __typename }} }}", delete.name);
        self.server.query_with(&document, json!({ "id": id })).await;
    }
}
