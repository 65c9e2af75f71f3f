//! One tenant can do nothing to another, and cannot even learn that it has something.
//!
//! What is tried is made from the schema and from the table of routes, so that a new field or route is tried too. Each
//! attempt uses what the neighbour has, and is compared with the same attempt on what nobody has: no answer may show
//! anything of the neighbour's, nor differ, nor change a row of it.

mod actor;
mod filters;
mod lists;
mod mutations;
mod oracle;
mod queries;
mod records;
mod routes;
mod schema;
mod storage;
mod subscriptions;
mod world;

use self::world::{Findings, World};

fn no(findings: &Findings) {
    let short: Vec<String> = findings.iter().map(|it| it.chars().take(500).collect()).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), short.join("\n"));
}

/// What the attempts are made of is there: all that is kept of each kind of record has a value with both tenants.
#[tokio::test]
async fn the_tenants_have_one_of_everything() {
    let world = World::new().await;
    let mut missing = Findings::new();
    for record in world.schema.records() {
        let filter = format!("{record}FilterInput");
        let kept = |name: &str| world.schema.member(&filter, name).is_some();
        let fields = world.schema.members(record).iter().filter(|it| world.schema.is_leaf(&it.named));
        for member in fields.filter(|it| kept(&it.name)) {
            for records in [&world.our, &world.their] {
                if records.column(record, &member.name).is_empty() {
                    missing.push(format!("{record}.{}: give it a value in `world::seed`", member.name));
                }
            }
        }
    }
    no(&missing);
}
