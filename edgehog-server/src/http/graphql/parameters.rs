//! A document with what belongs to it, as clients send it.

use std::borrow::Cow;

use async_graphql::{Request, Variables};
use percent_encoding::percent_decode;
use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::http::error::Refusal;

/// The values that the variables of a document may have, in lists and objects.
const MAX_VALUES: usize = 100_000;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    #[serde(default)]
    pub(super) query: Option<String>,
    #[serde(default)]
    pub(super) variables: Option<Value>,
    #[serde(default)]
    pub(super) operation_name: Option<String>,
}

/// Why a request cannot be run. Told as GraphQL tells errors, with a status of its own.
#[derive(Debug)]
pub(super) struct Unusable(StatusCode, &'static str);

impl Unusable {
    pub(super) const BATCH: Self =
        Self(StatusCode::BAD_REQUEST, "A batch is a list of requests, not longer than 50.");
    const DOCUMENT: Self = Self(StatusCode::BAD_REQUEST, "The request has no GraphQL document.");
    pub(super) const METHOD: Self =
        Self(StatusCode::METHOD_NOT_ALLOWED, "Only queries can be run by this method; use POST.");
    const LARGE: Self = Self(StatusCode::BAD_REQUEST, "The variables have too many values.");
    const VARIABLES: Self = Self(StatusCode::BAD_REQUEST, "The variables must be a JSON object.");
}

impl Parameters {
    /// From a query string or a form.
    pub(super) fn from_form(form: &[u8]) -> Result<Self, Refusal> {
        percent_decode(form).decode_utf8().map_err(|_| Refusal::BAD_REQUEST)?;
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            parameters.set(&name, value);
        }
        Ok(parameters)
    }

    /// Takes in a part of a form; those of other names are nobody's.
    pub(super) fn set(&mut self, name: &str, value: Cow<'_, str>) {
        match name {
            "query" => self.query = Some(value.into_owned()),
            "variables" => self.variables = Some(Value::String(value.into_owned())),
            "operationName" => self.operation_name = Some(value.into_owned()),
            _ => {}
        }
    }

    pub(super) fn into_operation(self) -> Result<Request, Unusable> {
        let document = self.query.filter(|document| !document.trim().is_empty());
        let document = document.ok_or(Unusable::DOCUMENT)?;
        let variables = match self.variables {
            Some(Value::String(text)) if text.trim().is_empty() => Value::Null,
            Some(Value::String(text)) => serde_json::from_str(&text).map_err(|_| Unusable::VARIABLES)?,
            variables => variables.unwrap_or(Value::Null),
        };
        if !(variables.is_object() || variables.is_null()) {
            return Err(Unusable::VARIABLES);
        }
        // A value takes some ten times the memory that it takes as text.
        if count(&variables, MAX_VALUES) >= MAX_VALUES {
            return Err(Unusable::LARGE);
        }
        let operation = Request::new(document).variables(Variables::from_json(variables));
        Ok(match self.operation_name.filter(|name| !name.is_empty()) {
            Some(name) => operation.operation_name(name),
            None => operation,
        })
    }
}

/// The values in a value, itself among them; not many more than `limit` are counted. JSON of ours has an end of its depth.
fn count(value: &Value, limit: usize) -> usize {
    let add = |sum: usize, value| if sum < limit { sum + count(value, limit - sum) } else { sum };
    match value {
        Value::Array(values) => values.iter().fold(1, add),
        Value::Object(members) => members.values().fold(1, add),
        _ => 1,
    }
}

impl IntoResponse for Unusable {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        json!({ "errors": [{ "message": message, "fields": [] }] })
            .to_string()
            .with_content_type("application/json; charset=utf-8")
            .with_status(status)
            .into_response()
    }
}
