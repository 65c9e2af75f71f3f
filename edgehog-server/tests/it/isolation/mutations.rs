//! Every mutation with the neighbour's ids, keys and texts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::actor::{Actor, Kind, Place};
use super::no;
use super::queries::{compare, ids};
use super::world::{Findings, OURS, World};

fn succeeded(answer: &Value) -> bool {
    answer.get("errors").is_none() && !answer["data"].is_null()
}

/// Each mutation with their ids in each place for an id: refused as if nobody had them, with nothing changed.
pub(super) async fn ids_attempts(world: &World) -> Findings {
    let mut findings = Findings::new();
    let actor = Actor::new(&world.schema, &world.ours, &world.our, format!("{OURS}-id"));
    for mutation in world.schema.mutations() {
        let prepared = actor.prepare(mutation).await;
        let rows = (world.ours.rows().await, world.theirs.rows().await);
        for place in prepared.places.iter().filter(|it| it.kind == Kind::Id) {
            for (theirs, nobodys) in ids(world) {
                let what = format!("{} at {}", mutation.name, place.at);
                let answer = actor.send_with(&prepared, place, &theirs).await;
                let otherwise = actor.send_with(&prepared, place, &nobodys).await;
                if succeeded(&answer) {
                    findings.push(format!("{what}: {theirs} is taken: {answer}"));
                }
                findings.extend(compare(world, &what, (&answer, &theirs), (&otherwise, &nobodys)));
            }
        }
        if rows != (world.ours.rows().await, world.theirs.rows().await) {
            findings.push(format!("{}: a row was changed by what was refused", mutation.name));
        }
        // Else it was refused for another reason all along.
        let answer = actor.send(&prepared).await;
        if !succeeded(&answer) {
            findings.push(format!("{} does not succeed with what is ours: {answer}", mutation.name));
        }
    }
    findings
}

/// What they have where this place's text is kept: in the field of this name, or in the texts of the records there.
fn texts(world: &World, record: &str, place: &Place) -> BTreeSet<String> {
    let field = world.schema.member(record, &place.name);
    let values: Vec<Value> = match field.map(|field| world.schema.record(&field.named)) {
        None => {
            let all = world.their.values.iter().filter(|((_, field), _)| *field == place.name);
            all.flat_map(|(_, values)| values.clone()).collect()
        }
        Some(inner) if world.schema.is_leaf(inner) => world.their.column(record, &place.name),
        Some(inner) => {
            let fields = world.schema.members(inner).iter().filter(|it| it.named == "String");
            fields.flat_map(|it| world.their.column(inner, &it.name)).collect()
        }
    };
    values.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

/// Each mutation with their texts in each place for a text: taken as any other text is.
pub(super) async fn texts_attempts(world: &World) -> Findings {
    let mut findings = Findings::new();
    let actor = Actor::new(&world.schema, &world.ours, &world.our, format!("{OURS}-text"));
    // What was sent may be ours for ever.
    let mut sent = BTreeSet::new();
    for mutation in world.schema.mutations() {
        let places = actor.prepare(mutation).await.places;
        for place in places.iter().filter(|it| it.kind == Kind::Text) {
            for text in texts(world, actor.subject(mutation), place) {
                let rows = world.theirs.rows().await;
                let prepared = actor.prepare(mutation).await;
                let answer = actor.send_with(&prepared, place, &text).await;
                let what = format!("{} at {} with {text:?}", mutation.name, place.at);
                if !succeeded(&answer) {
                    findings.push(format!("{what} fails: {answer}"));
                }
                sent.insert(json!(text).to_string());
                let told = sent.iter().fold(answer.to_string(), |told, sent| told.replace(sent, "…"));
                if let Some(leak) = world.leak(&told) {
                    findings.push(format!("{what} shows {leak:?}: {told}"));
                }
                actor.undo(mutation, &answer).await;
                if rows != world.theirs.rows().await {
                    findings.push(format!("{what} changes a row of theirs"));
                }
            }
        }
    }
    findings
}

/// No mutation takes an id of another tenant's, anywhere, nor says that there is such a record; none changes a row of it,
/// and Astarte is told nothing for its devices.
#[tokio::test]
async fn their_records_cannot_be_changed_nor_named() {
    let world = World::new().await;
    let asked = world.asked_of_their_realm().await;
    no(&ids_attempts(&world).await);
    assert_eq!(world.asked_of_their_realm().await, asked, "Astarte was asked of their realm");
}

/// What is unique is so for each tenant: a name that the neighbour has is free, and part numbers, which move, do not move
/// from it.
#[tokio::test]
async fn their_names_are_free() {
    let world = World::new().await;
    no(&texts_attempts(&world).await);
}
