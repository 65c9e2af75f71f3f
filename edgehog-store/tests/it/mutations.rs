//! What mutations do, refuse and leave alone.

use edgehog_store::{
    DeviceGroup, DeviceGroupKey, DeviceGroupPatch, DeviceKey, Error, HARDWARE_TYPE,
    HARDWARE_TYPE_PART_NUMBER, HardwareTypeKey, HardwareTypePartNumber, HardwareTypePatch, List, PageRequest,
    Reach, Related, Resource, Row, SYSTEM_MODEL, SYSTEM_MODEL_PART_NUMBER, Selection, SystemModel,
    SystemModelKey, SystemModelPatch, TagPattern, TagPredicate, TenantTx, Value,
};
use sqlx::{Connection, Executor};

use crate::fleet::{Fleet, fleet, group, hardware_type, system_model};
use crate::{keys, store};

/// Runs what the database refuses, and goes on as if it had not been tried.
async fn refused<T: std::fmt::Debug>(
    tx: &mut TenantTx,
    work: impl AsyncFnOnce(&mut TenantTx) -> Result<T, Error>,
) -> Error {
    tx.connection().execute("SAVEPOINT before").await.unwrap();
    let error = work(tx).await.unwrap_err();
    tx.connection().execute("ROLLBACK TO before").await.unwrap();
    error
}

fn taken(error: &Error) -> &str {
    let Error::Taken { field, .. } = error else { panic!("{error:?}") };
    field
}

/// Of a handle and a name that are taken the handle is told; another tenant's are free.
#[tokio::test]
async fn taken_values_are_named() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut tx = fleet.scope.begin().await.unwrap();
    // Their names differ from the handles of others by case alone.
    for (handle, name, expected) in
        [("first", "OTHER", "handle"), ("other", "FIRST", "name"), ("first", "FIRST", "handle")]
    {
        if tx.count(&HARDWARE_TYPE, edgehog_store::Filter::default()).await.unwrap() == 1 {
            tx.device_group_create(&group("first")).await.unwrap();
            tx.hardware_type_create(&hardware_type("first", &[])).await.unwrap();
            tx.system_model_create(&system_model("first", fleet.hardware_type, &[])).await.unwrap();
        }
        let (mut g, mut h, mut s) =
            (group(handle), hardware_type(handle, &[]), system_model(handle, fleet.hardware_type, &[]));
        g.name = name.into();
        h.name = name.into();
        s.name = name.into();
        let error = refused(&mut tx, async |tx| tx.device_group_create(&g).await).await;
        assert_eq!(taken(&error), expected);
        let error = refused(&mut tx, async |tx| tx.hardware_type_create(&h).await).await;
        assert_eq!(taken(&error), expected);
        let error = refused(&mut tx, async |tx| tx.system_model_create(&s).await).await;
        assert_eq!(taken(&error), expected);
        let (handle, name) = (Some(handle.to_owned()), Some(name.to_owned()));
        let patch = DeviceGroupPatch { handle: handle.clone(), name: name.clone(), selector: None };
        let error = refused(&mut tx, async |tx| tx.device_group_update(fleet.group, &patch).await).await;
        assert_eq!(taken(&error), expected);
        let patch = HardwareTypePatch { handle: handle.clone(), name: name.clone(), part_numbers: None };
        let error =
            refused(&mut tx, async |tx| tx.hardware_type_update(fleet.hardware_type, &patch).await).await;
        assert_eq!(taken(&error), expected);
        let patch = SystemModelPatch { handle, name, ..Default::default() };
        let error =
            refused(&mut tx, async |tx| tx.system_model_update(fleet.system_model, &patch).await).await;
        assert_eq!(taken(&error), expected);
    }
    self::fleet(&store, "plant-two").await;
}

/// The part numbers of an owner, with their keys.
async fn parts(
    tx: &mut TenantTx,
    owner: &'static Resource,
    of: &'static Resource,
    key: impl Into<Value> + Send,
) -> Vec<(String, Value)> {
    let mut selection = Selection::key(owner);
    let all = List::default().page(PageRequest::all());
    let relation = owner.relation("part_numbers").unwrap();
    selection.reach(Reach::many(owner, relation, Selection::all(of), all).unwrap());
    let found = tx.get(&selection, key).await.unwrap().unwrap();
    let [Related::Many(page)] = found.related() else { panic!("{found:?}") };
    let mut parts: Vec<_> =
        page.rows.iter().map(|it| (it.value(1).as_text().unwrap().to_owned(), it.key().clone())).collect();
    parts.sort_by(|one, other| one.0.cmp(&other.0));
    parts
}

fn texts(parts: &[(String, Value)]) -> Vec<&str> {
    parts.iter().map(|it| it.0.as_str()).collect()
}

/// Part numbers keep their keys when they move, are left without a hardware type, and are taken up again.
#[tokio::test]
async fn part_numbers_of_hardware_keep_their_keys() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut tx = fleet.scope.begin().await.unwrap();
    let of = async |tx: &mut TenantTx, key| parts(tx, &HARDWARE_TYPE, &HARDWARE_TYPE_PART_NUMBER, key).await;
    let one = tx.hardware_type_create(&hardware_type("one", &["a", "b", "a"])).await.unwrap();
    let before = of(&mut tx, one).await;
    assert_eq!(texts(&before), ["a", "b"]);
    let two = tx.hardware_type_create(&hardware_type("two", &["b", "c"])).await.unwrap();
    let moved = of(&mut tx, two).await;
    assert_eq!((texts(&of(&mut tx, one).await), &moved[0]), (vec!["a"], &before[1]));
    let patch = |list: &[&str]| HardwareTypePatch {
        part_numbers: Some(list.iter().map(|it| (*it).to_owned()).collect()),
        ..Default::default()
    };
    assert!(tx.hardware_type_update(two, &patch(&["c", "d"])).await.unwrap());
    assert_eq!(texts(&of(&mut tx, two).await), ["c", "d"]);
    let unlinked = tx.rows::<HardwareTypePartNumber>(&List::default()).await.unwrap().rows;
    assert!(unlinked.iter().any(|it| it.part_number == "b"), "it stays, without a type: {unlinked:?}");
    assert!(tx.hardware_type_update(one, &patch(&["b", "c"])).await.unwrap());
    assert_eq!(of(&mut tx, one).await, [before[1].clone(), moved[1].clone()]);
    assert!(tx.hardware_type_update(one, &HardwareTypePatch::default()).await.unwrap());
    assert_eq!(texts(&of(&mut tx, one).await), ["b", "c"], "left out, they stay");
    assert!(tx.hardware_type_delete(one).await.unwrap());
    let left = tx.rows::<HardwareTypePartNumber>(&List::default()).await.unwrap().rows;
    let mut left: Vec<_> = left.iter().map(|it| it.part_number.as_str()).collect();
    left.sort_unstable();
    assert_eq!(left, ["a", "d", "hardware-1"], "those without a type stay, those of the deleted one do not");
}

/// Those of system models keep them when they move, and are deleted when they are left out; they are not those of hardware.
#[tokio::test]
async fn part_numbers_of_models_move_or_go() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut tx = fleet.scope.begin().await.unwrap();
    let of = async |tx: &mut TenantTx, key| parts(tx, &SYSTEM_MODEL, &SYSTEM_MODEL_PART_NUMBER, key).await;
    let one = system_model("one", fleet.hardware_type, &["a", "hardware-1"]);
    let one = tx.system_model_create(&one).await.unwrap();
    let before = of(&mut tx, one).await;
    let two = tx.system_model_create(&system_model("two", fleet.hardware_type, &["a"])).await.unwrap();
    assert_eq!(of(&mut tx, two).await, before[..1]);
    assert_eq!(of(&mut tx, one).await, before[1..]);
    let patch = SystemModelPatch { part_numbers: Some(vec!["b".into()]), ..Default::default() };
    assert!(tx.system_model_update(two, &patch).await.unwrap().is_some());
    assert_eq!(texts(&of(&mut tx, two).await), ["b"]);
    assert!(tx.row::<edgehog_store::SystemModelPartNumber>(before[0].1.clone()).await.unwrap().is_none());
    let hardware = parts(&mut tx, &HARDWARE_TYPE, &HARDWARE_TYPE_PART_NUMBER, fleet.hardware_type).await;
    assert_eq!(texts(&hardware), ["hardware-1"]);
    assert!(tx.system_model_delete(two).await.unwrap());
    assert_eq!(keys(&mut tx, &SYSTEM_MODEL_PART_NUMBER, edgehog_store::Filter::default()).await.len(), 2);
}

/// Texts by language are added, replaced and taken away one by one; a picture only goes when it is told to.
#[tokio::test]
async fn a_model_is_changed_in_parts() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut tx = fleet.scope.begin().await.unwrap();
    let key = fleet.system_model;
    let picture =
        |url: Option<&str>| SystemModelPatch { picture_url: Some(url.map(Into::into)), ..Default::default() };
    let texts = |texts: &[(&str, Option<&str>)]| SystemModelPatch {
        description: texts.iter().map(|(tag, text)| ((*tag).to_owned(), text.map(Into::into))).collect(),
        ..Default::default()
    };
    for (patch, old, new, description) in [
        (picture(Some("/a")), None, Some("/a"), serde_json::json!({"en": "A lift"})),
        (
            texts(&[("it", Some("Un ascensore"))]),
            Some("/a"),
            Some("/a"),
            serde_json::json!({"en": "A lift", "it": "Un ascensore"}),
        ),
        (
            texts(&[("en", None), ("de", None), ("it", Some("x"))]),
            Some("/a"),
            Some("/a"),
            serde_json::json!({"it": "x"}),
        ),
        (picture(Some("/b")), Some("/a"), Some("/b"), serde_json::json!({"it": "x"})),
        (picture(None), Some("/b"), None, serde_json::json!({"it": "x"})),
    ] {
        let change = tx.system_model_update(key, &patch).await.unwrap().unwrap();
        assert_eq!(change.picture_url.as_deref(), old, "{patch:?}");
        let model = tx.row::<SystemModel>(key).await.unwrap().unwrap();
        assert_eq!((model.picture_url.as_deref(), model.description), (new, description), "{patch:?}");
        assert_eq!(tx.picture_is_used("/a").await.unwrap(), new == Some("/a"));
        assert_eq!((model.handle.as_str(), model.name.as_str()), ("model", "MODEL"));
    }
}

/// A group's new selector decides from then on.
#[tokio::test]
async fn a_group_follows_its_selector() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut tx = fleet.scope.begin().await.unwrap();
    let members = edgehog_store::Filter::has(edgehog_store::DEVICE_GROUP.relation("devices").unwrap());
    assert_eq!(keys(&mut tx, &edgehog_store::DEVICE_GROUP, members.clone()).await.len(), 1);
    let nobody = TagPredicate::Some(TagPattern::Like("l\\_ft".into()));
    let patch =
        DeviceGroupPatch { selector: Some(("\"l_ft\" ~= tags".into(), nobody)), ..Default::default() };
    assert!(tx.device_group_update(fleet.group, &patch).await.unwrap());
    assert!(keys(&mut tx, &edgehog_store::DEVICE_GROUP, members).await.is_empty());
    let now = tx.row::<DeviceGroup>(fleet.group).await.unwrap().unwrap();
    assert_eq!((now.selector.as_str(), now.handle.as_str()), ("\"l_ft\" ~= tags", "group"));
}

/// What others refer to is not deleted, and an owner that does not exist cannot be referred to.
#[tokio::test]
async fn references_are_kept_whole() {
    let store = store().await;
    let one = fleet(&store, "plant-one").await;
    let two = fleet(&store, "plant-two").await;
    let mut tx = one.scope.begin().await.unwrap();
    let error = refused(&mut tx, async |tx| tx.hardware_type_delete(one.hardware_type).await).await;
    assert!(matches!(error, Error::StillReferenced(_)), "{error:?}");
    for missing in [HardwareTypeKey::from(0), two.hardware_type] {
        let new = system_model("new", missing, &[]);
        let error = refused(&mut tx, async |tx| tx.system_model_create(&new).await).await;
        assert!(matches!(error, Error::MissingReference(_)), "{error:?}");
    }
    assert!(tx.system_model_delete(one.system_model).await.unwrap());
    assert!(tx.hardware_type_delete(one.hardware_type).await.unwrap());
    tx.connection().ping().await.unwrap();
}

async fn rows<R: Row>(fleet: &Fleet) -> Vec<Vec<Value>> {
    let mut tx = fleet.scope.begin().await.unwrap();
    tx.rows::<R>(&List::default()).await.unwrap().rows.iter().map(R::values).collect()
}

/// A key that nothing has, or something of another tenant, is nobody's: nothing is changed and nothing is told.
#[tokio::test]
async fn unknown_keys_are_nobodys() {
    let store = store().await;
    let one = fleet(&store, "plant-one").await;
    let two = fleet(&store, "plant-two").await;
    let before = (
        rows::<SystemModel>(&two).await,
        rows::<DeviceGroup>(&two).await,
        rows::<HardwareTypePartNumber>(&two).await,
    );
    let mut tx = one.scope.begin().await.unwrap();
    let mut position = tx.change_position().await.unwrap();
    let part_numbers = Some(vec!["hardware-1".to_owned()]);
    for (device, group, hardware_type, model) in [
        (two.device, two.group, two.hardware_type, two.system_model),
        (DeviceKey::from(0), DeviceGroupKey::from(0), HardwareTypeKey::from(0), SystemModelKey::from(0)),
    ] {
        assert!(!tx.device_update(device, Some("x")).await.unwrap());
        assert!(!tx.device_tags_add(device, &["x".into()]).await.unwrap());
        assert!(!tx.device_tags_remove(device, &["lift".into()]).await.unwrap());
        let patch = DeviceGroupPatch { name: Some("x".into()), ..Default::default() };
        assert!(!tx.device_group_update(group, &patch).await.unwrap());
        assert!(!tx.device_group_delete(group).await.unwrap());
        let patch = HardwareTypePatch { part_numbers: part_numbers.clone(), ..Default::default() };
        assert!(!tx.hardware_type_update(hardware_type, &patch).await.unwrap());
        assert!(!tx.hardware_type_delete(hardware_type).await.unwrap());
        let patch = SystemModelPatch { part_numbers: part_numbers.clone(), ..Default::default() };
        assert!(tx.system_model_update(model, &patch).await.unwrap().is_none());
        assert!(!tx.system_model_delete(model).await.unwrap());
        assert!(tx.row::<SystemModel>(model).await.unwrap().is_none());
        assert!(tx.row::<edgehog_store::Device>(device).await.unwrap().is_none());
    }
    assert!(!tx.device_delete(two.realm, "device").await.unwrap());
    let own = parts(&mut tx, &HARDWARE_TYPE, &HARDWARE_TYPE_PART_NUMBER, one.hardware_type).await;
    assert_eq!(texts(&own), ["hardware-1"]);
    tx.commit().await.unwrap();
    let mut tx = one.scope.begin().await.unwrap();
    assert!(tx.change_read(&mut position).await.unwrap().is_empty());
    let after = (
        rows::<SystemModel>(&two).await,
        rows::<DeviceGroup>(&two).await,
        rows::<HardwareTypePartNumber>(&two).await,
    );
    assert_eq!(after, before);
}
