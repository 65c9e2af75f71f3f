//! Values of mappings: which Rust type stands for which Astarte type, and how it looks in AppEngine's JSON.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

use crate::{Timestamp, definition::MappingType};

/// The largest magnitude of an integer that survives every JSON reader: 2^53 − 1.
///
/// Edgehog's clients read numbers as doubles, so larger integers count as unreadable.
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// A Rust type that stands for one Astarte mapping type.
#[diagnostic::on_unimplemented(message = "`{Self}` stands for no Astarte type")]
pub trait MappingValue: Sized {
    /// The Astarte type that the definition of the interface declares.
    const TYPE: MappingType;

    /// Reads the value from AppEngine's JSON; `None` if it has another type or is out of range.
    fn from_json(json: &Value) -> Option<Self>;

    /// The value as AppEngine accepts it.
    fn to_json(&self) -> Value;
}

impl MappingValue for String {
    const TYPE: MappingType = MappingType::String;

    fn from_json(json: &Value) -> Option<Self> {
        json.as_str().map(Self::from)
    }

    fn to_json(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl MappingValue for SecretString {
    const TYPE: MappingType = MappingType::String;

    fn from_json(json: &Value) -> Option<Self> {
        json.as_str().map(Self::from)
    }

    fn to_json(&self) -> Value {
        Value::from(self.expose_secret())
    }
}

/// Ids travel as their hyphenated lower-case text.
impl MappingValue for Uuid {
    const TYPE: MappingType = MappingType::String;

    fn from_json(json: &Value) -> Option<Self> {
        json.as_str()?.parse().ok()
    }

    fn to_json(&self) -> Value {
        Value::from(self.to_string())
    }
}

impl MappingValue for bool {
    const TYPE: MappingType = MappingType::Boolean;

    fn from_json(json: &Value) -> Option<Self> {
        json.as_bool()
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }
}

impl MappingValue for i32 {
    const TYPE: MappingType = MappingType::Integer;

    fn from_json(json: &Value) -> Option<Self> {
        json.as_i64().and_then(|number| Self::try_from(number).ok())
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }
}

/// AppEngine prints a longinteger as a number in properties and as a string in datastream objects; both are read.
impl MappingValue for i64 {
    const TYPE: MappingType = MappingType::LongInteger;

    fn from_json(json: &Value) -> Option<Self> {
        let number = match json {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => leading_integer(text),
            _ => None,
        }?;
        (number.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs()).then_some(number)
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }
}

/// The number that an optional sign and the leading decimal digits of `text` make; the rest is ignored.
fn leading_integer(text: &str) -> Option<i64> {
    let digits_start = usize::from(text.starts_with(['+', '-']));
    let digits = text.bytes().skip(digits_start).take_while(u8::is_ascii_digit).count();
    text.get(..digits_start + digits)?.parse().ok()
}

/// Doubles without a fraction may come as integers.
impl MappingValue for f64 {
    const TYPE: MappingType = MappingType::Double;

    fn from_json(json: &Value) -> Option<Self> {
        json.as_f64()
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }
}

impl MappingValue for Timestamp {
    const TYPE: MappingType = MappingType::DateTime;

    fn from_json(json: &Value) -> Option<Self> {
        json.as_str().and_then(Self::parse)
    }

    fn to_json(&self) -> Value {
        Value::from(self.to_string())
    }
}

/// One unreadable item makes the whole array unreadable.
impl<T: MappingValue> MappingValue for Vec<T> {
    const TYPE: MappingType = array_of(T::TYPE);

    fn from_json(json: &Value) -> Option<Self> {
        json.as_array()?.iter().map(T::from_json).collect()
    }

    fn to_json(&self) -> Value {
        self.iter().map(T::to_json).collect()
    }
}

const fn array_of(item: MappingType) -> MappingType {
    match item {
        MappingType::Double => MappingType::DoubleArray,
        MappingType::Integer => MappingType::IntegerArray,
        MappingType::Boolean => MappingType::BooleanArray,
        MappingType::LongInteger => MappingType::LongIntegerArray,
        MappingType::String => MappingType::StringArray,
        MappingType::BinaryBlob => MappingType::BinaryBlobArray,
        MappingType::DateTime => MappingType::DateTimeArray,
        // Astarte has no arrays of arrays; a declaration that asks for one fails to compile.
        #[expect(clippy::panic, reason = "evaluated by the compiler only")]
        _ => panic!("Astarte has no arrays of arrays"),
    }
}

/// The type of a field of an interface: says what a missing or unreadable value means.
///
/// | field type | value missing or of the wrong type |
/// |---|---|
/// | `T` | the item (or sample) that lacks it is dropped |
/// | `Option<T>` | `None` |
/// | `BTreeMap<String, T>` | not in the map; for endpoints with a parameter of their own |
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be a field of an interface")]
pub trait Member: Sized {
    /// The Astarte type of the mapping.
    const TYPE: MappingType;

    /// Reads the value that lies in `item` at `path` (segments separated by `/`; empty: `item` itself).
    fn read(item: &Value, path: &str) -> Option<Self>;
}

/// A field that can be sent to a device.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be a field of a server-owned interface")]
pub trait SendableMember: Member {
    /// The value for AppEngine; `None` leaves the member out of the message.
    fn write(&self) -> Option<Value>;
}

/// A value that may be a segment of a path: never empty and free of `/`, `+` and `#`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a server-owned interface",
    note = "a key becomes a segment of the path, so its type must rule out empty texts and separators"
)]
pub trait PathSegment {
    /// The segment as text.
    fn segment(&self) -> String;
}

impl PathSegment for Uuid {
    fn segment(&self) -> String {
        self.to_string()
    }
}

impl<T: MappingValue> Member for T {
    const TYPE: MappingType = T::TYPE;

    fn read(item: &Value, path: &str) -> Option<Self> {
        locate(item, path).and_then(T::from_json)
    }
}

impl<T: MappingValue> SendableMember for T {
    fn write(&self) -> Option<Value> {
        Some(self.to_json())
    }
}

impl<T: MappingValue> Member for Option<T> {
    const TYPE: MappingType = T::TYPE;

    fn read(item: &Value, path: &str) -> Option<Self> {
        Some(locate(item, path).and_then(T::from_json))
    }
}

impl<T: MappingValue> SendableMember for Option<T> {
    fn write(&self) -> Option<Value> {
        self.as_ref().map(T::to_json)
    }
}

impl<T: MappingValue> Member for BTreeMap<String, T> {
    const TYPE: MappingType = T::TYPE;

    fn read(item: &Value, path: &str) -> Option<Self> {
        let (before, parameter) = path.split_once("/%{")?;
        let (_, after) = parameter.split_once('}')?;
        let entries = locate(item, before).and_then(Value::as_object);
        let readable = entries.into_iter().flatten().filter_map(|(key, entry)| {
            let value = locate(entry, after).and_then(T::from_json)?;
            Some((key.clone(), value))
        });
        Some(readable.collect())
    }
}

/// Follows `path` down the nested objects of a property read.
fn locate<'a>(item: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/').filter(|segment| !segment.is_empty()).try_fold(item, |item, segment| item.get(segment))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Longintegers: number or string, leading digits, and nothing that a double would round.
    #[test]
    fn longintegers() {
        for (json, number) in [
            (json!(12), Some(12)),
            (json!("12"), Some(12)),
            (json!("+12"), Some(12)),
            (json!("-12abc"), Some(-12)),
            (json!("12.9"), Some(12)),
            (json!("abc"), None),
            (json!(""), None),
            (json!("-"), None),
            (json!(" 12"), None),
            (json!("é12"), None),
            (json!("12é"), Some(12)),
            (json!(12.0), None),
            (json!(true), None),
            (json!(null), None),
            (json!(9_007_199_254_740_991_i64), Some(MAX_SAFE_INTEGER)),
            (json!("-9007199254740991"), Some(-MAX_SAFE_INTEGER)),
            (json!(9_007_199_254_740_992_i64), None),
            (json!("-9007199254740992"), None),
            (json!(u64::MAX), None),
            (json!("99999999999999999999999"), None),
        ] {
            assert_eq!(i64::from_json(&json), number, "{json}");
        }
    }

    /// Integers are JSON integers of 32 bits; doubles take integers too.
    #[test]
    fn other_numbers() {
        assert_eq!(i32::from_json(&json!(-7)), Some(-7));
        assert_eq!(i32::from_json(&json!("7")), None);
        assert_eq!(i32::from_json(&json!(7.5)), None);
        assert_eq!(i32::from_json(&json!(1_i64 << 40)), None);
        assert_eq!(f64::from_json(&json!(7)), Some(7.0));
        assert_eq!(f64::from_json(&json!("7")), None);
    }

    /// An array is read whole or not at all.
    #[test]
    fn arrays() {
        assert_eq!(Vec::<String>::from_json(&json!(["a", "b"])), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(Vec::<String>::from_json(&json!(["a", 1])), None);
        assert_eq!(Vec::<String>::from_json(&json!({"a": 1})), None);
        assert_eq!(Vec::<i64>::from_json(&json!(["1", 2])), Some(vec![1, 2]));
        assert_eq!(<Vec<i64> as MappingValue>::TYPE, MappingType::LongIntegerArray);
    }
}
