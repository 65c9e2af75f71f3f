//! Global ids: base64 of the type's name in snake_case, a colon, and the primary key.

use async_graphql::{Error, ID};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::{Code, error};

/// A type whose objects have global ids.
pub(super) trait Identified {
    /// The type's name in ids.
    const TYPE: &'static str;
}

/// The global id of the object of type `T` with this key.
pub(super) fn global_id<T: Identified>(key: i64) -> ID {
    STANDARD.encode(format!("{}:{key}", T::TYPE)).into()
}

/// The key in a global id of type `T`.
pub(super) fn key<T: Identified>(id: &ID) -> Result<i64, Error> {
    parse(T::TYPE, id).ok_or_else(|| error(Code::InvalidPrimaryKey, &[], "invalid primary key provided"))
}

fn parse(wanted: &str, id: &str) -> Option<i64> {
    let decoded = String::from_utf8(STANDARD.decode(id).ok()?).ok()?;
    let (kind, key) = decoded.split_once(':')?;
    (kind == wanted).then(|| key.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Device;

    impl Identified for Device {
        const TYPE: &'static str = "device";
    }

    /// Ids that clients have stored must go on meaning the same things.
    #[test]
    fn ids_are_spelled_as_ever() {
        assert_eq!(global_id::<Device>(42).as_str(), "ZGV2aWNlOjQy");
        assert_eq!(key::<Device>(&"ZGV2aWNlOjQy".into()).unwrap(), 42);
    }

    #[test]
    fn other_texts_are_no_ids() {
        let other_type = STANDARD.encode("tag:42");
        let no_key = STANDARD.encode("device:x");
        for text in ["", "42", "device:42", "ZGV2aWNlOjQ", &other_type, &no_key] {
            assert!(key::<Device>(&text.into()).is_err(), "{text}");
        }
    }
}
