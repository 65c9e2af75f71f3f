//! The store against a real PostgreSQL.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot prepare a test has failed it")]

mod changes;
mod conditions;
mod devices;
mod filter_rules;
mod filters;
mod fleet;
mod hosts;
mod isolation;
mod lists;
mod mutations;
mod operators;
mod pages;
mod plans;
mod realms;
mod reconciliations;
mod registry;
mod rows;
mod signals;
mod statements;
mod upgrades;
mod values;
mod ways_around;
mod world;

use edgehog_store::{
    Config, DEVICE, Filter, Keyring, List, NewTenant, PageRequest, PgConnectOptions, RealmKey, Resource,
    Selection, Store, TenantScope, TenantTx, Value,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// How to reach a database, with a keyring.
fn config(options: PgConnectOptions) -> Config {
    Config::new(options, Keyring::derive(&"k".repeat(32).into()).unwrap())
}

/// A store on a database of its own.
async fn store() -> Store {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    Store::connect(config(options).pool_size(4)).await.unwrap()
}

fn new_tenant(slug: &str) -> NewTenant {
    NewTenant::new(
        slug,
        slug,
        "public key",
        "https://api.astarte.example/",
        slug.replace('-', ""),
        "key".into(),
    )
}

/// A new tenant's scope and realm.
async fn tenant(store: &Store, slug: &str) -> (TenantScope, RealmKey) {
    let tenant = store.registry().tenant_create(&new_tenant(slug)).await.unwrap();
    let (_, realm) = store.registry().tenant_by_slug(slug).await.unwrap().unwrap();
    (store.scope(tenant.tenant_id), realm.unwrap().id)
}

async fn device_count(scope: &TenantScope) -> i64 {
    scope.begin().await.unwrap().count(&DEVICE, Filter::default()).await.unwrap()
}

/// The keys of all rows that pass a filter, in their order.
async fn keys(tx: &mut TenantTx, resource: &'static Resource, filter: Filter) -> Vec<Value> {
    let list = List::new(filter).page(PageRequest::all());
    let found = tx.list(&Selection::key(resource), &list).await.unwrap();
    found.rows.into_iter().map(|row| row.key().clone()).collect()
}

/// Some values of a strategy, the same in each run.
fn samples<S: Strategy>(strategy: S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}
