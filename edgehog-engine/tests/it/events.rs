use edgehog_engine::{Engine, EventError, PgConnectOptions, Tenant, TriggerEvent};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use sqlx::{ConnectOptions, Connection};

use crate::{engine, new_tenant};

pub(crate) async fn plant_one() -> (Engine, Tenant, PgConnectOptions) {
    let (engine, options) = engine().await;
    engine.provision_tenant(&new_tenant("plant-one")).await.unwrap();
    let tenant = engine.tenant("plant-one").await.unwrap().unwrap();
    (engine, tenant, options)
}

fn event(device: &str, kind: &str, second: u32) -> TriggerEvent {
    let body = serde_json::json!({
        "device_id": device, "timestamp": format!("2026-01-02T03:04:{second:02}Z"), "event": { "type": kind },
    });
    TriggerEvent::parse_lenient(body.to_string().as_bytes()).unwrap()
}

/// Rows that one transaction wrote have the same `xmin`.
async fn transactions(options: &PgConnectOptions) -> i64 {
    let mut connection = options.connect().await.unwrap();
    let count = "SELECT count(DISTINCT xmin::text) FROM edgehog.devices";
    sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap()
}

/// Events that arrive together share a commit; each gets its own answer.
#[tokio::test]
async fn events_that_arrive_together_are_committed_together() {
    let (engine, tenant, options) = plant_one().await;
    let events: Vec<_> = (0..50).map(|n| event(&format!("device-{n}"), "device_registered", 1)).collect();
    let answers = join_all(events.iter().map(|event| engine.ingest(&tenant, "plantone", event))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(tenant.device_count().await.unwrap(), 50);
    assert!(transactions(&options).await < 50);
}

/// Within a batch the order of a device's events is kept, also around its deletion.
#[tokio::test]
async fn a_deletion_keeps_its_place_among_other_events() {
    let (engine, tenant, _) = plant_one().await;
    let events = [
        event("device", "device_deletion_finished", 0),
        event("device", "device_connected", 1),
        event("device", "device_deletion_finished", 2),
        event("device", "device_registered", 3),
    ];
    let answers = join_all(events.iter().map(|event| engine.ingest(&tenant, "plantone", event))).await;
    assert!(matches!(answers[..], [Err(EventError::UnknownDevice), Ok(()), Ok(()), Ok(())]), "{answers:?}");
    let devices = tenant
        .rows::<edgehog_engine::store::Device>(&edgehog_engine::store::List::default())
        .await
        .unwrap()
        .rows;
    assert_eq!(devices.len(), 1);
    assert!(devices[0].last_connection.is_none() && !devices[0].online);
}

/// A realm that is not the tenant's, and a tenant that was deleted a moment ago, are told as unknown.
#[tokio::test]
async fn events_for_nobody_are_told() {
    let (engine, tenant, options) = plant_one().await;
    let event = event("device", "device_connected", 1);
    let foreign = engine.ingest(&tenant, "planttwo", &event).await;
    assert!(matches!(foreign, Err(EventError::UnknownRealm)), "{foreign:?}");
    let mut connection = options.connect().await.unwrap();
    sqlx::query("DELETE FROM edgehog.tenants").execute(&mut connection).await.unwrap();
    let late = engine.ingest(&tenant, "plantone", &event).await;
    assert!(matches!(late, Err(EventError::UnknownRealm)), "{late:?}");
}

/// Events that cannot be stored at the moment do not keep another tenant's waiting; those that find thousands waiting are
/// turned away at once, for Astarte to send again, and the others are stored in the end.
#[tokio::test]
async fn one_tenants_flood_does_not_keep_anothers_events() {
    const FLOOD: usize = 6000;
    let (engine, one, options) = plant_one().await;
    engine.provision_tenant(&new_tenant("plant-two")).await.unwrap();
    let two = engine.tenant("plant-two").await.unwrap().unwrap();
    engine.ingest(&one, "plantone", &event("device", "device_registered", 0)).await.unwrap();
    let mut connection = options.connect().await.unwrap();
    let mut lock = connection.begin().await.unwrap();
    sqlx::query("SELECT FROM edgehog.devices FOR UPDATE").execute(&mut *lock).await.unwrap();

    let flood = event("device", "device_connected", 1);
    let waiting: FuturesUnordered<_> = (0..FLOOD).map(|_| engine.ingest(&one, "plantone", &flood)).collect();
    let mut answers = waiting.map(|answer| answer.map_err(|error| matches!(error, EventError::Busy)));
    let mut busy = 0;
    while busy < 1000 {
        assert_eq!(answers.next().await, Some(Err(true)), "nothing can be stored now");
        busy += 1;
    }
    engine.ingest(&two, "planttwo", &event("device", "device_connected", 1)).await.unwrap();
    lock.rollback().await.unwrap();
    let rest: Vec<_> = answers.collect().await;
    assert!(rest.iter().all(|answer| matches!(answer, Ok(()) | Err(true))), "{rest:?}");
    assert!(rest.iter().filter(|answer| answer.is_ok()).count() >= 4000);
}
