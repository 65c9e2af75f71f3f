//! What came back, and what must never come back.

use poem::Response;
use poem::http::{StatusCode, header};
use serde_json::Value;

/// What stands in errors that are the server's own, whatever was asked; in texts that are sent back it has other quotes.
pub(crate) const OUR_FAULT: &str = r#""code":"something_went_wrong""#;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

impl Answer {
    /// Reads an answer that is no failure of the server's.
    pub(crate) async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let media_type = head.headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
        // A subscription goes on for ever.
        let endless = media_type.is_some_and(|it| it.starts_with(b"text/event-stream"));
        let body = if endless { Vec::new() } else { body.into_vec().await.unwrap() };
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(!head.status.is_server_error() && !body.contains(OUR_FAULT), "{} {body}", head.status);
        Self { status: head.status, body }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The answer to a document: data, or errors.
    pub(crate) fn graphql(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        let answer = self.json();
        assert!(answer.get("data").is_some() || answer["errors"].is_array(), "{answer}");
        answer
    }
}

/// The first line of an input, and the rest.
pub(crate) fn head_and_body(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let head = std::str::from_utf8(&input[..end]).ok()?;
    Some((head.trim_end_matches('\r'), input.get(end + 1..).unwrap_or_default()))
}
