use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use edgehog_astarte::{AppEngine as _, Error, HttpConfig, Middleware, Next};
use http::{HeaderValue, Request, Response};
use serde_json::json;
use wiremock::matchers::{any, body_json, header, header_exists};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{DEVICE, client_of, count, data, device, error, impatient};

/// Notes what passes, under its name, and adds a header.
struct Witness(&'static str, Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Middleware for Witness {
    async fn handle(&self, mut request: Request<Bytes>, next: Next<'_>) -> Result<Response<Bytes>, Error> {
        assert!(request.headers()["authorization"].is_sensitive());
        self.1.lock().unwrap().push(format!("{} asks {}", self.0, request.method()));
        request.headers_mut().insert(self.0, HeaderValue::from_static("here"));
        let response = next.run(request).await?;
        self.1.lock().unwrap().push(format!("{} hears {}", self.0, response.status().as_u16()));
        Ok(response)
    }
}

/// There is no answer the first few times.
struct Broken(AtomicUsize);

#[async_trait]
impl Middleware for Broken {
    async fn handle(&self, request: Request<Bytes>, next: Next<'_>) -> Result<Response<Bytes>, Error> {
        if self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(Error::Unreachable { endpoint: "here".to_owned(), source: "on purpose".into() });
        }
        next.run(request).await
    }
}

async fn client_with(server: &MockServer, config: HttpConfig) -> edgehog_astarte::Client {
    client_of(&server.uri(), config)
}

/// The first one is the outermost; each sees every attempt, the answers that are errors too.
#[tokio::test]
async fn each_attempt_passes_all_in_order() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(error(503, "later")).up_to_n_times(1).mount(&server).await;
    Mock::given(header("outer", "here"))
        .and(header("inner", "here"))
        .respond_with(data(json!({"id": DEVICE})))
        .mount(&server)
        .await;
    let seen = Arc::default();
    let config = impatient().middleware(Witness("outer", Arc::clone(&seen)));
    let client = client_with(&server, config.middleware(Witness("inner", Arc::clone(&seen)))).await;
    assert_eq!(client.device_status(&device()).await.unwrap().id, device());
    let attempt = |status: u16| {
        ["outer asks GET", "inner asks GET"]
            .map(str::to_owned)
            .into_iter()
            .chain(["inner", "outer"].map(|name| format!("{name} hears {status}")))
    };
    assert_eq!(*seen.lock().unwrap(), attempt(503).chain(attempt(200)).collect::<Vec<_>>());
}

/// Bodies and errors are what they are without a middleware; a request without body has none.
#[tokio::test]
async fn requests_and_answers_stay_what_they_are() {
    let server = MockServer::start().await;
    Mock::given(header_exists("content-length"))
        .and(body_json(json!({"data": 7})))
        .respond_with(data(json!(7)))
        .mount(&server)
        .await;
    Mock::given(any()).respond_with(error(404, "Device not found")).mount(&server).await;
    let client = client_with(&server, impatient().middleware(Witness("w", Arc::default()))).await;
    client.set_property(&device(), "a.B", "/x", &json!(7)).await.unwrap();
    let absent = client.device_status(&device()).await.unwrap_err();
    assert!(matches!(absent, Error::DeviceNotFound(_)), "{absent:?}");
    let requests = server.received_requests().await.unwrap();
    assert!(!requests[1].headers.contains_key("content-length"));
}

/// A refused token is replaced, and answers have their limit.
#[tokio::test]
async fn tokens_and_limits_hold() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(error(403, "Forbidden")).up_to_n_times(1).mount(&server).await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 2000]))
        .mount(&server)
        .await;
    let config = impatient().max_reply_bytes(1000).middleware(Witness("w", Arc::default()));
    let result = client_with(&server, config).await.device_status(&device()).await;
    assert!(matches!(result, Err(Error::ReplyTooLarge { limit: 1000, .. })), "{result:?}");
    assert_eq!(count(&server).await, 2);
}

/// Of an error the status counts, however long its body is.
#[tokio::test]
async fn a_long_error_is_still_told_by_its_status() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(error(404, "Device not found")).mount(&server).await;
    let config = impatient().max_reply_bytes(10).middleware(Witness("w", Arc::default()));
    let absent = client_with(&server, config).await.device_status(&device()).await.unwrap_err();
    assert!(matches!(absent, Error::DeviceNotFound(_)), "{absent:?}");
}

/// What a middleware ends with is treated as the attempt would be: reads are repeated, messages never.
#[tokio::test]
async fn failures_are_repeated_where_that_is_safe() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(data(json!({"id": DEVICE}))).mount(&server).await;
    let broken = || Broken(AtomicUsize::new(2));
    let client = client_with(&server, impatient().middleware(broken())).await;
    client.device_status(&device()).await.unwrap();
    assert_eq!(count(&server).await, 1);

    let client = client_with(&server, impatient().middleware(broken())).await;
    let lost = client.send_datastream(&device(), "a.B", "/x", &json!(1)).await.unwrap_err();
    assert!(matches!(lost, Error::Unreachable { .. }), "{lost:?}");
    assert_eq!(count(&server).await, 1);

    // So is what the real way ends with: nobody listens there.
    let nowhere = client_of("http://127.0.0.1:9", impatient().middleware(Witness("w", Arc::default())));
    let error = nowhere.device_status(&device()).await.unwrap_err();
    let Error::Unreachable { source, .. } = error else { panic!("{error:?}") };
    assert!(source.is::<reqwest::Error>());
}
