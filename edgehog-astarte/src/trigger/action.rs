use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What Astarte does when a trigger fires.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Action {
    /// An HTTP request.
    Http(HttpAction),
    /// A message to the installation's own AMQP broker.
    Amqp(AmqpAction),
}

impl From<HttpAction> for Action {
    fn from(action: HttpAction) -> Self {
        Self::Http(action)
    }
}

impl From<AmqpAction> for Action {
    fn from(action: AmqpAction) -> Self {
        Self::Amqp(action)
    }
}

/// An HTTP request with the event as its body.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "HttpActionForm")]
pub struct HttpAction {
    /// Where to, at most 8192 characters.
    #[serde(rename = "http_url")]
    pub url: String,
    /// The method.
    #[serde(rename = "http_method")]
    pub method: HttpMethod,
    /// Headers to add.
    #[serde(rename = "http_static_headers", skip_serializing_if = "BTreeMap::is_empty")]
    pub static_headers: BTreeMap<String, String>,
    /// Whether any certificate of the receiver will do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_ssl_errors: bool,
    /// How to render the body; JSON without.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
}

/// A text from which the body is rendered.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "template_type", content = "template", rename_all = "snake_case")]
pub enum Template {
    /// Mustache, at most 1 MiB.
    Mustache(String),
}

/// The method of an HTTP action.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum HttpMethod {
    Delete,
    Get,
    Head,
    Options,
    Patch,
    Post,
    Put,
}

impl HttpAction {
    /// A request with JSON body.
    pub fn new(method: HttpMethod, url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            method,
            static_headers: BTreeMap::new(),
            ignore_ssl_errors: false,
            template: None,
        }
    }

    /// A POST request with JSON body.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(HttpMethod::Post, url)
    }

    /// Adds a header.
    #[must_use]
    pub fn static_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.static_headers.insert(name.into(), value.into());
        self
    }

    /// Accepts any certificate of the receiver.
    #[must_use]
    pub fn ignore_ssl_errors(mut self, ignore: bool) -> Self {
        self.ignore_ssl_errors = ignore;
        self
    }

    /// Renders the body from a template.
    #[must_use]
    pub fn template(mut self, template: Template) -> Self {
        self.template = Some(template);
        self
    }
}

/// All forms in which an HTTP action is printed, the legacy one included.
#[derive(Deserialize)]
struct HttpActionForm {
    http_url: Option<String>,
    http_method: Option<HttpMethod>,
    http_post_url: Option<String>,
    http_static_headers: Option<BTreeMap<String, String>>,
    ignore_ssl_errors: Option<bool>,
    template: Option<String>,
    template_type: Option<String>,
}

impl TryFrom<HttpActionForm> for HttpAction {
    type Error = &'static str;

    fn try_from(form: HttpActionForm) -> Result<Self, Self::Error> {
        let (url, method) = match (form.http_url, form.http_method, form.http_post_url) {
            (Some(url), Some(method), None) => (url, method),
            (None, None, Some(url)) => (url, HttpMethod::Post),
            _ => return Err("an HTTP action has http_url and http_method, or http_post_url"),
        };
        let template = match (form.template, form.template_type.as_deref()) {
            (None, None) => None,
            (Some(text), Some("mustache")) => Some(Template::Mustache(text)),
            _ => return Err("template and template_type do not fit"),
        };
        Ok(Self {
            url,
            method,
            static_headers: form.http_static_headers.unwrap_or_default(),
            ignore_ssl_errors: form.ignore_ssl_errors.unwrap_or_default(),
            template,
        })
    }
}

/// A protobuf message to the installation's own AMQP broker.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AmqpAction {
    /// The exchange, `astarte_events_<realm>_<name>`.
    #[serde(rename = "amqp_exchange")]
    pub exchange: String,
    /// The routing key, without braces.
    #[serde(rename = "amqp_routing_key")]
    pub routing_key: String,
    /// Whether the message survives a restart of the broker.
    #[serde(rename = "amqp_message_persistent")]
    pub persistent: bool,
    /// How long the message lives, in milliseconds, above zero.
    #[serde(rename = "amqp_message_expiration_ms")]
    pub expiration_ms: u64,
    /// From 0 to 9.
    #[serde(rename = "amqp_message_priority", default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Headers to add.
    #[serde(rename = "amqp_static_headers", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub static_headers: BTreeMap<String, String>,
}

impl AmqpAction {
    /// A message that does not survive a restart of the broker.
    pub fn new(exchange: impl Into<String>, routing_key: impl Into<String>, expiration_ms: u64) -> Self {
        Self {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            persistent: false,
            expiration_ms,
            priority: None,
            static_headers: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn actions_are_written_as_documented() {
        let http = HttpAction::post("https://x/t")
            .static_header("x-key", "1")
            .template(Template::Mustache("{{value}}".into()));
        assert_eq!(
            serde_json::to_value(Action::from(http.clone())).unwrap(),
            json!({
                "http_url": "https://x/t", "http_method": "post", "http_static_headers": {"x-key": "1"},
                "template_type": "mustache", "template": "{{value}}"
            })
        );
        assert_eq!(
            serde_json::to_value(Action::from(HttpAction::new(HttpMethod::Put, "https://x"))).unwrap(),
            json!({"http_url": "https://x", "http_method": "put"})
        );
        let amqp = AmqpAction::new("astarte_events_test_x", "key", 1000);
        assert_eq!(
            serde_json::to_value(Action::from(amqp.clone())).unwrap(),
            json!({
                "amqp_exchange": "astarte_events_test_x", "amqp_routing_key": "key",
                "amqp_message_persistent": false, "amqp_message_expiration_ms": 1000
            })
        );
        for action in [Action::from(http), Action::from(amqp)] {
            let json = serde_json::to_value(&action).unwrap();
            assert_eq!(serde_json::from_value::<Action>(json).unwrap(), action);
        }
    }

    #[test]
    fn incomplete_actions_are_refused() {
        for json in [
            json!({}),
            json!({"http_url": "https://x"}),
            json!({"http_method": "post"}),
            json!({"http_url": "https://x", "http_method": "POST"}),
            json!({"http_url": "https://x", "http_method": "post", "template": "x"}),
            json!({"http_url": "https://x", "http_method": "post", "template": "x", "template_type": "erb"}),
        ] {
            assert!(serde_json::from_value::<Action>(json.clone()).is_err(), "{json}");
        }
    }
}
