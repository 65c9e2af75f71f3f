//! What subscribers are told, over every transport, by two servers on one database.

use edgehog_engine::Engine;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Server;
use crate::records::{connect, global_id, key};
use crate::sockets::{Socket, ask, open, path};

const DEVICES: &str = "subscription { deviceChanged { created { name } updated { name online } } }";

/// Two servers on one database, both at work in the background until this is dropped.
struct Pair {
    here: Server,
    there: Server,
    _running: [DropGuard; 2],
}

impl Pair {
    async fn start() -> Self {
        let here = Server::start().await;
        let there = here.twin(here.database.clone().application_name("there")).await;
        let _running = [run(&here.engine), run(&there.engine)];
        Self { here, there, _running }
    }
}

pub(crate) fn run(engine: &Engine) -> DropGuard {
    let stop = CancellationToken::new();
    tokio::spawn(engine.clone().run(stop.clone()));
    stop.drop_guard()
}

/// A subscription on a socket of its own, as the console opens it.
struct Subscriber(Socket);

impl Subscriber {
    async fn open(server: &Server, document: &str) -> Self {
        Self::with(server, document, json!({})).await
    }

    async fn with(server: &Server, document: &str, variables: Value) -> Self {
        let (socket, answer) = request(server, document, variables).await;
        assert_eq!(answer[4]["status"], "ok", "{answer}");
        let id = answer[4]["response"]["subscriptionId"].as_str().unwrap();
        assert!(id.starts_with("__absinthe__:doc:"), "{answer}");
        Self(socket)
    }

    /// What it is told next.
    async fn next(&mut self) -> Value {
        loop {
            let Message::Text(text) = self.0.next().await.unwrap().unwrap() else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                (&message[0], &message[1], &message[3]),
                (&Value::Null, &Value::Null, &json!("subscription:data")),
                "{message}"
            );
            assert_eq!(message[2], message[4]["subscriptionId"], "{message}");
            return message[4]["result"]["data"].clone();
        }
    }
}

/// Opens a socket and sends a document; gives the answer to it.
pub(crate) async fn request(server: &Server, document: &str, variables: Value) -> (Socket, Value) {
    let mut socket = open(server, &path(server, ""), &[]).await.unwrap();
    let control = "__absinthe__:control";
    assert_eq!(ask(&mut socket, json!([null, "1", control, "phx_join", {}])).await[4]["status"], "ok");
    let doc = json!([null, "2", control, "doc", { "query": document, "variables": variables }]);
    let answer = ask(&mut socket, doc).await;
    (socket, answer)
}

impl Server {
    async fn rename(&self, device: &str, name: &str) {
        let mutation = "mutation ($id: ID!, $input: UpdateDeviceInput) { updateDevice(id: $id, input: $input) { result { id } } }";
        self.done(mutation, json!({ "id": device, "input": { "name": name } })).await;
    }

    /// An event of a device, at a second of the same minute.
    async fn told(&self, device_id: &str, second: u32, event: Value) {
        let body = json!({
            "device_id": device_id, "timestamp": format!("2026-01-02T03:04:{second:02}Z"), "event": event,
        });
        assert_eq!(self.deliver(body.to_string()).await.status(), 200);
    }
}

/// A device is created once; what an event leaves as it was is not told, what people do always is.
#[tokio::test]
async fn devices_are_told_of() {
    let Pair { here, there, _running } = Pair::start().await;
    let mut subscriber = Subscriber::open(&there, DEVICES).await;
    let created = |name: &str| json!({ "deviceChanged": { "created": { "name": name }, "updated": null } });
    let updated = |name: &str, online: bool| json!({ "deviceChanged": { "created": null, "updated": { "name": name, "online": online } } });
    here.told("d", 5, json!({ "type": "device_connected" })).await;
    assert_eq!(subscriber.next().await, created("d"));
    // The same again is nothing new. An older disconnection is, but leaves the device online.
    here.told("d", 5, json!({ "type": "device_connected" })).await;
    here.told("d", 4, json!({ "type": "device_disconnected" })).await;
    assert_eq!(subscriber.next().await, updated("d", true));
    here.told("d", 6, json!({ "type": "device_disconnected" })).await;
    assert_eq!(subscriber.next().await, updated("d", false));
    let device = here.query("{ devices { edges { node { id } } } }").await["data"]["devices"]["edges"][0]["node"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for name in ["d", "d", "e"] {
        here.rename(&device, name).await;
        assert_eq!(subscriber.next().await, updated(name, false));
    }
    here.tag(&device, &["x"]).await;
    assert_eq!(subscriber.next().await, updated("e", false));
    here.tag(&device, &["x"]).await;
    assert_eq!(subscriber.next().await, updated("e", false));
    let untag =
        "mutation ($id: ID!) { removeDeviceTags(id: $id, input: { tags: [\"y\"] }) { result { id } } }";
    here.done(untag, json!({ "id": device })).await;
    assert_eq!(subscriber.next().await, updated("e", false));
    // That a device is gone is not told, nor that a mutation was refused.
    here.told("d", 7, json!({ "type": "device_deletion_finished" })).await;
    let refused = here.query_with(untag, json!({ "id": device })).await;
    assert!(refused["errors"].is_array());
    here.told("f", 8, json!({ "type": "device_registered" })).await;
    assert_eq!(subscriber.next().await, created("f"));
}

/// Groups and hardware types are created, updated and destroyed; whoever selects another kind is told null.
#[tokio::test]
async fn each_kind_of_change_is_told() {
    let Pair { here, there, _running } = Pair::start().await;
    let document = "subscription { it: deviceGroup {
        __typename created { handle devices { name } } updated { handle } destroyed gone: destroyed
    } }";
    let mut groups = Subscriber::open(&there, document).await;
    let mut only_updated =
        Subscriber::open(&there, "subscription { deviceGroup { updated { name } } }").await;
    let mut types = Subscriber::open(&there, "subscription { hardwareType { created { handle } updated { handle partNumbers { count } } destroyed } }").await;
    let id = here.make_group("group", r#""a" in tags"#).await;
    let input = json!({ "id": id, "input": { "name": "New" } });
    here.done("mutation ($id: ID!, $input: UpdateDeviceGroupInput) { updateDeviceGroup(id: $id, input: $input) { result { id } } }", input).await;
    let group = |created: Value, updated: Value, destroyed: Value| {
        json!({ "it": {
        "__typename": "device_group_result",
        "created": created, "updated": updated, "destroyed": destroyed, "gone": destroyed,
    } })
    };
    let record = json!({ "handle": "group" });
    assert_eq!(
        groups.next().await,
        group(json!({ "handle": "group", "devices": [] }), Value::Null, Value::Null)
    );
    assert_eq!(groups.next().await, group(Value::Null, record, Value::Null));
    assert_eq!(only_updated.next().await, json!({ "deviceGroup": { "updated": null } }));
    assert_eq!(only_updated.next().await, json!({ "deviceGroup": { "updated": { "name": "New" } } }));
    here.done("mutation ($id: ID!) { deleteDeviceGroup(id: $id) { result { id } } }", json!({ "id": id }))
        .await;
    assert_eq!(groups.next().await, group(Value::Null, Value::Null, json!(id)));
    assert_eq!(only_updated.next().await, json!({ "deviceGroup": { "updated": null } }));
    let id = here.make_hardware_type("type", &["A", "B"]).await;
    let created =
        json!({ "hardwareType": { "created": { "handle": "type" }, "updated": null, "destroyed": null } });
    assert_eq!(types.next().await, created);
    here.done("mutation ($id: ID!) { deleteHardwareType(id: $id) { result { id } } }", json!({ "id": id }))
        .await;
    let destroyed = json!({ "hardwareType": { "created": null, "updated": null, "destroyed": id } });
    assert_eq!(types.next().await, destroyed);
}

/// Part numbers are told of as they are made, move, lose their owner or are deleted, but not when their owner is.
#[tokio::test]
async fn part_numbers_are_told_of() {
    let Pair { here, there, _running } = Pair::start().await;
    let one = here.make_hardware_type("one", &["A", "B"]).await;
    let model = here.make_system_model_of(&one, "one", &["A", "B"]).await;
    let document = |field: &str, owner: &str| {
        format!(
            "subscription {{ it: {field} {{ created {{ partNumber }} updated {{ partNumber {owner} {{ handle }} }} destroyed }} }}"
        )
    };
    let mut of_types = Subscriber::open(&there, &document("hardwareTypePartNumber", "hardwareType")).await;
    let mut of_models = Subscriber::open(&there, &document("systemModelPartNumber", "systemModel")).await;
    let created = |number: &str| json!({ "it": { "created": { "partNumber": number }, "updated": null, "destroyed": null } });
    let updated = |number: &str, name: &str, owner: Value| {
        json!({ "it": {
        "created": null, "updated": { "partNumber": number, name: owner }, "destroyed": null,
    } })
    };
    let two = here.make_hardware_type("two", &["A", "C"]).await;
    assert_eq!(of_types.next().await, updated("A", "hardwareType", json!({ "handle": "two" })));
    assert_eq!(of_types.next().await, created("C"));
    let update = "mutation ($id: ID!) { updateHardwareType(id: $id, input: { partNumbers: [\"C\"] }) { result { id } } }";
    here.done(update, json!({ "id": two })).await;
    assert_eq!(of_types.next().await, updated("A", "hardwareType", Value::Null));
    here.done("mutation ($id: ID!) { deleteHardwareType(id: $id) { result { id } } }", json!({ "id": two }))
        .await;
    here.make_hardware_type("three", &["D"]).await;
    assert_eq!(of_types.next().await, created("D"));
    let other = here.make_system_model_of(&one, "two", &["A", "E"]).await;
    assert_eq!(of_models.next().await, updated("A", "systemModel", json!({ "handle": "two" })));
    assert_eq!(of_models.next().await, created("E"));
    let numbers = here
        .query("{ systemModels { edges { node { partNumbers { edges { node { id partNumber } } } } } } }")
        .await;
    let edges =
        numbers["data"]["systemModels"]["edges"][0]["node"]["partNumbers"]["edges"].as_array().unwrap();
    assert_eq!(edges[0]["node"]["partNumber"], "B");
    let update = "mutation ($id: ID!) { updateSystemModel(id: $id, input: { partNumbers: [\"F\"] }) { result { id } } }";
    here.done(update, json!({ "id": model })).await;
    let destroyed =
        json!({ "it": { "created": null, "updated": null, "destroyed": edges[0]["node"]["id"] } });
    assert_eq!(of_models.next().await, destroyed);
    assert_eq!(of_models.next().await, created("F"));
    here.done("mutation ($id: ID!) { deleteSystemModel(id: $id) { result { id } } }", json!({ "id": other }))
        .await;
    here.make_system_model_of(&one, "four", &["G"]).await;
    assert_eq!(of_models.next().await, created("G"));
}

/// Only records that pass the filter as they are now are told of, along relations too.
#[tokio::test]
async fn filters_choose_what_is_told() {
    let Pair { here, there, _running } = Pair::start().await;
    let devices = connect(&here, 2).await;
    let document =
        "subscription ($filter: DeviceFilterInput) { deviceChanged(filter: $filter) { updated { name } } }";
    let by_id = json!({ "filter": { "id": { "eq": key(&devices[1]) } } });
    let mut by_id = Subscriber::with(&there, document, by_id).await;
    let mut by_tag =
        Subscriber::with(&there, document, json!({ "filter": { "tags": { "name": { "eq": "x" } } } })).await;
    let mut by_name =
        Subscriber::with(&there, document, json!({ "filter": { "or": [{ "name": { "ilike": "N%" } }] } }))
            .await;
    here.rename(&devices[0], "n0").await;
    here.rename(&devices[1], "n1").await;
    here.tag(&devices[0], &["x"]).await;
    here.rename(&devices[0], "m0").await;
    here.rename(&devices[1], "n2").await;
    let updated = |name: &str| json!({ "deviceChanged": { "updated": { "name": name } } });
    // What is told is the record as it is then, so that it may be ahead of the change.
    let seen = [by_id.next().await, by_id.next().await];
    assert_eq!(seen[1], updated("n2"));
    let seen = [by_tag.next().await, by_tag.next().await];
    assert_eq!(seen[1], updated("m0"));
    while by_name.next().await != updated("n2") {}
}

/// Another tenant's changes are not told, not even that something is gone.
#[tokio::test]
async fn other_tenants_changes_are_not_told() {
    let Pair { here, there, _running } = Pair::start().await;
    let neighbour = here.neighbour().await;
    let mut devices = Subscriber::open(&there, DEVICES).await;
    let mut groups = Subscriber::open(
        &there,
        "subscription { deviceGroup { created { handle } updated { handle } destroyed } }",
    )
    .await;
    let theirs = connect(&neighbour, 1).await;
    neighbour.rename(&theirs[0], "theirs").await;
    let group = neighbour.make_group("theirs", r#""a" in tags"#).await;
    neighbour
        .done("mutation ($id: ID!) { deleteDeviceGroup(id: $id) { result { id } } }", json!({ "id": group }))
        .await;
    here.told("ours", 5, json!({ "type": "device_connected" })).await;
    here.make_group("ours", r#""a" in tags"#).await;
    assert_eq!(devices.next().await["deviceChanged"]["created"]["name"], "ours");
    assert_eq!(groups.next().await["deviceGroup"]["created"]["handle"], "ours");
}

/// Many changes at once are all told, those of one record in their order, though made at both servers.
#[tokio::test]
async fn bursts_are_told_in_order() {
    let Pair { here, there, _running } = Pair::start().await;
    let devices = connect(&here, 3).await;
    let mut subscriber =
        Subscriber::open(&there, "subscription { deviceChanged { updated { id name } } }").await;
    let rounds = 40;
    let work = devices.iter().map(async |device| {
        for n in 0..rounds {
            let server = if n % 2 == 0 { &here } else { &there };
            server.rename(device, &format!("{n}")).await;
        }
    });
    futures::future::join_all(work).await;
    let mut last = std::collections::HashMap::new();
    for _ in 0..rounds * devices.len() {
        let told = subscriber.next().await["deviceChanged"]["updated"].clone();
        let number: usize = told["name"].as_str().unwrap().parse().unwrap();
        let before = last.insert(told["id"].as_str().unwrap().to_owned(), number);
        assert!(before.is_none_or(|before| before <= number), "{told} after {before:?}");
    }
    assert!(last.values().all(|last| *last == rounds - 1), "{last:?}");
}

/// A server whose connections are all cut between two changes tells both.
#[tokio::test]
async fn cut_connections_lose_nothing() {
    let Pair { here, there, _running } = Pair::start().await;
    let mut subscriber =
        Subscriber::open(&there, "subscription { deviceGroup { created { handle } } }").await;
    let mut connection = here.database.connect().await.unwrap();
    for round in 0..5 {
        here.make_group(&format!("a{round}"), r#""a" in tags"#).await;
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name = 'there'";
        let cut: i64 = sqlx::query_scalar(cut).fetch_one(&mut connection).await.unwrap();
        assert!(cut > 0);
        here.make_group(&format!("b{round}"), r#""a" in tags"#).await;
        for name in ["a", "b"] {
            let told = subscriber.next().await;
            assert_eq!(told["deviceGroup"]["created"]["handle"], format!("{name}{round}"));
        }
    }
    connection.close().await.unwrap();
}

/// What is no subscription that can be served is answered with errors, and the socket goes on.
#[tokio::test]
async fn wrong_subscriptions_are_refused() {
    let Pair { there, _running, .. } = Pair::start().await;
    for (document, variables) in [
        ("subscription {", json!({})),
        ("subscription { nothing { id } }", json!({})),
        ("subscription { deviceChanged }", json!({})),
        ("subscription { deviceChanged { destroyed } }", json!({})),
        ("subscription { deviceChanged { created { nothing } } }", json!({})),
        ("subscription { deviceChanged(filter: { name: 7 }) { created { id } } }", json!({})),
        (
            "subscription ($f: DeviceFilterInput) { deviceChanged(filter: $f) { created { id } } }",
            json!({ "f": { "colour": {} } }),
        ),
        ("subscription { deviceChanged { created { tags(first: 0) { count } } } }", json!({})),
        ("subscription { deviceChanged { created { tags(after: \"?\") { count } } } }", json!({})),
        ("", json!({})),
    ] {
        let (mut socket, answer) = request(&there, document, variables).await;
        assert_eq!(answer[4]["status"], "error", "{document}: {answer}");
        let errors =
            answer[4]["response"]["errors"].as_array().unwrap_or_else(|| panic!("{document}: {answer}"));
        for error in errors {
            assert!(error["message"].is_string() && error["fields"].is_array(), "{document}: {answer}");
        }
        let alive = ask(&mut socket, json!([null, null, "phoenix", "heartbeat", {}])).await;
        assert_eq!(alive[4]["status"], "ok", "{document}");
    }
}

/// The standard socket and streams of events tell the same.
#[tokio::test]
async fn every_transport_tells() {
    let Pair { here, there, _running } = Pair::start().await;
    let document = "subscription { deviceGroup { created { handle } } }";
    let path = format!("/tenants/plant-one/api/socket?token={}", there.token);
    let mut socket =
        open(&there, &path, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap();
    assert_eq!(ask(&mut socket, json!({ "type": "connection_init" })).await["type"], "connection_ack");
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": document } });
    socket.send(Message::text(subscribe.to_string())).await.unwrap();
    // The answer to a ping comes when the subscription has been taken up.
    let wrong = json!({ "type": "subscribe", "id": "2", "payload": { "query": "subscription { nothing }" } });
    let refused = ask(&mut socket, wrong).await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("2")), "{refused}");
    let request = there.post("/tenants/plant-one/api").bearer_auth(&there.token);
    let request = request.header("Accept", "text/event-stream").json(&json!({ "query": document }));
    let answer = request.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"text/event-stream".parse().unwrap())
    );
    let mut events = answer.bytes_stream();
    let (mut over_socket, mut over_http) = (Vec::new(), String::new());
    for place in 0..3 {
        here.make_group(&format!("g{place}"), r#""a" in tags"#).await;
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else { panic!("no text") };
        over_socket.push(serde_json::from_str::<Value>(&text).unwrap());
        while !over_http.contains(&format!(r#""g{place}""#)) {
            over_http.push_str(str::from_utf8(&events.next().await.unwrap().unwrap()).unwrap());
        }
    }
    for (place, message) in over_socket.iter().enumerate() {
        let data = json!({ "deviceGroup": { "created": { "handle": format!("g{place}") } } });
        assert_eq!(*message, json!({ "type": "next", "id": "1", "payload": { "data": data } }));
    }
    let told: Vec<_> = over_http.lines().filter(|line| line.starts_with("data: {")).collect();
    assert_eq!(told.len(), 3, "{over_http}");
}

/// Ids in what is told are those that queries take.
#[tokio::test]
async fn told_ids_can_be_asked_for() {
    let Pair { here, there, _running } = Pair::start().await;
    let mut subscriber =
        Subscriber::open(&there, "subscription { deviceGroup { created { id __typename } destroyed } }")
            .await;
    let id = here.make_group("group", r#""a" in tags"#).await;
    assert_eq!(id, global_id("device_group", key(&id)));
    let told = subscriber.next().await;
    assert_eq!(
        told["deviceGroup"],
        json!({ "created": { "id": id, "__typename": "DeviceGroup" }, "destroyed": null })
    );
    let found = there.query_with("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
    assert_eq!(found["data"]["node"]["id"], *id);
}
