//! The change feed: what is written, and that readers miss nothing and get nothing twice.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use edgehog_store::{
    ChangeKind, DEVICE, DEVICE_GROUP, DeviceGroupPatch, DeviceObservation, FeedPosition, HARDWARE_TYPE,
    HARDWARE_TYPE_PART_NUMBER, HardwareTypePartNumber, HardwareTypePatch, List, Resource, SYSTEM_MODEL,
    SYSTEM_MODEL_PART_NUMBER, SystemModelPartNumber, SystemModelPatch, TenantScope, TenantTx, Value,
};

use crate::fleet::{Fleet, fleet, group, hardware_type, system_model};
use crate::{store, tenant};

use ChangeKind::{Created, Destroyed, Updated};

/// What happened to a record, by what it is and its key.
type Told = (&'static str, ChangeKind, Value);

fn told(resource: &Resource, kind: ChangeKind, key: impl Into<Value>) -> Told {
    (resource.type_name, kind, key.into())
}

async fn position(scope: &TenantScope) -> FeedPosition {
    scope.begin().await.unwrap().change_position().await.unwrap()
}

/// All that a reader has not read yet.
async fn read(scope: &TenantScope, position: &mut FeedPosition) -> Vec<Told> {
    let mut all = Vec::new();
    for _ in 0..100 {
        let changes = scope.begin().await.unwrap().change_read(position).await.unwrap();
        if changes.is_empty() {
            return all;
        }
        all.extend(changes.into_iter().map(|it| told(it.resource, it.kind, it.key)));
    }
    panic!("the same changes come again and again");
}

/// A reader of one tenant's changes, who reads after each step.
struct Reader<'a> {
    fleet: &'a Fleet,
    position: FeedPosition,
}

impl Reader<'_> {
    async fn expect<R>(
        &mut self,
        step: &str,
        work: impl AsyncFnOnce(&mut TenantTx) -> R,
        expected: impl FnOnce(&R) -> Vec<Told>,
    ) -> R {
        let mut tx = self.fleet.scope.begin().await.unwrap();
        let done = work(&mut tx).await;
        tx.commit().await.unwrap();
        assert_eq!(read(&self.fleet.scope, &mut self.position).await, expected(&done), "{step}");
        done
    }
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

/// Devices tell of what clients see: new ones are created, old ones updated, and what changes nothing is not told.
#[tokio::test]
async fn devices_tell_what_happens_to_them() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut reader = Reader { position: position(&fleet.scope).await, fleet: &fleet };
    let seen = |id: &str| DeviceObservation::new(fleet.realm, id);
    let record = async |tx: &mut TenantTx, seen: &[DeviceObservation]| tx.device_record(seen).await.unwrap();
    let connected = seen("new").connected(at(10), Some("192.0.2.1".into()));
    let key = reader
        .expect(
            "a device is made",
            async |tx| record(tx, std::slice::from_ref(&connected)).await[0].id,
            |key| vec![told(&DEVICE, Created, *key)],
        )
        .await;
    let updated = || vec![told(&DEVICE, Updated, key)];
    for (step, observed, visible) in [
        ("the same again", connected.clone(), false),
        ("nothing but that it exists", seen("new"), false),
        ("heard while it is online", seen("new").heard(at(11)), false),
        ("an older word", seen("new").disconnected(at(1)), true),
        ("the older word again", seen("new").disconnected(at(1)), false),
        (
            "a status that says the same",
            seen("new").status(at(12), true, Some(at(10)), Some(at(1)), Some("192.0.2.1".into())),
            false,
        ),
        ("a serial number", seen("new").serial_number(at(12), Some("s".into())), true),
        ("the same serial number, later", seen("new").serial_number(at(13), Some("s".into())), false),
        ("an outdated serial number", seen("new").serial_number(at(12), Some("t".into())), false),
        ("no serial number", seen("new").serial_number(at(14), None), true),
        ("a part number", seen("new").part_number(at(14), Some("p".into())), true),
        ("another address", seen("new").connected(at(14), Some("192.0.2.2".into())), true),
        ("a disconnection", seen("new").disconnected(at(15)), true),
        ("heard after that", seen("new").heard(at(16)), true),
    ] {
        let expected = if visible { updated() } else { vec![] };
        reader.expect(step, async |tx| record(tx, &[observed]).await, |_| expected).await;
    }
    let named = async |tx: &mut TenantTx| assert!(tx.device_update(key, Some("Lift")).await.unwrap());
    reader.expect("a name", named, |()| updated()).await;
    reader.expect("the same name", named, |()| updated()).await;
    let add =
        async |tx: &mut TenantTx| assert!(tx.device_tags_add(key, &["a".into(), "b".into()]).await.unwrap());
    reader.expect("tags", add, |()| updated()).await;
    reader.expect("the same tags", add, |()| updated()).await;
    let remove = async |tx: &mut TenantTx| {
        assert!(tx.device_tags_remove(key, &["a".into(), "z".into()]).await.unwrap());
    };
    reader.expect("tags taken off", remove, |()| updated()).await;
    reader.expect("touched", async |tx| tx.device_touched(key), |()| updated()).await;
    let delete = async |tx: &mut TenantTx| tx.device_delete(fleet.realm, "new").await.unwrap();
    reader.expect("deleted", delete, |_| vec![told(&DEVICE, Destroyed, key)]).await;
    reader.expect("deleted again", delete, |_| vec![]).await;
    let nobody = async |tx: &mut TenantTx| {
        assert!(!tx.device_update(key, Some("x")).await.unwrap());
        assert!(!tx.device_tags_add(key, &["a".into()]).await.unwrap());
        assert!(!tx.device_tags_remove(key, &["a".into()]).await.unwrap());
    };
    reader.expect("nobody is there", nobody, |()| vec![]).await;
    let both = async |tx: &mut TenantTx| {
        let made = record(tx, &[seen("twice")]).await[0].id;
        tx.device_update(made, Some("x")).await.unwrap();
        tx.device_delete(fleet.realm, "twice").await.unwrap();
        made
    };
    let all = |key: &edgehog_store::DeviceKey| {
        [Created, Updated, Destroyed].map(|it| told(&DEVICE, it, *key)).to_vec()
    };
    reader.expect("a whole life at once", both, all).await;
}

/// Groups tell of themselves, and not of the devices that enter or leave them.
#[tokio::test]
async fn groups_tell_what_happens_to_them() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut reader = Reader { position: position(&fleet.scope).await, fleet: &fleet };
    let key = reader
        .expect(
            "made",
            async |tx| tx.device_group_create(&group("new")).await.unwrap(),
            |key| vec![told(&DEVICE_GROUP, Created, *key)],
        )
        .await;
    let patch = DeviceGroupPatch { name: Some("x".into()), ..Default::default() };
    let update = async |tx: &mut TenantTx| tx.device_group_update(key, &patch).await.unwrap();
    assert!(reader.expect("updated", update, |_| vec![told(&DEVICE_GROUP, Updated, key)]).await);
    let delete = async |tx: &mut TenantTx| tx.device_group_delete(key).await.unwrap();
    assert!(reader.expect("deleted", delete, |_| vec![told(&DEVICE_GROUP, Destroyed, key)]).await);
    assert!(!reader.expect("deleted again", delete, |_| vec![]).await);
    assert!(!reader.expect("updated when gone", update, |_| vec![]).await);
}

/// Part numbers that are made, moved, unlinked or deleted tell so; those that stay, or go with their owner, do not.
#[tokio::test]
async fn hardware_types_and_their_part_numbers_tell() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut reader = Reader { position: position(&fleet.scope).await, fleet: &fleet };
    let make = async |tx: &mut TenantTx| {
        let key = tx.hardware_type_create(&hardware_type("new", &["b", "hardware-1", "b"])).await.unwrap();
        let parts = tx.rows::<HardwareTypePartNumber>(&List::default()).await.unwrap().rows;
        (key, parts[0].id, parts[1].id)
    };
    let (key, moved, new) = reader
        .expect("made", make, |(key, moved, new)| {
            vec![
                told(&HARDWARE_TYPE, Created, *key),
                told(&HARDWARE_TYPE_PART_NUMBER, Created, *new),
                told(&HARDWARE_TYPE_PART_NUMBER, Updated, *moved),
            ]
        })
        .await;
    let patch = |part_numbers: &[&str]| HardwareTypePatch {
        part_numbers: Some(part_numbers.iter().map(|it| (*it).to_owned()).collect()),
        ..Default::default()
    };
    let updated = || told(&HARDWARE_TYPE, Updated, key);
    let unlinked = || vec![updated(), told(&HARDWARE_TYPE_PART_NUMBER, Updated, moved)];
    for (step, patch, expected) in [
        ("nothing", HardwareTypePatch::default(), vec![updated()]),
        ("the same part numbers", patch(&["hardware-1", "b"]), vec![updated()]),
        ("one is unlinked", patch(&["b"]), unlinked()),
        ("it is linked again", patch(&["b", "hardware-1"]), unlinked()),
    ] {
        let update = async |tx: &mut TenantTx| tx.hardware_type_update(key, &patch).await.unwrap();
        assert!(reader.expect(step, update, |_| expected).await, "{step}");
    }
    let delete = async |tx: &mut TenantTx| tx.hardware_type_delete(key).await.unwrap();
    assert!(reader.expect("deleted", delete, |_| vec![told(&HARDWARE_TYPE, Destroyed, key)]).await);
    assert!(!reader.expect("deleted again", delete, |_| vec![]).await);
    let left = fleet.scope.begin().await.unwrap().row::<HardwareTypePartNumber>(new).await.unwrap();
    assert_eq!(left, None, "part numbers go with their owner");
}

/// The same of system models, whose part numbers are deleted when they are left out.
#[tokio::test]
async fn system_models_and_their_part_numbers_tell() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut reader = Reader { position: position(&fleet.scope).await, fleet: &fleet };
    let make = async |tx: &mut TenantTx| {
        let new = system_model("new", fleet.hardware_type, &["b", "system-1"]);
        let key = tx.system_model_create(&new).await.unwrap();
        let parts = tx.rows::<SystemModelPartNumber>(&List::default()).await.unwrap().rows;
        (key, parts[0].id, parts[1].id)
    };
    let (key, moved, new) = reader
        .expect("made", make, |(key, moved, new)| {
            vec![
                told(&SYSTEM_MODEL, Created, *key),
                told(&SYSTEM_MODEL_PART_NUMBER, Created, *new),
                told(&SYSTEM_MODEL_PART_NUMBER, Updated, *moved),
            ]
        })
        .await;
    let patch = SystemModelPatch { part_numbers: Some(vec!["b".into()]), ..Default::default() };
    let update = async |tx: &mut TenantTx| tx.system_model_update(key, &patch).await.unwrap();
    let expected = vec![told(&SYSTEM_MODEL, Updated, key), told(&SYSTEM_MODEL_PART_NUMBER, Destroyed, moved)];
    assert!(reader.expect("one is left out", update, |_| expected).await.is_some());
    let again = reader.expect("again", update, |_| vec![told(&SYSTEM_MODEL, Updated, key)]).await;
    assert!(again.is_some());
    let delete = async |tx: &mut TenantTx| tx.system_model_delete(key).await.unwrap();
    assert!(reader.expect("deleted", delete, |_| vec![told(&SYSTEM_MODEL, Destroyed, key)]).await);
    assert!(!reader.expect("deleted again", delete, |_| vec![]).await);
    let left = fleet.scope.begin().await.unwrap().row::<SystemModelPartNumber>(new).await.unwrap();
    assert_eq!(left, None, "part numbers go with their owner");
}

/// What is not committed was no change, and nobody reads those of another tenant.
#[tokio::test]
async fn only_committed_changes_of_the_tenant_are_read() {
    let store = store().await;
    let one = fleet(&store, "plant-one").await;
    let two = fleet(&store, "plant-two").await;
    let mut from = position(&one.scope).await;
    let mut of_two = position(&two.scope).await;
    let mut tx = one.scope.begin().await.unwrap();
    tx.device_touched(one.device);
    tx.device_update(one.device, Some("x")).await.unwrap();
    drop(tx);
    let mut tx = two.scope.begin().await.unwrap();
    tx.device_touched(two.device);
    tx.commit().await.unwrap();
    assert_eq!(read(&one.scope, &mut from).await, []);
    assert_eq!(read(&two.scope, &mut of_two).await, [told(&DEVICE, Updated, two.device)]);
    assert_eq!(read(&two.scope, &mut of_two).await, []);
}

/// Transactions that end in another order than they began, with a reader in between, who misses nothing and reads
/// nothing twice, however long one of them runs.
#[tokio::test]
async fn late_commits_are_not_missed() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut early_reader = position(&fleet.scope).await;
    // It has a number, and so is running, from its first write on.
    let mut early = fleet.scope.begin().await.unwrap();
    early.device_group_update(fleet.group, &DeviceGroupPatch::default()).await.unwrap();
    let mut between = position(&fleet.scope).await;
    let touched = || told(&DEVICE, Updated, fleet.device);
    for _ in 0..3 {
        let mut late = fleet.scope.begin().await.unwrap();
        late.device_update(fleet.device, None).await.unwrap();
        late.commit().await.unwrap();
        assert_eq!(read(&fleet.scope, &mut early_reader).await, [touched()]);
        assert_eq!(read(&fleet.scope, &mut between).await, [touched()]);
    }
    let mut after_late = position(&fleet.scope).await;
    early.device_touched(fleet.device);
    early.commit().await.unwrap();
    let expected = [told(&DEVICE_GROUP, Updated, fleet.group), touched()];
    for reader in [&mut early_reader, &mut between, &mut after_late] {
        assert_eq!(read(&fleet.scope, reader).await, expected);
        assert_eq!(read(&fleet.scope, reader).await, []);
    }
}

/// Two writers of one record are read in the order in which they were committed.
#[tokio::test]
async fn changes_of_a_record_are_in_order() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut reader = position(&fleet.scope).await;
    let mut first = fleet.scope.begin().await.unwrap();
    first.device_update(fleet.device, Some("x")).await.unwrap();
    let scope = fleet.scope.clone();
    let realm = fleet.realm;
    let second = tokio::spawn(async move {
        let mut tx = scope.begin().await.unwrap();
        assert!(tx.device_delete(realm, "device").await.unwrap());
        tx.commit().await.unwrap();
    });
    tokio::task::yield_now().await;
    first.commit().await.unwrap();
    second.await.unwrap();
    let expected = [told(&DEVICE, Updated, fleet.device), told(&DEVICE, Destroyed, fleet.device)];
    assert_eq!(read(&fleet.scope, &mut reader).await, expected);
}

/// More changes than are read at once come in several parts, in order, also while another transaction keeps running.
#[tokio::test]
async fn many_changes_are_read_in_parts() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let mut reader = position(&scope).await;
    for others_run in [false, true] {
        let mut running = scope.begin().await.unwrap();
        if others_run {
            running.device_group_create(&group("running")).await.unwrap();
        }
        let mut keys = Vec::new();
        for part in 0..3 {
            let id = |number| format!("{others_run} {part} {number}");
            let seen: Vec<_> = (0..4_000).map(|number| DeviceObservation::new(realm, id(number))).collect();
            let mut tx = scope.begin().await.unwrap();
            keys.extend(tx.device_record(&seen).await.unwrap().into_iter().map(|it| Value::from(it.id)));
            tx.commit().await.unwrap();
        }
        let part = scope.begin().await.unwrap().change_read(&mut reader.clone()).await.unwrap();
        assert!(!part.is_empty() && part.len() < keys.len());
        let created: Vec<_> = read(&scope, &mut reader).await.into_iter().map(|it| it.2).collect();
        assert_eq!(created, keys);
        running.commit().await.unwrap();
        assert_eq!(read(&scope, &mut reader).await.len(), usize::from(others_run));
    }
}

/// Old changes are deleted, a part at a time; who had read them goes on as if nothing were.
#[tokio::test]
async fn old_changes_are_pruned() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let other = self::fleet(&store, "plant-two").await;
    let mut behind = position(&fleet.scope).await;
    let mut tx = fleet.scope.begin().await.unwrap();
    tx.device_touched(fleet.device);
    tx.commit().await.unwrap();
    let mut reader = position(&fleet.scope).await;
    let prune = async |age| {
        let mut tx = fleet.scope.begin().await.unwrap();
        let pruned = tx.change_prune(Duration::from_secs(age)).await.unwrap();
        tx.commit().await.unwrap();
        pruned
    };
    assert_eq!(prune(3_600).await, 0);
    assert!(prune(0).await > 1);
    assert_eq!(prune(0).await, 0);
    assert_eq!(read(&fleet.scope, &mut behind).await, []);
    let mut tx = fleet.scope.begin().await.unwrap();
    tx.device_touched(fleet.device);
    tx.commit().await.unwrap();
    for position in [&mut reader, &mut behind] {
        assert_eq!(read(&fleet.scope, position).await, [told(&DEVICE, Updated, fleet.device)]);
    }
    let mut tx = other.scope.begin().await.unwrap();
    assert!(tx.change_prune(Duration::ZERO).await.unwrap() > 1, "those of the other tenant are still there");
}
