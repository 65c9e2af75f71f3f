//! The store against a real PostgreSQL.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot prepare a test has failed it")]

mod devices;
mod isolation;
mod lists;
mod registry;

use edgehog_store::{Config, DEVICE, Filter, NewTenant, RealmKey, Store, TenantScope};

/// A store on a database of its own.
async fn store() -> Store {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    Store::connect(Config::new(options).pool_size(4)).await.unwrap()
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
