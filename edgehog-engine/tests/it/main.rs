//! The engine against a real PostgreSQL, a scripted Astarte and scripted services. Journeys with Astarte stand in the
//! workspace's `tests`.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a helper that cannot prepare a test has failed it")]

mod events;
mod fake_astarte;
mod forwarder;
mod geolocation;
mod orders;
mod provisioning;
mod selectors;
mod storage;

use edgehog_engine::{Engine, EngineBuilder, Keyring, NewTenant, PgConnectOptions, Store, StoreConfig};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

/// An engine on a database of its own, whose Astarte does not answer; and how to reach the database.
async fn engine() -> (Engine, PgConnectOptions) {
    engine_with(|engine| engine).await
}

/// The same, set up in a way of its own.
async fn engine_with(set_up: impl FnOnce(EngineBuilder) -> EngineBuilder) -> (Engine, PgConnectOptions) {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    let keyring = Keyring::derive(&"k".repeat(32).into()).unwrap();
    let store = Store::connect(StoreConfig::new(options.clone(), keyring).pool_size(4)).await.unwrap();
    let engine = set_up(Engine::builder(store, "http://localhost:4000".parse().unwrap()));
    (engine.build().unwrap(), options)
}

fn key_pair() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn new_tenant(slug: &str) -> NewTenant {
    let realm_key = key_pair().serialize_pem();
    let realm = slug.replace('-', "");
    NewTenant::new(slug, slug, key_pair().public_key_pem(), "http://127.0.0.1:9", realm, realm_key.into())
}
