//! Every list, at the root and within records, in every order and from every place.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::no;
use super::records::{Records, absent_key};
use super::schema::{Member, Schema};
use super::world::{Findings, World};

/// A list that can be filtered and sorted.
pub(super) struct List {
    /// What leads there: the names of fields, with whether they are connections.
    around: Vec<(String, bool)>,
    pub(super) field: Member,
    connection: bool,
}

impl List {
    /// All lists, each by the shortest way.
    pub(super) fn all(schema: &Schema) -> Vec<Self> {
        let mut lists: Vec<Self> = Vec::new();
        let mut seen = Vec::new();
        let mut ahead = vec![("RootQueryType".to_owned(), Vec::new())];
        while !ahead.is_empty() {
            let mut next = Vec::new();
            for (ty, around) in ahead {
                for field in
                    schema.members(&ty).iter().filter(|it| it.arguments.iter().all(|it| !it.required))
                {
                    let record = schema.record(&field.named);
                    if schema.is_leaf(record) {
                        continue;
                    }
                    let connection = schema.member(&field.named, "edges").is_some();
                    if field.argument("filter").is_some() || field.argument("sort").is_some() {
                        lists.push(Self { around: around.clone(), field: field.clone(), connection });
                    }
                    if !seen.contains(&record) {
                        seen.push(record);
                        let mut around = around.clone();
                        around.push((field.name.clone(), connection));
                        next.push((record.to_owned(), around));
                    }
                }
            }
            ahead = next;
        }
        lists
    }

    pub(super) fn is_root(&self) -> bool {
        self.around.is_empty()
    }

    pub(super) fn name(&self) -> String {
        let names = self.around.iter().map(|(name, _)| name.as_str()).chain([self.field.name.as_str()]);
        names.collect::<Vec<_>>().join(".")
    }

    /// A document that asks for the list once with each of these arguments.
    pub(super) fn document(&self, arguments: &[String]) -> String {
        let selection = if self.connection { "{ count edges { node { id } } }" } else { "{ id }" };
        let lists: Vec<_> = (arguments.iter().enumerate())
            .map(|(place, arguments)| format!("a{place}: {}{arguments} {selection}", self.field.name))
            .collect();
        self.around.iter().rev().fold(lists.join(" "), |within, (name, connection)| {
            if *connection {
                format!("{name} {{ edges {{ node {{ {within} }} }} }}")
            } else {
                format!("{name} {{ {within} }}")
            }
        })
    }

    /// What each of these arguments finds, wherever the list is; or what went wrong.
    pub(super) async fn found(&self, world: &World, arguments: &[String]) -> Result<Vec<Value>, String> {
        let answer = world.ours.query(&format!("{{ {} }}", self.document(arguments))).await;
        if answer.get("errors").is_some() {
            return Err(format!("{}: {}", self.name(), answer["errors"]));
        }
        let under = |place: usize| {
            let mut found = Vec::new();
            collect(&answer["data"], &format!("a{place}"), &mut found);
            Value::Array(found)
        };
        Ok((0..arguments.len()).map(under).collect())
    }
}

/// All values under a name.
fn collect(value: &Value, name: &str, found: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        Value::Object(object) => {
            found.extend(object.get(name).cloned());
            object.values().for_each(|item| collect(item, name, found));
        }
        _ => {}
    }
}

/// The ids in what was found, without their order.
fn ids(found: &Value) -> Vec<String> {
    let mut values = Vec::new();
    collect(found, "id", &mut values);
    let mut ids: Vec<_> = values.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    ids.sort();
    ids
}

/// Each list in each order, and each list with pages from each of the neighbour's cursors on.
pub(super) async fn attempts(world: &World) -> Findings {
    let mut findings = Findings::new();
    for list in List::all(&world.schema) {
        let mut arguments = vec![String::new()];
        if let Some(sort) = list.field.argument("sort") {
            let values = |name| {
                let ty = world.schema.member(&sort.named, name).map(|it| it.named.as_str());
                world.schema.values(ty.unwrap_or_default())
            };
            for field in values("field") {
                for order in values("order") {
                    arguments.push(format!("(sort: [{{ field: {field}, order: {order} }}])"));
                }
            }
        }
        if list.field.argument("after").is_some() {
            arguments.extend(pages(world, &list));
        }
        let found = match list.found(world, &arguments).await {
            Ok(found) => found,
            Err(error) => {
                findings.push(error);
                continue;
            }
        };
        let all = ids(&found[0]);
        for (argument, found) in arguments.iter().zip(&found) {
            if let Some(leak) = world.leak(&found.to_string()) {
                findings.push(format!("{}{argument} shows {leak:?}", list.name()));
            }
            if argument.starts_with("(sort") && ids(found) != all {
                findings.push(format!("{}{argument} has other records than without", list.name()));
            }
        }
        let pages = arguments.iter().zip(&found).filter(|(argument, _)| !argument.starts_with("(sort"));
        let pages: Vec<_> = pages.skip(1).collect();
        for pair in pages.chunks(2) {
            if pair[0].1 != pair[1].1 {
                findings.push(format!("{}{} differs from nobody's", list.name(), pair[0].0));
            }
        }
    }
    findings
}

/// Pages that begin or end where their records are, each beside one where nobody's is.
fn pages(world: &World, list: &List) -> Vec<String> {
    let Some(edge) = world.schema.member(&list.field.named, "edges") else { return Vec::new() };
    let cursors = cursors(&world.their, &edge.named);
    let pairs = cursors.iter().flat_map(|cursor| {
        let nobodys = moved(cursor);
        ["first: 250, after", "last: 250, before"]
            .map(|from| [from, from].map(str::to_owned))
            .map(|[one, two]| [format!("({one}: {})", json!(cursor)), format!("({two}: {})", json!(nobodys))])
    });
    pairs.flatten().collect()
}

fn cursors(records: &Records, edge: &str) -> Vec<String> {
    let cursors = records.column(edge, "cursor");
    cursors.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

/// The cursor of a record that nobody has: its last part is the key.
fn moved(cursor: &str) -> String {
    let mut parts: Vec<Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).unwrap()).unwrap();
    let key = parts.pop().unwrap();
    let text = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
    let moved = absent_key(&text);
    parts.push(if key.is_string() { json!(moved) } else { json!(moved.parse::<i64>().unwrap()) });
    URL_SAFE_NO_PAD.encode(Value::Array(parts).to_string())
}

/// Lists have our records and no others, however they are sorted and wherever a page begins.
#[tokio::test]
async fn their_records_are_in_no_list() {
    let world = World::new().await;
    no(&attempts(&world).await);
    // All there is to be seen, once more, now that there is a neighbour.
    let seen = Records::of(&world.ours, &world.schema).await;
    let leak = seen.texts.iter().find(|text| world.leak(text).is_some());
    assert_eq!(leak, None);
    for (ty, ids) in &world.our.ids {
        assert_eq!(seen.ids.get(ty), Some(ids), "{ty}");
    }
}
