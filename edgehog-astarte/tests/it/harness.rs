//! A server to talk to, and the client that does.

use std::time::Duration;

use edgehog_astarte::{Client, DeviceId, HttpConfig, RealmName, SigningKey};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Match, Mock, MockBuilder, MockServer, Request, ResponseTemplate};

pub(crate) const DEVICE: &str = "2TBn-jNESuuHamE2Zo1anA";

pub(crate) fn device() -> DeviceId {
    DEVICE.parse().unwrap()
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_pem(include_str!("../keys/p256-sec1.pem")).unwrap()
}

/// Does not keep tests waiting.
pub(crate) fn impatient() -> HttpConfig {
    HttpConfig::default().backoff(Duration::from_millis(1), Duration::from_millis(5))
}

pub(crate) fn client_of(url: &str, config: HttpConfig) -> Client {
    let realm = RealmName::new("test").unwrap();
    Client::builder(url.parse().unwrap(), realm, key()).http_config(config).build().unwrap()
}

pub(crate) async fn server() -> (MockServer, Client) {
    let server = MockServer::start().await;
    let client = client_of(&server.uri(), impatient());
    (server, client)
}

/// A request with a good token that permits everything in this claim, and nothing else.
pub(crate) fn request(verb: &str, at: &str, claim: &'static str) -> MockBuilder {
    Mock::given(method(verb)).and(path(at)).and(Token { claim })
}

struct Token {
    claim: &'static str,
}

impl Match for Token {
    fn matches(&self, request: &Request) -> bool {
        let claims = claims(request);
        let permissions: Vec<_> =
            claims.as_object().unwrap().keys().filter(|k| k.starts_with("a_")).collect();
        permissions == [self.claim] && claims[self.claim] == json!([".*::.*"])
    }
}

/// The claims of the request's token, whose signature and times must be good.
pub(crate) fn claims(request: &Request) -> Value {
    let header = request.headers["authorization"].to_str().unwrap();
    let token = header.strip_prefix("Bearer ").unwrap();
    let key = DecodingKey::from_ec_pem(include_bytes!("../keys/p256.pub.pem")).unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &Validation::new(Algorithm::ES256)).unwrap().claims
}

pub(crate) fn data(data: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"data": data}))
}

pub(crate) fn error(status: u16, detail: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"errors": {"detail": detail}}))
}

pub(crate) async fn count(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}
