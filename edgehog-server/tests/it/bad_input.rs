//! Input that nobody should send: a clear answer, and nothing half done.

use serde_json::{Value, json};

use crate::Server;
use crate::records::{connect, errors, refused};

fn say_why(answer: &Value, input: &str) {
    let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{input}: {answer}"));
    assert!(!errors.is_empty(), "{input}");
    for error in errors {
        assert!(error["message"].as_str().is_some_and(|it| !it.is_empty()), "{input}: {answer}");
        assert!(error["fields"].is_array(), "{input}: {answer}");
    }
}

/// A document that is wrong is not run at all: no data, and each error has its fields.
#[tokio::test]
async fn wrong_documents_are_not_run() {
    let server = Server::start().await;
    let device = &connect(&server, 1).await[0];
    let rename = format!(r#"updateDevice(id: "{device}", input: {{ name: "x" }}) {{ result {{ id }} }}"#);
    for document in [
        format!("mutation {{ {rename} "),
        format!("mutation {{ {rename} nothing }}"),
        format!("mutation {{ {rename} deleteDeviceGroup {{ result {{ id }} }} }}"),
        format!("mutation ($x: Nothing) {{ {rename} }}"),
        format!("mutation ($x: ID!) {{ {rename} deleteDeviceGroup(id: $x) {{ result {{ id }} }} }}"),
        format!(
            "mutation {{ {rename} createDeviceGroup(input: {{ name: null, handle: \"h\", selector: \"s\" }}) {{ result {{ id }} }} }}"
        ),
        format!(
            "mutation {{ {rename} createDeviceGroup(input: {{ handle: \"h\", selector: \"s\" }}) {{ result {{ id }} }} }}"
        ),
        format!("mutation {{ {rename} ...F }} fragment F on RootMutationType {{ ...F }}"),
        format!("mutation {{ {rename} updateDevice(id: 7) {{ result {{ name }} }} }}"),
        "{ devices(filter: { name: { eq: 7 } }) { count } }".to_owned(),
        "{ devices(filter: { name: { resembles: \"x\" } }) { count } }".to_owned(),
        "{ devices(filter: { colour: { eq: \"x\" } }) { count } }".to_owned(),
        "{ devices(filter: { tags: { devices: { count: 1 } } }) { count } }".to_owned(),
        "{ devices(sort: [{ field: COLOUR }]) { count } }".to_owned(),
        "{ devices(sort: [{ order: ASC }]) { count } }".to_owned(),
        "{ devices(first: \"1\") { count } }".to_owned(),
        "{ systemModels { edges { node { description } } } }".to_owned(),
        "{ existingDeviceTags { edges { node { devices { count } } } } }".to_owned(),
        "{ devices { edges } }".to_owned(),
        "{ devices { count { x } } }".to_owned(),
        String::from("query A { __typename } query B { __typename }"),
        String::from("{ ...F } fragment F on RootQueryType { ...G } fragment G on RootQueryType { ...F }"),
        String::from(
            "{ devices { ...F } } fragment F on DeviceConnection { edges { node { ...G } } } fragment G on Device { deviceGroups { devices { ...G } } }",
        ),
    ] {
        let answer = server.query(&document).await;
        say_why(&answer, &document);
        assert!(answer.get("data").is_none(), "{document}: {answer}");
    }
    let kept = server.query("{ devices { edges { node { name } } } }").await;
    assert_eq!(kept["data"]["devices"]["edges"][0]["node"]["name"], "device-0");
}

/// Values of variables are held to the same rules, and the member at fault is named as it always was.
#[tokio::test]
async fn wrong_variables_are_refused() {
    let server = Server::start().await;
    let filter = "query ($filter: DeviceFilterInput) { devices(filter: $filter) { count } }";
    let sort = "query ($sort: [DeviceSortInput]) { devices(sort: $sort) { count } }";
    let create =
        "mutation ($input: CreateDeviceGroupInput!) { createDeviceGroup(input: $input) { result { id } } }";
    for (document, variables) in [
        ("{ devices(filter: \"name\") { count } }", json!({})),
        (filter, json!({ "filter": 7 })),
        (filter, json!({ "filter": { "name": { "eq": 7 } } })),
        (filter, json!({ "filter": { "online": { "eq": "true" } } })),
        (filter, json!({ "filter": { "lastConnection": { "lessThan": "yesterday" } } })),
        (filter, json!({ "filter": { "lastConnection": { "lessThan": "2026-01-02T03:04:05" } } })),
        (filter, json!({ "filter": { "id": { "eq": "ZGV2aWNlOjE=" } } })),
        (filter, json!({ "filter": { "colour": { "eq": "x" } } })),
        (filter, json!({ "filter": { "or": [{ "not": [{ "tags": { "name": { "in": [{}] } } }] }] } })),
        (sort, json!({ "sort": [{ "field": "COLOUR" }] })),
        (sort, json!({ "sort": [{ "field": "NAME", "order": "UP" }] })),
        (create, json!({})),
        (create, json!({ "input": null })),
        (create, json!({ "input": { "name": null, "handle": "h", "selector": "s" } })),
        (create, json!({ "input": { "handle": "h", "selector": "s" } })),
        (create, json!({ "input": { "name": ["a", "b"], "handle": "h", "selector": "s" } })),
        (create, json!({ "input": { "name": "n", "handle": "h", "selector": "s", "colour": "c" } })),
    ] {
        let answer = server.query_with(document, variables.clone()).await;
        say_why(&answer, &variables.to_string());
        assert!(
            answer["data"].as_object().is_none_or(|data| data.values().all(Value::is_null)),
            "{variables}: {answer}"
        );
    }
    let answer =
        server.query_with(create, json!({ "input": { "name": null, "handle": "h", "selector": "s" } })).await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains(r#"In field "name": Expected type "String"#), "{message}");
}

/// What PostgreSQL cannot hold or compare is refused, and nothing of the request is done.
#[tokio::test]
async fn unstorable_texts_are_refused() {
    let server = Server::start().await;
    let device = &connect(&server, 1).await[0];
    let nul = "a\u{0}b";
    let (filter, tag) = (
        "query ($text: String) { devices(filter: { or: [{ name: { ilike: $text } }, { tags: { name: { eq: $text } } }] }) { count } }",
        "mutation ($id: ID!, $text: String!) { addDeviceTags(id: $id, input: { tags: [\"fine\", $text] }) { result { id } } }",
    );
    let rename = "mutation ($id: ID!, $text: String!) { updateDevice(id: $id, input: { name: $text }) { result { id } } }";
    let group = "mutation ($text: String!) { createDeviceGroup(input: { name: $text, handle: \"h\", selector: $text }) { result { id } } }";
    let model = "mutation ($text: String!) { createHardwareType(input: { name: \"n\", handle: \"h\", partNumbers: [\"fine\", $text] }) { result { id } } }";
    for (document, text) in
        [(filter, nul), (filter, "device-\\"), (tag, nul), (rename, nul), (group, nul), (model, nul)]
    {
        let answer = server.query_with(document, json!({ "id": device, "text": text })).await;
        assert!(!refused(&answer).is_empty(), "{document}: {answer}");
        let code = answer["errors"][0]["code"].as_str().unwrap();
        assert!(
            ["invalid_argument", "invalid_attribute", "invalid_query"].contains(&code),
            "{document}: {answer}"
        );
    }
    let left = server.query("{ existingDeviceTags { count } hardwareTypes { count } deviceGroups { count } devices { edges { node { name } } } }").await;
    let none = json!({ "count": 0 });
    let devices = json!({ "edges": [{ "node": { "name": "device-0" } }] });
    assert_eq!(
        left["data"],
        json!({ "existingDeviceTags": none, "hardwareTypes": none, "deviceGroups": none, "devices": devices })
    );
}

/// Too much of anything: a body, a depth, a width.
#[tokio::test]
async fn too_much_is_refused() {
    let server = Server::start().await;
    let body =
        json!({ "query": "query ($a: String) { __typename }", "variables": { "a": "x".repeat(9_000_000) } });
    let answer =
        server.post("/tenants/plant-one/api").bearer_auth(&server.token).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    let deep = |levels: usize| {
        "{ deviceGroups { edges { node ".to_owned()
            + &"{ devices { deviceGroups ".repeat(levels)
            + "{ id }"
            + &" } }".repeat(levels)
            + " } } }"
    };
    let wide: String = (0..6000).map(|n| format!("a{n}: tenantInfo {{ slug }} ")).collect();
    for document in [deep(40), format!("{{ {wide} }}")] {
        let answer = server.query(&document).await;
        say_why(&answer, &document[..60]);
    }
    // Each of these fragments is written twice in the one before it.
    let mut doubled = "{ ...F0 } fragment F30 on RootQueryType { tenantInfo { slug } }".to_owned();
    for n in 0..30 {
        let next = n + 1;
        doubled.push_str(&format!(" fragment F{n} on RootQueryType {{ ...F{next} ...F{next} }}"));
    }
    say_why(&server.query(&doubled).await, "fragments");
    // What the console's deepest page needs, and more, is fine.
    let answer = server.query(&deep(6)).await;
    assert_eq!(errors(&answer), [""; 0], "{answer}");
    let nested = "query ($filter: DeviceFilterInput) { devices(filter: $filter) { count } }";
    for (levels, status) in [(20, 200), (100, 400), (2000, 400), (100_000, 400)] {
        let filter = r#"{"or":["#.repeat(levels) + r#"{"name":{"eq":"x"}}"# + &"]}".repeat(levels);
        let body = format!(r#"{{"query":"{nested}","variables":{{"filter":{filter}}}}}"#);
        let answer = server.post("/tenants/plant-one/api").bearer_auth(&server.token);
        let answer = answer.header("Content-Type", "application/json").body(body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{levels}");
    }
    assert_eq!(server.query("{ __typename }").await["data"]["__typename"], "RootQueryType");
    let many = json!({ "filter": { "id": { "in": (0..50_000).collect::<Vec<_>>() } } });
    assert_eq!(server.query_with(nested, many).await["data"]["devices"]["count"], 0);
}

/// A request that could not be read has errors of the same form, with the status that says so.
#[tokio::test]
async fn unusable_requests_say_why() {
    let server = Server::start().await;
    let api = format!("{}/tenants/plant-one/api", server.url);
    let mutation = "mutation { deleteDeviceGroup(id: \"x\") { result { id } } }";
    let in_url = reqwest::Url::parse_with_params(&api, [("query", mutation)]).unwrap();
    for (request, status) in [
        (server.http.post(&api).json(&json!({})), 400),
        (server.http.post(&api).json(&json!({ "query": "{ __typename }", "variables": "{" })), 400),
        (server.http.post(&api).json(&json!({ "query": "{ __typename }", "variables": [1] })), 400),
        (server.http.get(in_url), 405),
    ] {
        let answer = request.bearer_auth(&server.token).send().await.unwrap();
        assert_eq!(answer.status(), status);
        say_why(&answer.json().await.unwrap(), "a request");
    }
}
