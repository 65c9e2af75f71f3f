//! Values of mappings: which Rust type stands for which Astarte type, and how it looks in AppEngine's JSON.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

use crate::{Timestamp, definition::MappingType};

/// A Rust type that stands for one Astarte mapping type.
///
/// | Astarte | Rust |
/// |---|---|
/// | `boolean` | `bool` |
/// | `integer` | `i32` |
/// | `longinteger` | `i64` |
/// | `double` | `f64` |
/// | `string` | `String`, [`Uuid`], [`SecretString`] |
/// | `binaryblob` | [`Blob`] |
/// | `datetime` | [`Timestamp`], or [`DateTime<Utc>`] where the digits of the text do not matter |
/// | array of one of these | [`Vec`] of its Rust type |
///
/// [`Latest`] adds the time to any of them.
///
/// ```
/// use chrono::{DateTime, Utc};
/// use edgehog_sdk::{DeviceOwned, Interface, definition::MappingType, interface, value::Blob};
/// use serde_json::json;
///
/// interface! {
///     name: "org.example.AllTypes",
///     version: (1, 0),
///     kind: device properties,
///
///     /// One field for each type.
///     #[derive(Debug)]
///     pub struct AllTypes {
///         pub boolean: Option<bool> = "boolean",
///         pub integer: Option<i32> = "integer",
///         pub long_integer: Option<i64> = "longInteger",
///         pub double: Option<f64> = "double",
///         pub string: Option<String> = "string",
///         pub blob: Option<Blob> = "blob",
///         pub date_time: Option<DateTime<Utc>> = "dateTime",
///         pub booleans: Option<Vec<bool>> = "booleans",
///         pub integers: Option<Vec<i32>> = "integers",
///         pub long_integers: Option<Vec<i64>> = "longIntegers",
///         pub doubles: Option<Vec<f64>> = "doubles",
///         pub strings: Option<Vec<String>> = "strings",
///         pub blobs: Option<Vec<Blob>> = "blobs",
///         pub date_times: Option<Vec<DateTime<Utc>>> = "dateTimes",
///     }
/// }
///
/// let last = AllTypes::DEFINITION.mappings().last().unwrap();
/// assert_eq!(last.mapping_type, MappingType::DateTimeArray);
///
/// let all = AllTypes::decode(&json!({"blob": "AP8=", "dateTimes": ["2026-01-02T03:04:05.678Z"]}))?;
/// assert_eq!(all.blob, Some(Blob(vec![0, 255])));
/// assert_eq!(all.date_times.unwrap()[0].timestamp_subsec_millis(), 678);
/// # Ok::<(), edgehog_sdk::DecodeError>(())
/// ```
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
        match json {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => leading_integer(text),
            _ => None,
        }
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

/// An instant without the digits of its text; sent with milliseconds, which is what Astarte keeps.
impl MappingValue for DateTime<Utc> {
    const TYPE: MappingType = MappingType::DateTime;

    fn from_json(json: &Value) -> Option<Self> {
        Timestamp::from_json(json).map(Self::from)
    }

    fn to_json(&self) -> Value {
        Value::from(edgehog_astarte::time::format(*self))
    }
}

/// The bytes of a binary blob. AppEngine carries them as padded standard base64, up to 65536 bytes.
///
/// `Debug` shows the number of bytes only.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Blob(
    /// The bytes.
    pub Vec<u8>,
);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl MappingValue for Blob {
    const TYPE: MappingType = MappingType::BinaryBlob;

    fn from_json(json: &Value) -> Option<Self> {
        STANDARD.decode(json.as_str()?).ok().map(Self)
    }

    fn to_json(&self) -> Value {
        Value::from(STANDARD.encode(&self.0))
    }
}

/// The newest value of a mapping whose samples travel alone, with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Latest<T> {
    /// The value.
    pub value: T,
    /// When it was sampled, or received if the device does not say; events do not carry it.
    pub timestamp: Option<Timestamp>,
}

/// Reads the `value` and `timestamp` of a sample, or the bare value of an event.
impl<T: MappingValue> MappingValue for Latest<T> {
    const TYPE: MappingType = T::TYPE;

    fn from_json(json: &Value) -> Option<Self> {
        // No value of a mapping is an object.
        let (value, timestamp) = match json {
            Value::Object(sample) => (sample.get("value")?, sample.get("timestamp")),
            bare => (bare, None),
        };
        Some(Self { value: T::from_json(value)?, timestamp: timestamp.and_then(Timestamp::from_json) })
    }

    fn to_json(&self) -> Value {
        self.value.to_json()
    }
}

/// A field of an individual datastream of a device: [`Latest`], in an [`Option`] or a map if need be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a `device individual` interface",
    note = "each value has a time of its own: use `Option<Latest<T>>`"
)]
pub trait LatestMember: Member {}

impl<T: MappingValue> LatestMember for Latest<T> {}
impl<T: MappingValue> LatestMember for Option<Latest<T>> {}
impl<T: MappingValue> LatestMember for BTreeMap<String, Latest<T>> {}

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

    /// Longintegers: number or string, leading digits, and every digit kept.
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
            (json!(9_007_199_254_740_993_i64), Some(9_007_199_254_740_993)),
            (json!(i64::MAX), Some(i64::MAX)),
            (json!(i64::MAX.to_string()), Some(i64::MAX)),
            (json!((-i64::MAX).to_string()), Some(-i64::MAX)),
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

    /// Blobs are padded standard base64, and nothing else; what is written reads back.
    #[test]
    fn blobs() {
        for (bytes, text) in [(vec![], ""), (vec![0xfb, 0xff], "+/8="), (vec![0, 1, 2], "AAEC")] {
            assert_eq!(Blob(bytes.clone()).to_json(), json!(text));
            assert_eq!(Blob::from_json(&json!(text)), Some(Blob(bytes)), "{text}");
        }
        for odd in [json!("-_8="), json!("+/8"), json!(7), json!(null)] {
            assert_eq!(Blob::from_json(&odd), None, "{odd}");
        }
        assert_eq!(format!("{:?}", Blob(vec![7; 3])), "Blob(3 bytes)");
    }

    /// Instants are sent with milliseconds and read with any precision.
    #[test]
    fn date_times() {
        let read = DateTime::<Utc>::from_json(&json!("2026-01-02T03:04:05Z")).unwrap();
        assert_eq!(read.to_json(), json!("2026-01-02T03:04:05.000Z"));
        assert_eq!(DateTime::<Utc>::from_json(&json!(1_700_000_000)), None);
    }

    /// Samples carry their time, events do not; an odd time does not lose the value.
    #[test]
    fn latest_values() {
        let time = Timestamp::parse("2026-01-02T03:04:05.678Z");
        for (json, value, timestamp) in [
            (json!({"value": 7, "timestamp": "2026-01-02T03:04:05.678Z"}), Some(7), time),
            (json!({"value": 7, "timestamp": 5}), Some(7), None),
            (json!({"value": "7"}), None, None),
            (json!({}), None, None),
            (json!(7), Some(7), None),
            (json!(null), None, None),
        ] {
            let latest = Latest::<i32>::from_json(&json);
            assert_eq!(latest, value.map(|value| Latest { value, timestamp }), "{json}");
        }
    }
}
