//! Lists of any resource: what they show, in how many statements.

use edgehog_store::{
    DEVICE, DEVICE_GROUP, DeviceKey, DeviceObservation, Filter, List, NewDeviceGroup, NewHardwareType,
    NewSystemModel, Reach, Record, Related, Resource, SYSTEM_MODEL, SYSTEM_MODEL_PART_NUMBER, Selection, TAG,
    TagPattern, TagPredicate, TenantTx, Value,
};

use crate::{store, tenant};

fn place(resource: &Resource, relation: &str) -> usize {
    resource.relation(relation).unwrap()
}

fn many(resource: &'static Resource, relation: &str, selection: Selection) -> Reach {
    Reach::many(resource, place(resource, relation), selection, List::default().counted(true)).unwrap()
}

fn names(related: &Related, attribute: usize) -> Vec<String> {
    let Related::Many(page) = related else { panic!("not many: {related:?}") };
    assert_eq!(page.count, Some(i64::try_from(page.rows.len()).unwrap()));
    page.rows.iter().map(|row| row.value(attribute).as_text().unwrap().to_owned()).collect()
}

async fn devices(tx: &mut TenantTx, realm: edgehog_store::RealmKey, ids: &[&str]) -> Vec<DeviceKey> {
    let seen: Vec<_> = ids
        .iter()
        .map(|id| {
            DeviceObservation::new(realm, *id).part_number(chrono::DateTime::UNIX_EPOCH, Some((*id).into()))
        })
        .collect();
    tx.device_record(&seen).await.unwrap().into_iter().map(|recorded| recorded.id).collect()
}

/// Everything that hangs on a row comes with it: models by part number, tags, groups both ways.
#[tokio::test]
async fn rows_come_with_what_they_lead_to() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let mut tx = scope.begin().await.unwrap();
    let keys = devices(&mut tx, realm, &["pn-1", "pn-2"]).await;
    tx.device_tags_add(keys[0], &["red".into(), "blue".into()]).await.unwrap();
    let hardware = NewHardwareType { handle: "h".into(), name: "H".into(), part_numbers: vec!["x".into()] };
    let hardware_type = tx.hardware_type_create(&hardware).await.unwrap();
    let model = NewSystemModel {
        handle: "m".into(),
        name: "M".into(),
        picture_url: None,
        description: [("en".to_owned(), "A lift".to_owned())].into(),
        hardware_type,
        part_numbers: vec!["pn-1".into()],
    };
    tx.system_model_create(&model).await.unwrap();
    let group = |handle: &str, predicate| NewDeviceGroup {
        name: handle.into(),
        handle: handle.into(),
        selector: "…".into(),
        predicate,
    };
    let red = TagPredicate::Some(TagPattern::Is("red".into()));
    tx.device_group_create(&group("reds", red.clone())).await.unwrap();
    tx.device_group_create(&group("all", TagPredicate::All(vec![]))).await.unwrap();
    tx.device_group_create(&group("none", TagPredicate::Any(vec![]))).await.unwrap();
    tx.device_group_create(&group("others", TagPredicate::None(TagPattern::Regex("^r.d$".into()))))
        .await
        .unwrap();

    let mut selection = Selection::all(&DEVICE);
    let mut model = Selection::all(&SYSTEM_MODEL);
    model.reach(many(&SYSTEM_MODEL, "part_numbers", Selection::all(&SYSTEM_MODEL_PART_NUMBER)));
    selection.reach(Reach::one(&DEVICE, place(&DEVICE, "system_model"), model).unwrap());
    selection.reach(many(&DEVICE, "tags", Selection::all(&TAG)));
    let mut groups = Selection::all(&DEVICE_GROUP);
    groups.reach(many(&DEVICE_GROUP, "devices", Selection::all(&DEVICE)));
    selection.reach(many(&DEVICE, "device_groups", groups));
    let page = tx.list(&selection, &List::default().counted(true)).await.unwrap();
    assert_eq!(page.count, Some(2));

    let [Related::One(Some(model)), tags, groups] = page.rows[0].related() else { panic!("{page:?}") };
    assert_eq!(model.value(1), &Value::Text("m".into()));
    assert_eq!(names(&model.related()[0], 1), ["pn-1"]);
    assert_eq!(names(tags, 1), ["blue", "red"]);
    assert_eq!(names(groups, 2), ["reds", "all"]);
    let Related::Many(groups) = groups else { panic!("{groups:?}") };
    let devices_of = |group: &Record| names(&group.related()[0], 1);
    assert_eq!(devices_of(&groups.rows[0]), ["pn-1"]);
    assert_eq!(devices_of(&groups.rows[1]), ["pn-1", "pn-2"]);

    let [Related::One(None), tags, groups] = page.rows[1].related() else { panic!("{page:?}") };
    assert!(names(tags, 1).is_empty());
    assert_eq!(names(groups, 2), ["all", "others"]);

    let in_reds = Filter::Related(
        place(&DEVICE, "device_groups"),
        Box::new(Filter::Attribute(
            2,
            edgehog_store::Condition::Compare(edgehog_store::Comparison::Equal, Value::Text("reds".into())),
        )),
    );
    assert_eq!(tx.count(&DEVICE, in_reds).await.unwrap(), 1);
}
