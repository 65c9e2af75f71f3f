//! Lists in GraphQL: what clients select of them, and which items they ask for.

use serde_json::{Value, json};

use crate::Server;
use crate::records::{column, connect, errors, global_id, key};

/// Three devices: the first with two tags and a system model, the second with one tag, the third with nothing.
async fn plant() -> (Server, Vec<String>) {
    let server = Server::start().await;
    let devices = connect(&server, 3).await;
    server.tag(&devices[0], &["alpha", "beta"]).await;
    server.tag(&devices[1], &["beta"]).await;
    server.make_system_model("lift", &["PN"]).await;
    server.make_system_model("crane", &["PC"]).await;
    let event = json!({
        "device_id": "device-0", "timestamp": "2026-01-02T03:04:06Z",
        "event": {
            "type": "incoming_data", "interface": "io.edgehog.devicemanager.SystemInfo",
            "path": "/partNumber", "value": "PN",
        },
    });
    assert_eq!(server.deliver(event.to_string()).await.status(), 200);
    (server, devices)
}

/// The filters of the console and all operators, also along relations and in each other.
#[tokio::test]
async fn lists_are_filtered() {
    let (server, devices) = plant().await;
    server.make_group("alphas", r#""alpha" in tags"#).await;
    let id = key(&devices[1]);
    let document =
        "query ($filter: DeviceFilterInput) { devices(filter: $filter) { count edges { node { name } } } }";
    for (filter, expected) in [
        (json!(null), vec![0, 1, 2]),
        (json!({}), vec![0, 1, 2]),
        (json!({ "name": null, "tags": null, "and": null, "or": null, "not": null }), vec![0, 1, 2]),
        (json!({ "or": [], "and": [], "not": [] }), vec![0, 1, 2]),
        (
            json!({ "or": [{ "name": { "ilike": "%ICE-1%" } }, { "deviceId": { "ilike": "%Ice-2" } }] }),
            vec![1, 2],
        ),
        (
            json!({ "or": [{ "name": { "ilike": "%x%" } }, { "tags": { "name": { "ilike": "%ALP%" } } }] }),
            vec![0],
        ),
        (json!({ "or": { "name": { "eq": "device-1" } } }), vec![1]),
        (json!({ "and": [{ "name": { "like": "device-_" } }, { "or": [{ "id": { "eq": id } }] }] }), vec![1]),
        (json!({ "name": { "like": "DEVICE%" } }), vec![]),
        (json!({ "name": { "contains": "vice-" }, "deviceId": { "stringEndsWith": "2" } }), vec![2]),
        (json!({ "name": { "contains": "%" } }), vec![]),
        (json!({ "name": { "stringStartsWith": "d_vice" } }), vec![]),
        (json!({ "id": { "in": [id, 999_999] } }), vec![1]),
        (json!({ "id": { "in": [] } }), vec![]),
        (json!({ "id": { "greaterThan": id } }), vec![2]),
        (json!({ "id": { "lessThanOrEqual": id }, "name": { "notEq": "device-0" } }), vec![1]),
        (json!({ "partNumber": { "isNil": true } }), vec![1, 2]),
        (json!({ "partNumber": { "isNil": false } }), vec![0]),
        // No value is equal to nothing, nor not equal.
        (json!({ "partNumber": { "notEq": "x" } }), vec![0]),
        (json!({ "partNumber": { "isDistinctFrom": "x" } }), vec![0, 1, 2]),
        (json!({ "partNumber": { "isNotDistinctFrom": "PN" } }), vec![0]),
        (
            json!({ "online": { "eq": true }, "lastConnection": { "lessThan": "2026-01-02T05:04:06+02:00" } }),
            vec![0, 1, 2],
        ),
        (json!({ "lastConnection": { "greaterThan": "2026-01-02T03:04:05Z" } }), vec![]),
        (json!({ "tags": { "name": { "in": ["alpha", "beta"] } } }), vec![0, 1]),
        (json!({ "tags": { "name": { "isNil": true } } }), vec![2]),
        // Both are said of the same tag.
        (
            json!({ "and": [{ "tags": { "name": { "eq": "alpha" } } }, { "tags": { "name": { "eq": "beta" } } }] }),
            vec![],
        ),
        (json!({ "not": [{ "tags": { "name": { "eq": "alpha" } } }] }), vec![1, 2]),
        (json!({ "not": [{ "name": { "eq": "device-0" } }, { "online": { "eq": true } }] }), vec![1, 2]),
        (json!({ "systemModel": { "name": { "isNil": true } } }), vec![1, 2]),
        (
            json!({ "or": [{ "systemModel": { "name": { "eq": "Model lift" } } }, { "systemModel": { "name": { "isNil": true } } }] }),
            vec![0, 1, 2],
        ),
        (
            json!({ "systemModel": { "hardwareType": { "partNumbers": { "partNumber": { "eq": "lift" } } } } }),
            vec![0],
        ),
        (json!({ "deviceGroups": { "handle": { "ilike": "ALPHA%" } } }), vec![0]),
    ] {
        let answer = server.query_with(document, json!({ "filter": filter })).await;
        let expected: Vec<_> = expected.into_iter().map(|n| format!("device-{n}")).collect();
        assert_eq!(column(&answer["data"]["devices"], "name"), expected, "{filter}: {answer}");
        assert_eq!(answer["data"]["devices"]["count"], expected.len(), "{filter}");
    }
}

/// One list may be asked for many times with other arguments, below records too.
#[tokio::test]
async fn lists_have_aliases() {
    let (server, _) = plant().await;
    let answer = server
        .query(
            r#"query ($up: SortOrder = ASC, $none: DeviceFilterInput) {
                only: devices(filter: $none) { count }
                __typename
                down: devices(first: 2, sort: [{ field: NAME, order: DESC }]) { edges { node { name __typename } __typename } __typename pageInfo { __typename hasNextPage } }
                devices(first: 1, sort: [{ field: NAME, order: $up }]) {
                    count edges { node {
                        a: tags(filter: { name: { eq: "alpha" } }) { count edges { node { name } } }
                        b: tags(sort: [{ field: NAME, order: DESC }], first: 1) { pageInfo { hasNextPage } edges { node { name } } }
                        tags { count }
                        m: systemModel { handle } systemModel { hardwareType { partNumbers { count } } handle }
                    } }
                }
            }"#,
        )
        .await;
    insta::assert_json_snapshot!(answer);
}

/// Fragments that select the same things in part are put together, as the console's are; directives leave things out.
#[tokio::test]
async fn fragments_are_put_together() {
    let (server, devices) = plant().await;
    let document = "
        query ($id: ID!, $first: Int, $with: Boolean!) { device(id: $id) { id ...Name ...Tags ...Model ...More } device(id: $id) { again: name } }
        fragment Name on Device { name ... on Node { id } ... @include(if: $with) { online } serialNumber @skip(if: $with) }
        fragment Tags on Device { tags(first: $first) { edges { node { id name } } } systemModel { name } }
        fragment Model on Device { tags(first: $first) { count edges { node { __typename } cursor } } ...Name systemModel { hardwareType { name } id } }
        fragment More on Device { systemModel { hardwareType { handle } ...Texts } osInfo { name } ...Os }
        fragment Os on Device { osInfo { version } }
        fragment Texts on SystemModel { localizedDescriptions { value } }
    ";
    let variables = json!({ "id": devices[0], "first": 1, "with": true });
    let mut answer = server.query_with(document, variables).await;
    let cursor = answer["data"]["device"]["tags"]["edges"][0]["cursor"].take();
    assert!(cursor.is_string());
    insta::assert_json_snapshot!(answer);
    let without = server.query_with(document, json!({ "id": devices[0], "with": false })).await;
    let device = without["data"]["device"].as_object().unwrap();
    assert!(!device.contains_key("online") && device.contains_key("serialNumber"), "{without}");
    assert_eq!(device["again"], "device-0");
}

/// A list that fails is null with its error; those beside it are answered.
#[tokio::test]
async fn one_error_does_not_take_the_others_along() {
    let (server, devices) = plant().await;
    let document = r#"query ($id: ID!) {
        good: devices { count } bad: devices(after: "?") { count } none: device(id: "x") { id } found: device(id: $id) { name }
    }"#;
    let answer = server.query_with(document, json!({ "id": devices[0] })).await;
    let expected =
        json!({ "good": { "count": 3 }, "bad": null, "none": null, "found": { "name": "device-0" } });
    assert_eq!(answer["data"], expected, "{answer}");
    let mut told = errors(&answer);
    told.sort();
    assert_eq!(
        told,
        [
            "invalid_keyset [] is not a cursor of this list @ bad",
            "invalid_primary_key [] invalid primary key provided @ none"
        ]
    );
}

/// Numbers have more than 32 bits, and none is rounded.
#[tokio::test]
async fn numbers_have_53_bits() {
    let (server, _) = plant().await;
    let document = "query ($id: Int) { devices(filter: { id: { lessThan: $id } }) { count } }";
    for number in [2_147_483_648_i64, 9_007_199_254_740_991] {
        let answer = server.query_with(document, json!({ "id": number })).await;
        assert_eq!(answer, json!({ "data": { "devices": { "count": 3 } } }), "{number}");
        let literal = format!("{{ devices(filter: {{ id: {{ greaterThan: -{number} }} }}) {{ count }} }}");
        assert_eq!(server.query(&literal).await["data"]["devices"]["count"], 3, "{number}");
    }
    for number in [json!(1.5), json!("1"), json!(1e300), json!(true)] {
        let answer = server.query_with(document, json!({ "id": number })).await;
        assert!(answer["errors"][0]["message"].is_string(), "{number} {answer}");
    }
}

/// A batch is answered in its order, each request by itself.
#[tokio::test]
async fn batches_are_answered_in_order() {
    let (server, devices) = plant().await;
    let rename = "mutation ($id: ID!, $name: String) { updateDevice(id: $id, input: { name: $name }) { result { name } } }";
    let batch = json!([
        { "id": 1, "query": rename, "variables": { "id": devices[0], "name": "first" } },
        { "id": "two", "query": "{ devices(first: 1) { edges { node { name } } } }" },
        { "query": rename, "variables": { "id": global_id("device", 999_999), "name": "x" } },
        { "id": 4, "query": rename, "variables": { "id": devices[0], "name": "second" } },
    ]);
    let answer =
        server.post("/tenants/plant-one/api").bearer_auth(&server.token).json(&batch).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Vec<Value> = answer.json().await.unwrap();
    let name = |name: &str| json!({ "data": { "updateDevice": { "result": { "name": name } } } });
    assert_eq!(answer[0], json!({ "id": 1, "payload": name("first") }));
    assert_eq!(answer[1]["id"], "two");
    assert_eq!(column(&answer[1]["payload"]["data"]["devices"], "name"), ["first"]);
    assert_eq!(answer[2].get("id"), None);
    assert_eq!(answer[2]["payload"]["errors"][0]["code"], "not_found");
    assert_eq!(answer[3], json!({ "id": 4, "payload": name("second") }));
}
