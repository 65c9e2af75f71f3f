//! Selectors mean the same to the database as to a program that evaluates them itself.

use edgehog_engine::sdk::Selector;
use edgehog_engine::store::{
    Comparison, Condition, DEVICE, DEVICE_GROUP, Device, DeviceKey, Filter, List, PageRequest, Reach,
    Related, Selection, Tag, Value,
};
use edgehog_engine::{Engine, Tenant, TriggerEvent};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

/// Tags that selectors may confuse: parts of each other, wildcards, escapes, letters beyond ASCII.
const TAGS: [&str; 12] =
    ["a", "ab", "b1", "foo bar", "ä", "x_y", "xzy", "100%", "100", "back\\slash", "say \"hi\"", "new\nline"];

const REGEXES: [&str; 12] =
    ["^a", "b\\d", "^[ab]+$", "o b", "ä|z", "^$", ".", "^(a|b)*1?$", "\\w_\\w", "\\s", "100%?$", "^.{1,2}$"];

fn literal() -> impl Strategy<Value = String> {
    let tag = prop::sample::select(TAGS.to_vec()).prop_map(|tag| tag.replace('"', "\\\""));
    let glob =
        prop::sample::select(vec!["*", "a*", "?", "??", "*y", "x_y", "100%", "*\\*", "f*r", "Ä", "*HI*"]);
    prop_oneof![tag, glob.prop_map(str::to_owned)]
}

fn selector() -> impl Strategy<Value = String> {
    let exact = (literal(), prop::sample::select(vec!["in", "not in"]))
        .prop_map(|(text, operator)| format!("\"{text}\" {operator} tags"));
    let operator = || prop::sample::select(vec!["~=", "!~="]);
    let glob = (literal(), operator()).prop_map(|(text, operator)| format!("\"{text}\" {operator} tags"));
    let regex = (prop::sample::select(REGEXES.to_vec()), operator())
        .prop_map(|(regex, operator)| format!("/{regex}/ {operator} tags"));
    let attribute = Just("attributes[\"env:floor\"] != 3".to_owned());
    let leaf = prop_oneof![4 => exact, 4 => glob, 4 => regex, 1 => attribute];
    leaf.prop_recursive(4, 12, 2, |part| {
        (part.clone(), prop::sample::select(vec!["and", "or"]), part)
            .prop_map(|(one, operator, other)| format!("({one}) {operator} ({other})"))
    })
}

/// Devices with no tags, each tag alone, and many sets of them.
async fn devices(engine: &Engine, tenant: &Tenant) -> Vec<(DeviceKey, Vec<&'static str>)> {
    let mut sets: Vec<Vec<&str>> = vec![vec![]];
    sets.extend(TAGS.map(|tag| vec![tag]));
    sets.extend((0..20_usize).map(|n| {
        TAGS.iter()
            .enumerate()
            .filter(|(place, _)| (n * 7 + place * place) % 3 == 0)
            .map(|it| *it.1)
            .collect()
    }));
    for number in 0..sets.len() {
        let body = json!({
            "device_id": format!("{number:022}"), "timestamp": "2026-01-02T03:04:05Z",
            "event": { "type": "device_registered" },
        });
        let event = TriggerEvent::parse_lenient(body.to_string().as_bytes()).unwrap();
        engine.ingest(tenant, "plantone", &event).await.unwrap();
    }
    let rows = tenant.rows::<Device>(&List::default()).await.unwrap().rows;
    let devices: Vec<_> = rows.into_iter().map(|device| device.id).zip(sets).collect();
    for (key, tags) in devices.iter().filter(|(_, tags)| !tags.is_empty()) {
        let tags: Vec<_> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        tenant.add_device_tags(*key, &tags).await.unwrap();
    }
    devices
}

/// For random selectors the devices that the database finds are those for which the SDK says yes; and each group that a
/// device is in says the same from the other side.
#[tokio::test]
async fn the_database_and_the_sdk_agree() {
    const SELECTORS: usize = 250;
    let (engine, tenant, _) = crate::events::plant_one().await;
    let devices = devices(&engine, &tenant).await;
    let mut runner = TestRunner::deterministic();
    let texts: Vec<String> =
        (0..SELECTORS).map(|_| selector().new_tree(&mut runner).unwrap().current()).collect();
    for (number, text) in texts.iter().enumerate() {
        let name = format!("group-{number}");
        let made = tenant.create_device_group(&name, &name, text).await;
        assert!(made.is_ok(), "{text}: {made:?}");
    }
    let relation = DEVICE_GROUP.relation("devices").unwrap();
    let list = List::default().page(PageRequest::all());
    let mut wanted = Selection::key(&DEVICE_GROUP);
    wanted.add(3);
    wanted.reach(Reach::many(&DEVICE_GROUP, relation, Selection::key(&DEVICE), list.clone()).unwrap());
    let groups = tenant.list(&wanted, &list).await.unwrap();
    assert_eq!(groups.rows.len(), SELECTORS);
    let mut memberships = 0;
    for group in &groups.rows {
        let text = group.value(3).as_text().unwrap();
        let selector: Selector = text.parse().unwrap();
        let [Related::Many(found)] = group.related() else { panic!("no devices") };
        let found: Vec<_> = found.rows.iter().map(|device| device.key().as_integer().unwrap()).collect();
        let expected: Vec<_> =
            devices.iter().filter(|(_, tags)| selector.matches(tags)).map(|(key, _)| key.get()).collect();
        assert_eq!(found, expected, "{text}");
        memberships += found.len();
    }

    let relation = DEVICE.relation("device_groups").unwrap();
    let mut wanted = Selection::key(&DEVICE);
    wanted.reach(Reach::many(&DEVICE, relation, Selection::key(&DEVICE_GROUP), list.clone()).unwrap());
    let from_devices = tenant.list(&wanted, &list).await.unwrap();
    let of = |related: &[Related]| if let [Related::Many(page)] = related { page.rows.len() } else { 0 };
    assert_eq!(from_devices.rows.iter().map(|device| of(device.related())).sum::<usize>(), memberships);
}

/// Tags are trimmed and folded when they are put on devices, and stay when nobody has them any more, unseen.
#[tokio::test]
async fn tags_are_folded() {
    let (engine, tenant, _) = crate::events::plant_one().await;
    let key = devices(&engine, &tenant).await[0].0;
    tenant.add_device_tags(key, &[" BÄR b ".to_owned(), "bär b".to_owned()]).await.unwrap();
    let named = Filter::Attribute(1, Condition::Compare(Comparison::Equal, Value::Text("bär b".into())));
    assert_eq!(tenant.rows::<Tag>(&List::new(named)).await.unwrap().rows.len(), 1);
}
