//! Scalars of the contract.

use async_graphql::{
    Context, InputValueError, InputValueResult, MaybeUndefined, Pos, Scalar, ScalarType, ServerError, Value,
};
use chrono::Utc;
use edgehog_engine::sdk::Timestamp;

use super::error::Failure;
use crate::uploads::{self, Uploads};

/// A date and time in UTC, as ISO 8601. How many digits follow the second depends on where the value comes from.
#[derive(Clone, Debug)]
pub(super) struct DateTime {
    at: chrono::DateTime<Utc>,
    text: String,
}

impl DateTime {
    /// The point in time itself.
    pub(super) const fn instant(&self) -> chrono::DateTime<Utc> {
        self.at
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

/// Any JSON.
pub(super) struct Json(serde_json::Value);

#[Scalar(name = "Json")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = value else { return Err(InputValueError::expected_type(value)) };
        serde_json::from_str(&text)
            .map(Self)
            .map_err(|_| InputValueError::custom("must be text that is JSON"))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

/// A file, by the name of the part of the request that it came in.
pub(super) struct Upload(String);

#[Scalar(name = "Upload")]
impl ScalarType for Upload {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(name) => Ok(Self(name)),
            value => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl Upload {
    /// The file itself. `field` is where its name was given.
    pub(super) fn file<'a>(
        &self,
        context: &Context<'a>,
        field: &str,
    ) -> Result<&'a uploads::Upload, Failure> {
        let file = context.data_opt::<Uploads>().and_then(|uploads| uploads.get(&self.0));
        file.ok_or_else(|| {
            let name = &self.0;
            let message = format!(
                "Argument \"input\" has invalid value $input.\n\
                 In field \"{field}\": Expected type \"Upload\", but the request has no file part \"{name}\"."
            );
            ServerError::new(message, Some(Pos::default())).into()
        })
    }
}

/// A new value, if one is given. Null would leave nothing, as blank text does.
pub(super) fn given(value: MaybeUndefined<String>) -> Option<String> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(String::new()),
        MaybeUndefined::Value(text) => Some(text),
    }
}
