//! Values of the fourteen Astarte types, and their JSON.

use astarte_interfaces::schema::MappingType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::time;

/// The largest string or blob, in bytes.
pub const MAX_VALUE_BYTES: usize = 65_536;
/// The longest array, in items.
pub const MAX_ARRAY_ITEMS: usize = 1024;

/// Why a value does not fit its Astarte type.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueError {
    /// The JSON is of another type, or is text that does not read as one.
    #[error("not a value of type {expected}")]
    WrongType {
        /// The Astarte type.
        expected: MappingType,
    },
    /// A number outside of what Astarte stores. The smallest `i32` and `i64` are outside too.
    #[error("out of range for type {expected}")]
    OutOfRange {
        /// The Astarte type.
        expected: MappingType,
    },
    /// A string or blob of more than 65536 bytes.
    #[error("{bytes} bytes are too many")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// An array of more than 1024 items.
    #[error("{items} items are too many")]
    TooLong {
        /// Its length.
        items: usize,
    },
}

/// A value of one of the fourteen Astarte types.
///
/// ```
/// use edgehog_astarte::Value;
/// use edgehog_astarte::interface::MappingType;
/// use serde_json::json;
///
/// let value = Value::BinaryBlob(vec![1, 2, 3]);
/// assert_eq!(value.to_json()?, json!("AQID"));
/// assert_eq!(Value::from_json(MappingType::BinaryBlob, &json!("AQID"))?, value);
///
/// // Long integers come as text or as number, depending on the kind of read.
/// let long = Value::from_json(MappingType::LongInteger, &json!("9007199254740993"))?;
/// assert_eq!(long, Value::LongInteger(9_007_199_254_740_993));
/// # Ok::<(), edgehog_astarte::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `double`: finite.
    Double(f64),
    /// `integer`: any `i32` but the smallest.
    Integer(i32),
    /// `longinteger`: any `i64` but the smallest.
    LongInteger(i64),
    /// `boolean`.
    Boolean(bool),
    /// `string`: at most 65536 bytes.
    String(String),
    /// `binaryblob`: at most 65536 bytes.
    BinaryBlob(Vec<u8>),
    /// `datetime`: to the millisecond.
    DateTime(DateTime<Utc>),
    /// `doublearray`.
    DoubleArray(Vec<f64>),
    /// `integerarray`.
    IntegerArray(Vec<i32>),
    /// `longintegerarray`.
    LongIntegerArray(Vec<i64>),
    /// `booleanarray`.
    BooleanArray(Vec<bool>),
    /// `stringarray`.
    StringArray(Vec<String>),
    /// `binaryblobarray`.
    BinaryBlobArray(Vec<Vec<u8>>),
    /// `datetimearray`.
    DateTimeArray(Vec<DateTime<Utc>>),
}

impl Value {
    /// The type of the value.
    #[must_use]
    pub fn mapping_type(&self) -> MappingType {
        match self {
            Self::Double(_) => MappingType::Double,
            Self::Integer(_) => MappingType::Integer,
            Self::LongInteger(_) => MappingType::LongInteger,
            Self::Boolean(_) => MappingType::Boolean,
            Self::String(_) => MappingType::String,
            Self::BinaryBlob(_) => MappingType::BinaryBlob,
            Self::DateTime(_) => MappingType::DateTime,
            Self::DoubleArray(_) => MappingType::DoubleArray,
            Self::IntegerArray(_) => MappingType::IntegerArray,
            Self::LongIntegerArray(_) => MappingType::LongIntegerArray,
            Self::BooleanArray(_) => MappingType::BooleanArray,
            Self::StringArray(_) => MappingType::StringArray,
            Self::BinaryBlobArray(_) => MappingType::BinaryBlobArray,
            Self::DateTimeArray(_) => MappingType::DateTimeArray,
        }
    }

    /// The JSON that AppEngine takes for the value.
    ///
    /// # Errors
    ///
    /// [`ValueError`] when Astarte would refuse the value: out of range, too large, or not finite.
    pub fn to_json(&self) -> Result<Json, ValueError> {
        match self {
            Self::Double(v) => double_to_json(*v),
            Self::Integer(v) => integer_to_json(*v),
            Self::LongInteger(v) => long_to_json(*v),
            Self::Boolean(v) => Ok(Json::Bool(*v)),
            Self::String(v) => string_to_json(v),
            Self::BinaryBlob(v) => blob_to_json(v),
            Self::DateTime(v) => Ok(Json::String(time::format(*v))),
            Self::DoubleArray(v) => array_to_json(v, |v| double_to_json(*v)),
            Self::IntegerArray(v) => array_to_json(v, |v| integer_to_json(*v)),
            Self::LongIntegerArray(v) => array_to_json(v, |v| long_to_json(*v)),
            Self::BooleanArray(v) => array_to_json(v, |v| Ok(Json::Bool(*v))),
            Self::StringArray(v) => array_to_json(v, |v| string_to_json(v)),
            Self::BinaryBlobArray(v) => array_to_json(v, |v| blob_to_json(v)),
            Self::DateTimeArray(v) => array_to_json(v, |v| Ok(Json::String(time::format(*v)))),
        }
    }

    /// Reads the JSON of a value, in any form Astarte writes it: long integers as number or text, points in time
    /// as text or integer milliseconds.
    ///
    /// # Errors
    ///
    /// [`ValueError`] when the JSON is not a value of this type.
    pub fn from_json(mapping_type: MappingType, json: &Json) -> Result<Self, ValueError> {
        match mapping_type {
            MappingType::Double => double_from_json(json).map(Self::Double),
            MappingType::Integer => integer_from_json(json).map(Self::Integer),
            MappingType::LongInteger => long_from_json(json).map(Self::LongInteger),
            MappingType::Boolean => boolean_from_json(json).map(Self::Boolean),
            MappingType::String => string_from_json(json).map(Self::String),
            MappingType::BinaryBlob => blob_from_json(json).map(Self::BinaryBlob),
            MappingType::DateTime => datetime_from_json(json).map(Self::DateTime),
            MappingType::DoubleArray => {
                array_from_json(mapping_type, json, double_from_json).map(Self::DoubleArray)
            }
            MappingType::IntegerArray => {
                array_from_json(mapping_type, json, integer_from_json).map(Self::IntegerArray)
            }
            MappingType::LongIntegerArray => {
                array_from_json(mapping_type, json, long_from_json).map(Self::LongIntegerArray)
            }
            MappingType::BooleanArray => {
                array_from_json(mapping_type, json, boolean_from_json).map(Self::BooleanArray)
            }
            MappingType::StringArray => {
                array_from_json(mapping_type, json, string_from_json).map(Self::StringArray)
            }
            MappingType::BinaryBlobArray => {
                array_from_json(mapping_type, json, blob_from_json).map(Self::BinaryBlobArray)
            }
            MappingType::DateTimeArray => {
                array_from_json(mapping_type, json, datetime_from_json).map(Self::DateTimeArray)
            }
        }
    }
}

fn double_to_json(v: f64) -> Result<Json, ValueError> {
    let number = serde_json::Number::from_f64(v);
    number.map(Json::Number).ok_or(ValueError::OutOfRange { expected: MappingType::Double })
}

fn integer_to_json(v: i32) -> Result<Json, ValueError> {
    if v == i32::MIN {
        return Err(ValueError::OutOfRange { expected: MappingType::Integer });
    }
    Ok(Json::from(v))
}

fn long_to_json(v: i64) -> Result<Json, ValueError> {
    if v == i64::MIN {
        return Err(ValueError::OutOfRange { expected: MappingType::LongInteger });
    }
    Ok(Json::from(v))
}

fn string_to_json(v: &str) -> Result<Json, ValueError> {
    check_size(v.len())?;
    Ok(Json::from(v))
}

fn blob_to_json(v: &[u8]) -> Result<Json, ValueError> {
    check_size(v.len())?;
    Ok(Json::String(STANDARD.encode(v)))
}

fn array_to_json<T>(items: &[T], item: impl Fn(&T) -> Result<Json, ValueError>) -> Result<Json, ValueError> {
    check_length(items.len())?;
    items.iter().map(item).collect::<Result<Vec<_>, _>>().map(Json::Array)
}

fn check_size(bytes: usize) -> Result<(), ValueError> {
    if bytes > MAX_VALUE_BYTES { Err(ValueError::TooLarge { bytes }) } else { Ok(()) }
}

fn check_length(items: usize) -> Result<(), ValueError> {
    if items > MAX_ARRAY_ITEMS { Err(ValueError::TooLong { items }) } else { Ok(()) }
}

fn double_from_json(json: &Json) -> Result<f64, ValueError> {
    json.as_f64().ok_or(ValueError::WrongType { expected: MappingType::Double })
}

fn integer_from_json(json: &Json) -> Result<i32, ValueError> {
    let expected = MappingType::Integer;
    let wide = integral(json).ok_or(ValueError::WrongType { expected })?;
    i32::try_from(wide).ok().filter(|v| *v != i32::MIN).ok_or(ValueError::OutOfRange { expected })
}

fn long_from_json(json: &Json) -> Result<i64, ValueError> {
    let expected = MappingType::LongInteger;
    let wide = match json {
        Json::String(text) => text.parse().ok(),
        json => integral(json),
    };
    let wide = wide.ok_or(ValueError::WrongType { expected })?;
    i64::try_from(wide).ok().filter(|v| *v != i64::MIN).ok_or(ValueError::OutOfRange { expected })
}

fn integral(json: &Json) -> Option<i128> {
    json.as_i64().map(i128::from).or_else(|| json.as_u64().map(i128::from))
}

fn boolean_from_json(json: &Json) -> Result<bool, ValueError> {
    json.as_bool().ok_or(ValueError::WrongType { expected: MappingType::Boolean })
}

fn string_from_json(json: &Json) -> Result<String, ValueError> {
    let text = json.as_str().ok_or(ValueError::WrongType { expected: MappingType::String })?;
    check_size(text.len())?;
    Ok(text.to_owned())
}

fn blob_from_json(json: &Json) -> Result<Vec<u8>, ValueError> {
    let expected = MappingType::BinaryBlob;
    let bytes = json.as_str().and_then(|text| STANDARD.decode(text).ok());
    let bytes = bytes.ok_or(ValueError::WrongType { expected })?;
    check_size(bytes.len())?;
    Ok(bytes)
}

fn datetime_from_json(json: &Json) -> Result<DateTime<Utc>, ValueError> {
    time::lenient::deserialize(json).map_err(|_| ValueError::WrongType { expected: MappingType::DateTime })
}

fn array_from_json<T>(
    expected: MappingType,
    json: &Json,
    item: impl Fn(&Json) -> Result<T, ValueError>,
) -> Result<Vec<T>, ValueError> {
    let items = json.as_array().ok_or(ValueError::WrongType { expected })?;
    check_length(items.len())?;
    items.iter().map(item).collect()
}

/// For `#[serde(deserialize_with = "edgehog_astarte::value::longinteger")]` on an `i64` member: a number, or the
/// same as text.
///
/// # Errors
///
/// The deserializer's, when the value is neither.
pub fn longinteger<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Written::deserialize(deserializer)?.read().map_err(serde::de::Error::custom)
}

/// Like [`longinteger`], for an `Option<i64>` member; combine with `#[serde(default)]`.
///
/// # Errors
///
/// The deserializer's, when the value is neither null nor a long integer.
pub fn longinteger_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let written = Option::<Written>::deserialize(deserializer)?;
    written.map(|w| w.read()).transpose().map_err(serde::de::Error::custom)
}

/// The two forms of a long integer on the wire.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a long integer, as number or text")]
enum Written {
    Number(i64),
    Text(String),
}

impl Written {
    fn read(&self) -> Result<i64, std::num::ParseIntError> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) => text.parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_type_has_its_json() {
        let time = time::parse("2024-05-01T10:20:30.123Z").unwrap();
        let table = [
            (Value::Double(21.5), json!(21.5)),
            (Value::Integer(-7), json!(-7)),
            (Value::LongInteger(i64::MAX), json!(i64::MAX)),
            (Value::Boolean(true), json!(true)),
            (Value::String("è".into()), json!("è")),
            (Value::BinaryBlob(vec![0xfb, 0xff]), json!("+/8=")),
            (Value::DateTime(time), json!("2024-05-01T10:20:30.123Z")),
            (Value::DoubleArray(vec![1.0, 2.5]), json!([1.0, 2.5])),
            (Value::IntegerArray(vec![1, 2]), json!([1, 2])),
            (Value::LongIntegerArray(vec![1]), json!([1])),
            (Value::BooleanArray(vec![true, false]), json!([true, false])),
            (Value::StringArray(vec![]), json!([])),
            (Value::BinaryBlobArray(vec![vec![0]]), json!(["AA=="])),
            (Value::DateTimeArray(vec![time]), json!(["2024-05-01T10:20:30.123Z"])),
        ];
        for (value, json) in table {
            assert_eq!(value.to_json().unwrap(), json);
            assert_eq!(Value::from_json(value.mapping_type(), &json).unwrap(), value);
        }
    }

    /// What AppEngine writes in other places than the place just read.
    #[test]
    fn other_spellings_are_read() {
        let table = [
            (MappingType::Double, json!(3), Value::Double(3.0)),
            (MappingType::LongInteger, json!("-9223372036854775807"), Value::LongInteger(-i64::MAX)),
            (MappingType::LongIntegerArray, json!(["1", 2]), Value::LongIntegerArray(vec![1, 2])),
            (
                MappingType::DateTime,
                json!(1_714_558_830_123_i64),
                Value::DateTime(time::parse("2024-05-01T10:20:30.123Z").unwrap()),
            ),
        ];
        for (mapping_type, json, value) in table {
            assert_eq!(Value::from_json(mapping_type, &json).unwrap(), value);
        }
    }

    #[test]
    fn what_astarte_refuses_is_refused_before_sending() {
        let refused = [
            Value::Double(f64::NAN),
            Value::Double(f64::INFINITY),
            Value::Integer(i32::MIN),
            Value::LongInteger(i64::MIN),
            Value::String("x".repeat(MAX_VALUE_BYTES + 1)),
            Value::BinaryBlob(vec![0; MAX_VALUE_BYTES + 1]),
            Value::BooleanArray(vec![true; MAX_ARRAY_ITEMS + 1]),
            Value::IntegerArray(vec![0, i32::MIN]),
        ];
        for value in refused {
            assert!(value.to_json().is_err(), "{:?}", value.mapping_type());
        }
        assert!(Value::String("x".repeat(MAX_VALUE_BYTES)).to_json().is_ok());
        assert!(Value::BooleanArray(vec![true; MAX_ARRAY_ITEMS]).to_json().is_ok());
    }

    #[test]
    fn json_of_another_type_is_refused() {
        let table = [
            (MappingType::Double, json!("1")),
            (MappingType::Integer, json!(1.5)),
            (MappingType::Integer, json!(2_147_483_648_i64)),
            (MappingType::Integer, json!("1")),
            (MappingType::LongInteger, json!(u64::MAX)),
            (MappingType::LongInteger, json!("9223372036854775808")),
            (MappingType::LongInteger, json!("12abc")),
            (MappingType::Boolean, json!(1)),
            (MappingType::String, json!(null)),
            (MappingType::BinaryBlob, json!("AA")),
            (MappingType::BinaryBlob, json!("-_8=")),
            (MappingType::DateTime, json!("yesterday")),
            (MappingType::StringArray, json!(["a", null])),
            (MappingType::StringArray, json!("a")),
        ];
        for (mapping_type, json) in table {
            assert!(Value::from_json(mapping_type, &json).is_err(), "{mapping_type} {json}");
        }
    }

    #[test]
    fn members_may_hold_long_integers_in_both_forms() {
        #[derive(Deserialize)]
        struct Storage {
            #[serde(deserialize_with = "longinteger")]
            total: i64,
            #[serde(default, deserialize_with = "longinteger_option")]
            free: Option<i64>,
        }
        let read = |json| serde_json::from_value::<Storage>(json).map(|s| (s.total, s.free));
        assert_eq!(read(json!({"total": "16128", "free": 7000})).unwrap(), (16128, Some(7000)));
        assert_eq!(read(json!({"total": 16128, "free": null})).unwrap(), (16128, None));
        assert_eq!(read(json!({"total": 16128})).unwrap(), (16128, None));
        assert!(read(json!({"total": "many"})).is_err());
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let time = (-62_135_596_800_000_i64..253_402_300_800_000)
            .prop_map(|ms| DateTime::from_timestamp_millis(ms).unwrap());
        prop_oneof![
            prop::num::f64::NORMAL.prop_map(Value::Double),
            (-i32::MAX..=i32::MAX).prop_map(Value::Integer),
            (-i64::MAX..=i64::MAX).prop_map(Value::LongInteger),
            any::<String>().prop_map(Value::String),
            any::<Vec<u8>>().prop_map(Value::BinaryBlob),
            time.prop_map(Value::DateTime),
            prop::collection::vec(-i64::MAX..=i64::MAX, 0..8).prop_map(Value::LongIntegerArray),
        ]
    }

    proptest! {
        /// No digit is lost on the way through JSON text.
        #[test]
        fn round_trip(value in any_value()) {
            let text = value.to_json().unwrap().to_string();
            let json = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(Value::from_json(value.mapping_type(), &json).unwrap(), value);
        }
    }
}
