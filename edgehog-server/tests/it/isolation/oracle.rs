//! The suite can fail: where there are no walls, each of its attempts succeeds and is found.

use super::schema::Member;
use super::world::{Findings, World};
use super::{filters, lists, mutations, queries};

/// Whether there is a finding that begins with each of the names.
fn all_found<'f>(findings: &Findings, names: impl Iterator<Item = &'f str>) {
    for name in names {
        let named = |finding: &&String| {
            finding
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(|c: char| !c.is_alphanumeric() && c != '.'))
        };
        assert!(findings.iter().any(|it| named(&it)), "nothing was found of {name} in {findings:#?}");
    }
}

/// Each query, list and filter shows what is in the same tenant, and the suite sees it.
#[tokio::test]
async fn without_walls_everything_is_seen() {
    let world = World::without_walls().await;
    let found = queries::attempts(&world).await;
    let with_ids = world.schema.queries().iter().filter(|it| it.ids().next().is_some());
    all_found(&found, with_ids.map(|it| it.name.as_str()));
    let lists = lists::List::all(&world.schema);
    assert!(lists.len() > 8, "{}", lists.len());
    let names: Vec<_> = lists.iter().filter(|it| it.is_root()).map(lists::List::name).collect();
    all_found(&lists::attempts(&world).await, names.iter().map(String::as_str));
    all_found(&filters::attempts(&world).await, names.iter().map(String::as_str));
}

/// Each mutation takes the ids of what is in the same tenant, and changes it.
#[tokio::test]
async fn without_walls_everything_is_changed() {
    let world = World::without_walls().await;
    let mutations = || world.schema.mutations().iter();
    let takes_id = |it: &&Member| it.ids().next().is_some();
    let found = mutations::ids_attempts(&world).await;
    all_found(&found, mutations().filter(takes_id).map(|it| it.name.as_str()));
    let found = mutations::texts_attempts(&world).await;
    all_found(&found, mutations().filter(|it| it.name.starts_with("create")).map(|it| it.name.as_str()));
}

/// A single text of theirs in an answer is seen, wherever it is.
#[tokio::test]
async fn a_planted_leak_is_seen() {
    let world = World::new().await;
    let (id, answer) = (world.their.id("Device"), r#"{"data":{"device":null}}"#);
    assert_eq!(world.leak(answer), None);
    assert_eq!(world.leak(&answer.replace("null", r#"{"name":"homely-1"}"#)), None);
    for planted in ["nextdoor-tag", id, "2027-07-07T07:07:03Z"] {
        let leaked = answer.replace("null", &format!(r#"[{{"deep":"in {planted} it"}}]"#));
        assert!(world.leak(&leaked).is_some(), "{planted}");
    }
    let (nobodys, other) = (serde_json::json!({ "data": null }), serde_json::json!({ "errors": [] }));
    let same = queries::compare(&world, "device", (&nobodys, id), (&nobodys, "x"));
    let different = queries::compare(&world, "device", (&other, id), (&nobodys, "x"));
    assert_eq!((same.len(), different.len()), (0, 1), "{same:?} {different:?}");
}
