//! Sessions of the forwarder.

use edgehog_engine::ForwarderConfig;
use edgehog_server::Settings;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::records::{errors, global_id, key};
use crate::{DEVICE, Server};

const REQUEST: &str = "mutation ($id: ID!) { requestForwarderSession(input: { deviceId: $id }) }";

const SESSION: &str = "query ($id: ID!, $token: String!) { forwarderSession(deviceId: $id, token: $token) {
    id token status forwarderHostname forwarderPort secure
} }";

/// A server that knows one device, and its Astarte, which knows these sessions.
struct Plant {
    astarte: MockServer,
    server: Server,
    device: String,
}

impl Plant {
    async fn new(enabled: bool, event: &str) -> Self {
        let astarte = MockServer::start().await;
        let forwarder = enabled.then(|| ForwarderConfig::new("forwarder.example", 4001, false).unwrap());
        let server =
            Server::with(&astarte.uri(), Settings::default(), |engine| engine.forwarder(forwarder)).await;
        assert_eq!(server.event(json!({ "type": event })).await, 200);
        let answer = server.query("{ devices { edges { node { id } } } }").await;
        let device = answer["data"]["devices"]["edges"][0]["node"]["id"].as_str().unwrap().to_owned();
        Self { astarte, server, device }
    }

    /// Has Astarte know these sessions, and answer requests for others like this.
    async fn with_sessions(&self, sessions: Value, status: u16) {
        self.astarte.reset().await;
        let interfaces = format!("/appengine/v1/plantone/devices/{DEVICE}/interfaces/");
        let states = format!("{interfaces}io.edgehog.devicemanager.ForwarderSessionState");
        let states = Mock::given(method("GET")).and(path_regex(format!("^{states}")));
        states
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "data": sessions })))
            .mount(&self.astarte)
            .await;
        let request = format!("{interfaces}io.edgehog.devicemanager.ForwarderSessionRequest/request");
        let answer = ResponseTemplate::new(status).set_body_json(json!({ "data": {} }));
        Mock::given(method("POST")).and(path(request)).respond_with(answer).mount(&self.astarte).await;
    }

    /// What was sent to the device.
    async fn sent(&self) -> Vec<Value> {
        let requests = self.astarte.received_requests().await.unwrap();
        let posts = requests.iter().filter(|request| request.method.as_str() == "POST");
        posts.map(|request| request.body_json().unwrap()).collect()
    }

    async fn ask(&self, document: &str, variables: Value) -> Value {
        self.server.query_with(document, variables).await
    }
}

/// Where the forwarder is, or that there is none.
#[tokio::test]
async fn the_forwarder_is_told() {
    let document = "{ forwarderConfig { id hostname port secureSessions __typename } }";
    let enabled = Plant::new(true, "device_registered").await;
    let config = json!({
        "id": "Zm9yd2FyZGVyX2NvbmZpZzpmb3J3YXJkZXIuZXhhbXBsZX40MDAx", "hostname": "forwarder.example",
        "port": 4001, "secureSessions": false, "__typename": "ForwarderConfig",
    });
    assert_eq!(enabled.ask(document, json!({})).await, json!({ "data": { "forwarderConfig": config } }));
    let disabled = Plant::new(false, "device_registered").await;
    assert_eq!(disabled.ask(document, json!({})).await, json!({ "data": { "forwarderConfig": null } }));
}

/// A session that is there is used, a connected one first; else the device is asked for one.
#[tokio::test]
async fn a_session_is_requested() {
    let plant = Plant::new(true, "device_connected").await;
    let raw = key(&plant.device).to_string();
    let sessions = json!({ "t1": { "status": "Connecting" }, "t2": { "status": "Connected" } });
    plant.with_sessions(sessions, 500).await;
    for id in [&plant.device, &raw] {
        let answer = plant.ask(REQUEST, json!({ "id": id })).await;
        assert_eq!(answer, json!({ "data": { "requestForwarderSession": "t2" } }));
    }
    assert!(plant.sent().await.is_empty());
    plant.with_sessions(json!({}), 200).await;
    let answer = plant.ask(REQUEST, json!({ "id": plant.device })).await;
    let token = answer["data"]["requestForwarderSession"].as_str().unwrap();
    assert_eq!(token.parse::<uuid::Uuid>().unwrap().get_version_num(), 4);
    let sent = json!({ "data": {
        "session_token": token, "host": "forwarder.example", "port": 4001, "secure": false,
    } });
    assert_eq!(plant.sent().await, [sent]);
}

/// Why there is no session, once, and that the answer is null.
#[tokio::test]
async fn sessions_are_refused() {
    let online = Plant::new(true, "device_connected").await;
    let offline = Plant::new(true, "device_registered").await;
    let disabled = Plant::new(false, "device_connected").await;
    let disabled_offline = Plant::new(false, "device_registered").await;
    let absent = global_id("device", 999_999);
    for plant in [&online, &offline, &disabled, &disabled_offline] {
        plant.with_sessions(json!({}), 404).await;
    }
    for (plant, id, code, fields) in [
        (&online, &absent, "not_found", json!(["id"])),
        (&online, &global_id("tag", 1), "not_found", json!(["id"])),
        (&online, &online.device, "astarte_api_error", json!([])),
        (&offline, &offline.device, "invalid_argument", json!(["device_id"])),
        (&disabled, &disabled.device, "not_found", json!([])),
        (&disabled_offline, &disabled_offline.device, "not_found", json!([])),
    ] {
        let answer = plant.ask(REQUEST, json!({ "id": id })).await;
        assert_eq!(answer["data"], Value::Null, "{answer}");
        assert!(answer.as_object().unwrap().contains_key("data"), "{answer}");
        assert_eq!(errors(&answer).len(), 1, "{answer}");
        assert_eq!(
            (&answer["errors"][0]["code"], &answer["errors"][0]["fields"]),
            (&json!(code), &fields),
            "{answer}"
        );
    }
    // A session that is there is used even if there is no forwarder any more.
    disabled.with_sessions(json!({ "t1": { "status": "Connected" } }), 500).await;
    let answer = disabled.ask(REQUEST, json!({ "id": disabled.device })).await;
    assert_eq!(answer["data"]["requestForwarderSession"], "t1", "{answer}");
}

/// A session is shown with the forwarder of today, while the device keeps it.
#[tokio::test]
async fn a_session_is_shown_while_it_lasts() {
    let plant = Plant::new(true, "device_connected").await;
    let sessions = json!({ "t1": { "status": "Connecting" }, "t2": { "status": "Connected" } });
    plant.with_sessions(sessions, 500).await;
    let session = |id: &str, token: &str, status: &str| {
        json!({
            "id": id, "token": token, "status": status, "forwarderHostname": "forwarder.example",
            "forwarderPort": 4001, "secure": false,
        })
    };
    let raw = key(&plant.device).to_string();
    for (id, token, expected) in [
        (&plant.device, "t1", session("Zm9yd2FyZGVyX3Nlc3Npb246dDE=", "t1", "CONNECTING")),
        (&raw, "t2", session("Zm9yd2FyZGVyX3Nlc3Npb246dDI=", "t2", "CONNECTED")),
        (&plant.device, "t3", Value::Null),
        (&plant.device, "", Value::Null),
    ] {
        let answer = plant.ask(SESSION, json!({ "id": id, "token": token })).await;
        assert_eq!(answer, json!({ "data": { "forwarderSession": expected } }), "{token}");
    }
    let absent = plant.ask(SESSION, json!({ "id": global_id("device", 999_999), "token": "t1" })).await;
    assert_eq!(errors(&absent), ["not_found [id] could not be found @ forwarderSession"]);
    assert_eq!(absent["data"], json!({ "forwarderSession": null }));
    for (enabled, event) in [(true, "device_registered"), (false, "device_connected")] {
        let plant = Plant::new(enabled, event).await;
        plant.with_sessions(json!({ "t1": { "status": "Connected" } }), 500).await;
        let answer = plant.ask(SESSION, json!({ "id": plant.device, "token": "t1" })).await;
        assert_eq!(answer, json!({ "data": { "forwarderSession": null } }), "{enabled} {event}");
        assert!(plant.astarte.received_requests().await.unwrap().is_empty(), "{enabled} {event}");
    }
}
