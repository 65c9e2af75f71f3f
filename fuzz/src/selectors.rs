//! Selectors, read here and in PostgreSQL.

use std::sync::atomic::{AtomicU32, Ordering};

use edgehog_engine::sdk::Selector;
use serde_json::{Value, json};

use crate::world::{DEVICES, world};

/// A selector, and tags in the lines behind one that begins with `#`.
pub(crate) fn read(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (text, tags) = text.split_once("\n#").unwrap_or((text, ""));
    let selector = match Selector::parse(text) {
        Ok(selector) => selector,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let printed = selector.to_string();
    let again = Selector::parse(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
    assert_eq!(again, selector, "{printed}");
    assert_eq!(again.to_string(), printed);
    for tags in DEVICES.map(|(_, tags)| tags.to_vec()).into_iter().chain([tags.lines().collect()]) {
        assert_eq!(selector.matches(&tags), again.matches(&tags), "{printed} {tags:?}");
    }
}

const CREATE: &str = "mutation ($handle: String!, $selector: String!) {
    createDeviceGroup(input: { handle: $handle, name: $handle, selector: $selector }) {
        result { id devices { deviceId } } errors { code message }
    }
}";

const DELETE: &str = "mutation ($id: ID!) { deleteDeviceGroup(id: $id) { result { id } } }";

/// PostgreSQL finds the devices that the selector means.
pub(crate) fn compare(input: &[u8]) {
    static GROUPS: AtomicU32 = AtomicU32::new(0);
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(selector) = Selector::parse(text) else { return };
    let world = world();
    let handle = format!("fuzz-{}", GROUPS.fetch_add(1, Ordering::Relaxed));
    let answer = world.query(CREATE, &json!({ "handle": handle, "selector": text }));
    let group = &answer["data"]["createDeviceGroup"]["result"];
    let Some(id) = group["id"].as_str() else {
        // PostgreSQL has no texts with this character.
        assert!(text.contains('\0'), "{text:?}: {answer}");
        return;
    };
    let found = |device: &str| group["devices"].as_array().unwrap().iter().any(|it| it["deviceId"] == device);
    for (device, tags) in DEVICES {
        assert_eq!(found(device), selector.matches(tags), "{text:?} {tags:?}");
    }
    let deleted = world.query(DELETE, &json!({ "id": id }));
    assert_ne!(deleted["data"]["deleteDeviceGroup"]["result"], Value::Null, "{deleted}");
}
