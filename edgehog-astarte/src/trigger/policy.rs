use serde::{Deserialize, Serialize};

/// A delivery policy: what becomes of an event that its receiver did not take.
///
/// Retries follow each other at once, without back-off, so they help with brief errors only.
///
/// ```
/// use edgehog_astarte::{ErrorHandler, HandledErrors, Policy};
///
/// let policy = Policy::new("retry", 100)
///     .handler(ErrorHandler::retry(HandledErrors::ServerError))
///     .handler(ErrorHandler::discard(HandledErrors::ClientError))
///     .retry_times(3)
///     .event_ttl(30);
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// The name: at most 128 characters, not beginning with `@`.
    pub name: String,
    /// How many events may wait, from 1 to 1000000.
    pub maximum_capacity: u32,
    /// What to do on which error, from 1 to 200 items; an error without handler discards the event.
    pub error_handlers: Vec<ErrorHandler>,
    /// The number of attempts in all, from 1 to 100: required when some handler retries, else forbidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_times: Option<u32>,
    /// How long an event may wait, in seconds, from 1 to 86400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_ttl: Option<u32>,
    /// How many events are fetched ahead, from 1 to 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefetch_count: Option<u32>,
}

impl Policy {
    /// A policy without handlers.
    pub fn new(name: impl Into<String>, maximum_capacity: u32) -> Self {
        Self {
            name: name.into(),
            maximum_capacity,
            error_handlers: Vec::new(),
            retry_times: None,
            event_ttl: None,
            prefetch_count: None,
        }
    }

    /// Adds a handler; handlers must not overlap.
    #[must_use]
    pub fn handler(mut self, handler: ErrorHandler) -> Self {
        self.error_handlers.push(handler);
        self
    }

    /// Sets the number of attempts in all.
    #[must_use]
    pub fn retry_times(mut self, times: u32) -> Self {
        self.retry_times = Some(times);
        self
    }

    /// Sets how long an event may wait, in seconds.
    #[must_use]
    pub fn event_ttl(mut self, seconds: u32) -> Self {
        self.event_ttl = Some(seconds);
        self
    }

    /// Sets how many events are fetched ahead.
    #[must_use]
    pub fn prefetch_count(mut self, count: u32) -> Self {
        self.prefetch_count = Some(count);
        self
    }
}

/// What to do on an error.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorHandler {
    /// The errors.
    pub on: HandledErrors,
    /// What to do.
    pub strategy: Strategy,
}

impl ErrorHandler {
    /// Loses the event on these errors.
    #[must_use]
    pub fn discard(on: HandledErrors) -> Self {
        Self { on, strategy: Strategy::Discard }
    }

    /// Tries again on these errors.
    #[must_use]
    pub fn retry(on: HandledErrors) -> Self {
        Self { on, strategy: Strategy::Retry }
    }
}

/// What to do with an event that was not taken.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Lose it.
    Discard,
    /// Try again at once.
    Retry,
}

/// A set of errors of a receiver. A receiver that cannot be reached counts as status 503.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "HandledErrorsForm", into = "HandledErrorsForm")]
pub enum HandledErrors {
    /// Any error.
    Any,
    /// Status 400 to 499.
    ClientError,
    /// Status 500 to 599.
    ServerError,
    /// These statuses, each from 400 to 599.
    Codes(Vec<u16>),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Keyword {
    #[serde(rename = "any_error")]
    Any,
    #[serde(rename = "client_error")]
    Client,
    #[serde(rename = "server_error")]
    Server,
}

/// The input form, and the objects in which the answer to an installation prints the same.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum HandledErrorsForm {
    Keyword(Keyword),
    Codes(Vec<u16>),
    KeywordObject { keyword: Keyword },
    CodesObject { error_codes: Vec<u16> },
}

impl From<HandledErrorsForm> for HandledErrors {
    fn from(form: HandledErrorsForm) -> Self {
        match form {
            HandledErrorsForm::Keyword(keyword) | HandledErrorsForm::KeywordObject { keyword } => {
                match keyword {
                    Keyword::Any => Self::Any,
                    Keyword::Client => Self::ClientError,
                    Keyword::Server => Self::ServerError,
                }
            }
            HandledErrorsForm::Codes(codes) | HandledErrorsForm::CodesObject { error_codes: codes } => {
                Self::Codes(codes)
            }
        }
    }
}

impl From<HandledErrors> for HandledErrorsForm {
    fn from(errors: HandledErrors) -> Self {
        match errors {
            HandledErrors::Any => Self::Keyword(Keyword::Any),
            HandledErrors::ClientError => Self::Keyword(Keyword::Client),
            HandledErrors::ServerError => Self::Keyword(Keyword::Server),
            HandledErrors::Codes(codes) => Self::Codes(codes),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The input form, what GET prints (nulls) and what POST answers (objects) are one policy.
    #[test]
    fn three_forms_of_one_policy() {
        let policy = Policy::new("p", 100)
            .handler(ErrorHandler::retry(HandledErrors::ServerError))
            .handler(ErrorHandler::discard(HandledErrors::Codes(vec![400, 404])))
            .retry_times(3);
        let input = json!({
            "name": "p", "maximum_capacity": 100, "retry_times": 3,
            "error_handlers": [
                {"on": "server_error", "strategy": "retry"},
                {"on": [400, 404], "strategy": "discard"}
            ]
        });
        assert_eq!(serde_json::to_value(&policy).unwrap(), input);

        let mut printed = input.clone();
        printed["event_ttl"] = json!(null);
        printed["prefetch_count"] = json!(null);
        let mut answered = input.clone();
        answered["error_handlers"][0]["on"] = json!({"keyword": "server_error"});
        answered["error_handlers"][1]["on"] = json!({"error_codes": [400, 404]});
        for form in [input, printed, answered] {
            assert_eq!(serde_json::from_value::<Policy>(form).unwrap(), policy);
        }
    }

    #[test]
    fn unknown_error_sets_are_refused() {
        for on in [json!("some_error"), json!(500), json!({}), json!(null)] {
            assert!(serde_json::from_value::<HandledErrors>(on).is_err());
        }
    }
}
