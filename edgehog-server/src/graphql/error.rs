//! Errors as clients of the API know them: a code, the fields at fault, and texts, beside `message`.

use async_graphql::{ContextBase, PathSegment, Pos, Response, ServerError, Value as GraphqlValue};
use edgehog_engine::store::Error as StoreError;
use edgehog_engine::{Error, Problem, ProblemKind};
use serde_json::Value;
use uuid::Uuid;

use super::wording;

/// Codes that clients act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Required,
    InvalidAttribute,
    InvalidArgument,
    InvalidPrimaryKey,
    InvalidQuery,
    InvalidKeyset,
    NotFound,
    AstarteApiError,
    SomethingWentWrong,
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::InvalidAttribute => "invalid_attribute",
            Self::InvalidArgument => "invalid_argument",
            Self::InvalidPrimaryKey => "invalid_primary_key",
            Self::InvalidQuery => "invalid_query",
            Self::InvalidKeyset => "invalid_keyset",
            Self::NotFound => "not_found",
            Self::AstarteApiError => "astarte_api_error",
            Self::SomethingWentWrong => "something_went_wrong",
        }
    }
}

/// Why a field has no value. A request may fail for several reasons, and the client is told them all.
#[derive(Debug)]
pub(super) struct Failure(Vec<Reason>);

#[derive(Debug)]
enum Reason {
    Coded {
        code: Code,
        fields: Vec<String>,
        message: String,
        short_message: String,
        of_input: bool,
        /// The member of the input that names the missing record.
        named_by: Option<&'static str>,
    },
    /// What the GraphQL library found out.
    Library(ServerError),
}

/// An error about `fields`, named in snake_case.
pub(super) fn failure(code: Code, fields: &[&str], message: &str) -> Failure {
    Failure::coded(code, fields, message.to_owned(), message.to_owned(), false)
}

impl Failure {
    fn coded(code: Code, fields: &[&str], message: String, short_message: String, of_input: bool) -> Self {
        let fields = fields.iter().map(|&field| field.to_owned()).collect();
        Self(vec![Reason::Coded { code, fields, message, short_message, of_input, named_by: None }])
    }

    pub(super) fn not_found() -> Self {
        failure(Code::NotFound, &["id"], "could not be found")
    }

    pub(super) fn invalid_primary_key() -> Self {
        failure(Code::InvalidPrimaryKey, &[], "invalid primary key provided")
    }

    pub(super) fn invalid_keyset() -> Self {
        failure(Code::InvalidKeyset, &[], "is not a cursor of this list")
    }

    /// A failure of ours. The client gets a number, the log what happened under it.
    fn unexpected(error: &(dyn std::error::Error + 'static)) -> Self {
        let id = Uuid::new_v4();
        tracing::error!(error_id = %id, error, "an operation failed");
        let message = format!("Something went wrong. Unique error id: {id}");
        Self::coded(Code::SomethingWentWrong, &[], message, "Something went wrong.".to_owned(), false)
    }

    /// What went wrong with a mutation: its problems lie in its input.
    pub(super) fn of_input(mut self) -> Self {
        for reason in &mut self.0 {
            if let Reason::Coded { of_input, .. } = reason {
                *of_input = true;
            }
        }
        self
    }

    /// The same where a record that could not be found was named by this member of the input.
    pub(super) fn named_by(mut self, member: &'static str) -> Self {
        for reason in &mut self.0 {
            if let Reason::Coded { code: Code::NotFound, named_by, .. } = reason {
                *named_by = Some(member);
            }
        }
        self
    }

    /// Tells the client everything.
    pub(super) fn report<T>(self, context: &ContextBase<'_, T>, pos: Pos) {
        for reason in self.0 {
            context.add_error(reason.into_server_error(context, pos));
        }
    }

    /// For a field that must not be null: tells the client everything, the last thing by what is returned.
    pub(super) fn into_server_error(mut self, context: &async_graphql::Context<'_>) -> ServerError {
        let last = self.0.pop();
        self.report(context, context.item.pos);
        let error = last.map(|reason| reason.into_server_error(context, context.item.pos));
        error.unwrap_or_else(|| ServerError::new("", Some(context.item.pos)))
    }
}

impl Failure {
    /// The same where the library tells where the error is.
    pub(super) fn into_error(self, context: &async_graphql::Context<'_>) -> async_graphql::Error {
        let error = self.into_server_error(context);
        async_graphql::Error { message: error.message, source: error.source, extensions: error.extensions }
    }
}

impl Reason {
    fn into_server_error<T>(self, context: &ContextBase<'_, T>, pos: Pos) -> ServerError {
        let (code, fields, message, short_message, of_input, named_by) = match self {
            Self::Library(error) if error.path.is_empty() => return context.set_error_path(error),
            Self::Library(error) => return error,
            Self::Coded { code, fields, message, short_message, of_input, named_by } => {
                (code, fields, message, short_message, of_input, named_by)
            }
        };
        let mut error = context.set_error_path(ServerError::new(message, Some(pos)));
        if of_input {
            error.path.push(PathSegment::Field("input".to_owned()));
            error.path.extend(named_by.map(|member| PathSegment::Field(member.to_owned())));
            error.path.extend(fields.first().map(|field| PathSegment::Field(camel_case(field))));
        }
        let mut extensions = async_graphql::ErrorExtensionValues::default();
        extensions.set("code", code.as_str());
        extensions.set("fields", GraphqlValue::List(fields.into_iter().map(Into::into).collect()));
        extensions.set("short_message", short_message);
        extensions.set("vars", GraphqlValue::Object(Default::default()));
        error.extensions = Some(extensions);
        error
    }
}

fn camel_case(field: &str) -> String {
    let mut words = field.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self(vec![Reason::Library(error)])
    }
}

impl From<async_graphql::Error> for Failure {
    fn from(error: async_graphql::Error) -> Self {
        error.into_server_error(Pos::default()).into()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let code = match problem.kind {
            ProblemKind::Required => Code::Required,
            ProblemKind::InvalidAttribute => Code::InvalidAttribute,
            ProblemKind::InvalidArgument => Code::InvalidArgument,
            ProblemKind::NotFound => Code::NotFound,
            _ => Code::InvalidAttribute,
        };
        let fields: Vec<_> = problem.field.into_iter().collect();
        Self::coded(code, &fields, problem.message.clone(), problem.message, false)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(problems) => {
                Self(problems.into_iter().flat_map(|problem| Self::from(problem).0).collect())
            }
            Error::Store(StoreError::InvalidCursor) => Self::invalid_keyset(),
            Error::Store(StoreError::InvalidFilter) => {
                failure(Code::InvalidQuery, &["filter"], "is not a filter of this list")
            }
            Error::Store(StoreError::FilterTooLarge) => {
                failure(Code::InvalidQuery, &["filter"], "has too many conditions, or too deep ones")
            }
            Error::Store(StoreError::Unacceptable(error)) => {
                tracing::info!(error = &error as &dyn std::error::Error, "PostgreSQL refused a value");
                failure(
                    Code::InvalidArgument,
                    &[],
                    "a value cannot be stored or compared: it may hold a NUL character, or a pattern that ends in a backslash",
                )
            }
            Error::NoForwarder => failure(Code::NotFound, &[], "could not be found: there is no forwarder"),
            Error::Device(edgehog_engine::sdk::Error::Astarte(error)) | Error::Astarte(error) => {
                astarte(&error)
            }
            other => Self::unexpected(&other),
        }
    }
}

/// Astarte's refusal, as it told it.
fn astarte(error: &edgehog_engine::AstarteError) -> Failure {
    let Some(response) = error.response() else { return Failure::unexpected(error) };
    let status = response.status();
    let message = format!("Astarte answered with status {status}: {}", response.detail().unwrap_or_default());
    let short_message = format!("Astarte API Error (status {status})");
    Failure::coded(Code::AstarteApiError, &[], message, short_message, false)
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
        errors.iter_mut().for_each(complete);
    }
    // The library reports what is wrong with a document before it runs any of it, and without a path.
    let never_run =
        response.data == GraphqlValue::Null && response.errors.iter().all(|it| it.path.is_empty());
    if let Some(answer) = answer.as_object_mut().filter(|_| never_run) {
        answer.remove("data");
    }
    answer.to_string()
}

/// Every error has its fields, so that clients need not look whether they are there.
fn complete(error: &mut Value) {
    let Some(error) = error.as_object_mut() else { return };
    if let Some(Value::Object(extensions)) = error.remove("extensions") {
        error.extend(extensions);
    }
    if let Some(reworded) = error.get("message").and_then(Value::as_str).and_then(wording::of_argument) {
        error.insert("message".to_owned(), reworded.into());
    }
    error.entry("fields").or_insert_with(|| Value::Array(Vec::new()));
    let message = error.get("message").cloned().unwrap_or_default();
    error.entry("short_message").or_insert(message);
}
