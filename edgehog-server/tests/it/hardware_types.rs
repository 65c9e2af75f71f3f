//! Hardware types and their part numbers in GraphQL.

use serde_json::{Value, json};

use crate::Server;
use crate::records::{column, global_id, refused};

const CREATE: &str = "mutation ($input: CreateHardwareTypeInput!) { createHardwareType(input: $input) {
    result { id handle name partNumbers { edges { node { partNumber } } } } errors { code }
} }";

const UPDATE: &str =
    "mutation ($id: ID!, $input: UpdateHardwareTypeInput) { updateHardwareType(id: $id, input: $input) {
    result { handle name partNumbers { edges { node { id partNumber } } } } errors { code }
} }";

const DELETE: &str = "mutation ($id: ID!) { deleteHardwareType(id: $id) {
    result { handle partNumbers { count edges { node { partNumber hardwareType { name } } } } }
} }";

fn part_numbers(record: &Value) -> Vec<Value> {
    column(&record["partNumbers"], "partNumber")
}

/// What is left out stays, null for the list too; part numbers are trimmed, and each is there once.
#[tokio::test]
async fn hardware_types_come_and_go() {
    let server = Server::start().await;
    let input = json!({ "handle": "board-1", "name": " Board 1 ", "partNumbers": [" P2 ", "P1", "P2"] });
    let made = server.done(CREATE, json!({ "input": input })).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!((&made["handle"], &made["name"]), (&json!("board-1"), &json!("Board 1")));
    assert_eq!(part_numbers(&made), ["P1", "P2"]);
    for (input, handle, name, numbers) in [
        (Value::Null, "board-1", "Board 1", vec!["P1", "P2"]),
        (json!({ "partNumbers": null, "name": "Board" }), "board-1", "Board", vec!["P1", "P2"]),
        (json!({ "handle": "board" }), "board", "Board", vec!["P1", "P2"]),
        (json!({ "partNumbers": ["P2", "P3"] }), "board", "Board", vec!["P2", "P3"]),
        // One text stands for a list of one.
        (json!({ "partNumbers": "P3" }), "board", "Board", vec!["P3"]),
    ] {
        let changed = server.done(UPDATE, json!({ "id": id, "input": input })).await;
        assert_eq!((&changed["handle"], &changed["name"]), (&json!(handle), &json!(name)), "{input}");
        assert_eq!(part_numbers(&changed), numbers, "{input}");
    }
    let deleted = server.done(DELETE, json!({ "id": id })).await;
    let numbers = json!({ "count": 1, "edges": [{ "node": { "partNumber": "P3", "hardwareType": { "name": "Board" } } }] });
    assert_eq!(deleted, json!({ "handle": "board", "partNumbers": numbers }));
    let answer = server
        .query_with(
            "query ($id: ID!) { hardwareType(id: $id) { id } hardwareTypes { count } }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(answer, json!({ "data": { "hardwareType": null, "hardwareTypes": { "count": 0 } } }));
    let again = server.query_with(DELETE, json!({ "id": id })).await;
    assert_eq!(refused(&again), ["not_found [id] could not be found @ deleteHardwareType.input.id"]);
}

/// A part number moves to whoever names it, and keeps its id, also when it had nobody in between.
#[tokio::test]
async fn part_numbers_move() {
    let server = Server::start().await;
    let one = server.make_hardware_type("one", &["A", "B"]).await;
    let two = server.make_hardware_type("two", &["C"]).await;
    let ids = |record: &Value| column(&record["partNumbers"], "id");
    let before = server.done(UPDATE, json!({ "id": one, "input": {} })).await;
    let after = server.done(UPDATE, json!({ "id": two, "input": { "partNumbers": ["A"] } })).await;
    assert_eq!(ids(&before)[0], ids(&after)[0]);
    let rest = server.done(UPDATE, json!({ "id": one, "input": {} })).await;
    assert_eq!(part_numbers(&rest), ["B"]);
    // Nobody has it for a while.
    server.done(UPDATE, json!({ "id": two, "input": { "partNumbers": ["C"] } })).await;
    let back = server.done(UPDATE, json!({ "id": one, "input": { "partNumbers": ["A", "B"] } })).await;
    assert_eq!(ids(&back), ids(&before));
    let filtered = r#"{
        hardwareTypes(filter: { partNumbers: { partNumber: { in: ["A", "B"] } } }) { count edges { node { handle } } }
    }"#;
    let answer = server.query(filtered).await;
    assert_eq!(
        answer["data"]["hardwareTypes"],
        json!({ "count": 1, "edges": [{ "node": { "handle": "one" } }] })
    );
}

/// All that is wrong is told at once, and nothing of it is kept.
#[tokio::test]
async fn wrong_hardware_types_are_refused() {
    let server = Server::start().await;
    server.make_hardware_type("taken", &["T"]).await;
    let other = server.make_hardware_type("other", &["O"]).await;
    let handle = "invalid_attribute [handle] should only contain lower case ASCII letters (from a to z), digits and - @ handle";
    for (input, expected) in [
        (
            json!({ "handle": " ", "name": "", "partNumbers": [] }),
            vec![
                "required [handle] is required @ handle",
                "required [name] is required @ name",
                "invalid_argument [part_numbers] must have 1 or more items @ partNumbers",
            ],
        ),
        (
            json!({ "handle": "a b", "name": "n", "partNumbers": ["T", " "] }),
            vec![handle, "invalid_argument [part_numbers] no nil values @ partNumbers"],
        ),
        (
            json!({ "handle": "taken", "name": "Type taken", "partNumbers": ["T"] }),
            vec!["invalid_attribute [handle] has already been taken @ handle"],
        ),
        (
            json!({ "handle": "new", "name": "Type taken", "partNumbers": ["T"] }),
            vec!["invalid_attribute [name] has already been taken @ name"],
        ),
    ] {
        let told = |mutation: &str| -> Vec<_> {
            expected.iter().map(|it| it.replace("@ ", &format!("@ {mutation}.input."))).collect()
        };
        let create = server.query_with(CREATE, json!({ "input": input })).await;
        assert_eq!(refused(&create), told("createHardwareType"), "{input}");
        let update = server.query_with(UPDATE, json!({ "id": other, "input": input })).await;
        assert_eq!(refused(&update), told("updateHardwareType"), "{input}");
    }
    let answer = server.query("{ hardwareTypes { edges { node { handle name partNumbers { edges { node { partNumber } } } } } } }").await;
    let kept: Vec<_> = column(&answer["data"]["hardwareTypes"], "partNumbers")
        .iter()
        .map(|it| column(it, "partNumber"))
        .collect();
    assert_eq!(kept, [["T"], ["O"]], "{answer}");
    let missing = json!({ "id": global_id("hardware_type", 999_999), "input": { "partNumbers": ["T"] } });
    let answer = server.query_with(UPDATE, missing).await;
    assert_eq!(refused(&answer), ["not_found [id] could not be found @ updateHardwareType.input.id"]);
}

/// A hardware type that system models are made of stays, with all that is its own.
#[tokio::test]
async fn used_hardware_types_stay() {
    let server = Server::start().await;
    let id = server.make_hardware_type("used", &["U"]).await;
    let model = server.make_system_model_of(&id, "model", &["M"]).await;
    let answer = server.query_with(DELETE, json!({ "id": id })).await;
    assert_eq!(
        refused(&answer),
        ["invalid_attribute [id] would leave records behind @ deleteHardwareType.input.id"]
    );
    let kept = server.done(UPDATE, json!({ "id": id })).await;
    assert_eq!(part_numbers(&kept), ["U"]);
    server
        .done("mutation ($id: ID!) { deleteSystemModel(id: $id) { result { id } } }", json!({ "id": model }))
        .await;
    server.done(DELETE, json!({ "id": id })).await;
}
