//! Errors as clients of the API know them: a code, the fields at fault, and texts, beside `message`.

use async_graphql::{Error, ErrorExtensions, Response, Value as GraphqlValue};
use serde_json::Value;
use uuid::Uuid;

/// Codes that clients act on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Code {
    InvalidPrimaryKey,
    InvalidQuery,
    InvalidKeyset,
    NotFound,
    SomethingWentWrong,
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidPrimaryKey => "invalid_primary_key",
            Self::InvalidQuery => "invalid_query",
            Self::InvalidKeyset => "invalid_keyset",
            Self::NotFound => "not_found",
            Self::SomethingWentWrong => "something_went_wrong",
        }
    }
}

/// What a field gives that is null when it fails. A plain `Result` would make its parent null as well.
pub(super) type Nullable<T> = Option<Result<T, Error>>;

/// An error about `fields`, named in snake_case.
pub(super) fn error(code: Code, fields: &[&str], message: &str) -> Error {
    with_short_message(code, fields, message, message)
}

fn with_short_message(code: Code, fields: &[&str], message: &str, short_message: &str) -> Error {
    let fields = GraphqlValue::List(fields.iter().map(|&field| field.into()).collect());
    Error::new(message).extend_with(|_, extensions| {
        extensions.set("code", code.as_str());
        extensions.set("fields", fields);
        extensions.set("short_message", short_message);
        extensions.set("vars", GraphqlValue::Object(Default::default()));
    })
}

pub(super) fn not_found() -> Error {
    error(Code::NotFound, &["id"], "could not be found")
}

/// A failure of ours. The client gets a number, the log what happened under it.
pub(super) fn unexpected(failure: edgehog_engine::Error) -> Error {
    let id = Uuid::new_v4();
    let failure = &failure as &dyn std::error::Error;
    tracing::error!(error_id = %id, error = failure, "a query failed");
    let message = format!("Something went wrong. Unique error id: {id}");
    with_short_message(Code::SomethingWentWrong, &[], &message, "Something went wrong.")
}

/// An answer as JSON text, its errors in the contract's shape: what the library keeps under `extensions` stands beside
/// `message`, and a document that was never run has no `data`.
pub(crate) fn to_json(response: &Response) -> String {
    // Neither of the two can fail: all keys are text. Without errors the answer needs no second look.
    if response.errors.is_empty() {
        return serde_json::to_string(response).unwrap_or_default();
    }
    let mut answer = serde_json::to_value(response).unwrap_or_default();
    if let Some(errors) = answer["errors"].as_array_mut() {
        errors.iter_mut().for_each(lift_extensions);
    }
    // The library reports what is wrong with a document before it runs any of it, and without a path.
    let never_run =
        response.data == GraphqlValue::Null && response.errors.iter().all(|it| it.path.is_empty());
    if let Some(answer) = answer.as_object_mut().filter(|_| never_run) {
        answer.remove("data");
    }
    answer.to_string()
}

fn lift_extensions(error: &mut Value) {
    if let Some(error) = error.as_object_mut()
        && let Some(Value::Object(extensions)) = error.remove("extensions")
    {
        error.extend(extensions);
    }
}
