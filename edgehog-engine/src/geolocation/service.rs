use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{PATIENCE, ServiceError};

/// The longest answer that is read. Useful ones have a few thousand bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// A service on the network that answers in JSON and takes its key in the query.
pub(super) struct Service {
    http: reqwest::Client,
    endpoint: Cow<'static, str>,
    key_name: &'static str,
    key: SecretString,
    patience: Duration,
}

impl Service {
    pub(super) const fn new(
        http: reqwest::Client,
        endpoint: &'static str,
        key_name: &'static str,
        key: SecretString,
    ) -> Self {
        Self { http, endpoint: Cow::Borrowed(endpoint), key_name, key, patience: PATIENCE }
    }

    pub(super) fn set_endpoint(&mut self, endpoint: Url) {
        self.endpoint = Cow::Owned(endpoint.into());
    }

    pub(super) async fn get(&self, name: &str, value: &str) -> Result<Answer, ServiceError> {
        self.answer(self.http.get(self.url(Some((name, value))))).await
    }

    pub(super) async fn post(&self, body: &(impl Serialize + Sync)) -> Result<Answer, ServiceError> {
        self.answer(self.http.post(self.url(None)).json(body)).await
    }

    fn url(&self, parameter: Option<(&str, &str)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair(self.key_name, self.key.expose_secret()).extend_pairs(parameter);
        format!("{}?{}", self.endpoint, query.finish())
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Answer, ServiceError> {
        let mut response = request.timeout(self.patience).send().await?;
        let status = response.status();
        let body = read(&mut response).await?;
        match serde_json::from_slice(&body) {
            Ok(body) => Ok(Answer { status, body }),
            // A page of a proxy, say: its status tells more than its form.
            Err(_) if !status.is_success() => Err(ServiceError::Status(status.as_u16())),
            Err(error) => Err(ServiceError::Malformed(Arc::new(error))),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// What a service said. Whether it holds a result is for its body to say; the status only explains why not.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    /// The value at a JSON pointer.
    pub(super) fn get(&self, pointer: &str) -> Option<&Value> {
        self.body.pointer(pointer)
    }

    /// The number at a JSON pointer.
    pub(super) fn number(&self, pointer: &str) -> Option<f64> {
        self.get(pointer).and_then(Value::as_f64)
    }

    /// The text at a JSON pointer.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.get(pointer).and_then(Value::as_str)
    }

    /// What an answer without result means: that there is none, or that the service refuses to look.
    pub(super) fn without_result<T>(&self) -> Result<Option<T>, ServiceError> {
        if self.status.is_success() || self.status == StatusCode::NOT_FOUND {
            Ok(None)
        } else {
            Err(ServiceError::Status(self.status.as_u16()))
        }
    }
}

async fn read(response: &mut Response) -> Result<Vec<u8>, ServiceError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(ServiceError::TooLarge { limit: MAX_ANSWER });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

    use super::*;

    const KEY: &str = "secret-key";

    fn service(endpoint: &str) -> Service {
        let http = edgehog_astarte::HttpConfig::default().build_client().unwrap();
        let mut service = Service::new(http, "https://service.invalid", "key", KEY.into());
        service.set_endpoint(endpoint.parse().unwrap());
        service
    }

    async fn asked(answer: ResponseTemplate) -> Result<Answer, ServiceError> {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        service(&server.uri()).get("ip", "127.0.0.1").await
    }

    /// All that an error shows, sources included.
    fn shown(error: &ServiceError) -> String {
        let mut shown = format!("{error:?}");
        let mut next: Option<&dyn Error> = Some(error);
        while let Some(error) = next {
            shown.push_str(&format!("\n{error}"));
            next = error.source();
        }
        shown
    }

    /// What is no JSON, and what is too long, is no answer.
    #[tokio::test]
    async fn odd_answers() {
        let garbage = asked(ResponseTemplate::new(200).set_body_string("<html>")).await;
        assert!(matches!(garbage, Err(ServiceError::Malformed(_))), "{garbage:?}");
        let empty = asked(ResponseTemplate::new(200)).await;
        assert!(matches!(empty, Err(ServiceError::Malformed(_))), "{empty:?}");
        let page = asked(ResponseTemplate::new(502).set_body_string("<html>")).await;
        assert!(matches!(page, Err(ServiceError::Status(502))), "{page:?}");
        let huge = format!("[{}]", " ".repeat(MAX_ANSWER));
        let huge = asked(ResponseTemplate::new(200).set_body_string(huge)).await;
        assert!(matches!(huge, Err(ServiceError::TooLarge { limit: MAX_ANSWER })), "{huge:?}");
        let large = format!("[{}]", " ".repeat(MAX_ANSWER - 2));
        asked(ResponseTemplate::new(200).set_body_string(large)).await.unwrap();
    }

    /// The key must not follow a redirect to another host.
    #[tokio::test]
    async fn redirects_are_not_followed() {
        let elsewhere = MockServer::start().await;
        let redirect = ResponseTemplate::new(302).insert_header("location", elsewhere.uri());
        let answer = asked(redirect).await;
        assert!(matches!(answer, Err(ServiceError::Status(302))), "{answer:?}");
        assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
    }

    /// A service that does not answer in time is unreachable.
    #[tokio::test]
    async fn a_slow_service_is_unreachable() {
        let server = MockServer::start().await;
        let never = ResponseTemplate::new(200).set_delay(Duration::from_secs(3600));
        Mock::given(any()).respond_with(never).mount(&server).await;
        let service = Service { patience: Duration::from_millis(20), ..service(&server.uri()) };
        let error = service.post(&()).await.unwrap_err();
        assert!(matches!(&error, ServiceError::Unreachable(source) if source.is_timeout()), "{error:?}");
        assert!(!shown(&error).contains(KEY), "{}", shown(&error));
    }

    /// Without a connection, or without even an address, the error shows neither the key nor the URL.
    #[tokio::test]
    async fn errors_do_not_show_the_key() {
        for endpoint in ["http://127.0.0.1:1", "mailto:nobody"] {
            let error = service(endpoint).get("ip", "127.0.0.1").await.unwrap_err();
            assert!(matches!(error, ServiceError::Unreachable(_)), "{error:?}");
            assert!(!shown(&error).contains(KEY), "{}", shown(&error));
        }
    }
}
