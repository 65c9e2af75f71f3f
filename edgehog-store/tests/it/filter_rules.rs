//! The rules of filters that the API names, one by one.

use edgehog_store::{
    Comparison, Condition, DEVICE, DEVICE_GROUP, DeviceObservation, Error, Filter, HARDWARE_TYPE, List,
    Reach, Resource, Selection, Sort, TAG, TenantTx, TextMatch, Value,
};

use crate::fleet::{Fleet, fleet};
use crate::{keys, store, tenant};

fn related(resource: &Resource, relation: &str, filter: Filter) -> Filter {
    Filter::Related(resource.relation(relation).unwrap(), Box::new(filter))
}

fn is(resource: &Resource, attribute: &str, condition: Condition) -> Filter {
    Filter::Attribute(resource.attribute(attribute).unwrap(), condition)
}

fn equal(text: &str) -> Condition {
    Condition::Compare(Comparison::Equal, Value::Text(text.to_owned()))
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn tag(condition: Condition) -> Filter {
    related(&DEVICE, "tags", is(&TAG, "name", condition))
}

/// Three devices: `both` has the tags `a` and `b`, `one` has `b`, `bare` has none.
async fn devices(tx: &mut TenantTx, fleet: &Fleet) {
    let seen = ["both", "one", "bare"].map(|id| DeviceObservation::new(fleet.realm, id));
    let recorded = tx.device_record(&seen).await.unwrap();
    let key = |id: &str| recorded.iter().find(|it| it.device_id == id).unwrap().id;
    tx.device_tags_add(key("both"), &["a".into(), "b".into()]).await.unwrap();
    tx.device_tags_add(key("one"), &["b".into()]).await.unwrap();
}

/// What conditions on a relation to many mean, with and without negation, and what empty lists mean.
#[tokio::test]
async fn relations_to_many_are_joined_once() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut tx = fleet.scope.begin().await.unwrap();
    devices(&mut tx, &fleet).await;
    let id = DEVICE.attribute("device_id").unwrap();
    let a = || tag(equal("a"));
    let b = || tag(equal("b"));
    for (filter, expected) in [
        (Filter::All(vec![a(), b()]), vec![]),
        (Filter::Any(vec![a(), b()]), vec!["both", "one"]),
        (Filter::All(vec![a(), Filter::Any(vec![b(), Filter::Attribute(id, equal("both"))])]), vec!["both"]),
        (tag(Condition::IsNull(true)), vec!["bare"]),
        (tag(Condition::IsNull(false)), vec!["both", "one"]),
        (Filter::has(DEVICE.relation("tags").unwrap()), vec!["both", "one"]),
        (not(a()), vec!["bare", "one"]),
        (not(b()), vec!["bare"]),
        (Filter::All(vec![not(a()), b()]), vec!["one"]),
        (not(Filter::Any(vec![a(), b()])), vec!["bare"]),
        (not(not(a())), vec!["both"]),
        (related(&DEVICE, "tags", not(is(&TAG, "name", equal("a")))), vec!["both", "one"]),
        (not(tag(Condition::IsNull(true))), vec!["both", "one"]),
        (tag(Condition::DistinctFrom(Value::Text("a".into()))), vec!["bare", "both", "one"]),
        (tag(Condition::In(vec![])), vec![]),
        (not(tag(Condition::In(vec![]))), vec!["bare", "both", "one"]),
        (related(&DEVICE, "tags", not(is(&TAG, "name", Condition::In(vec![])))), vec!["bare", "both", "one"]),
        (Filter::All(vec![]), vec!["bare", "both", "one"]),
        (Filter::Any(vec![]), vec!["bare", "both", "one"]),
        (not(Filter::All(vec![])), vec![]),
        (not(Filter::Any(vec![])), vec![]),
        (related(&DEVICE, "tags", Filter::default()), vec!["bare", "both", "one"]),
        (not(related(&DEVICE, "tags", Filter::default())), vec![]),
        (Filter::Any(vec![a(), Filter::Any(vec![])]), vec!["bare", "both", "one"]),
    ] {
        let known = Filter::Attribute(
            id,
            Condition::In(["both", "one", "bare"].map(|it| Value::Text(it.into())).to_vec()),
        );
        let list = List::new(known.and(filter.clone())).sort(vec![Sort::ascending(id)]);
        let found = tx.rows::<edgehog_store::Device>(&list).await.unwrap();
        let found: Vec<_> = found.rows.iter().map(|device| device.device_id.as_str()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

/// A negated condition on a relation to one is unknown where there is none, as it is of an attribute without value.
#[tokio::test]
async fn relations_to_one_are_like_attributes() {
    let store = store().await;
    let fleet = fleet(&store, "plant-one").await;
    let mut tx = fleet.scope.begin().await.unwrap();
    devices(&mut tx, &fleet).await;
    let model =
        |condition| related(&DEVICE, "system_model", is(&edgehog_store::SYSTEM_MODEL, "handle", condition));
    assert_eq!(keys(&mut tx, &DEVICE, model(equal("model"))).await, [fleet.device.into()]);
    assert!(keys(&mut tx, &DEVICE, not(model(equal("model")))).await.is_empty());
    assert_eq!(keys(&mut tx, &DEVICE, not(model(equal("other")))).await, [fleet.device.into()]);
    assert_eq!(keys(&mut tx, &DEVICE, model(Condition::IsNull(true))).await.len(), 3);
    assert_eq!(keys(&mut tx, &DEVICE, not(model(Condition::IsNull(true)))).await, [fleet.device.into()]);
}

/// A filter or an order that does not fit is refused wherever it stands, before anything is asked of the database.
#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let store = store().await;
    let (scope, _) = tenant(&store, "plant-one").await;
    let mut tx = scope.begin().await.unwrap();
    let number = || Value::Integer(1);
    let filters = [
        Filter::Attribute(99, Condition::IsNull(true)),
        Filter::Related(99, Box::default()),
        tag(Condition::Compare(Comparison::Equal, number())),
        is(&DEVICE, "online", Condition::In(vec![Value::Boolean(true), number()])),
        is(&DEVICE, "online", Condition::Text(TextMatch::Like, "t%".into())),
        tag(Condition::Text(TextMatch::Like, "a\\".into())),
        tag(Condition::Text(TextMatch::Ilike, "\\\\\\".into())),
        Filter::Any(vec![
            Filter::default(),
            not(related(&DEVICE, "device_groups", Filter::Attribute(99, Condition::IsNull(true)))),
        ]),
    ];
    let sorted = |attribute| List::default().sort(vec![Sort::ascending(attribute)]);
    let lists = filters.into_iter().map(List::new).chain([sorted(99)]);
    for list in lists {
        let refused = tx.list(&Selection::key(&DEVICE), &list).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidFilter), "{list:?}: {refused:?}");
        let mut groups = Selection::key(&DEVICE_GROUP);
        let devices = DEVICE_GROUP.relation("devices").unwrap();
        groups.reach(Reach::many(&DEVICE_GROUP, devices, Selection::key(&DEVICE), list.clone()).unwrap());
        let refused = tx.list(&groups, &List::default()).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidFilter), "within: {list:?}: {refused:?}");
    }
    let nul = is(&HARDWARE_TYPE, "name", equal("\0"));
    let refused = tx.list(&Selection::key(&HARDWARE_TYPE), &List::new(nul)).await.unwrap_err();
    assert!(matches!(refused, Error::Unacceptable(_)), "{refused:?}");
}
