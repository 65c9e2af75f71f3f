//! Device groups in GraphQL.

use serde_json::{Value, json};

use crate::Server;
use crate::records::{column, connect, global_id, refused};

const CREATE: &str = "mutation ($input: CreateDeviceGroupInput!) { createDeviceGroup(input: $input) {
    result { id name handle selector devices { name } } errors { code }
} }";

const UPDATE: &str =
    "mutation ($id: ID!, $input: UpdateDeviceGroupInput) { updateDeviceGroup(id: $id, input: $input) {
    result { id name handle selector devices { name } } errors { code }
} }";

const DELETE: &str = "mutation ($id: ID!) { deleteDeviceGroup(id: $id) {
    result { __typename id name handle selector devices(sort: [{ field: NAME }]) { name tags { count } } }
} }";

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect()
}

/// A group is made, changed member by member, and deleted, whoever is in it.
#[tokio::test]
async fn groups_come_and_go() {
    let server = Server::start().await;
    let devices = connect(&server, 2).await;
    server.tag(&devices[0], &["lift"]).await;
    let input = json!({ "name": " Lifts ", "handle": "-1-lifts", "selector": r#" "lift" in tags "# });
    let made = server.done(CREATE, json!({ "input": input })).await;
    let id = made["id"].as_str().unwrap();
    let group = |name: &str, handle: &str, selector: &str, devices: Value| {
        json!({
            "id": id, "name": name, "handle": handle, "selector": selector, "devices": devices,
        })
    };
    let first = json!([{ "name": "device-0" }]);
    assert_eq!(made, group("Lifts", "-1-lifts", r#""lift" in tags"#, first.clone()));
    for (input, expected) in [
        (Value::Null, group("Lifts", "-1-lifts", r#""lift" in tags"#, first.clone())),
        (json!({ "name": "All lifts" }), group("All lifts", "-1-lifts", r#""lift" in tags"#, first.clone())),
        (json!({ "handle": "lifts" }), group("All lifts", "lifts", r#""lift" in tags"#, first)),
        (
            json!({ "selector": r#""lift" not in tags"# }),
            group("All lifts", "lifts", r#""lift" not in tags"#, json!([{ "name": "device-1" }])),
        ),
    ] {
        let changed = server.done(UPDATE, json!({ "id": id, "input": input })).await;
        assert_eq!(changed, expected, "{input}");
    }
    let deleted = server.done(DELETE, json!({ "id": id })).await;
    insta::assert_json_snapshot!(deleted);
    let read = "query ($id: ID!) { deviceGroup(id: $id) { id } deviceGroups { count } devices { count } }";
    let answer = server.query_with(read, json!({ "id": id })).await;
    let expected = json!({ "deviceGroup": null, "deviceGroups": { "count": 0 }, "devices": { "count": 2 } });
    assert_eq!(answer["data"], expected);
    let again = server.query_with(DELETE, json!({ "id": id })).await;
    assert_eq!(refused(&again), ["not_found [id] could not be found @ deleteDeviceGroup.input.id"]);
}

/// All that is wrong is told at once; whether names are free is looked at when all else is well.
#[tokio::test]
async fn wrong_groups_are_refused() {
    let server = Server::start().await;
    server.make_group("taken", r#""a" in tags"#).await;
    let other = server.make_group("other", r#""a" in tags"#).await;
    let handle = "should only contain lower case ASCII letters (from a to z), digits and -";
    let update = async |input: Value| {
        refused(&server.query_with(UPDATE, json!({ "id": other, "input": input })).await)
    };
    let at = |mutation: &str, text: &str| text.replace("@ ", &format!("@ {mutation}.input."));
    for (input, expected) in [
        (
            json!({ "name": " ", "handle": "", "selector": "\n" }),
            vec![
                "required [name] is required @ name".to_owned(),
                "required [handle] is required @ handle".to_owned(),
                "required [selector] is required @ selector".to_owned(),
            ],
        ),
        (
            json!({ "name": "", "handle": "Group_1", "selector": r#""a" in tags"# }),
            vec![
                "required [name] is required @ name".to_owned(),
                format!("invalid_attribute [handle] {handle} @ handle"),
            ],
        ),
        (
            json!({ "name": "Group taken", "handle": "new", "selector": r#""a" in tags"# }),
            vec!["invalid_attribute [name] has already been taken @ name".to_owned()],
        ),
        // Both are taken: one error, for the handle.
        (
            json!({ "name": "Group taken", "handle": "taken", "selector": r#""a" in tags"# }),
            vec!["invalid_attribute [handle] has already been taken @ handle".to_owned()],
        ),
    ] {
        let answer = refused(&server.query_with(CREATE, json!({ "input": input })).await);
        let told = |mutation| -> Vec<_> { expected.iter().map(|it| at(mutation, it)).collect() };
        assert_eq!(answer, told("createDeviceGroup"), "{input}");
        assert_eq!(update(input.clone()).await, told("updateDeviceGroup"), "{input}");
    }
    let nulls = update(json!({ "name": null, "handle": null, "selector": null })).await;
    assert_eq!(nulls.len(), 3, "{nulls:?}");
    let input = json!({ "name": "x" });
    for (id, expected) in [
        (
            global_id("device_group", 999_999),
            "not_found [id] could not be found @ updateDeviceGroup.input.id",
        ),
        (
            global_id("device", 1),
            "invalid_primary_key [] invalid primary key provided @ updateDeviceGroup.input",
        ),
    ] {
        let answer = server.query_with(UPDATE, json!({ "id": id, "input": input })).await;
        assert_eq!(refused(&answer), [expected]);
    }
    let left = server.query("{ deviceGroups { edges { node { handle name } } } }").await;
    assert_eq!(column(&left["data"]["deviceGroups"], "handle"), ["taken", "other"]);
    assert_eq!(column(&left["data"]["deviceGroups"], "name"), ["Group taken", "Group other"]);
}

/// A selector that cannot be read is refused with its place, and a regular expression that cannot, too.
#[tokio::test]
async fn mistakes_in_selectors_are_shown() {
    let server = Server::start().await;
    for selector in [
        "x",
        r#""a" in"#,
        r#""a"in tags"#,
        r#""a" in Tags"#,
        r#"("a" in tags)and("b" in tags)"#,
        r#""a" in tags or"#,
        r#""a" in tags "b" in tags"#,
        r"/a/ in tags",
        r"/(/ ~= tags",
        r#""/(/" ~= tags"#,
        r#"attributes["x:Y"] == 1"#,
        r#"attributes["x:y"] == datetime("é")"#,
        "\"a\" in tags and\n(\"b\" in tags",
    ] {
        let input = json!({ "name": "n", "handle": "h", "selector": selector });
        let answer = server.query_with(CREATE, json!({ "input": input })).await;
        let [told] = refused(&answer).try_into().unwrap();
        let begins = "invalid_attribute [selector] failed to be parsed with error: ";
        assert!(told.starts_with(begins) && told.ends_with(" @ createDeviceGroup.input.selector"), "{told}");
        assert!(told.contains("line ") && told.contains("column "), "{selector}: {told}");
    }
    // However deep the brackets are, the answer comes at once, and is one or the other.
    let deep = format!("{}\"a\" in tags{}", "(".repeat(20_000), ")".repeat(20_000));
    let input = json!({ "name": "deep", "handle": "deep", "selector": deep });
    let answer = server.query_with(CREATE, json!({ "input": input })).await;
    assert!(!answer["errors"][0]["fields"].is_null() || answer.get("errors").is_none(), "{answer}");
}

/// Which devices a selector lets pass, seen from the group and from the devices.
#[tokio::test]
async fn selectors_choose_devices() {
    let server = Server::start().await;
    let devices = connect(&server, 4).await;
    server.tag(&devices[0], &["single", "a1"]).await;
    server.tag(&devices[1], &["s_ngle", "a_b"]).await;
    server.tag(&devices[2], &["a/b", "double lift"]).await;
    for (place, (selector, expected)) in [
        (r#""single" in tags"#, vec![0]),
        // Tags are in lower case, and so is what they are compared with.
        (r#""SINGLE" in tags"#, vec![0]),
        (r#""single" not in tags"#, vec![1, 2, 3]),
        (r#""single" NOT IN tags AND "a/b" not in tags"#, vec![1, 3]),
        (r#""s_ngle" ~= tags"#, vec![1]),
        (r#""s?ngle" ~= tags"#, vec![0, 1]),
        (r#""a*" ~= tags"#, vec![0, 1, 2]),
        (r#""*" !~= tags"#, vec![3]),
        (r"/^a\d+$/ ~= tags", vec![0]),
        (r#""/^a\d+$/" ~= tags"#, vec![0]),
        (r"/a\/b/ ~= tags", vec![2]),
        ("// ~= tags", vec![0, 1, 2]),
        ("// !~= tags", vec![3]),
        (r#""double lift" in tags or "a1" in tags and "x" in tags"#, vec![2]),
        (r#"( "double lift" in tags or "a1" in tags ) and "single" in tags"#, vec![0]),
        // There are no attributes.
        (r#"attributes["x:y"] == 1"#, vec![]),
        (r#"attributes["x:y"] != 1"#, vec![]),
        (r#"attributes["x:y"] < now() or "a1" in tags"#, vec![0]),
    ]
    .into_iter()
    .enumerate()
    {
        let id = server.make_group(&format!("g{place}"), selector).await;
        let document = "query ($id: ID!, $handle: String) {
            deviceGroup(id: $id) { devices { name } }
            devices { edges { node { name deviceGroups(filter: { handle: { eq: $handle } }) { handle } } } }
            inside: devices(filter: { deviceGroups: { handle: { eq: $handle } } }) { edges { node { name } } }
        }";
        let variables = json!({ "id": id, "handle": format!("g{place}") });
        let answer = server.query_with(document, variables).await;
        let data = &answer["data"];
        let expected: Vec<_> = expected.into_iter().map(|n| format!("device-{n}")).collect();
        assert_eq!(names(&data["deviceGroup"]["devices"]), expected, "{selector}: {answer}");
        assert_eq!(column(&data["inside"], "name"), expected, "{selector}");
        let edges = data["devices"]["edges"].as_array().unwrap().iter().map(|edge| &edge["node"]);
        let inside = edges.filter(|device| device["deviceGroups"] != json!([]));
        let inside: Vec<_> = inside.map(|device| device["name"].as_str().unwrap()).collect();
        assert_eq!(inside, expected, "{selector}");
    }
}

/// Both lists are filtered, sorted and cut, and nulls for their arguments mean nothing.
#[tokio::test]
async fn groups_and_devices_list_each_other() {
    let server = Server::start().await;
    let devices = connect(&server, 4).await;
    for device in &devices {
        server.tag(device, &["x"]).await;
    }
    let group = server.make_group("all", r#""x" in tags"#).await;
    server.make_group("beyond", r#""y" in tags"#).await;
    server.make_group("every", r#""x" in tags or "y" in tags"#).await;
    let document = r#"query ($group: ID!, $device: ID!) {
        deviceGroup(id: $group) {
            all: devices(filter: null, sort: null, limit: null, offset: null) { name }
            down: devices(sort: [{ field: NAME, order: DESC }]) { name }
            some: devices(filter: { name: { in: ["device-1", "device-3"] } }) { name }
            part: devices(sort: [{ field: NAME, order: DESC }], limit: 2, offset: 1) { name }
            none: devices(limit: 0) { name }
            rest: devices(offset: 3) { name }
        }
        device(id: $device) {
            all: deviceGroups(filter: null, sort: null, limit: null, offset: null) { name: handle }
            down: deviceGroups(sort: [{ field: HANDLE, order: DESC }]) { name: handle }
            some: deviceGroups(filter: { handle: { ilike: "%VER%" } }) { name: handle }
            part: deviceGroups(limit: 1, offset: 1) { name: handle }
            nested: deviceGroups(limit: 1) { name: handle devices(limit: 1) { name deviceGroups { handle } } }
        }
        filtered: deviceGroups(filter: { devices: { name: { eq: "device-0" } } }) { edges { node { handle } } }
    }"#;
    let answer = server.query_with(document, json!({ "group": group, "device": devices[0] })).await;
    let (group, device) = (&answer["data"]["deviceGroup"], &answer["data"]["device"]);
    for (list, expected) in [
        (&group["all"], vec!["device-0", "device-1", "device-2", "device-3"]),
        (&group["down"], vec!["device-3", "device-2", "device-1", "device-0"]),
        (&group["some"], vec!["device-1", "device-3"]),
        (&group["part"], vec!["device-2", "device-1"]),
        (&group["none"], vec![]),
        (&group["rest"], vec!["device-3"]),
        (&device["all"], vec!["all", "every"]),
        (&device["down"], vec!["every", "all"]),
        (&device["some"], vec!["every"]),
        (&device["part"], vec!["every"]),
    ] {
        assert_eq!(names(list), expected, "{answer}");
    }
    assert_eq!(
        device["nested"][0]["devices"][0]["deviceGroups"],
        json!([{ "handle": "all" }, { "handle": "every" }])
    );
    assert_eq!(column(&answer["data"]["filtered"], "handle"), ["all", "every"]);
    let negative = server.query("{ deviceGroups { edges { node { devices(limit: -1) { name } } } } }").await;
    assert_eq!(negative["errors"][0]["code"], "invalid_query", "{negative}");
    assert_eq!(negative["errors"][0]["fields"], json!(["limit"]), "{negative}");
}
