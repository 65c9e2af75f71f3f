//! Announcements of changes, from one process to another.

use std::time::Duration;

use edgehog_store::{ChangeSignals, Store, TenantId};
use sqlx::{ConnectOptions, Executor};

use crate::fleet::fleet;
use crate::{config, tenant};

/// Longer than anybody waits: an announcement that has not come by then never will.
const PATIENCE: Duration = Duration::from_secs(60);

async fn next(signals: &mut ChangeSignals) -> Option<Vec<TenantId>> {
    tokio::time::timeout(PATIENCE, signals.next()).await.unwrap().unwrap()
}

/// What is committed through one pool is announced to those who listen through another; what is rolled back, or changes
/// nothing, is not.
#[tokio::test]
async fn signals_reach_other_processes() {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    let writer = Store::connect(config(options.clone())).await.unwrap();
    let listener = Store::connect(config(options)).await.unwrap();
    let mut signals = listener.change_signals().await.unwrap();
    let one = fleet(&writer, "plant-one").await;
    assert_eq!(next(&mut signals).await, Some(vec![one.scope.tenant()]));
    let two = fleet(&writer, "plant-two").await;
    assert_eq!(next(&mut signals).await, Some(vec![two.scope.tenant()]));
    let mut dropped = one.scope.begin().await.unwrap();
    dropped.device_touched(one.device);
    drop(dropped);
    one.scope.begin().await.unwrap().commit().await.unwrap();
    let mut tx = two.scope.begin().await.unwrap();
    tx.device_touched(two.device);
    tx.commit().await.unwrap();
    assert_eq!(
        next(&mut signals).await,
        Some(vec![two.scope.tenant()]),
        "nothing of the first tenant in between"
    );
}

/// A connection that breaks says so, since announcements may have been missed, and hears those that follow.
#[tokio::test]
async fn broken_connections_heal() {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    let store = Store::connect(config(options.clone())).await.unwrap();
    let mut signals = store.change_signals().await.unwrap();
    let (scope, realm) = tenant(&store, "plant-one").await;
    let mut administrator = options.connect().await.unwrap();
    for round in 0..2 {
        let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        administrator.execute(terminate).await.unwrap();
        assert_eq!(next(&mut signals).await, None, "round {round}");
        let mut tx = scope.begin().await.unwrap();
        let seen = edgehog_store::DeviceObservation::new(realm, format!("{round}"));
        tx.device_record(&[seen]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(next(&mut signals).await, Some(vec![scope.tenant()]), "round {round}");
    }
}

/// When the database was restarted, every connection of the pool is dead: the next work finds a new one all the same.
#[tokio::test]
async fn a_pool_of_dead_connections_is_no_trouble() {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    let store = Store::connect(config(options.clone()).pool_size(10).tenant_connections(9)).await.unwrap();
    let (scope, _) = tenant(&store, "plant-one").await;
    let mut at_work = Vec::new();
    for _ in 0..9 {
        at_work.push(scope.begin().await.unwrap());
    }
    drop(at_work);
    let mut administrator = options.connect().await.unwrap();
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid()";
    administrator.execute(terminate).await.unwrap();
    scope.begin().await.unwrap();
    store.registry().tenant_by_slug("plant-one").await.unwrap();
}
