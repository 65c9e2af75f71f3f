//! Scalars of the contract.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{SecondsFormat, Utc};
use edgehog_engine::sdk::Timestamp;

/// A date and time in UTC, as ISO 8601. How many digits follow the second depends on where the value comes from.
#[derive(Clone, Debug)]
pub(super) struct DateTime {
    at: chrono::DateTime<Utc>,
    text: String,
}

impl DateTime {
    /// In whole seconds.
    pub(super) fn seconds(at: chrono::DateTime<Utc>) -> Self {
        Self { at, text: at.to_rfc3339_opts(SecondsFormat::Secs, true) }
    }
}

impl From<Timestamp> for DateTime {
    fn from(timestamp: Timestamp) -> Self {
        Self { at: timestamp.instant(), text: timestamp.to_string() }
    }
}

#[Scalar(name = "DateTime")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = value else { return Err(InputValueError::expected_type(value)) };
        let at = chrono::DateTime::parse_from_rfc3339(&text)
            .map_err(|_| InputValueError::custom("must be an ISO 8601 date and time with its offset"))?;
        Ok(Self { at: at.to_utc(), text })
    }

    fn to_value(&self) -> Value {
        Value::String(self.text.clone())
    }
}

impl PartialEq for DateTime {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
