//! Every root field with the neighbour's ids, keys and texts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::no;
use super::records::{absent, absent_key, raw_key};
use super::schema::Member;
use super::world::{Findings, OURS, THEIRS, World};

/// A text argument that is no id, of a tenant or of nobody.
fn text(field: &Member, argument: &Member, whose: &str) -> Value {
    match (field.name.as_str(), argument.name.as_str()) {
        ("forwarderSession", "token") => json!(format!("{whose}-session")),
        (field, argument) => panic!("say in `queries::text` what {argument} of {field} is"),
    }
}

/// Arguments that find our own record.
fn own(world: &World, field: &Member, owner: Option<&str>) -> Value {
    let mut arguments = json!({});
    for argument in field.arguments.iter().filter(|it| it.required) {
        arguments[&argument.name] = match (argument.named.as_str(), owner) {
            ("ID", Some(owner)) => json!(world.our.id(owner)),
            _ => text(field, argument, OURS),
        };
    }
    arguments
}

fn document(world: &World, field: &Member) -> String {
    let required = || field.arguments.iter().filter(|it| it.required);
    let declared: Vec<_> = required().map(|it| format!("${}: {}", it.name, it.ty)).collect();
    let given: Vec<_> = required().map(|it| format!("{0}: ${0}", it.name)).collect();
    let selection = world.schema.selection(&field.named);
    format!("query ({}) {{ {}({}) {selection} }}", declared.join(", "), field.name, given.join(", "))
}

/// An answer without what was sent for it, which it may well repeat.
fn without(answer: &Value, sent: &str) -> String {
    answer.to_string().replace(sent, "…")
}

/// Their records' ids, in both forms in which ids are taken, each with one of the same form that nobody has.
pub(super) fn ids(world: &World) -> BTreeMap<String, String> {
    let some = world.their.ids.values().filter_map(|ids| ids.first());
    some.flat_map(|id| {
        let key = raw_key(id);
        let nobodys = absent_key(&key);
        [(id.clone(), absent(id)), (key, nobodys)]
    })
    .collect()
}

/// Two answers, to what is theirs and to what is nobody's.
pub(super) fn compare(
    world: &World,
    what: &str,
    theirs: (&Value, &str),
    nobodys: (&Value, &str),
) -> Findings {
    let mut findings = Findings::new();
    let told = without(theirs.0, theirs.1);
    if let Some(leak) = world.leak(&told) {
        findings.push(format!("{what}: {} shows {leak:?}: {told}", theirs.1));
    }
    let otherwise = without(nobodys.0, nobodys.1);
    if told != otherwise {
        findings
            .push(format!("{what}: {} differs from nobody's {}: {told} {otherwise}", theirs.1, nobodys.1));
    }
    findings
}

/// Tries each argument of each root field.
pub(super) async fn attempts(world: &World) -> Findings {
    let mut findings = Findings::new();
    for field in world.schema.queries().iter().filter(|it| it.arguments.iter().any(|it| it.required)) {
        let document = document(world, field);
        let owners = field.ids().next().map(|id| world.schema.owners(field, &id.name)).unwrap_or_default();
        for owner in &owners {
            let answer = world.ours.query_with(&document, own(world, field, Some(owner))).await;
            if answer["data"][&field.name].is_null() || answer.get("errors").is_some() {
                findings.push(format!("{} does not find what is ours: {answer}", field.name));
            }
        }
        let ours = own(world, field, owners.first().map(String::as_str));
        for argument in field.arguments.iter().filter(|it| it.required) {
            let tried = if argument.named == "ID" {
                ids(world)
            } else {
                let texts = [THEIRS, "nobody"].map(|whose| text(field, argument, whose));
                let [theirs, nobodys] = texts.map(|it| it.as_str().unwrap_or_default().to_owned());
                BTreeMap::from([(theirs, nobodys)])
            };
            for (theirs, nobodys) in tried {
                let ask = async |value: &str| {
                    let mut arguments = ours.clone();
                    arguments[&argument.name] = json!(value);
                    world.ours.query_with(&document, arguments).await
                };
                let what = format!("{}({})", field.name, argument.name);
                let answers = (ask(&theirs).await, ask(&nobodys).await);
                findings.extend(compare(world, &what, (&answers.0, &theirs), (&answers.1, &nobodys)));
            }
        }
    }
    findings
}

/// A record of another tenant is found by no id, in no form, in no place, and Astarte is not asked about it.
#[tokio::test]
async fn their_records_are_not_found() {
    let world = World::new().await;
    let (rows, asked) = (world.theirs.rows().await, world.asked_of_their_realm().await);
    no(&attempts(&world).await);
    assert_eq!(world.asked_of_their_realm().await, asked, "Astarte was asked of their realm");
    assert_eq!(world.theirs.rows().await, rows);
}
