//! Global ids: base64 of the type's name in snake_case, a colon, and the primary key.

use async_graphql::ID;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edgehog_engine::store::{Kind, Resource, Value};

use super::error::Failure;

/// The global id of a record of a resource with this key.
pub(super) fn global_id(resource: &Resource, key: &Value) -> ID {
    match key {
        Value::Integer(number) => encode(resource.type_name, number),
        Value::Uuid(uuid) => encode(resource.type_name, uuid),
        _ => encode(resource.type_name, &""),
    }
}

/// The global id of a thing of this type that is no resource.
pub(super) fn encode(type_name: &str, key: &dyn std::fmt::Display) -> ID {
    STANDARD.encode(format!("{type_name}:{key}")).into()
}

/// The key in a global id of a record of this resource.
pub(super) fn key(resource: &Resource, id: &ID) -> Result<Value, Failure> {
    parse(resource, id).ok_or_else(Failure::invalid_primary_key)
}

/// The number in a global id of a record of this resource, as its own type.
pub(super) fn number<K: From<i64>>(resource: &Resource, id: &ID) -> Result<K, Failure> {
    key(resource, id)?.as_integer().map(K::from).ok_or_else(Failure::invalid_primary_key)
}

/// The key in a global id, or the key itself: what arguments other than the id of a record itself accept.
pub(super) fn key_or_raw(resource: &Resource, id: &ID) -> Option<Value> {
    parse(resource, id).or_else(|| parse_key(resource, id))
}

fn parse(resource: &Resource, id: &str) -> Option<Value> {
    let decoded = String::from_utf8(STANDARD.decode(id).ok()?).ok()?;
    let (type_name, key) = decoded.split_once(':')?;
    (type_name == resource.type_name).then(|| parse_key(resource, key)).flatten()
}

fn parse_key(resource: &Resource, key: &str) -> Option<Value> {
    match resource.attributes[0].kind {
        Kind::Uuid => key.parse().ok().map(Value::Uuid),
        // Written as we write them: no sign, no zeros before.
        _ => key.parse::<i64>().ok().filter(|number| number.to_string() == key).map(Value::Integer),
    }
}

#[cfg(test)]
mod tests {
    use edgehog_engine::store::DEVICE;

    use super::*;

    /// Ids that clients have stored must go on meaning the same things.
    #[test]
    fn ids_are_spelled_as_ever() {
        assert_eq!(global_id(&DEVICE, &Value::Integer(42)).as_str(), "ZGV2aWNlOjQy");
        assert_eq!(key(&DEVICE, &"ZGV2aWNlOjQy".into()).unwrap(), Value::Integer(42));
    }

    #[test]
    fn other_texts_are_no_ids() {
        let other_type = STANDARD.encode("tag:42");
        let no_key = STANDARD.encode("device:x");
        let odd_key = STANDARD.encode("device:042");
        for text in ["", "42", "device:42", "ZGV2aWNlOjQ", &other_type, &no_key, &odd_key] {
            assert!(key(&DEVICE, &text.into()).is_err(), "{text}");
        }
    }

    /// Other arguments take the key as it is, too.
    #[test]
    fn raw_keys_are_for_other_arguments() {
        for text in ["42", "ZGV2aWNlOjQy"] {
            assert_eq!(key_or_raw(&DEVICE, &text.into()), Some(Value::Integer(42)), "{text}");
        }
        for text in ["", "x", "-", "ZGV2aWNlOjQ"] {
            assert_eq!(key_or_raw(&DEVICE, &text.into()), None, "{text}");
        }
    }
}
