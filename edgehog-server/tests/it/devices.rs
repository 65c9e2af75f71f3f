//! Devices in GraphQL.

use serde_json::{Value, json};

use crate::Server;

async fn connect(server: &Server, count: usize) {
    for n in 0..count {
        let body = json!({
            "device_id": format!("device-{n}"), "timestamp": "2026-01-02T03:04:05Z",
            "event": { "type": "device_connected" },
        });
        assert_eq!(server.deliver(body.to_string()).await.status(), 200);
    }
}

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
