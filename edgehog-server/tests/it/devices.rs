//! Devices in GraphQL.

use serde_json::{Value, json};

use crate::Server;
use crate::records::{connect, global_id, refused};

const PAGE: &str = "query ($first: Int, $after: String, $last: Int, $before: String) {
    devices(first: $first, after: $after, last: $last, before: $before) {
        count
        pageInfo { hasPreviousPage hasNextPage startCursor endCursor }
        edges { cursor node { deviceId } }
    }
}";

fn ids(page: &Value) -> Vec<&str> {
    let edges = page["edges"].as_array().unwrap();
    edges.iter().map(|edge| edge["node"]["deviceId"].as_str().unwrap()).collect()
}

/// Pages follow each other by their cursors in both directions; the count is of all of them.
#[tokio::test]
async fn devices_are_paged() {
    let server = Server::start().await;
    connect(&server, 5).await;
    let page = async |variables: Value| server.query_with(PAGE, variables).await["data"]["devices"].take();
    let first = page(json!({ "first": 2 })).await;
    assert_eq!(ids(&first), ["device-0", "device-1"]);
    assert_eq!(first["count"], 5);
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    assert_eq!(first["pageInfo"]["hasPreviousPage"], false);
    let rest = page(json!({ "first": 9000, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(ids(&rest), ["device-2", "device-3", "device-4"]);
    assert_eq!(rest["pageInfo"]["hasNextPage"], false);
    assert_eq!(rest["pageInfo"]["hasPreviousPage"], true);
    let back = page(json!({ "last": 2, "before": rest["pageInfo"]["endCursor"] })).await;
    assert_eq!(ids(&back), ["device-2", "device-3"]);
    let none = page(json!({ "after": rest["pageInfo"]["endCursor"] })).await;
    assert_eq!(none["pageInfo"]["startCursor"], Value::Null);
    assert!(ids(&none).is_empty());
}

/// A device is found by its global id, also as a node; another id is null without error.
#[tokio::test]
async fn a_device_is_found_by_its_id() {
    let server = Server::start().await;
    connect(&server, 1).await;
    let listed = server.query("{ devices { edges { node { id } } } }").await;
    let id = &listed["data"]["devices"]["edges"][0]["node"]["id"];
    let document =
        "query ($id: ID!) { device(id: $id) { deviceId } node(id: $id) { id ... on Device { name } } }";
    let found = server.query_with(document, json!({ "id": id })).await;
    assert_eq!(found["data"]["device"]["deviceId"], "device-0");
    assert_eq!(found["data"]["node"], json!({ "id": id, "name": "device-0" }));
    // The id of device 1000000.
    let missing = server.query(r#"{ device(id: "ZGV2aWNlOjEwMDAwMDA=") { id } }"#).await;
    assert_eq!(missing, json!({ "data": { "device": null } }));
}

/// Of a device people set the name alone: left out it stays, blank it is refused.
#[tokio::test]
async fn a_device_gets_another_name() {
    let server = Server::start().await;
    let device = &connect(&server, 1).await[0];
    let update = "mutation ($id: ID!, $input: UpdateDeviceInput) {
        updateDevice(id: $id, input: $input) { result { name deviceId } errors { code } }
    }";
    let done = |name: &str| {
        json!({ "data": { "updateDevice": {
        "result": { "name": name, "deviceId": "device-0" }, "errors": [],
    } } })
    };
    for (input, name) in [
        (json!({ "name": "  Lift 7 " }), "Lift 7"),
        (json!({}), "Lift 7"),
        (Value::Null, "Lift 7"),
        (json!({ "name": "x".repeat(10_000) }), &"x".repeat(10_000)),
    ] {
        let answer = server.query_with(update, json!({ "id": device, "input": input })).await;
        assert_eq!(answer, done(name), "{input}");
    }
    let required = "required [name] is required @ updateDevice.input.name";
    let not_found = "not_found [id] could not be found @ updateDevice.input.id";
    let no_key = "invalid_primary_key [] invalid primary key provided @ updateDevice.input";
    for (id, input, expected) in [
        (device.clone(), json!({ "name": null }), required),
        (device.clone(), json!({ "name": " \t" }), required),
        (global_id("device", 999_999), json!({ "name": "x" }), not_found),
        (global_id("tag", 1), json!({ "name": "x" }), no_key),
        ("1".to_owned(), json!({ "name": "x" }), no_key),
    ] {
        let answer = server.query_with(update, json!({ "id": id, "input": input })).await;
        assert_eq!(refused(&answer), [expected], "{id} {input}");
    }
}

/// A device is of the system model that has its part number, from the moment at which it has it.
#[tokio::test]
async fn a_device_has_the_system_model_of_its_part_number() {
    let server = Server::start().await;
    let event = json!({
        "type": "incoming_data", "interface": "io.edgehog.devicemanager.SystemInfo",
        "path": "/partNumber", "value": " PN-1 ",
    });
    assert_eq!(server.event(event).await, 200);
    let document = r#"{
        devices { edges { node { partNumber systemModel { handle } } } }
        lifts: devices(filter: { systemModel: { handle: { eq: "lift" } } }) { count }
        none: devices(filter: { systemModel: { id: { isNil: true } } }) { count }
    }"#;
    let seen = async || {
        let answer = server.query(document).await;
        let device = answer["data"]["devices"]["edges"][0]["node"].clone();
        assert_eq!(device["partNumber"], "PN-1", "{answer}");
        (
            device["systemModel"]["handle"].clone(),
            answer["data"]["lifts"]["count"].clone(),
            answer["data"]["none"]["count"].clone(),
        )
    };
    assert_eq!(seen().await, (Value::Null, json!(0), json!(1)));
    server.make_system_model("lift", &["PN-1"]).await;
    assert_eq!(seen().await, (json!("lift"), json!(1), json!(0)));
    // Part numbers are compared as they are.
    server.make_system_model("other", &["pn-1"]).await;
    assert_eq!(seen().await, (json!("lift"), json!(1), json!(0)));
    server.make_system_model("crane", &["PN-1"]).await;
    assert_eq!(seen().await, (json!("crane"), json!(0), json!(0)));
}
