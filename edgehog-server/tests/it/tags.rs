//! Tags of devices in GraphQL.

use serde_json::{Value, json};

use crate::Server;
use crate::records::{column, connect, global_id, refused};

const ADD: &str =
    "mutation ($id: ID!, $tags: [String!]!) { change: addDeviceTags(id: $id, input: { tags: $tags }) {
    result { tags { count edges { node { name } } } } errors { code }
} }";

const REMOVE: &str =
    "mutation ($id: ID!, $tags: [String!]!) { change: removeDeviceTags(id: $id, input: { tags: $tags }) {
    result { tags { count edges { node { name } } } } errors { code }
} }";

/// Tags are trimmed and in lower case, each once; adding takes none away, taking away none that is not there.
#[tokio::test]
async fn tags_come_and_go() {
    let server = Server::start().await;
    let device = &connect(&server, 1).await[0];
    for (mutation, tags, expected) in [
        (ADD, json!(["  BÄR b ", "b", "B ", "b"]), json!(["b", "bär b"])),
        (ADD, json!(["b", "c"]), json!(["b", "bär b", "c"])),
        (REMOVE, json!([" B", "nothing"]), json!(["bär b", "c"])),
        // One text stands for a list of one.
        (ADD, json!("x"), json!(["bär b", "c", "x"])),
        (REMOVE, json!("x"), json!(["bär b", "c"])),
    ] {
        let result = server.done(mutation, json!({ "id": device, "tags": tags })).await;
        let mut names = column(&result["tags"], "name");
        names.sort_by_key(Value::to_string);
        assert_eq!(
            (Value::Array(names.clone()), &result["tags"]["count"]),
            (expected, &json!(names.len())),
            "{tags}"
        );
    }
}

/// What is wrong is told as the console expects it, the device first, and nothing is done.
#[tokio::test]
async fn wrong_tags_are_refused() {
    let server = Server::start().await;
    let device = &connect(&server, 1).await[0];
    for (id, tags, expected) in [
        (device.clone(), json!([]), "invalid_argument [tags] must have 1 or more items @ change.input.tags"),
        (device.clone(), json!(["a", " \n"]), "invalid_argument [tags] no nil values @ change.input.tags"),
        (global_id("device", 999_999), json!([]), "not_found [id] could not be found @ change.input.id"),
        (
            global_id("tag", 1),
            json!(["a"]),
            "invalid_primary_key [] invalid primary key provided @ change.input",
        ),
    ] {
        for mutation in [ADD, REMOVE] {
            let answer = server.query_with(mutation, json!({ "id": id, "tags": tags })).await;
            assert_eq!(refused(&answer), [expected], "{id} {tags}");
        }
    }
    assert_eq!(
        server.query("{ existingDeviceTags { count } }").await["data"]["existingDeviceTags"]["count"],
        0
    );
}

/// Those tags exist that a device has, each once; they are filtered, sorted and counted as any list.
#[tokio::test]
async fn tags_exist_while_a_device_has_them() {
    let server = Server::start().await;
    let devices = connect(&server, 2).await;
    server.tag(&devices[0], &["alpha", "beta"]).await;
    server.tag(&devices[1], &["beta", "gamma"]).await;
    server.done(REMOVE, json!({ "id": devices[1], "tags": ["gamma"] })).await;
    server.neighbour().await;
    let answer = server
        .query(
            r#"{
                all: existingDeviceTags { count edges { node { id name __typename } } }
                some: existingDeviceTags(filter: { name: { ilike: "B%" } }) { count edges { node { name } } }
                down: existingDeviceTags(sort: [{ field: NAME, order: DESC }]) { edges { node { name } } }
                gone: existingDeviceTags(filter: { name: { eq: "gamma" } }) { count }
            }"#,
        )
        .await;
    let data = &answer["data"];
    assert_eq!(column(&data["all"], "name"), ["alpha", "beta"], "{answer}");
    assert_eq!(
        (&data["all"]["count"], &data["all"]["edges"][0]["node"]["__typename"]),
        (&json!(2), &json!("Tag"))
    );
    assert_eq!(column(&data["some"], "name"), ["beta"]);
    assert_eq!(column(&data["down"], "name"), ["beta", "alpha"]);
    assert_eq!(data["gone"]["count"], 0);
}
