//! How many statements an answer costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use edgehog_store::{
    Cardinality, DEVICE, DEVICE_GROUP, DeviceObservation, List, PgConnectOptions, Reach, Resource, Selection,
    Store,
};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use crate::config;
use crate::fleet::fleet;

/// Counts the statements that `sqlx` tells of.
#[derive(Clone, Default)]
struct Statements(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut is_question = Question(false);
        event.record(&mut is_question);
        if event.metadata().target() == "sqlx::query" && is_question.0 {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether a statement asks for rows. Beside the work of others, some time after they were made, changes are announced, if
/// need be by a connection that must first be set up.
struct Question(bool);

impl Visit for Question {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Its beginning; the whole statement is long.
        if field.name() == "summary" {
            let summary = format!("{value:?}");
            self.0 = summary.contains("SELECT") && !summary.contains("pg_notify");
        }
    }
}

/// All attributes, and along all relations the same, so many steps far.
fn selection(resource: &'static Resource, depth: usize) -> Selection {
    let mut selection = Selection::all(resource);
    if depth > 1 {
        for (place, relation) in resource.relations.iter().enumerate().filter(|(_, it)| !it.internal) {
            let target = self::selection(relation.target, depth - 1);
            selection.reach(match relation.cardinality {
                Cardinality::One => Reach::one(resource, place, target).unwrap(),
                _ => Reach::many(resource, place, target, List::default().counted(true)).unwrap(),
            });
        }
    }
    selection
}

/// However much hangs on the rows and however many there are: one statement for them, one for their count, and one for
/// the selectors of groups where groups are asked for.
#[tokio::test]
async fn depth_and_size_cost_no_statements() {
    let database = edgehog_test_database::create().await;
    Store::migrate(&database).await.unwrap();
    // Those of the test database do not tell of their statements.
    let server: PgConnectOptions = std::env::var("DATABASE_URL").unwrap().parse().unwrap();
    let store = Store::connect(config(server.database(database.get_database().unwrap()))).await.unwrap();
    let fleet = fleet(&store, "plant-one").await;
    let statements = Statements::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(statements.clone()));
    let mut costs = Vec::new();
    for devices in [2, 60] {
        let mut tx = fleet.scope.begin().await.unwrap();
        let seen: Vec<_> =
            (0..devices).map(|it| DeviceObservation::new(fleet.realm, format!("{it}"))).collect();
        for device in tx.device_record(&seen).await.unwrap() {
            tx.device_tags_add(device.id, &["lift".into(), device.device_id]).await.unwrap();
        }
        for resource in Resource::all() {
            for depth in 1..=5 {
                let selection = selection(resource, depth);
                let before = statements.0.load(Ordering::Relaxed);
                let page = tx.list(&selection, &List::default().counted(true)).await.unwrap();
                assert!(!page.rows.is_empty());
                costs.push((resource.name, depth, statements.0.load(Ordering::Relaxed) - before));
            }
        }
    }
    for (resource, depth, cost) in costs {
        let with_groups = depth > 1 && (resource == DEVICE.name || resource == DEVICE_GROUP.name);
        assert_eq!(cost, if with_groups { 3 } else { 2 }, "{resource}, depth {depth}");
    }
}
