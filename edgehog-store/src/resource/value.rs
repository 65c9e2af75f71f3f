use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};
use uuid::Uuid;

/// What values an attribute has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A number that is a key of this database.
    Key,
    /// A number of at most 64 bits.
    Integer,
    /// Yes or no.
    Boolean,
    /// Text.
    Text,
    /// A point in time, in whole seconds.
    Seconds,
    /// A point in time, in microseconds.
    Time,
    /// A UUID.
    Uuid,
    /// Any JSON.
    Json,
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value, or one that was not asked for.
    Null,
    /// Of [`Kind::Key`] and [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Boolean`].
    Boolean(bool),
    /// Of [`Kind::Text`].
    Text(String),
    /// Of [`Kind::Seconds`] and [`Kind::Time`].
    Time(DateTime<Utc>),
    /// Of [`Kind::Uuid`].
    Uuid(Uuid),
    /// Of [`Kind::Json`].
    Json(serde_json::Value),
}

impl Value {
    /// Whether a value may stand where one of this kind is wanted.
    #[must_use]
    pub const fn is(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Null, _)
                | (Self::Integer(_), Kind::Key | Kind::Integer)
                | (Self::Boolean(_), Kind::Boolean)
                | (Self::Text(_), Kind::Text)
                | (Self::Time(_), Kind::Seconds | Kind::Time)
                | (Self::Uuid(_), Kind::Uuid)
                | (Self::Json(_), Kind::Json)
        )
    }

    /// The number in it.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The text in it.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn from_column(row: &PgRow, column: usize, kind: Kind) -> Result<Self, sqlx::Error> {
        if row.try_get_raw(column)?.is_null() {
            return Ok(Self::Null);
        }
        Ok(match kind {
            Kind::Key | Kind::Integer => Self::Integer(row.try_get(column)?),
            Kind::Boolean => Self::Boolean(row.try_get(column)?),
            Kind::Text => Self::Text(row.try_get(column)?),
            Kind::Seconds | Kind::Time => Self::Time(row.try_get(column)?),
            Kind::Uuid => Self::Uuid(row.try_get(column)?),
            Kind::Json => Self::Json(row.try_get(column)?),
        })
    }

    /// As a cursor keeps it.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Integer(number) => (*number).into(),
            Self::Boolean(flag) => (*flag).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Time(at) => at.to_rfc3339().into(),
            Self::Uuid(uuid) => uuid.to_string().into(),
            Self::Json(json) => json.clone(),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<Uuid> for Value {
    fn from(uuid: Uuid) -> Self {
        Self::Uuid(uuid)
    }
}

/// Reads a value as PostgreSQL writes it into JSON. `None` where it is no value of this kind.
pub(crate) fn from_json(json: serde_json::Value, kind: Kind) -> Option<Value> {
    use serde_json::Value as Json;
    Some(match (json, kind) {
        (Json::Null, _) => Value::Null,
        (json, Kind::Json) => Value::Json(json),
        (Json::Number(number), Kind::Key | Kind::Integer) => Value::Integer(number.as_i64()?),
        (Json::Bool(flag), Kind::Boolean) => Value::Boolean(flag),
        (Json::String(text), Kind::Text) => Value::Text(text),
        (Json::String(text), Kind::Seconds | Kind::Time) => {
            Value::Time(DateTime::parse_from_rfc3339(&text).ok()?.to_utc())
        }
        (Json::String(text), Kind::Uuid) => Value::Uuid(text.parse().ok()?),
        _ => return None,
    })
}

/// A Rust type that attributes can have.
pub(crate) trait AttributeType: Sized {
    const KIND: Kind;
    const NULLABLE: bool = false;

    /// `None` where the value is of another kind, or there is none and must be.
    fn from_value(value: Value) -> Option<Self>;

    fn to_value(&self) -> Value;
}

macro_rules! attribute_types {
    ($($type:ty: $kind:ident of $variant:ident),+ $(,)?) => {
        $(impl AttributeType for $type {
            const KIND: Kind = Kind::$kind;

            fn from_value(value: Value) -> Option<Self> {
                if let Value::$variant(value) = value { Some(value) } else { None }
            }

            fn to_value(&self) -> Value {
                Value::$variant(self.clone())
            }
        })+
    };
}

attribute_types! {
    i64: Integer of Integer,
    bool: Boolean of Boolean,
    String: Text of Text,
    DateTime<Utc>: Time of Time,
    Uuid: Uuid of Uuid,
    serde_json::Value: Json of Json,
}

impl<T: AttributeType> AttributeType for Option<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;

    fn from_value(value: Value) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}
