//! What becomes of a query when Astarte is in trouble: what cannot be read is null, the device never fails.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{DEVICE, Server};

const TELEMETRY: &str = "{ devices { edges { node {
    online capabilities
    hardwareInfo { cpuArchitecture memoryTotalBytes }
    osInfo { name } again: osInfo { version }
    storageUsage { label totalBytes }
    systemStatus { timestamp }
    cellularConnection { slot }
} } } }";

/// A server whose Astarte answers every read with `template`, and knows one device.
async fn with_answers(template: ResponseTemplate) -> (MockServer, Server) {
    let astarte = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path_regex("^/appengine/v1/plantone/"))
        .respond_with(template)
        .mount(&astarte)
        .await;
    let server = Server::with_astarte(&astarte.uri()).await;
    assert_eq!(server.event(json!({ "type": "device_connected" })).await, 200);
    (astarte, server)
}

fn unreadable() -> Value {
    json!({ "data": { "devices": { "edges": [{ "node": {
        "online": true, "capabilities": [], "hardwareInfo": null, "osInfo": null, "again": null,
        "storageUsage": null, "systemStatus": null, "cellularConnection": null,
    } }] } } })
}

/// Unknown device, refused token, nonsense in every form: null without error.
#[tokio::test]
async fn what_cannot_be_read_is_null() {
    let templates = [
        ResponseTemplate::new(404).set_body_json(json!({ "errors": { "detail": "Device not found" } })),
        ResponseTemplate::new(403).set_body_json(json!({ "errors": { "detail": "Forbidden" } })),
        ResponseTemplate::new(500).set_body_string("<html>Internal Server Error</html>"),
        ResponseTemplate::new(200).set_body_string("nonsense"),
        ResponseTemplate::new(200).set_body_json(json!({ "data": 7 })),
        ResponseTemplate::new(302).insert_header("location", "https://elsewhere.example"),
    ];
    // Side by side, as some are worth another try to the client, after a pause.
    join_all(templates.map(|template| async move {
        let (_astarte, server) = with_answers(template.clone()).await;
        assert_eq!(server.query(TELEMETRY).await, unreadable(), "{template:?}");
    }))
    .await;
}

#[tokio::test]
async fn an_unreachable_astarte_is_null() {
    let server = Server::start().await;
    assert_eq!(server.event(json!({ "type": "device_connected" })).await, 200);
    assert_eq!(server.query(TELEMETRY).await, unreadable());
}

/// Nobody waits for ever: an Astarte that does not answer holds up a query for a bounded time.
#[tokio::test]
async fn a_silent_astarte_is_null() {
    let (_astarte, server) =
        with_answers(ResponseTemplate::new(200).set_delay(Duration::from_mins(10))).await;
    assert_eq!(
        server.query("{ devices { edges { node { osInfo { name } } } } }").await,
        json!({
            "data": { "devices": { "edges": [{ "node": { "osInfo": null } }] } },
        })
    );
}

/// An interface that was never written is an object of nulls, or an empty list.
#[tokio::test]
async fn nothing_told_yet_is_not_unreadable() {
    let (_astarte, server) =
        with_answers(ResponseTemplate::new(200).set_body_json(json!({ "data": {} }))).await;
    let answer = server.query(TELEMETRY).await;
    let device = &answer["data"]["devices"]["edges"][0]["node"];
    assert_eq!(device["osInfo"], json!({ "name": null }));
    assert_eq!(device["storageUsage"], json!([]));
    assert_eq!(device["systemStatus"], Value::Null);
}

/// However often a document asks for it, an interface is read once for each device, and not at all if not asked for.
#[tokio::test]
async fn an_interface_is_read_once_in_a_request() {
    let (astarte, server) = with_answers(ResponseTemplate::new(404)).await;
    let before = astarte.received_requests().await.unwrap().len();
    server.query("{ devices { edges { node { deviceId lastSeenIp } } } }").await;
    assert_eq!(astarte.received_requests().await.unwrap().len(), before);
    let twice = "{ a: devices { edges { node { osInfo { name } x: osInfo { version } } } }
                   b: devices { edges { node { osInfo { name } } } } }";
    server.query(twice).await;
    assert_eq!(astarte.received_requests().await.unwrap().len(), before + 1);
}

/// The status of a device is read when it is first heard of, and its word counts.
#[tokio::test]
async fn a_new_device_gets_its_true_state_from_one_event() {
    let status = json!({ "data": {
        "id": DEVICE, "connected": false,
        "last_connection": "2026-01-02T03:04:05.678Z", "last_disconnection": "2026-01-02T04:00:00.000Z",
        "last_seen_ip": "203.0.113.9", "introspection": {},
    } });
    let (_astarte, server) = with_answers(ResponseTemplate::new(200).set_body_json(status)).await;
    let answer = server.query("{ devices { edges { node { online lastDisconnection lastSeenIp } } } }").await;
    assert_eq!(
        answer["data"]["devices"]["edges"][0]["node"],
        json!({
            "online": false, "lastDisconnection": "2026-01-02T04:00:00Z", "lastSeenIp": "203.0.113.9",
        })
    );
}

/// Events do not wait for an Astarte that is away: after one failure new devices are read about later.
#[tokio::test]
async fn one_failure_is_enough_for_a_while() {
    let (astarte, server) = with_answers(ResponseTemplate::new(500)).await;
    let asked = astarte.received_requests().await.unwrap().len();
    assert!(asked > 0);
    for n in 0..5 {
        let body = json!({
            "device_id": format!("another-{n}"), "timestamp": "2026-01-02T03:04:05Z",
            "event": { "type": "device_connected" },
        });
        assert_eq!(server.deliver(body.to_string()).await.status(), 200);
    }
    assert_eq!(server.device_count().await, 6);
    assert_eq!(astarte.received_requests().await.unwrap().len(), asked);
}
