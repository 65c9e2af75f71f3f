//! System models, their part numbers and texts in GraphQL. Their pictures have tests of their own.

use serde_json::{Value, json};

use crate::Server;
use crate::records::{column, global_id, key, refused};

const CREATE: &str = "mutation ($input: CreateSystemModelInput!) { createSystemModel(input: $input) {
    result {
        id handle name pictureUrl partNumbers { edges { node { partNumber } } } hardwareType { handle }
        localizedDescriptions { languageTag value }
    } errors { code }
} }";

const UPDATE: &str =
    "mutation ($id: ID!, $input: UpdateSystemModelInput) { updateSystemModel(id: $id, input: $input) {
    result {
        handle name pictureUrl partNumbers { edges { node { id partNumber } } }
        localizedDescriptions { languageTag value }
    } errors { code }
} }";

const DELETE: &str = "mutation ($id: ID!) { deleteSystemModel(id: $id) {
    result {
        __typename id handle name pictureUrl
        partNumbers(first: 1, sort: [{ field: PART_NUMBER, order: DESC }]) {
            count pageInfo { hasNextPage } edges { node { partNumber systemModel { handle } } }
        }
        hardwareType { handle partNumbers { count } }
        localizedDescriptions { languageTag value }
    }
} }";

fn part_numbers(record: &Value) -> Vec<Value> {
    column(&record["partNumbers"], "partNumber")
}

/// All that a system model has can be given and read again, and is told once more when it is deleted.
#[tokio::test]
async fn system_models_come_and_go() {
    let server = Server::start().await;
    let hardware_type = server.make_hardware_type("board", &["B"]).await;
    let input = |handle: &str, hardware_type: &str| {
        json!({
            "handle": handle, "name": format!(" {handle} "), "hardwareTypeId": hardware_type,
            "partNumbers": [" P2", "P1", "P2 "], "pictureUrl": " https://pictures.example/1.png ",
            "localizedDescriptions": [
                { "languageTag": "it", "value": "un ascensore" },
                { "languageTag": "en", "value": "a lift" },
                { "languageTag": "en", "value": " an elevator " },
            ],
        })
    };
    let made = server.done(CREATE, json!({ "input": input("lift", &hardware_type) })).await;
    let id = made["id"].as_str().unwrap().to_owned();
    let texts = json!([{ "languageTag": "en", "value": "an elevator" }, { "languageTag": "it", "value": "un ascensore" }]);
    assert_eq!(
        made,
        json!({
            "id": id, "handle": "lift", "name": "lift", "pictureUrl": "https://pictures.example/1.png",
            "partNumbers": { "edges": [{ "node": { "partNumber": "P1" } }, { "node": { "partNumber": "P2" } }] },
            "hardwareType": { "handle": "board" }, "localizedDescriptions": texts,
        })
    );
    insta::assert_json_snapshot!(server.done(DELETE, json!({ "id": id })).await);
    let read =
        "query ($id: ID!) { systemModel(id: $id) { id } systemModels { count } hardwareTypes { count } }";
    let answer = server.query_with(read, json!({ "id": id })).await;
    assert_eq!(
        answer["data"],
        json!({ "systemModel": null, "systemModels": { "count": 0 }, "hardwareTypes": { "count": 1 } })
    );
    let again = server.query_with(DELETE, json!({ "id": id })).await;
    assert_eq!(refused(&again), ["not_found [id] could not be found @ deleteSystemModel.input.id"]);
    // The hardware type may be named by its bare key, too.
    let raw = key(&hardware_type).to_string();
    server.done(CREATE, json!({ "input": input("crane", &raw) })).await;
}

/// What is left out stays; what is null goes where it may; texts change one by one.
#[tokio::test]
async fn system_models_change_member_by_member() {
    let server = Server::start().await;
    let id = server.make_system_model("lift", &["P1", "P2"]).await;
    let texts = |texts: &[(&str, &str)]| -> Value {
        texts.iter().map(|(tag, value)| json!({ "languageTag": tag, "value": value })).collect()
    };
    for (input, picture, numbers, expected) in [
        (Value::Null, Value::Null, ["P1", "P2"], vec![]),
        (json!({ "pictureUrl": "https://p.example/x" }), json!("https://p.example/x"), ["P1", "P2"], vec![]),
        (
            json!({
                "pictureFile": null, "partNumbers": null, "localizedDescriptions": [
                    { "languageTag": "en", "value": "lift" }, { "languageTag": "it", "value": "ascensore" },
                ],
            }),
            json!("https://p.example/x"),
            ["P1", "P2"],
            vec![("en", "lift"), ("it", "ascensore")],
        ),
        (
            json!({ "pictureUrl": " ", "localizedDescriptions": [
                { "languageTag": "en", "value": null }, { "languageTag": "de", "value": "Aufzug" },
            ] }),
            Value::Null,
            ["P1", "P2"],
            vec![("de", "Aufzug"), ("it", "ascensore")],
        ),
        (
            // A text that is left out is one that is taken away.
            json!({ "partNumbers": ["P3", "P2"], "localizedDescriptions": [{ "languageTag": "it" }] }),
            Value::Null,
            ["P2", "P3"],
            vec![("de", "Aufzug")],
        ),
        (json!({ "localizedDescriptions": null }), Value::Null, ["P2", "P3"], vec![("de", "Aufzug")]),
    ] {
        let changed = server.done(UPDATE, json!({ "id": id, "input": input })).await;
        assert_eq!(changed["pictureUrl"], picture, "{input}");
        assert_eq!(part_numbers(&changed), numbers, "{input}");
        assert_eq!(changed["localizedDescriptions"], texts(&expected), "{input}");
    }
}

/// A part number that is left out is deleted, and a new one when it comes again; one that moves keeps its id.
#[tokio::test]
async fn part_numbers_are_deleted_or_move() {
    let server = Server::start().await;
    let one = server.make_system_model("one", &["A", "B"]).await;
    let two = server.make_system_model("two", &["C"]).await;
    let ids = |record: &Value| column(&record["partNumbers"], "id");
    let before = server.done(UPDATE, json!({ "id": one })).await;
    let moved = server.done(UPDATE, json!({ "id": two, "input": { "partNumbers": ["A", "C"] } })).await;
    assert_eq!(ids(&before)[0], ids(&moved)[0]);
    assert_eq!(part_numbers(&server.done(UPDATE, json!({ "id": one })).await), ["B"]);
    server.done(UPDATE, json!({ "id": two, "input": { "partNumbers": ["C"] } })).await;
    let back = server.done(UPDATE, json!({ "id": one, "input": { "partNumbers": ["A", "B"] } })).await;
    assert!(!ids(&back).contains(&ids(&before)[0]), "{back}");
    // Hardware types have part numbers of their own.
    server.make_hardware_type("hardware", &["A"]).await;
    assert_eq!(part_numbers(&server.done(UPDATE, json!({ "id": one })).await).len(), 2);
}

/// Tags of languages are compared as they are; the same field may be asked for twice with other arguments.
#[tokio::test]
async fn texts_come_in_preferred_languages() {
    let server = Server::start().await;
    let id = server.make_system_model("lift", &["P"]).await;
    let texts = json!([
        { "languageTag": "en-GB", "value": "lift" }, { "languageTag": "en", "value": "elevator" },
        { "languageTag": "it", "value": "ascensore" },
    ]);
    server.done(UPDATE, json!({ "id": id, "input": { "localizedDescriptions": texts } })).await;
    let document = r#"query ($id: ID!, $tags: [String!]) { systemModel(id: $id) {
        all: localizedDescriptions { value } null: localizedDescriptions(preferredLanguageTags: null) { value }
        none: localizedDescriptions(preferredLanguageTags: []) { value }
        two: localizedDescriptions(preferredLanguageTags: ["it", "en", "fr"]) { value }
        case: localizedDescriptions(preferredLanguageTags: ["EN-gb"]) { value }
        one: localizedDescriptions(preferredLanguageTags: "en-GB") { languageTag }
        given: localizedDescriptions(preferredLanguageTags: $tags) { value }
        given: localizedDescriptions(preferredLanguageTags: $tags) { languageTag }
    } }"#;
    let answer = server.query_with(document, json!({ "id": id, "tags": ["it"] })).await;
    let values =
        |values: &[&str]| -> Value { values.iter().map(|value| json!({ "value": value })).collect() };
    let all = values(&["elevator", "lift", "ascensore"]);
    assert_eq!(
        answer["data"]["systemModel"],
        json!({
            "all": all, "null": all, "none": [], "two": values(&["elevator", "ascensore"]), "case": [],
            "one": [{ "languageTag": "en-GB" }], "given": [{ "value": "ascensore", "languageTag": "it" }],
        })
    );
}

/// All that is wrong is told at once, and nothing of it is kept.
#[tokio::test]
async fn wrong_system_models_are_refused() {
    let server = Server::start().await;
    let hardware_type = server.make_hardware_type("board", &["B"]).await;
    server.make_system_model_of(&hardware_type, "taken", &["T"]).await;
    let other = server.make_system_model_of(&hardware_type, "other", &["O"]).await;
    let missing = global_id("hardware_type", 999_999);
    let good =
        json!({ "handle": "new", "name": "new", "partNumbers": ["T"], "hardwareTypeId": hardware_type });
    let with = |changes: Value| {
        let mut input = good.clone();
        input.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        input
    };
    for (input, expected) in [
        (
            with(json!({
                "handle": "Ä", "name": " ", "partNumbers": [], "localizedDescriptions": [{ "languageTag": "en", "value": " " }],
                "pictureUrl": "https://p.example/x",
            })),
            vec![
                "invalid_attribute [handle] should only contain lower case ASCII letters (from a to z), digits and - @ handle",
                "required [name] is required @ name",
                "invalid_argument [part_numbers] must have 1 or more items @ partNumbers",
                "invalid_argument [value] value must not be nil @ value",
            ],
        ),
        (
            with(json!({ "partNumbers": ["T", ""] })),
            vec!["invalid_argument [part_numbers] no nil values @ partNumbers"],
        ),
        (
            with(json!({ "handle": "taken" })),
            vec!["invalid_attribute [handle] has already been taken @ handle"],
        ),
        (
            with(json!({ "name": "Model taken" })),
            vec!["invalid_attribute [name] has already been taken @ name"],
        ),
        (
            with(json!({ "hardwareTypeId": missing })),
            vec!["not_found [id] could not be found @ hardwareTypeId.id"],
        ),
        (
            with(json!({ "hardwareTypeId": "x" })),
            vec!["not_found [id] could not be found @ hardwareTypeId.id"],
        ),
        (
            with(json!({ "pictureFile": null, "hardwareTypeId": global_id("device", 1) })),
            vec!["not_found [id] could not be found @ hardwareTypeId.id"],
        ),
    ] {
        let expected: Vec<_> =
            expected.iter().map(|it| it.replace("@ ", "@ createSystemModel.input.")).collect();
        let answer = server.query_with(CREATE, json!({ "input": input })).await;
        assert_eq!(refused(&answer), expected, "{input}");
    }
    for (id, input, expected) in [
        (
            other.clone(),
            json!({ "handle": null, "name": null, "partNumbers": [""] }),
            vec![
                "required [handle] is required @ updateSystemModel.input.handle",
                "required [name] is required @ updateSystemModel.input.name",
                "invalid_argument [part_numbers] no nil values @ updateSystemModel.input.partNumbers",
            ],
        ),
        (
            other.clone(),
            json!({ "handle": "taken", "partNumbers": ["T"] }),
            vec!["invalid_attribute [handle] has already been taken @ updateSystemModel.input.handle"],
        ),
        (
            global_id("system_model", 999_999),
            json!({ "partNumbers": ["T"] }),
            vec!["not_found [id] could not be found @ updateSystemModel.input.id"],
        ),
    ] {
        let answer = server.query_with(UPDATE, json!({ "id": id, "input": input })).await;
        assert_eq!(refused(&answer), expected, "{input}");
    }
    let answer = server
        .query("{ systemModels { edges { node { handle partNumbers { edges { node { partNumber } } } } } } }")
        .await;
    let kept: Vec<_> = column(&answer["data"]["systemModels"], "partNumbers")
        .iter()
        .map(|it| column(it, "partNumber"))
        .collect();
    assert_eq!(kept, [["T"], ["O"]], "{answer}");
}
