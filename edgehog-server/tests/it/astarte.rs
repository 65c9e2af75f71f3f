//! What becomes of a query when Astarte is in trouble: what cannot be read is null, the device never fails.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{any, method, path_regex};
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
        ResponseTemplate::new(401).set_body_json(json!({ "errors": { "detail": "Unauthorized" } })),
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

/// How a server takes part in HTTP that has no part in it.
#[derive(Clone, Copy, Debug)]
struct Oddity {
    begins: &'static str,
    /// What it goes on with for ever, and how often; without, it hangs up.
    goes_on: Option<(&'static str, Duration)>,
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"data\": ";

/// In the order: silent, hanging up, cut off, no HTTP, dripping, flooding, never done with its head.
const ODDITIES: [Oddity; 7] = [
    Oddity { begins: "", goes_on: Some(("", Duration::from_secs(1))) },
    Oddity { begins: "", goes_on: None },
    Oddity { begins: OK, goes_on: None },
    Oddity { begins: "220 mail.example ESMTP\r\n", goes_on: None },
    Oddity { begins: OK, goes_on: Some((" ", Duration::from_millis(20))) },
    Oddity { begins: OK, goes_on: Some((FLOOD, Duration::ZERO)) },
    Oddity { begins: "HTTP/1.1 200 OK\r\n", goes_on: Some(("x-more: and more\r\n", Duration::ZERO)) },
];

/// 4 KiB of nothing.
const FLOOD: &str = match str::from_utf8(&[b' '; 4096]) {
    Ok(text) => text,
    Err(_) => "",
};

impl Oddity {
    /// Serves every connection in this way, at the URL that this gives.
    async fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(self.talk(connection));
            }
        });
        url
    }

    async fn talk(self, mut connection: TcpStream) -> std::io::Result<()> {
        let _ = connection.read(&mut [0; 16 * 1024]).await?;
        connection.write_all(self.begins.as_bytes()).await?;
        let Some((more, pause)) = self.goes_on else { return Ok(()) };
        loop {
            connection.write_all(more.as_bytes()).await?;
            tokio::time::sleep(pause).await;
        }
    }
}

const BLINK: &str = "mutation ($id: ID!) {
    setDeviceLedBehavior(id: $id, input: { behavior: BLINK }) { result { deviceId } }
}";

/// Whatever answers in Astarte's place, devices are shown with what the database knows, events are taken in, and a command
/// that was not taken says so.
#[tokio::test]
async fn whatever_answers_is_survived() {
    join_all(ODDITIES.map(|oddity| async move {
        let server = Server::with_astarte(&oddity.serve().await).await;
        assert_eq!(server.event(json!({ "type": "device_connected" })).await, 200, "{oddity:?}");
        assert_eq!(server.query(TELEMETRY).await, unreadable(), "{oddity:?}");
        let answer = server.query("{ devices { edges { node { id } } } }").await;
        let id = &answer["data"]["devices"]["edges"][0]["node"]["id"];
        let answer = server.query_with(BLINK, json!({ "id": id })).await;
        if oddity.begins == OK && oddity.goes_on.is_none() {
            // It ends, and its status is good: what it says beside that does not matter.
            assert_eq!(answer["data"]["setDeviceLedBehavior"]["result"]["deviceId"], DEVICE, "{answer}");
        } else {
            assert_eq!(answer["data"], json!({ "setDeviceLedBehavior": null }), "{oddity:?}");
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains("error id"), "{oddity:?} {answer}");
        }
        assert_eq!(server.event(json!({ "type": "device_disconnected" })).await, 200, "{oddity:?}");
    }))
    .await;
}

/// The realm's token is for Astarte alone: wherever a redirect leads, nothing follows it.
#[tokio::test]
async fn redirects_lead_nowhere() {
    let elsewhere = MockServer::start().await;
    for status in [301, 302, 303, 307, 308] {
        let astarte = MockServer::start().await;
        let away = ResponseTemplate::new(status).insert_header("location", elsewhere.uri().as_str());
        Mock::given(any()).respond_with(away).mount(&astarte).await;
        let server = Server::with_astarte(&astarte.uri()).await;
        assert_eq!(server.event(json!({ "type": "device_connected" })).await, 200);
        let answer = server.query("{ devices { edges { node { id osInfo { name } } } } }").await;
        let node = &answer["data"]["devices"]["edges"][0]["node"];
        assert_eq!(node["osInfo"], Value::Null, "{status}");
        let answer = server.query_with(BLINK, json!({ "id": node["id"] })).await;
        let short = &answer["errors"][0]["short_message"];
        assert_eq!(short, &format!("Astarte API Error (status {status})"), "{answer}");
        assert!(astarte.received_requests().await.unwrap().len() >= 3);
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}
