//! Pages of lists: their sizes, their places, and the order that they are in.

use serde_json::{Value, json};

use crate::Server;
use crate::records::{column, connect, connect_many, errors, refused};

const PAGE: &str =
    "query ($first: Int, $after: String, $last: Int, $before: String, $sort: [DeviceSortInput]) {
    devices(first: $first, after: $after, last: $last, before: $before, sort: $sort) {
        pageInfo { hasPreviousPage hasNextPage startCursor endCursor }
        edges { cursor node { name } }
    }
}";

fn names(page: &Value) -> Vec<String> {
    column(&page["data"]["devices"], "name").iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// A page has 250 items at most, however many are asked for.
#[tokio::test]
async fn pages_are_capped() {
    let server = Server::start().await;
    connect_many(&server, 253).await;
    for (variables, count) in [
        (json!({}), 250),
        (json!({ "first": 10_000 }), 250),
        (json!({ "first": 9_007_199_254_740_991_i64 }), 250),
        (json!({ "first": 249 }), 249),
        (json!({ "first": null, "after": null, "last": null, "before": null, "sort": null }), 250),
    ] {
        let page = server.query_with(PAGE, variables.clone()).await;
        assert_eq!(names(&page).len(), count, "{variables}");
        assert_eq!(page["data"]["devices"]["pageInfo"]["hasNextPage"], true, "{variables}");
        let end = &page["data"]["devices"]["pageInfo"]["endCursor"];
        let next = server.query_with(PAGE, json!({ "after": end })).await;
        assert_eq!(names(&next).len(), 253 - count, "{variables}");
    }
    let all = server.query("{ devices(first: 1) { count } }").await;
    assert_eq!(all, json!({ "data": { "devices": { "count": 253 } } }));
}

/// Senseless pages are refused, with the argument at fault.
#[tokio::test]
async fn senseless_pages_are_refused() {
    let server = Server::start().await;
    connect(&server, 2).await;
    let page = server.query_with(PAGE, json!({})).await;
    let cursor = &page["data"]["devices"]["pageInfo"]["endCursor"];
    for (variables, code, fields) in [
        (json!({ "first": 1, "last": 1 }), "invalid_query", vec!["first"]),
        (json!({ "first": 1, "before": cursor }), "invalid_query", vec!["first"]),
        (json!({ "last": 1, "after": cursor }), "invalid_query", vec!["last"]),
        (json!({ "last": 1 }), "invalid_query", vec!["last"]),
        (json!({ "first": 0 }), "invalid_query", vec!["first"]),
        (json!({ "first": -1 }), "invalid_query", vec!["first"]),
        (json!({ "last": 0, "before": cursor }), "invalid_query", vec!["last"]),
        (json!({ "after": "garbage" }), "invalid_keyset", vec![]),
        (json!({ "after": "" }), "invalid_keyset", vec![]),
        (json!({ "last": 1, "before": "\u{0}" }), "invalid_keyset", vec![]),
        (json!({ "after": cursor, "sort": [{ "field": "NAME" }] }), "invalid_keyset", vec![]),
    ] {
        let answer = server.query_with(PAGE, variables.clone()).await;
        let told = refused(&answer);
        assert!(
            told.len() == 1 && told[0].starts_with(&format!("{code} [{}] ", fields.join(","))),
            "{variables}: {told:?}"
        );
        assert!(told[0].ends_with(" @ devices"), "{told:?}");
    }
    // One list's place is none in another, also below a record.
    for document in [
        "query ($cursor: String) { devices(after: $cursor, sort: [{ field: NAME }]) { count edges { cursor } } }",
        "query ($cursor: String) { devices { edges { node { tags(after: $cursor, sort: [{ field: NAME }]) { edges { cursor } } } } } }",
        "{ devices { edges { node { tags(after: \"?\") { edges { cursor } } } } } }",
        "query ($cursor: String) { devices { edges { node { tags(first: 1, before: $cursor) { edges { cursor } } } } } }",
    ] {
        let answer = server.query_with(document, json!({ "cursor": cursor })).await;
        let told = errors(&answer);
        assert_eq!(told.len(), 1, "{document} {answer}");
        assert!(told[0].starts_with("invalid_"), "{document} {told:?}");
    }
}

/// A cursor of another type's list may be understood, but never gives what is not in the list.
#[tokio::test]
async fn cursors_of_other_lists_do_no_harm() {
    let server = Server::start().await;
    connect(&server, 1).await;
    server.make_hardware_type("type", &["A"]).await;
    let page = server.query("{ devices { pageInfo { endCursor } } }").await;
    let cursor = &page["data"]["devices"]["pageInfo"]["endCursor"];
    let document = "query ($cursor: String) { hardwareTypes(after: $cursor) { edges { node { handle } } } }";
    let answer = server.query_with(document, json!({ "cursor": cursor })).await;
    assert_eq!(refused(&answer), ["invalid_keyset [] is not a cursor of this list @ hardwareTypes"]);
}

/// Values come in each order with those that are missing at either end; ties are in the order of their keys.
#[tokio::test]
async fn lists_are_sorted() {
    let server = Server::start().await;
    connect(&server, 4).await;
    for (device, number) in [("device-1", "b"), ("device-2", "a"), ("device-3", "b")] {
        let event = json!({
            "device_id": device, "timestamp": "2026-01-02T03:04:06Z",
            "event": {
                "type": "incoming_data", "interface": "io.edgehog.devicemanager.SystemInfo",
                "path": "/serialNumber", "value": number,
            },
        });
        assert_eq!(server.deliver(event.to_string()).await.status(), 200);
    }
    for (order, expected) in [
        (json!([{ "field": "SERIAL_NUMBER" }]), [2, 1, 3, 0]),
        (json!([{ "field": "SERIAL_NUMBER", "order": null }]), [2, 1, 3, 0]),
        (json!({ "field": "SERIAL_NUMBER", "order": "ASC" }), [2, 1, 3, 0]),
        (json!([{ "field": "SERIAL_NUMBER", "order": "ASC_NULLS_LAST" }]), [2, 1, 3, 0]),
        (json!([{ "field": "SERIAL_NUMBER", "order": "ASC_NULLS_FIRST" }]), [0, 2, 1, 3]),
        (json!([{ "field": "SERIAL_NUMBER", "order": "DESC" }]), [0, 1, 3, 2]),
        (json!([{ "field": "SERIAL_NUMBER", "order": "DESC_NULLS_FIRST" }]), [0, 1, 3, 2]),
        (json!([{ "field": "SERIAL_NUMBER", "order": "DESC_NULLS_LAST" }]), [1, 3, 2, 0]),
        (
            json!([{ "field": "SERIAL_NUMBER", "order": "DESC" }, { "field": "NAME", "order": "DESC" }]),
            [0, 3, 1, 2],
        ),
        (json!([{ "field": "ONLINE" }, { "field": "ID", "order": "DESC" }]), [3, 2, 1, 0]),
        (json!([]), [0, 1, 2, 3]),
    ] {
        let expected = expected.map(|n| format!("device-{n}"));
        let page = server.query_with(PAGE, json!({ "sort": order })).await;
        assert_eq!(names(&page), expected, "{order}: {page}");
        // Page by page it is the same, there and back.
        let (mut there, mut after) = (Vec::new(), Value::Null);
        for _ in 0..4 {
            let page = server.query_with(PAGE, json!({ "first": 1, "after": after, "sort": order })).await;
            there.extend(names(&page));
            after = page["data"]["devices"]["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(there, expected, "{order}");
        let (mut back, mut before) = (Vec::new(), after);
        for _ in 0..3 {
            let page = server.query_with(PAGE, json!({ "last": 1, "before": before, "sort": order })).await;
            back.extend(names(&page));
            before = page["data"]["devices"]["pageInfo"]["startCursor"].clone();
        }
        back.reverse();
        assert_eq!(back, expected[..3], "{order}");
    }
}
