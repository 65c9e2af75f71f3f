//! Delivery policies: what becomes of an event whose receiver answers with an error.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value as Json, json};

const ERROR_CODES: RangeInclusive<u16> = 400..=599;

/// A policy as it was installed.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: String,
    /// Events that may wait.
    pub(crate) maximum_capacity: usize,
    /// All attempts together, the first one included.
    pub(crate) attempts: u64,
    /// How long an event may wait.
    pub(crate) event_ttl: Option<Duration>,
    /// Codes on which the delivery is tried again.
    retried: BTreeSet<u16>,
    json: Json,
}

/// The policy is refused. Astarte 1.3 does not say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidPolicy;

impl Policy {
    pub(crate) fn parse(json: &Json) -> Result<Self, InvalidPolicy> {
        let name = json["name"].as_str().ok_or(InvalidPolicy)?;
        if name.is_empty() || name.len() > 128 || name.starts_with('@') {
            return Err(InvalidPolicy);
        }
        let maximum_capacity = number(json, "maximum_capacity", 1..=1_000_000)?.ok_or(InvalidPolicy)?;
        let event_ttl = number(json, "event_ttl", 1..=86_400)?;
        let prefetch_count = number(json, "prefetch_count", 1..=300)?;
        let retry_times = number(json, "retry_times", 1..=100)?;

        let handlers = json["error_handlers"].as_array().ok_or(InvalidPolicy)?;
        if !(1..=200).contains(&handlers.len()) {
            return Err(InvalidPolicy);
        }
        let mut seen = BTreeSet::new();
        let mut retried = BTreeSet::new();
        for handler in handlers {
            let codes = codes(&handler["on"])?;
            match handler["strategy"].as_str() {
                Some("retry") => retried.extend(codes.iter().copied()),
                Some("discard") => {}
                _ => return Err(InvalidPolicy),
            }
            if codes.iter().any(|code| !seen.insert(*code)) {
                return Err(InvalidPolicy);
            }
        }
        if retry_times.is_some() == retried.is_empty() {
            return Err(InvalidPolicy);
        }
        Ok(Self {
            name: name.to_owned(),
            maximum_capacity: usize::try_from(maximum_capacity).map_err(|_| InvalidPolicy)?,
            attempts: retry_times.unwrap_or(1),
            event_ttl: event_ttl.map(Duration::from_secs),
            retried,
            json: json!({
                "name": name, "maximum_capacity": maximum_capacity, "error_handlers": handlers,
                "retry_times": retry_times, "event_ttl": event_ttl, "prefetch_count": prefetch_count,
            }),
        })
    }

    pub(crate) fn retries(&self, code: u16) -> bool {
        self.retried.contains(&code)
    }

    /// As `GET` prints it.
    pub(crate) fn to_json(&self) -> &Json {
        &self.json
    }

    /// As the reply to `POST` prints it: each handler's `on` is an object there.
    pub(crate) fn created_json(&self) -> Json {
        let mut json = self.json.clone();
        for handler in json["error_handlers"].as_array_mut().into_iter().flatten() {
            let on = handler["on"].take();
            let key = if on.is_string() { "keyword" } else { "error_codes" };
            handler["on"] = json!({ key: on });
        }
        json
    }
}

fn number(json: &Json, field: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, InvalidPolicy> {
    match &json[field] {
        Json::Null => Ok(None),
        value => value.as_u64().filter(|number| range.contains(number)).map(Some).ok_or(InvalidPolicy),
    }
}

fn codes(on: &Json) -> Result<Vec<u16>, InvalidPolicy> {
    match on {
        Json::String(keyword) => match keyword.as_str() {
            "any_error" => Ok(ERROR_CODES.collect()),
            "client_error" => Ok((400..=499).collect()),
            "server_error" => Ok((500..=599).collect()),
            _ => Err(InvalidPolicy),
        },
        Json::Array(codes) if !codes.is_empty() => codes
            .iter()
            .map(|code| {
                code.as_u64()
                    .and_then(|code| u16::try_from(code).ok())
                    .filter(|code| ERROR_CODES.contains(code))
                    .ok_or(InvalidPolicy)
            })
            .collect(),
        _ => Err(InvalidPolicy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_decide_by_code() {
        let policy = Policy::parse(&json!({
            "name": "p", "maximum_capacity": 10, "retry_times": 3,
            "error_handlers": [
                {"on": "server_error", "strategy": "retry"},
                {"on": [404, 410], "strategy": "discard"},
            ],
        }))
        .unwrap();
        assert!(policy.retries(503) && !policy.retries(404) && !policy.retries(400));
        assert_eq!(policy.attempts, 3);
        assert_eq!(policy.to_json()["event_ttl"], Json::Null);
        assert_eq!(policy.created_json()["error_handlers"][0]["on"], json!({"keyword": "server_error"}));
    }

    #[test]
    fn invalid_policies() {
        let retry = json!([{"on": "any_error", "strategy": "retry"}]);
        let discard = json!([{"on": "any_error", "strategy": "discard"}]);
        let overlap = json!([
            {"on": "any_error", "strategy": "discard"}, {"on": [500], "strategy": "discard"},
        ]);
        for policy in [
            json!({"name": "@p", "maximum_capacity": 1, "error_handlers": discard}),
            json!({"name": "p", "maximum_capacity": 0, "error_handlers": discard}),
            json!({"name": "p", "maximum_capacity": 1, "error_handlers": []}),
            json!({"name": "p", "maximum_capacity": 1, "error_handlers": overlap}),
            json!({"name": "p", "maximum_capacity": 1, "error_handlers": retry}),
            json!({"name": "p", "maximum_capacity": 1, "error_handlers": discard, "retry_times": 2}),
            json!({"name": "p", "maximum_capacity": 1, "error_handlers": discard, "event_ttl": 0}),
            json!({"name": "p", "maximum_capacity": 1, "error_handlers": [{"on": [200], "strategy": "discard"}]}),
        ] {
            assert!(Policy::parse(&policy).is_err(), "{policy}");
        }
    }
}
