//! The light of a device.

use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::records::{connect, global_id, refused};
use crate::{DEVICE, Server};

const BLINK: &str = "mutation ($id: ID!, $behavior: DeviceLedBehavior!) {
    setDeviceLedBehavior(id: $id, input: { behavior: $behavior }) { result { deviceId online } errors { code } }
}";

/// A server that knows one device, and its Astarte.
async fn plant() -> (MockServer, Server, String) {
    let astarte = MockServer::start().await;
    let server = Server::with_astarte(&astarte.uri()).await;
    assert_eq!(server.event(json!({ "type": "device_registered" })).await, 200);
    let answer = server.query("{ devices { edges { node { id } } } }").await;
    let id = answer["data"]["devices"]["edges"][0]["node"]["id"].as_str().unwrap().to_owned();
    (astarte, server, id)
}

async fn answers(astarte: &MockServer, template: ResponseTemplate) {
    astarte.reset().await;
    Mock::given(method("POST")).respond_with(template).mount(astarte).await;
}

/// Each pattern has its word in Astarte. Whether the device is online, or can blink at all, does not matter.
#[tokio::test]
async fn a_light_blinks() {
    let (astarte, server, id) = plant().await;
    let path_of = format!(
        "/appengine/v1/plantone/devices/{DEVICE}/interfaces/io.edgehog.devicemanager.LedBehavior/indicator/behavior"
    );
    for (behavior, word) in [
        ("BLINK", "Blink60Seconds"),
        ("DOUBLE_BLINK", "DoubleBlink60Seconds"),
        ("SLOW_BLINK", "SlowBlink60Seconds"),
    ] {
        astarte.reset().await;
        Mock::given(path(&path_of))
            .and(method("POST"))
            .and(body_json(json!({ "data": word })))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "data": word })))
            .expect(1)
            .mount(&astarte)
            .await;
        let result = server.done(BLINK, json!({ "id": id, "behavior": behavior })).await;
        assert_eq!(result, json!({ "deviceId": DEVICE, "online": false }), "{behavior}");
    }
}

/// What Astarte refuses is told with its status: only 200 is a success.
#[tokio::test]
async fn refusals_are_told_with_their_status() {
    let (astarte, server, id) = plant().await;
    for (status, detail) in
        [(404, "Device not found"), (403, "Forbidden"), (422, "Unexpected value"), (405, "Cannot write")]
    {
        let body = json!({ "errors": { "detail": detail } });
        answers(&astarte, ResponseTemplate::new(status).set_body_json(body)).await;
        let answer = server.query_with(BLINK, json!({ "id": id, "behavior": "BLINK" })).await;
        assert_eq!(answer["data"], json!({ "setDeviceLedBehavior": null }));
        let error = &answer["errors"][0];
        assert_eq!((&error["code"], &error["fields"]), (&json!("astarte_api_error"), &json!([])), "{answer}");
        assert_eq!(error["short_message"], format!("Astarte API Error (status {status})"));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&status.to_string()) && message.contains(detail), "{message}");
    }
}

/// An Astarte that does not answer is our trouble; of the details only a number is told.
#[tokio::test]
async fn an_absent_astarte_is_told_of() {
    let server = Server::start().await;
    assert_eq!(server.event(json!({ "type": "device_registered" })).await, 200);
    let answer = server.query("{ devices { edges { node { id } } } }").await;
    let id = &answer["data"]["devices"]["edges"][0]["node"]["id"];
    let answer = server.query_with(BLINK, json!({ "id": id, "behavior": "BLINK" })).await;
    assert_eq!(answer["data"], json!({ "setDeviceLedBehavior": null }));
    let error = &answer["errors"][0];
    assert!(error["message"].as_str().unwrap().contains("error id"), "{answer}");
    assert_eq!((&error["fields"], error["short_message"].is_string()), (&json!([]), true), "{answer}");
    assert!(!answer.to_string().contains("127.0.0.1"), "{answer}");
}

/// What is no device, or no pattern, does not reach Astarte.
#[tokio::test]
async fn wrong_requests_reach_nobody() {
    let (astarte, server, id) = plant().await;
    astarte.reset().await;
    let absent =
        server.query_with(BLINK, json!({ "id": global_id("device", 999_999), "behavior": "BLINK" })).await;
    assert_eq!(refused(&absent), ["not_found [id] could not be found @ setDeviceLedBehavior.input.id"]);
    for behavior in [json!("GLOW"), json!("blink"), Value::Null, json!(7)] {
        let answer = server.query_with(BLINK, json!({ "id": id, "behavior": behavior })).await;
        assert!(answer["errors"][0]["message"].is_string() && answer.get("data").is_none(), "{answer}");
        assert_eq!(answer["errors"][0]["fields"], json!([]), "{answer}");
    }
    assert!(astarte.received_requests().await.unwrap().is_empty());
    // A device that Astarte itself could not have.
    let other = connect(&server, 1).await;
    let answer = server.query_with(BLINK, json!({ "id": other[1], "behavior": "BLINK" })).await;
    assert!(answer["errors"][0]["fields"].is_array(), "{answer}");
}
