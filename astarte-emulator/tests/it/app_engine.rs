//! AppEngine: devices, groups, and the shapes of values.

use std::time::Duration;

use astarte_emulator::{AppEngineFault, ServerMessage};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::world::{REALM, World, body, interface};

fn detail(body: &Json) -> &str {
    body["errors"]["detail"].as_str().unwrap_or_default()
}

fn devices(rest: &str) -> String {
    format!("appengine/v1/{REALM}/devices{rest}")
}

fn at(seconds: i64) -> DateTime<Utc> {
    "2024-05-01T10:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(seconds)
}

// A full page always has a next one, which may be empty and has none.
#[tokio::test]
async fn devices_are_paged() {
    let world = World::new().await;
    let mut expected: Vec<_> = (0..4).map(|_| world.device()).collect();
    expected.sort();
    let mut found = Vec::new();
    let mut path = devices("?limit=2");
    let mut pages = 0;
    loop {
        let (status, body) = world.get(&path).await;
        assert_eq!(status, StatusCode::OK);
        pages += 1;
        found.extend(body["data"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()));
        let Some(next) = body["links"]["next"].as_str() else { break };
        assert!(next.starts_with(&format!("/v1/{REALM}/devices?")), "{next}");
        path = format!("appengine{next}");
    }
    found.sort();
    assert_eq!((found, pages), (expected, 3));
}

#[tokio::test]
async fn list_parameters() {
    let world = World::new().await;
    let id = world.device();
    let (_, detailed) = world.get(&devices("?details=true")).await;
    assert_eq!(detailed["data"][0]["id"], json!(id));
    let (status, body) = world.get(&devices("?limit=0")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body, json!({"errors": {"limit": ["must be greater than 0"]}}));
    let (_, stats) = world.get(&format!("appengine/v1/{REALM}/stats/devices")).await;
    assert_eq!(stats["data"], json!({"total_devices": 1, "connected_devices": 0}));
}

#[tokio::test]
async fn status_follows_the_device() {
    let world = World::new().await;
    let id = world.device();
    let fresh = world.status(&id).await;
    assert_eq!((&fresh["connected"], &fresh["last_connection"]), (&json!(false), &Json::Null));
    let device = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    device.publish("org.example.Stream", "/a/temp", json!(1), None).await.unwrap();
    let connected = world.status(&id).await;
    assert_eq!(connected["connected"], true);
    assert_eq!(connected["introspection"]["org.example.Stream"]["exchanged_msgs"], 1);
    device.disconnect();
    let away = world.status(&id).await;
    assert_eq!(away["connected"], false);
    assert!(away["last_connection"].is_string() && away["last_disconnection"].is_string());
}

#[tokio::test]
async fn a_device_is_patched_with_merge_patch_only() {
    let world = World::new().await;
    let id = world.device();
    let patch = async |media: &str, data: Json| {
        let request = world.request(Method::PATCH, &devices(&format!("/{id}"))).header("content-type", media);
        body(request.body(json!({"data": data}).to_string()).send().await.unwrap()).await
    };
    let media = "application/merge-patch+json";
    let (status, body) = patch(media, json!({"aliases": {"name": "one"}, "attributes": {"k": "v"}})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&body["data"]["aliases"]["name"], &body["data"]["attributes"]["k"]),
        (&json!("one"), &json!("v"))
    );
    let cases = [
        ("application/json", json!({}), 415, ""),
        ("application/merge-patch+json; charset=utf-8", json!({}), 415, ""),
        (media, json!({}), 200, ""),
        (media, json!({"aliases": {"": "x"}}), 400, "Invalid alias"),
        (media, json!({"aliases": {"other": null}}), 400, "Alias tag not found"),
        (media, json!({"attributes": {"other": null}}), 422, "Attribute key not found"),
        (media, json!({"attributes": {"": "x"}}), 400, "Invalid attributes"),
        (media, json!({"credentials_inhibited": "yes"}), 422, ""),
        (media, json!({"attributes": {"k": null}, "credentials_inhibited": true}), 200, ""),
    ];
    for (media, data, status, text) in cases {
        let (answer, body) = patch(media, data.clone()).await;
        assert_eq!(answer.as_u16(), status, "{media} {data}");
        if !text.is_empty() {
            assert_eq!(detail(&body), text);
        }
    }
    let (status, by_alias) = world.get(&format!("appengine/v1/{REALM}/devices-by-alias/one")).await;
    assert_eq!((status, &by_alias["data"]["id"]), (StatusCode::OK, &json!(id)));
    assert_eq!(by_alias["data"]["attributes"], json!({}));
    let other = world.device();
    let request = world
        .request(Method::PATCH, &devices(&format!("/{other}")))
        .header("content-type", media)
        .body(json!({"data": {"aliases": {"x": "one"}}}).to_string());
    let (status, answer) = crate::world::body(request.send().await.unwrap()).await;
    assert_eq!((status, detail(&answer)), (StatusCode::CONFLICT, "Alias already in use"));
}

#[tokio::test]
async fn groups_live_while_they_have_members() {
    let world = World::new().await;
    let (one, two) = (world.device(), world.device());
    let groups = format!("appengine/v1/{REALM}/groups");
    let create = json!({"group_name": "a/b", "devices": [one]});
    assert_eq!(world.post(&groups, create.clone()).await.0, StatusCode::CREATED);
    assert_eq!(world.post(&groups, create).await.0, StatusCode::CONFLICT);
    let group = format!("{groups}/a%2Fb");
    let add = world.post(&format!("{group}/devices"), json!({"device_id": two})).await;
    assert_eq!(add, (StatusCode::CREATED, Json::Null));
    assert_eq!(world.status(&two).await["groups"], json!(["a/b"]));
    let (_, page) = world.get(&format!("{group}/devices?limit=2")).await;
    let next = page["links"]["next"].as_str().unwrap();
    let token = next.split("from_token=").nth(1).unwrap();
    let (status, end) = world.get(&format!("{group}/devices?limit=2&from_token={token}")).await;
    assert_eq!((status, detail(&end)), (StatusCode::NOT_FOUND, "Group not found"));
    for id in [one, two] {
        let (status, _) = world.delete(&format!("{group}/devices/{id}")).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    assert_eq!(world.get(&group).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_there() {
    let world = World::new().await;
    let id = world.device();
    let introspection =
        [("org.example.Stream", 1, 0), ("org.example.Props", 1, 0), ("org.example.Object", 1, 0)];
    let _device = world.realm.connect(&id, introspection).await.unwrap();
    let unknown = "AAAAAAAAAAAAAAAAAAAAAA";
    let cases = [
        (id.as_str(), "org.example.Props", 200, ""),
        (&id, "org.example.Props/kitchen/label", 200, ""),
        (&id, "org.example.Props/kitchen/nothing", 400, "Endpoint not found"),
        (&id, "org.example.Stream", 200, ""),
        (&id, "org.example.Stream/kitchen/temp", 404, "Path not found"),
        (&id, "org.example.Stream/kitchen/nothing", 400, "Endpoint not found"),
        (&id, "org.example.Object/kitchen", 404, "Path not found"),
        (&id, "org.example.Object/kitchen/temp", 404, "Path not found"),
        (&id, "org.example.ServerProps", 404, "Interface not found in device introspection"),
        (unknown, "org.example.Props", 404, "Device not found"),
        ("short", "org.example.Props", 400, "Bad request"),
    ];
    for (id, rest, status, text) in cases {
        let (answer, body) = world.values(id, rest).await;
        assert_eq!((answer.as_u16(), detail(&body)), (status, text), "{rest}");
        if status == 200 {
            assert_eq!(body, json!({"data": {}}), "{rest}");
        }
    }
}

#[tokio::test]
async fn samples_and_their_order() {
    let world = World::new().await;
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    for value in [3, 1, 2, 4] {
        device.publish("org.example.Stream", "/a/at", json!(value), Some(at(value))).await.unwrap();
    }
    let read = async |query: &str| -> Vec<i64> {
        let samples = world.data(&id, &format!("org.example.Stream/a/at{query}")).await;
        samples.as_array().unwrap().iter().map(|sample| sample["value"].as_i64().unwrap()).collect()
    };
    let time = |seconds: i64| at(seconds).to_rfc3339().replace('+', "%2B");
    assert_eq!(read("").await, [1, 2, 3, 4]);
    // A limit alone: the newest, newest first.
    assert_eq!(read("?limit=2").await, [4, 3]);
    assert_eq!(read(&format!("?limit=2&to={}", time(4))).await, [3, 2]);
    // From a bound on: ascending.
    assert_eq!(read(&format!("?since={}", time(2))).await, [2, 3, 4]);
    assert_eq!(read(&format!("?since_after={}&limit=1", time(2))).await, [3]);
    let root = world.data(&id, "org.example.Stream").await;
    assert_eq!(root["a"]["at"]["value"], 4);
    assert!(root["a"]["at"]["reception_timestamp"].is_string());
    let root = world.data(&id, &format!("org.example.Stream?since={}", time(2))).await;
    assert_eq!(root["a"]["at"]["value"], 2);
    let (status, body) = world
        .values(&id, &format!("org.example.Stream/a/at?since={}&since_after={}", time(1), time(1)))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["errors"]["since_after"], json!(["conflicts already set parameter"]));
    let milliseconds = world.data(&id, "org.example.Stream/a/at?limit=1&keep_milliseconds=true").await;
    assert_eq!(milliseconds[0]["timestamp"], json!(at(4).timestamp_millis()));
}

#[tokio::test]
async fn samples_as_tables() {
    let world = World::new().await;
    let id = world.device();
    let device =
        world.realm.connect(&id, [("org.example.Stream", 1, 0), ("org.example.Object", 1, 0)]).await.unwrap();
    device.publish("org.example.Stream", "/a/at", json!(1), Some(at(0))).await.unwrap();
    device.publish_object("org.example.Object", "/a", json!({"temp": 2}), None).await.unwrap();
    let time = "2024-05-01T10:00:00.000Z";
    let (_, table) = world.values(&id, "org.example.Stream/a/at?format=table&keep_milliseconds=true").await;
    let metadata = json!({"columns": {"timestamp": 0, "at": 1}, "table_header": ["timestamp", "at"]});
    assert_eq!(table, json!({"data": [[time, 1]], "metadata": metadata}));
    let disjoint = world.data(&id, "org.example.Stream/a/at?format=disjoint_tables").await;
    assert_eq!(disjoint, json!({"value": [[1, time]]}));
    assert_eq!(world.data(&id, "org.example.Stream/b/at?format=disjoint_tables").await, json!({}));

    let (_, table) = world.values(&id, "org.example.Object/a?format=table").await;
    assert_eq!(table["metadata"]["table_header"], json!(["serial", "temp", "timestamp"]));
    assert_eq!((&table["data"][0][0], &table["data"][0][1]), (&Json::Null, &json!(2.0)));
    let disjoint = world.data(&id, "org.example.Object/a?format=disjoint_tables").await;
    assert_eq!(disjoint["temp"][0][0], 2.0);
    let (status, _) = world.values(&id, "org.example.Stream/a/at?format=other").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

// Text on full paths and in objects, a number on roots and in properties.
#[tokio::test]
async fn long_integers_change_their_spelling() {
    let world = World::new().await;
    let id = world.device();
    let introspection =
        [("org.example.Stream", 1, 0), ("org.example.Props", 1, 0), ("org.example.Object", 1, 0)];
    let device = world.realm.connect(&id, introspection).await.unwrap();
    let big = 1_i64 << 60;
    device.publish("org.example.Stream", "/a/count", json!(big), None).await.unwrap();
    device.publish("org.example.Props", "/a/size", json!(big), None).await.unwrap();
    device.publish_object("org.example.Object", "/a", json!({"serial": big}), None).await.unwrap();
    let text = json!(big.to_string());
    assert_eq!(world.data(&id, "org.example.Stream/a/count").await[0]["value"], text);
    assert_eq!(world.data(&id, "org.example.Stream").await["a"]["count"]["value"], json!(big));
    assert_eq!(world.data(&id, "org.example.Props/a/size").await, json!(big));
    assert_eq!(world.data(&id, "org.example.Props?allow_safe_bigintegers=true").await["a"]["size"], text);
    let object = world.data(&id, "org.example.Object/a").await;
    assert_eq!(object[0]["serial"], text);
    assert_eq!(object[0]["temp"], Json::Null);
}

// All samples of the only path, but one of each as soon as there are two.
#[tokio::test]
async fn object_roots_change_their_shape() {
    let world = World::new().await;
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Object", 1, 0)]).await.unwrap();
    for value in [1, 2] {
        device.publish_object("org.example.Object", "/a", json!({"temp": value}), None).await.unwrap();
    }
    let root = world.data(&id, "org.example.Object").await;
    assert_eq!(root["a"].as_array().map(Vec::len), Some(2));
    let limited = world.data(&id, "org.example.Object?limit=1").await;
    assert_eq!(limited["a"][0]["temp"], 2.0);
    device.publish_object("org.example.Object", "/b", json!({"temp": 3}), None).await.unwrap();
    let root = world.data(&id, "org.example.Object").await;
    assert_eq!((&root["a"]["temp"], &root["b"]["temp"]), (&json!(2.0), &json!(3.0)));
}

// Deprecated, but in use: an object without a base path is an array at the root.
#[tokio::test]
async fn objects_without_a_base_path() {
    let world = World::new().await;
    let mappings = json!([{"endpoint": "/temp", "type": "double"}, {"endpoint": "/on", "type": "boolean"}]);
    for (name, owner) in [("org.example.Flat", "device"), ("org.example.ServerFlat", "server")] {
        let definition = interface(name, "datastream", owner, "object", mappings.clone());
        world.realm.install_interface(&definition).unwrap();
    }
    let id = world.device();
    let introspection = [("org.example.Flat", 1, 0), ("org.example.ServerFlat", 1, 0)];
    let device = world.realm.connect(&id, introspection).await.unwrap();
    assert_eq!(world.data(&id, "org.example.Flat").await, json!({}));
    device.publish_object("org.example.Flat", "/", json!({"temp": 1}), None).await.unwrap();
    let root = world.data(&id, "org.example.Flat").await;
    assert_eq!((&root[0]["temp"], &root[0]["on"]), (&json!(1.0), &Json::Null));
    let url = devices(&format!("/{id}/interfaces/org.example.ServerFlat"));
    assert_eq!(world.post(&url, json!({"on": true})).await.0, StatusCode::OK);
    device.received().await;
    let Some(ServerMessage::Value { path, value, .. }) = device.received().await else { panic!("no value") };
    assert_eq!((path.as_str(), value), ("/", bson::bson!({"on": true})));
}

#[tokio::test]
async fn writes_are_checked() {
    let world = World::new().await;
    let id = world.device();
    let introspection = [
        ("org.example.ServerProps", 1, 0),
        ("org.example.ServerStream", 1, 0),
        ("org.example.ServerObject", 1, 0),
        ("org.example.Props", 1, 0),
    ];
    let device = world.realm.connect(&id, introspection).await.unwrap();
    let url = |rest: &str| devices(&format!("/{id}/interfaces/org.example.{rest}"));
    let cases = [
        ("ServerProps/a/fixed", json!("x"), 422, "Unexpected value type"),
        ("ServerProps/a/fixed", Json::Null, 422, "Unexpected value type"),
        ("ServerProps/a/label", json!("x".repeat(65_537)), 422, "Value size exceeds size limits"),
        ("ServerProps/a", json!("x"), 405, "Cannot write to read-only resource"),
        ("ServerProps/a/nothing", json!("x"), 400, "Endpoint not found"),
        ("Props/a/label", json!("x"), 405, "Cannot write to device owned resource"),
        ("ServerObject/a", json!({"nothing": 1}), 400, "Unexpected object key"),
        ("ServerObject/a/temp", json!({"temp": 1}), 404, "Path not found"),
        ("ServerStream/unique", json!(1), 200, ""),
        ("ServerObject/a", json!({"temp": 1}), 200, ""),
    ];
    for (rest, value, status, text) in cases {
        let (answer, body) = world.post(&url(rest), value.clone()).await;
        assert_eq!((answer.as_u16(), detail(&body)), (status, text), "{rest}");
        if status == 200 {
            assert_eq!(body["data"], value);
        }
    }
    let (_, body) = world.put(&url("ServerProps/a/fixed"), json!("x")).await;
    assert_eq!(body["errors"]["expected_type"], "integer");
    let (status, body) = world.delete(&url("ServerProps/a/fixed")).await;
    assert_eq!((status, detail(&body)), (StatusCode::UNPROCESSABLE_ENTITY, "Unset not allowed"));
    // Unset is fine when there is nothing to unset.
    assert_eq!(world.delete(&url("ServerProps/a/label")).await.0, StatusCode::NO_CONTENT);
    assert_eq!(device.received().await, Some(ServerMessage::ConsumerProperties(vec![])));
    let Some(ServerMessage::Value { path, value, .. }) = device.received().await else { panic!("no value") };
    assert_eq!((path.as_str(), value), ("/unique", bson::Bson::Int32(1)));
}

// Who gets 503: guaranteed and unique datastreams without a session that listens, nobody else.
#[tokio::test]
async fn delivery_is_decided_by_session() {
    let world = World::new().await;
    let id = world.device();
    let introspection = [("org.example.ServerProps", 1, 0), ("org.example.ServerStream", 1, 0)];
    let url = |rest: &str| devices(&format!("/{id}/interfaces/org.example.{rest}"));
    let device = world.realm.connect(&id, introspection).await.unwrap();
    device.disconnect();
    for (rest, value, status) in [
        ("ServerStream/guaranteed", json!(1), 503),
        ("ServerStream/unique", json!(1), 503),
        ("ServerStream/unreliable", json!(1), 200),
        ("ServerProps/a/label", json!("x"), 200),
    ] {
        let (answer, body) = world.post(&url(rest), value).await;
        assert_eq!(answer.as_u16(), status, "{rest}");
        if status == 503 {
            assert_eq!(detail(&body), "Cannot push to device");
        }
    }
    // What could not be pushed is not stored.
    assert_eq!(world.values(&id, "org.example.ServerStream/unique").await.0, StatusCode::NOT_FOUND);
    let device = world.realm.connect_persistent(&id, introspection).await.unwrap();
    device.disconnect();
    assert_eq!(world.post(&url("ServerStream/unique"), json!(7)).await.0, StatusCode::OK);
    let device = world.realm.connect_persistent(&id, introspection).await.unwrap();
    assert!(device.session_present());
    let mut waited = false;
    while let Some(message) = device.received().await {
        match message {
            ServerMessage::Value { path, value, .. } if path == "/unique" => {
                assert_eq!(value, bson::Bson::Int32(7));
                waited = true;
            }
            // The property comes with the synchronisation.
            ServerMessage::Value { path, .. } if path == "/a/label" && waited => break,
            _ => {}
        }
    }
}

#[tokio::test]
async fn app_engine_can_be_taken_down() {
    let world = World::new().await;
    let faults = world.emulator.faults();
    faults.app_engine(AppEngineFault::Unavailable);
    assert_eq!(world.get(&devices("")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let interfaces = format!("realmmanagement/v1/{REALM}/interfaces");
    assert_eq!(world.get(&interfaces).await.0, StatusCode::OK);
    faults.app_engine(AppEngineFault::Slow(Duration::from_millis(1)));
    assert_eq!(world.get(&devices("")).await.0, StatusCode::OK);
    faults.clear();
    assert_eq!(world.get(&devices("")).await.0, StatusCode::OK);
}
