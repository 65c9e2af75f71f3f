use chrono::{DateTime, TimeDelta, Utc};
use edgehog_store::{
    Cursor, DEVICE, Device, DeviceObservation, Error, Filter, List, PageRequest, RealmKey, TenantScope,
};

use crate::{store, tenant};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

async fn record(scope: &TenantScope, observed: DeviceObservation) -> Device {
    let mut tx = scope.begin().await.unwrap();
    let recorded = tx.device_record(&[observed]).await.unwrap();
    let device = tx.row::<Device>(recorded[0].id).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    device
}

/// A device that nobody knew is made, under its Astarte id as its name.
#[tokio::test]
async fn the_first_observation_makes_the_device() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let seen = |id| DeviceObservation::new(realm, id);
    let registered = record(&scope, seen("registered")).await;
    assert_eq!(registered.name, "registered");
    assert!(!registered.online && registered.last_connection.is_none());
    let connected = record(&scope, seen("connected").connected(at(5), Some("192.0.2.1".into()))).await;
    assert!(connected.online);
    assert_eq!((connected.last_connection, connected.last_disconnection), (Some(at(5)), None));
    assert_eq!(connected.last_seen_ip.as_deref(), Some("192.0.2.1"));
    let disconnected = record(&scope, seen("disconnected").disconnected(at(5))).await;
    assert!(!disconnected.online);
    let heard = record(&scope, seen("heard").heard(at(5))).await;
    assert!(heard.online);
}

/// All orders of the same events end in the same row, whether they come one by one or merged.
#[tokio::test]
async fn the_newest_truth_stands_in_every_order() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let seen = |id: usize| DeviceObservation::new(realm, format!("device-{id}"));
    let events = |id: usize| {
        [
            seen(id).connected(at(10), Some("192.0.2.10".into())).serial_number(at(10), Some("old".into())),
            seen(id).disconnected(at(20)),
            seen(id).heard(at(25)).serial_number(at(25), Some("new".into())),
            seen(id).status(at(28), false, Some(at(10)), Some(at(27)), Some("192.0.2.10".into())),
        ]
    };
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2], [3, 0, 1, 2]];
    for (id, order) in orders.into_iter().enumerate() {
        let mut last = None;
        for index in order {
            last = Some(record(&scope, events(id)[index].clone()).await);
        }
        let merged_id = id + orders.len();
        let merged = order.map(|index| events(merged_id)[index].clone()).into_iter();
        let merged = record(&scope, merged.reduce(DeviceObservation::merge).unwrap()).await;
        for device in [last.unwrap(), merged] {
            assert!(!device.online, "{order:?}");
            assert_eq!(device.last_connection, Some(at(10)), "{order:?}");
            assert_eq!(device.last_disconnection, Some(at(27)), "{order:?}");
            assert_eq!(device.serial_number.as_deref(), Some("new"), "{order:?}");
            assert_eq!(device.last_seen_ip.as_deref(), Some("192.0.2.10"), "{order:?}");
        }
    }
}

/// Of two events of one moment the one that arrives later stands; a property can be unset; names are left alone.
#[tokio::test]
async fn later_arrival_breaks_ties() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let seen = || DeviceObservation::new(realm, "device");
    record(&scope, seen().connected(at(5), None).part_number(at(5), Some("pn".into()))).await;
    let mut tx = scope.begin().await.unwrap();
    sqlx::query("UPDATE devices SET name = 'Lift 1'").execute(tx.connection()).await.unwrap();
    tx.commit().await.unwrap();
    let device = record(&scope, seen().disconnected(at(5)).part_number(at(5), None)).await;
    assert!(!device.online);
    assert_eq!(device.part_number, None);
    assert_eq!(device.name, "Lift 1");
}

/// A batch is one statement: all of it or nothing; a device is told apart as unread until a status was recorded.
#[tokio::test]
async fn a_batch_is_recorded_whole_or_not_at_all() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let (_, foreign) = tenant(&store, "plant-two").await;
    let batch: Vec<_> =
        (0..300).map(|n| DeviceObservation::new(realm, format!("{n:03}")).heard(at(n))).collect();
    let mut tx = scope.begin().await.unwrap();
    let recorded = tx.device_record(&batch).await.unwrap();
    assert!(recorded.len() == 300 && recorded.iter().all(|device| device.unread));
    let read = DeviceObservation::new(realm, "000").status(at(9), true, None, None, None);
    assert!(!tx.device_record(&[read]).await.unwrap()[0].unread);
    assert_eq!(tx.device_unread(realm, &["000", "001", "stranger"]).await.unwrap(), ["001", "stranger"]);
    tx.commit().await.unwrap();

    let mut tx = scope.begin().await.unwrap();
    let stray = DeviceObservation::new(foreign, "stray");
    let refused = tx.device_record(&[DeviceObservation::new(realm, "good"), stray]).await.unwrap_err();
    assert!(matches!(refused, Error::MissingReference(_)), "{refused:?}");
    drop(tx);
    let mut tx = scope.begin().await.unwrap();
    let nul = DeviceObservation::new(realm, "nul").serial_number(at(1), Some("\0".into()));
    let refused = tx.device_record(&[nul]).await.unwrap_err();
    assert!(matches!(refused, Error::Unacceptable(_)), "{refused:?}");
    drop(tx);
    assert_eq!(scope.begin().await.unwrap().count(&DEVICE, Filter::default()).await.unwrap(), 300);
}

/// Deleting says whether there was something to delete.
#[tokio::test]
async fn a_device_is_deleted_once() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let device = record(&scope, DeviceObservation::new(realm, "device")).await;
    let mut tx = scope.begin().await.unwrap();
    assert!(tx.device_delete(realm, "device").await.unwrap());
    assert!(!tx.device_delete(realm, "device").await.unwrap());
    assert!(tx.row::<Device>(device.id).await.unwrap().is_none());
}

async fn fill(scope: &TenantScope, realm: RealmKey, count: usize) {
    let mut tx = scope.begin().await.unwrap();
    let batch: Vec<_> = (0..count).map(|n| DeviceObservation::new(realm, format!("{n:04}"))).collect();
    tx.device_record(&batch).await.unwrap();
    tx.commit().await.unwrap();
}

/// Walking forward and backward visits every device once, in order, also while devices come and go.
#[tokio::test]
async fn pages_cover_the_list() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    fill(&scope, realm, 7).await;
    let mut tx = scope.begin().await.unwrap();
    let mut names = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = tx
            .rows::<Device>(&List::default().page(PageRequest::Forward { first: 3, after: after.clone() }))
            .await
            .unwrap();
        assert_eq!(page.has_previous, after.is_some());
        after = page.rows.last().map(|device| List::default().cursor_of(device));
        names.extend(page.rows.into_iter().map(|device| device.device_id));
        tx.device_delete(realm, "0000").await.unwrap();
        if !page.has_next {
            break;
        }
    }
    assert_eq!(names, ["0000", "0001", "0002", "0003", "0004", "0005", "0006"]);
    let back = tx
        .rows::<Device>(&List::default().page(PageRequest::Backward { last: 2, before: after.unwrap() }))
        .await
        .unwrap();
    let back_names: Vec<_> = back.rows.iter().map(|device| device.device_id.as_str()).collect();
    assert_eq!(back_names, ["0004", "0005"]);
    assert!(back.has_previous && back.has_next);
}

/// Nobody gets more than a page's worth.
#[tokio::test]
async fn a_page_has_a_limit() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    fill(&scope, realm, 260).await;
    let mut tx = scope.begin().await.unwrap();
    for request in [PageRequest::default(), PageRequest::Forward { first: 10_000, after: None }] {
        let page = tx.rows::<Device>(&List::default().page(request)).await.unwrap();
        assert!(page.rows.len() == 250 && page.has_next);
    }
}
