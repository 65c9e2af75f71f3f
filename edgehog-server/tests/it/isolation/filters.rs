//! Every comparison of every filter, also along relations, with the neighbour's values.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use serde_json::{Value, json};

use super::lists::List;
use super::no;
use super::records::absent_key;
use super::schema::Schema;
use super::world::{Findings, World};

/// How many relations a filter follows: from a root list, and from a list within records.
const FAR: usize = 2;
const NEAR: usize = 1;

/// How many filters a document has at most, which is far from the server's limit.
const AT_ONCE: usize = 120;

/// A comparison: the relations to it and its attribute, its operator, and whose attribute it is.
struct Comparison {
    path: Vec<String>,
    operator: String,
    /// The type of what is compared with, and whether it is a list.
    ty: (String, bool),
    owner: String,
}

fn comparisons(schema: &Schema, filter: &str, far: usize) -> Vec<Comparison> {
    let mut found = Vec::new();
    collect(schema, filter, far, &mut vec![(String::new(), filter.to_owned())], &mut found);
    found
}

/// `path` has the names of relations with their filters.
fn collect(
    schema: &Schema,
    filter: &str,
    far: usize,
    path: &mut Vec<(String, String)>,
    found: &mut Vec<Comparison>,
) {
    let owner = filter.strip_suffix("FilterInput").unwrap_or_else(|| panic!("{filter} is no filter"));
    for member in schema.members(filter).iter().filter(|it| !["and", "or", "not"].contains(&it.name.as_str()))
    {
        if member.named.ends_with("FilterInput") {
            if far > 0 && path.iter().all(|(_, filter)| *filter != member.named) {
                path.push((member.name.clone(), member.named.clone()));
                collect(schema, &member.named, far - 1, path, found);
                path.pop();
            }
            continue;
        }
        for operator in schema.members(&member.named) {
            let relations = path.iter().skip(1).map(|(name, _)| name.clone());
            found.push(Comparison {
                path: relations.chain([member.name.clone()]).collect(),
                operator: operator.name.clone(),
                ty: (operator.named.clone(), operator.list),
                owner: owner.to_owned(),
            });
        }
    }
}

impl Comparison {
    fn filter(&self, value: &Value) -> String {
        // Numbers, flags and texts are spelled in GraphQL as in JSON; names of enums are not.
        let value = match value.as_str().filter(|_| value_is_name(&self.ty.0)) {
            Some(name) => name.to_owned(),
            None => value.to_string(),
        };
        let value = if self.ty.1 { format!("[{value}]") } else { value };
        let comparison = format!("{}: {value}", self.operator);
        self.path.iter().rev().fold(comparison, |within, name| format!("{name}: {{ {within} }}"))
    }

    /// A value of theirs, beside one that nobody has, which all of ours compare with alike. None where there are only a
    /// few values that all have.
    fn values(&self, world: &World) -> Option<(Value, Value)> {
        let attribute = self.path.last().map_or("", String::as_str);
        if self.ty.0 == "Boolean" || !world.schema.values(&self.ty.0).is_empty() {
            return None;
        }
        let column = world.their.column(&self.owner, attribute);
        let theirs = column
            .first()
            .unwrap_or_else(|| panic!("{}.{attribute}: give it a value in `world::seed`", self.owner));
        let nobodys = match theirs {
            Value::Number(number) => json!(absent_key(&number.to_string()).parse::<i64>().unwrap()),
            Value::String(time) if self.ty.0 == "DateTime" => {
                let time: DateTime<Utc> = time.parse().unwrap();
                json!((time + TimeDelta::seconds(1)).to_rfc3339())
            }
            Value::String(text) => json!(absent_key(text)),
            other => panic!("say in `Comparison::values` what is near {other}"),
        };
        Some((theirs.clone(), nobodys))
    }

    /// The few values that all have.
    fn shared(&self, schema: &Schema) -> Vec<Value> {
        if self.ty.0 == "Boolean" {
            return vec![json!(true), json!(false)];
        }
        schema.values(&self.ty.0).iter().map(|it| json!(it)).collect()
    }
}

/// Whether the values of a type are written without quotes although they are texts.
fn value_is_name(ty: &str) -> bool {
    !["String", "ID", "DateTime", "Json", "JsonString"].contains(&ty)
}

/// Tries all comparisons in a list, as they are and negated.
async fn of_list(world: &World, list: &List) -> Findings {
    let Some(filter) = list.field.argument("filter") else { return Findings::new() };
    let far = if list.is_root() { FAR } else { NEAR };
    let mut pairs: Vec<[String; 2]> = Vec::new();
    let mut alone = Vec::new();
    for comparison in comparisons(&world.schema, &filter.named, far) {
        let argument = |value: &Value, negated: bool| {
            let filter = comparison.filter(value);
            if negated {
                format!("(filter: {{ not: [{{ {filter} }}] }})")
            } else {
                format!("(filter: {{ {filter} }})")
            }
        };
        for negated in [false, true] {
            match comparison.values(world) {
                Some((theirs, nobodys)) => {
                    pairs.push([argument(&theirs, negated), argument(&nobodys, negated)]);
                }
                None => alone.extend(comparison.shared(&world.schema).iter().map(|it| argument(it, negated))),
            }
        }
    }
    let arguments: Vec<_> = pairs.iter().flatten().cloned().chain(alone).collect();
    let mut findings = Findings::new();
    let mut found = Vec::new();
    for some in arguments.chunks(AT_ONCE) {
        match list.found(world, some).await {
            Ok(some) => found.extend(some),
            Err(error) => return vec![error],
        }
    }
    for (argument, found) in arguments.iter().zip(&found) {
        if let Some(leak) = world.leak(&found.to_string()) {
            findings.push(format!("{}{argument} shows {leak:?}", list.name()));
        }
    }
    for (argument, found) in arguments.chunks(2).zip(found.chunks(2)).take(pairs.len()) {
        if found[0] != found[1] {
            let [theirs, nobodys] = [&found[0], &found[1]];
            findings.push(format!(
                "{}{} differs from nobody's: {theirs} {nobodys}",
                list.name(),
                argument[0]
            ));
        }
    }
    findings
}

/// Tries all comparisons in all lists.
pub(super) async fn attempts(world: &World) -> Findings {
    let lists = List::all(&world.schema);
    join_all(lists.iter().map(|list| of_list(world, list))).await.concat()
}

/// A comparison with a value of the neighbour's finds what one with a value of nobody's does.
#[tokio::test]
async fn filters_do_not_tell_what_they_have() {
    let world = World::new().await;
    no(&attempts(&world).await);
}
