//! Orders to a device, as they arrive at AppEngine.

use std::sync::Arc;

use edgehog_astarte::{Client, RealmName, SigningKey};
use edgehog_engine::sdk::Device;
use edgehog_engine::sdk::interfaces::{ForwarderSessionRequest, Led, LedBehavior, LedPattern};
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::key_pair;

async fn device(path_of_order: &str, body: &Value) -> (MockServer, Device) {
    let server = MockServer::start().await;
    let route = format!("/appengine/v1/test/devices/d1/interfaces/io.edgehog.devicemanager.{path_of_order}");
    Mock::given(method("POST"))
        .and(path(route))
        .and(body_json(body))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"data": null})))
        .expect(1)
        .mount(&server)
        .await;
    let realm = RealmName::new("test").unwrap();
    let key = SigningKey::from_pem(&key_pair().serialize_pem()).unwrap();
    let client = Client::builder(server.uri().parse().unwrap(), realm, key).build().unwrap();
    (server, Device::new(Arc::new(client), "d1".parse().unwrap()))
}

/// One text for each pattern, to the one light.
#[tokio::test]
async fn led_patterns() {
    for (behavior, text) in [
        (LedPattern::Blink, "Blink60Seconds"),
        (LedPattern::DoubleBlink, "DoubleBlink60Seconds"),
        (LedPattern::SlowBlink, "SlowBlink60Seconds"),
    ] {
        let (_server, device) = device("LedBehavior/indicator/behavior", &json!({ "data": text })).await;
        device.send(&LedBehavior { led: Led::Indicator, behavior }).await.unwrap();
    }
}

/// The one interface whose members are in snake_case.
#[tokio::test]
async fn forwarder_session_request() {
    let data = json!({"session_token": "t1", "host": "forwarder.example", "port": 443, "secure": true});
    let (_server, device) = device("ForwarderSessionRequest/request", &json!({ "data": data })).await;
    let request = ForwarderSessionRequest {
        session_token: "t1".into(),
        port: 443,
        host: "forwarder.example".into(),
        secure: true,
    };
    device.send(&request).await.unwrap();
}
