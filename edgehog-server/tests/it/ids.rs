//! Global ids: what they find, and what they do not.

use serde_json::{Value, json};

use crate::Server;
use crate::records::{connect, global_id, key, refused};

/// Each thing that has a root field and is a node, with the mutations on it.
const KINDS: [(&str, &str, &str, &[&str]); 4] = [
    (
        "device",
        "Device",
        "device",
        &[
            "updateDevice(id: $id)",
            "addDeviceTags(id: $id, input: { tags: [\"x\"] })",
            "removeDeviceTags(id: $id, input: { tags: [\"x\"] })",
            "setDeviceLedBehavior(id: $id, input: { behavior: BLINK })",
        ],
    ),
    (
        "device_group",
        "DeviceGroup",
        "deviceGroup",
        &["updateDeviceGroup(id: $id)", "deleteDeviceGroup(id: $id)"],
    ),
    (
        "hardware_type",
        "HardwareType",
        "hardwareType",
        &["updateHardwareType(id: $id)", "deleteHardwareType(id: $id)"],
    ),
    (
        "system_model",
        "SystemModel",
        "systemModel",
        &["updateSystemModel(id: $id)", "deleteSystemModel(id: $id)"],
    ),
];

/// One record of each kind, in the order of [`KINDS`].
async fn records(server: &Server) -> [String; 4] {
    let device = connect(server, 1).await.remove(0);
    let group = server.make_group("group", r#""a" in tags"#).await;
    let hardware_type = server.make_hardware_type("type", &["A"]).await;
    let model = server.make_system_model_of(&hardware_type, "model", &["A"]).await;
    [device, group, hardware_type, model]
}

/// A node is found by its global id whatever it is, and its own members by fragments.
#[tokio::test]
async fn nodes_are_found_by_their_ids() {
    let server = Server::start().await;
    let document = "query ($id: ID!) { node(id: $id) {
        __typename ... on Node { again: id } ...DeviceParts
        ... on DeviceGroup { handle devices { name } }
        ... on HardwareType { handle partNumbers { edges { node { partNumber } } } }
        ... on SystemModel { handle hardwareType { handle } localizedDescriptions { value } }
        id
    } } fragment DeviceParts on Device { name tags { count } deviceGroups { handle } }";
    let part_numbers = json!({ "edges": [{ "node": { "partNumber": "A" } }] });
    let parts = [
        json!({ "name": "device-0", "tags": { "count": 0 }, "deviceGroups": [] }),
        json!({ "handle": "group", "devices": [] }),
        json!({ "handle": "type", "partNumbers": part_numbers }),
        json!({ "handle": "model", "hardwareType": { "handle": "type" }, "localizedDescriptions": [] }),
    ];
    for ((id, (_, name, ..)), mut expected) in records(&server).await.into_iter().zip(KINDS).zip(parts) {
        let members = expected.as_object_mut().unwrap();
        members.insert("__typename".to_owned(), name.into());
        members.insert("id".to_owned(), id.clone().into());
        members.insert("again".to_owned(), id.clone().into());
        assert_eq!(
            server.query_with(document, json!({ "id": id })).await,
            json!({ "data": { "node": expected } })
        );
    }
}

/// A record of another tenant is as absent as one that never was: for reading, changing and deleting.
#[tokio::test]
async fn other_tenants_records_are_absent() {
    let server = Server::start().await;
    let neighbour = server.neighbour().await;
    let ours = records(&server).await;
    for (id, (type_name, _, root, mutations)) in ours.iter().zip(KINDS) {
        let absent = global_id(type_name, 999_999);
        let ask = async |server: &Server, document: &str, id: &str| {
            let answer = server.query_with(document, json!({ "id": id })).await;
            answer.to_string().replace(&absent, "ID").replace(id, "ID")
        };
        let read = format!("query ($id: ID!) {{ {root}(id: $id) {{ id }} }}");
        assert_eq!(ask(&neighbour, &read, id).await, format!(r#"{{"data":{{"{root}":null}}}}"#));
        assert_eq!(ask(&neighbour, &read, &absent).await, format!(r#"{{"data":{{"{root}":null}}}}"#));
        let node = "query ($id: ID!) { node(id: $id) { id } }";
        assert_eq!(ask(&neighbour, node, id).await, ask(&neighbour, node, &absent).await);
        let list = format!(
            "query {{ list: {root}s(filter: {{ id: {{ eq: {} }} }}) {{ count edges {{ node {{ id }} }} }} }}",
            key(id)
        );
        let none = json!({ "data": { "list": { "count": 0, "edges": [] } } });
        assert_eq!(neighbour.query(&list).await, none);
        for mutation in mutations {
            let document = format!("mutation ($id: ID!) {{ change: {mutation} {{ result {{ id }} }} }}");
            let foreign = neighbour.query_with(&document, json!({ "id": id })).await;
            assert_eq!(
                refused(&foreign),
                ["not_found [id] could not be found @ change.input.id"],
                "{mutation}"
            );
            assert_eq!(ask(&neighbour, &document, id).await, ask(&neighbour, &document, &absent).await);
        }
    }
    // As an argument, too.
    let input = json!({ "handle": "h", "name": "n", "partNumbers": ["p"], "hardwareTypeId": ours[2] });
    let create =
        "mutation ($input: CreateSystemModelInput!) { createSystemModel(input: $input) { result { id } } }";
    let answer = neighbour.query_with(create, json!({ "input": input })).await;
    assert_eq!(
        refused(&answer),
        ["not_found [id] could not be found @ createSystemModel.input.hardwareTypeId.id"]
    );
    // All of ours are still there.
    for (id, (_, _, root, _)) in ours.iter().zip(KINDS) {
        let document = format!("query ($id: ID!) {{ found: {root}(id: $id) {{ id }} }}");
        assert_eq!(server.query_with(&document, json!({ "id": id })).await["data"]["found"]["id"], *id);
    }
}

/// What is no global id of the right type is told from what is absent.
#[tokio::test]
async fn other_texts_are_no_ids() {
    let server = Server::start().await;
    let no_key = |path: &str| format!("invalid_primary_key [] invalid primary key provided @ {path}");
    for (type_name, _, root, mutations) in KINDS {
        let other = if type_name == "device" { "device_group" } else { "device" };
        for id in [
            global_id(other, 1),
            global_id("tag", 1),
            global_id(type_name, 1).trim_end_matches('=').to_owned() + "!",
            "1".to_owned(),
            String::new(),
            "\u{0}".to_owned(),
            "é".to_owned(),
        ] {
            let document = format!("query ($id: ID!) {{ {root}(id: $id) {{ id }} }}");
            let answer = server.query_with(&document, json!({ "id": id })).await;
            assert_eq!(refused(&answer), [no_key(root)], "{id:?}");
            for mutation in mutations {
                let document = format!("mutation ($id: ID!) {{ change: {mutation} {{ result {{ id }} }} }}");
                let answer = server.query_with(&document, json!({ "id": id })).await;
                assert_eq!(refused(&answer), [no_key("change.input")], "{mutation} {id:?}");
            }
        }
    }
    for id in
        [global_id("tag", 1), global_id("hardware_type_part_number", 1), "garbage".to_owned(), String::new()]
    {
        let answer =
            server.query_with("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
        assert_eq!(answer["data"], Value::Null, "{answer}");
        assert_eq!(answer["errors"][0]["code"], "invalid_primary_key", "{answer}");
    }
}
