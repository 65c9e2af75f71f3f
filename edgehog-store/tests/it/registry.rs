use edgehog_store::{Error, Store};
use secrecy::ExposeSecret;
use sqlx::{ConnectOptions, Executor};

use crate::{config, new_tenant, store, tenant};

/// A tenant is found by its slug, with its realm; the slash at the end of the cluster's URL is not part of it.
#[tokio::test]
async fn a_tenant_is_found_by_slug() {
    let store = store().await;
    let made =
        store.registry().tenant_create(&new_tenant("plant-one").default_locale("it-IT")).await.unwrap();
    let (found, realm) = store.registry().tenant_by_slug("plant-one").await.unwrap().unwrap();
    assert_eq!(found, made);
    assert_eq!((found.slug.as_str(), found.default_locale.as_str()), ("plant-one", "it-IT"));
    let realm = realm.unwrap();
    assert_eq!(realm.base_api_url, "https://api.astarte.example");
    assert_eq!(realm.private_key.unwrap().expose_secret(), "key");
    assert!(store.registry().tenant_by_slug("plant-two").await.unwrap().is_none());
    assert_eq!(store.registry().tenant_list().await.unwrap(), [made]);
}

/// What is taken is named, and a tenant that could not be made whole is not made at all.
#[tokio::test]
async fn taken_values_are_named_and_nothing_is_half_made() {
    let store = store().await;
    let registry = store.registry();
    registry.tenant_create(&new_tenant("plant-one")).await.unwrap();
    let mut same_name = new_tenant("plant-two");
    same_name.name = "plant-one".into();
    let mut same_slug = new_tenant("plant-two");
    same_slug.slug = "plant-one".into();
    let mut same_realm = new_tenant("plant-two");
    same_realm.realm_name = "plantone".into();
    for (attempt, taken) in [(same_name, "name"), (same_slug, "slug"), (same_realm, "realm_name")] {
        let refused = registry.tenant_create(&attempt).await.unwrap_err();
        assert!(matches!(refused, Error::Taken { field, .. } if field == taken), "{refused:?}");
    }
    assert_eq!(registry.tenant_list().await.unwrap().len(), 1);
    let mut elsewhere = new_tenant("plant-two");
    elsewhere.realm_name = "plantone".into();
    elsewhere.base_api_url = "https://api.other.example".into();
    registry.tenant_create(&elsewhere).await.unwrap();
}

/// A tenant can be given another key, name and realm; it keeps its number and its devices.
#[tokio::test]
async fn a_tenant_can_be_changed() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let mut tx = scope.begin().await.unwrap();
    tx.device_record(&[edgehog_store::DeviceObservation::new(realm, "device")]).await.unwrap();
    tx.commit().await.unwrap();
    let mut new = new_tenant("plant-one");
    new.name = "Plant One".into();
    new.base_api_url = "https://api.other.example".into();
    let changed = store.registry().tenant_update(&new).await.unwrap().unwrap();
    assert_eq!((changed.tenant_id, changed.name.as_str()), (scope.tenant(), "Plant One"));
    let (_, moved) = store.registry().tenant_by_slug("plant-one").await.unwrap().unwrap();
    let moved = moved.unwrap();
    assert_eq!((moved.id, moved.base_api_url.as_str()), (realm, "https://api.other.example"));
    assert_eq!(crate::device_count(&scope).await, 1);
    assert!(store.registry().tenant_update(&new_tenant("plant-two")).await.unwrap().is_none());
}

/// Deleting a tenant takes its devices along and leaves those of others.
#[tokio::test]
async fn a_deleted_tenant_takes_its_rows_along() {
    let store = store().await;
    let (one, realm) = tenant(&store, "plant-one").await;
    let (two, other_realm) = tenant(&store, "plant-two").await;
    for (scope, realm) in [(&one, realm), (&two, other_realm)] {
        let mut tx = scope.begin().await.unwrap();
        tx.device_record(&[edgehog_store::DeviceObservation::new(realm, "device")]).await.unwrap();
        tx.commit().await.unwrap();
    }
    let deleted = store.registry().tenant_delete(one.tenant()).await.unwrap();
    assert_eq!(deleted.unwrap().slug, "plant-one");
    assert_eq!(crate::device_count(&one).await, 0);
    assert_eq!(crate::device_count(&two).await, 1);
    assert!(store.registry().tenant_delete(one.tenant()).await.unwrap().is_none());
}

/// Migrations may run again, and at the same time in several processes.
#[tokio::test]
async fn migrations_can_race() {
    let options = edgehog_test_database::create().await;
    let (one, two, three) =
        tokio::join!(Store::migrate(&options), Store::migrate(&options), Store::migrate(&options));
    one.and(two).and(three).unwrap();
}

/// A database without schema, and a login that may not become the application's roles, are refused with a reason.
#[tokio::test]
async fn an_unfit_login_is_refused() {
    let options = edgehog_test_database::create().await;
    let refused = Store::connect(config(options.clone())).await.unwrap_err();
    assert!(matches!(refused, Error::Login(_)), "{refused:?}");
    Store::migrate(&options).await.unwrap();
    let stranger = format!("stranger_{}", options.get_database().unwrap());
    let mut connection = options.connect().await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(format!("CREATE ROLE {stranger} LOGIN"))).await.unwrap();
    let refused = Store::connect(config(options.username(&stranger))).await.unwrap_err();
    assert!(matches!(refused, Error::Login(_)), "{refused:?}");
    connection.execute(sqlx::AssertSqlSafe(format!("DROP ROLE {stranger}"))).await.unwrap();
}

/// Every process learns of tenants that are made, changed and deleted, when that is committed.
#[tokio::test]
async fn changes_are_told() {
    let store = store().await;
    let registry = store.registry();
    let mut changes = registry.tenant_changes().await.unwrap();
    let made = registry.tenant_create(&new_tenant("plant-one")).await.unwrap();
    registry.tenant_create(&new_tenant("plant-one")).await.unwrap_err();
    registry.tenant_update(&new_tenant("plant-one")).await.unwrap();
    registry.tenant_delete(made.tenant_id).await.unwrap();
    registry.tenant_create(&new_tenant("plant-two")).await.unwrap();
    for slug in ["plant-one", "plant-one", "plant-one", "plant-two"] {
        assert_eq!(changes.next().await.unwrap().as_deref(), Some(slug));
    }
}

/// A login that owns nothing, and is only a member of the two roles, can serve what another one migrated.
#[tokio::test]
async fn a_login_that_owns_nothing_is_enough_to_serve() {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    let login = format!("login_{}", options.get_database().unwrap());
    let mut connection = options.connect().await.unwrap();
    let create = format!("CREATE ROLE {login} LOGIN IN ROLE edgehog_app, edgehog_registry");
    connection.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
    let store = Store::connect(config(options.username(&login))).await.unwrap();
    let (scope, realm) = tenant(&store, "plant-one").await;
    let mut tx = scope.begin().await.unwrap();
    tx.device_record(&[edgehog_store::DeviceObservation::new(realm, "device")]).await.unwrap();
    tx.commit().await.unwrap();
}

/// Nobody needs to be a superuser: a plain role that owns the database and may create roles is enough, for migrating
/// and for serving, although row security is forced on what it owns.
#[tokio::test]
async fn a_plain_owner_is_enough() {
    let options = edgehog_test_database::create().await;
    let database = options.get_database().unwrap().to_owned();
    let owner = format!("owner_{database}");
    let mut connection = options.connect().await.unwrap();
    // As a superuser may have made the two roles for another database, the owner is made a member of them here.
    Store::migrate(&edgehog_test_database::create().await).await.unwrap();
    for statement in [
        format!("CREATE ROLE {owner} LOGIN CREATEROLE IN ROLE edgehog_app, edgehog_registry"),
        format!("ALTER DATABASE {database} OWNER TO {owner}"),
    ] {
        connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
    }
    let plain = options.username(&owner);
    Store::migrate(&plain).await.unwrap();
    let store = Store::connect(config(plain)).await.unwrap();
    let (scope, realm) = tenant(&store, "plant-one").await;
    let mut tx = scope.begin().await.unwrap();
    tx.device_record(&[edgehog_store::DeviceObservation::new(realm, "device")]).await.unwrap();
    tx.commit().await.unwrap();
    store.registry().tenant_delete(scope.tenant()).await.unwrap();
    assert_eq!(crate::device_count(&scope).await, 0);
}
