//! Values of mappings, and their spellings in JSON and BSON.

use astarte_interfaces::schema::MappingType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::Bson;
use bson::spec::BinarySubtype;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value as Json, json};

/// Bytes that one string or blob may have.
const MAX_SIZE: usize = 65_536;
/// Items that one array may have.
const MAX_ITEMS: usize = 1024;
/// Largest magnitude that `allow_safe_bigintegers` still prints as a number.
const MAX_SAFE_INTEGER: u64 = 4_503_599_627_370_495;

/// A value as a mapping type allows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Double(f64),
    Integer(i32),
    LongInteger(i64),
    Boolean(bool),
    String(String),
    Binary(Vec<u8>),
    DateTime(DateTime<Utc>),
    Array(Vec<Self>),
}

/// Why a value does not fit its mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueError {
    UnexpectedType,
    TooLarge,
}

/// How `longinteger` is printed in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LongIntegers {
    #[default]
    Number,
    Text,
    /// A number while every JSON parser keeps its digits, text above.
    SafeNumber,
}

/// How values are printed in JSON.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct JsonStyle {
    pub(crate) long_integers: LongIntegers,
    /// Datetimes as milliseconds since the epoch.
    pub(crate) milliseconds: bool,
}

impl Value {
    /// Reads a value as clients of AppEngine write it.
    pub(crate) fn from_json(mapping_type: MappingType, json: &Json) -> Result<Self, ValueError> {
        match item_type(mapping_type) {
            None => scalar_from_json(mapping_type, json),
            Some(item) => {
                let items = json.as_array().ok_or(ValueError::UnexpectedType)?;
                let values: Result<Vec<_>, _> =
                    items.iter().map(|json| scalar_from_json(item, json)).collect();
                values.and_then(array)
            }
        }
    }

    /// Reads a value as devices send it. Integer widths are not looked at: the range decides.
    pub(crate) fn from_bson(mapping_type: MappingType, bson: &Bson) -> Result<Self, ValueError> {
        match item_type(mapping_type) {
            None => scalar_from_bson(mapping_type, bson),
            Some(item) => {
                let items = bson.as_array().ok_or(ValueError::UnexpectedType)?;
                let values: Result<Vec<_>, _> =
                    items.iter().map(|bson| scalar_from_bson(item, bson)).collect();
                values.and_then(array)
            }
        }
    }

    pub(crate) fn to_bson(&self) -> Bson {
        match self {
            Self::Double(value) => Bson::Double(*value),
            Self::Integer(value) => Bson::Int32(*value),
            Self::LongInteger(value) => i32::try_from(*value).map_or(Bson::Int64(*value), Bson::Int32),
            Self::Boolean(value) => Bson::Boolean(*value),
            Self::String(value) => Bson::String(value.clone()),
            Self::Binary(bytes) => {
                Bson::Binary(bson::Binary { subtype: BinarySubtype::Generic, bytes: bytes.clone() })
            }
            Self::DateTime(value) => Bson::DateTime((*value).into()),
            Self::Array(items) => Bson::Array(items.iter().map(Self::to_bson).collect()),
        }
    }

    pub(crate) fn to_json(&self, style: JsonStyle) -> Json {
        match self {
            Self::Double(value) => json!(value),
            Self::Integer(value) => json!(value),
            Self::LongInteger(value) => match style.long_integers {
                LongIntegers::Text => json!(value.to_string()),
                LongIntegers::SafeNumber if value.unsigned_abs() > MAX_SAFE_INTEGER => {
                    json!(value.to_string())
                }
                LongIntegers::Number | LongIntegers::SafeNumber => json!(value),
            },
            Self::Boolean(value) => json!(value),
            Self::String(value) => json!(value),
            Self::Binary(bytes) => json!(STANDARD.encode(bytes)),
            Self::DateTime(value) => timestamp_json(*value, style.milliseconds),
            Self::Array(items) => items.iter().map(|item| item.to_json(style)).collect(),
        }
    }
}

/// ISO 8601 in UTC with milliseconds: the only way Astarte prints a time.
pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(crate) fn timestamp_json(time: DateTime<Utc>, milliseconds: bool) -> Json {
    if milliseconds { json!(time.timestamp_millis()) } else { json!(timestamp(time)) }
}

/// The name of a mapping type in definitions and in error bodies.
pub(crate) fn type_name(mapping_type: MappingType) -> &'static str {
    match mapping_type {
        MappingType::Double => "double",
        MappingType::Integer => "integer",
        MappingType::Boolean => "boolean",
        MappingType::LongInteger => "longinteger",
        MappingType::String => "string",
        MappingType::BinaryBlob => "binaryblob",
        MappingType::DateTime => "datetime",
        MappingType::DoubleArray => "doublearray",
        MappingType::IntegerArray => "integerarray",
        MappingType::BooleanArray => "booleanarray",
        MappingType::LongIntegerArray => "longintegerarray",
        MappingType::StringArray => "stringarray",
        MappingType::BinaryBlobArray => "binaryblobarray",
        MappingType::DateTimeArray => "datetimearray",
    }
}

/// The type of an array's items; `None` for scalars.
pub(crate) fn item_type(mapping_type: MappingType) -> Option<MappingType> {
    match mapping_type {
        MappingType::DoubleArray => Some(MappingType::Double),
        MappingType::IntegerArray => Some(MappingType::Integer),
        MappingType::BooleanArray => Some(MappingType::Boolean),
        MappingType::LongIntegerArray => Some(MappingType::LongInteger),
        MappingType::StringArray => Some(MappingType::String),
        MappingType::BinaryBlobArray => Some(MappingType::BinaryBlob),
        MappingType::DateTimeArray => Some(MappingType::DateTime),
        MappingType::Double
        | MappingType::Integer
        | MappingType::Boolean
        | MappingType::LongInteger
        | MappingType::String
        | MappingType::BinaryBlob
        | MappingType::DateTime => None,
    }
}

fn array(values: Vec<Value>) -> Result<Value, ValueError> {
    if values.len() > MAX_ITEMS { Err(ValueError::TooLarge) } else { Ok(Value::Array(values)) }
}

fn scalar_from_json(mapping_type: MappingType, json: &Json) -> Result<Value, ValueError> {
    let value = match mapping_type {
        MappingType::Double => json.as_f64().and_then(double),
        MappingType::Integer => json.as_i64().and_then(integer),
        MappingType::LongInteger => {
            json.as_i64().or_else(|| json.as_str()?.parse().ok()).and_then(long_integer)
        }
        MappingType::Boolean => json.as_bool().map(Value::Boolean),
        MappingType::String => return json.as_str().ok_or(ValueError::UnexpectedType).and_then(string),
        MappingType::BinaryBlob => {
            let text = json.as_str().ok_or(ValueError::UnexpectedType)?;
            return STANDARD.decode(text).map_err(|_| ValueError::UnexpectedType).and_then(binary);
        }
        MappingType::DateTime => match json {
            Json::String(text) => {
                DateTime::parse_from_rfc3339(text).ok().map(|time| Value::DateTime(time.with_timezone(&Utc)))
            }
            _ => json.as_i64().and_then(DateTime::from_timestamp_millis).map(Value::DateTime),
        },
        _ => None,
    };
    value.ok_or(ValueError::UnexpectedType)
}

fn scalar_from_bson(mapping_type: MappingType, bson: &Bson) -> Result<Value, ValueError> {
    let whole = match bson {
        Bson::Int32(value) => Some(i64::from(*value)),
        Bson::Int64(value) => Some(*value),
        _ => None,
    };
    let value = match (mapping_type, bson) {
        (MappingType::Double, Bson::Double(value)) => double(*value),
        // Astarte takes an integer for a double; the digits beyond 53 bits are lost there, too.
        #[expect(clippy::cast_precision_loss, reason = "what a double mapping means")]
        (MappingType::Double, _) => whole.and_then(|value| double(value as f64)),
        (MappingType::Integer, _) => whole.and_then(integer),
        (MappingType::LongInteger, _) => whole.and_then(long_integer),
        (MappingType::Boolean, Bson::Boolean(value)) => Some(Value::Boolean(*value)),
        (MappingType::String, Bson::String(text)) => return string(text),
        (MappingType::BinaryBlob, Bson::Binary(blob)) => return binary(blob.bytes.clone()),
        (MappingType::DateTime, Bson::DateTime(time)) => {
            DateTime::from_timestamp_millis(time.timestamp_millis()).map(Value::DateTime)
        }
        _ => None,
    };
    value.ok_or(ValueError::UnexpectedType)
}

fn double(value: f64) -> Option<Value> {
    value.is_finite().then_some(Value::Double(value))
}

/// The most negative number is refused by Astarte: only magnitudes that have a positive twin count.
fn integer(value: i64) -> Option<Value> {
    i32::try_from(value).ok().filter(|value| *value != i32::MIN).map(Value::Integer)
}

fn long_integer(value: i64) -> Option<Value> {
    (value != i64::MIN).then_some(Value::LongInteger(value))
}

fn string(text: &str) -> Result<Value, ValueError> {
    if text.len() > MAX_SIZE { Err(ValueError::TooLarge) } else { Ok(Value::String(text.to_owned())) }
}

fn binary(bytes: Vec<u8>) -> Result<Value, ValueError> {
    if bytes.len() > MAX_SIZE { Err(ValueError::TooLarge) } else { Ok(Value::Binary(bytes)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_in_follows_the_mapping_type() {
        use MappingType as T;
        let accepted = [
            (T::Double, json!(21)),
            (T::Integer, json!(-2_147_483_647)),
            (T::LongInteger, json!("9223372036854775807")),
            (T::LongInteger, json!(9_223_372_036_854_775_807_i64)),
            (T::DateTime, json!("2024-05-01T10:20:30+02:00")),
            (T::DateTime, json!(1_714_558_830_123_i64)),
            (T::BinaryBlob, json!("AAE=")),
            (T::StringArray, json!([])),
        ];
        for (mapping_type, json) in accepted {
            assert!(Value::from_json(mapping_type, &json).is_ok(), "{mapping_type:?} {json}");
        }
        let refused = [
            (T::Double, json!("1.0")),
            (T::Integer, json!(-2_147_483_648_i64)),
            (T::Integer, json!(1.5)),
            (T::LongInteger, json!(i64::MIN)),
            (T::Boolean, json!(0)),
            (T::String, Json::Null),
            (T::BinaryBlob, json!("AAE")),
            (T::DateTime, json!("2024-05-01")),
            (T::IntegerArray, json!([1, null])),
            (T::IntegerArray, json!(1)),
        ];
        for (mapping_type, json) in refused {
            assert_eq!(
                Value::from_json(mapping_type, &json),
                Err(ValueError::UnexpectedType),
                "{mapping_type:?} {json}"
            );
        }
    }

    #[test]
    fn limits() {
        let text = "x".repeat(MAX_SIZE + 1);
        assert_eq!(Value::from_json(MappingType::String, &json!(text)), Err(ValueError::TooLarge));
        let items = vec![1; MAX_ITEMS + 1];
        assert_eq!(Value::from_json(MappingType::IntegerArray, &json!(items)), Err(ValueError::TooLarge));
    }

    // The server narrows what fits; devices accept both widths.
    #[test]
    fn long_integers_are_narrowed_on_the_wire() {
        assert_eq!(Value::LongInteger(7).to_bson(), Bson::Int32(7));
        assert_eq!(Value::LongInteger(1 << 40).to_bson(), Bson::Int64(1 << 40));
    }

    #[test]
    fn long_integers_in_json() {
        let big = Value::LongInteger(4_503_599_627_370_496);
        let print = |long_integers| big.to_json(JsonStyle { long_integers, milliseconds: false });
        assert_eq!(print(LongIntegers::Number), json!(4_503_599_627_370_496_i64));
        assert_eq!(print(LongIntegers::Text), json!("4503599627370496"));
        assert_eq!(print(LongIntegers::SafeNumber), json!("4503599627370496"));
        let small = Value::LongInteger(-4_503_599_627_370_495);
        let style = JsonStyle { long_integers: LongIntegers::SafeNumber, milliseconds: false };
        assert_eq!(small.to_json(style), json!(-4_503_599_627_370_495_i64));
    }

    proptest! {
        // What goes out as BSON comes back as the same value.
        #[test]
        fn long_integers_survive_bson(number in -i64::MAX..=i64::MAX) {
            let value = Value::LongInteger(number);
            prop_assert_eq!(Value::from_bson(MappingType::LongInteger, &value.to_bson()), Ok(value));
        }

        #[test]
        fn blobs_survive_json(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let value = Value::Binary(bytes);
            let json = value.to_json(JsonStyle::default());
            prop_assert_eq!(Value::from_json(MappingType::BinaryBlob, &json), Ok(value));
        }
    }
}
