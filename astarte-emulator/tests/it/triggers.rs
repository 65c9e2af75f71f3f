//! Triggers: what is posted, in which order, and what becomes of failures.

use std::time::Duration;

use astarte_emulator::{DeliveryFault, Error};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::world::{REALM, World, within};

/// Someone who receives events.
struct Receiver(MockServer);

impl Receiver {
    async fn new() -> Self {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).with_priority(10).mount(&server).await;
        Self(server)
    }

    /// Answers the next requests with a status.
    async fn next(&self, count: u64, response: ResponseTemplate) {
        Mock::given(any()).respond_with(response).up_to_n_times(count).with_priority(1).mount(&self.0).await;
    }

    async fn requests(&self, world: &World) -> Vec<Request> {
        within("delivery", world.emulator.deliveries().idle()).await;
        self.0.received_requests().await.unwrap()
    }

    async fn events(&self, world: &World) -> Vec<Json> {
        let requests = self.requests(world).await;
        requests.iter().map(|request| request.body_json::<Json>().unwrap()["event"].clone()).collect()
    }

    async fn kinds(&self, world: &World) -> Vec<String> {
        let events = self.events(world).await;
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    fn trigger(&self, name: &str, simple: &Json) -> Json {
        json!({
            "name": name,
            "action": {
                "http_url": format!("{}/hook", self.0.uri()), "http_method": "post",
                "http_static_headers": {"x-token": "t"},
            },
            "simple_triggers": [simple],
        })
    }

    async fn watch(&self, world: &World, name: &str, simple: Json) {
        install(world, self.trigger(name, &simple)).await;
    }

    async fn watch_devices(&self, world: &World, events: &[&str]) {
        for on in events {
            let mut simple = json!({"type": "device_trigger", "on": on});
            if on.starts_with("interface_") {
                simple["interface_name"] = json!("*");
            }
            self.watch(world, on, simple).await;
        }
    }
}

async fn install(world: &World, trigger: Json) {
    let (status, body) = world.post(&format!("realmmanagement/v1/{REALM}/triggers"), trigger).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
}

fn data(on: &str, interface: &str, path: &str) -> Json {
    json!({
        "type": "data_trigger", "on": on, "interface_name": interface, "interface_major": 1,
        "match_path": path, "value_match_operator": "*",
    })
}

#[tokio::test]
async fn an_event_is_posted_with_header_and_body() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    receiver.watch(&world, "values", data("incoming_data", "org.example.Stream", "/*")).await;
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    let time = "2024-05-01T10:20:30.123Z".parse().unwrap();
    device.publish("org.example.Stream", "/kitchen/at", json!(5), Some(time)).await.unwrap();
    device.publish("org.example.Stream", "/kitchen/count", json!(1_i64 << 60), None).await.unwrap();
    let requests = receiver.requests(&world).await;
    assert_eq!(requests[0].headers["astarte-realm"], REALM);
    assert_eq!(requests[0].headers["content-type"], "application/json");
    assert_eq!(requests[0].headers["x-token"], "t");
    assert_eq!(requests[0].url.path(), "/hook");
    let body: Json = requests[0].body_json().unwrap();
    let expected = json!({
        "timestamp": "2024-05-01T10:20:30.123Z", "device_id": id, "trigger_name": "values",
        "event": {
            "type": "incoming_data", "interface": "org.example.Stream", "path": "/kitchen/at", "value": 5,
        },
    });
    assert_eq!(body, expected);
    // A long integer is a number here, whatever AppEngine prints.
    let events = receiver.events(&world).await;
    assert_eq!(events[1]["value"], json!(1_i64 << 60));
}

#[tokio::test]
async fn an_object_has_the_keys_that_were_sent() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    receiver.watch(&world, "objects", data("incoming_data", "org.example.Object", "/*")).await;
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Object", 1, 0)]).await.unwrap();
    device.publish_object("org.example.Object", "/kitchen", json!({"temp": 1}), None).await.unwrap();
    let events = receiver.events(&world).await;
    assert_eq!(events[0]["path"], "/kitchen");
    assert_eq!(events[0]["value"], json!({"temp": 1.0}));
}

// One message after the other, one device's life in order.
#[tokio::test]
async fn the_life_of_a_device_is_told_in_order() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let kinds = [
        "device_registered",
        "device_connected",
        "incoming_introspection",
        "interface_added",
        "interface_removed",
        "device_disconnected",
        "device_error",
        "device_deletion_started",
        "device_deletion_finished",
    ];
    receiver.watch_devices(&world, &kinds).await;
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    device.introspect([("org.example.Props", 1, 0)]).await.unwrap();
    let junk = bson::Bson::Boolean(true);
    let refused = device.publish("org.example.Props", "/kitchen/label", junk, None).await;
    assert!(matches!(refused, Err(Error::Rejected(name)) if name.as_str() == "unexpected_value_type"));
    assert!(!device.is_connected());
    let (status, _) = world.delete(&format!("realmmanagement/v1/{REALM}/devices/{id}")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let expected = [
        "device_registered",
        "device_connected",
        "incoming_introspection",
        "interface_added",
        "incoming_introspection",
        "interface_removed",
        "interface_added",
        "device_disconnected",
        "device_error",
        "device_deletion_started",
        "device_deletion_finished",
    ];
    assert_eq!(receiver.kinds(&world).await, expected);
    let events = receiver.events(&world).await;
    assert_eq!(events[2]["introspection"], json!({"org.example.Stream": {"major": 1, "minor": 0}}));
    let error = &events[8];
    assert_eq!(error["error_name"], "unexpected_value_type");
    assert_eq!(error["metadata"]["interface"], "org.example.Props");
}

#[tokio::test]
async fn a_property_fires_in_order() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    for on in ["incoming_data", "value_change", "path_created", "value_change_applied", "path_removed"] {
        receiver.watch(&world, on, data(on, "org.example.Props", "/%{room}/label")).await;
    }
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Props", 1, 0)]).await.unwrap();
    for value in ["a", "a", "b"] {
        device.publish("org.example.Props", "/kitchen/label", json!(value), None).await.unwrap();
    }
    device.unset("org.example.Props", "/kitchen/label").await.unwrap();
    let expected = [
        // Set for the first time.
        "incoming_data",
        "value_change",
        "path_created",
        "value_change_applied",
        // The same value again.
        "incoming_data",
        // Another value.
        "incoming_data",
        "value_change",
        "value_change_applied",
        // Unset.
        "incoming_data",
        "value_change",
        "value_change_applied",
        "path_removed",
    ];
    assert_eq!(receiver.kinds(&world).await, expected);
    let events = receiver.events(&world).await;
    assert_eq!((&events[6]["old_value"], &events[6]["new_value"]), (&json!("a"), &json!("b")));
    assert_eq!(events[8]["value"], Json::Null);
    assert_eq!(events[9]["new_value"], Json::Null);
}

#[tokio::test]
async fn pruned_properties_are_told() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    receiver.watch(&world, "removed", data("path_removed", "org.example.Props", "/*")).await;
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Props", 1, 0)]).await.unwrap();
    for path in ["/a/label", "/b/label"] {
        device.publish("org.example.Props", path, json!("x"), None).await.unwrap();
    }
    device.producer_properties(&["org.example.Props/b/label"]).await.unwrap();
    let events = receiver.events(&world).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["path"], "/a/label");
    assert_eq!(world.data(&id, "org.example.Props").await, json!({"b": {"label": "x"}}));
}

// An empty payload on a datastream is the one error that does not cut the device.
#[tokio::test]
async fn unset_of_a_datastream_is_told_and_forgiven() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    receiver.watch_devices(&world, &["device_error", "device_disconnected"]).await;
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    device.unset("org.example.Stream", "/kitchen/temp").await.unwrap();
    assert!(device.is_connected());
    assert_eq!(receiver.kinds(&world).await, ["device_error"]);
}

// What clients write through AppEngine fires nothing.
#[tokio::test]
async fn writes_of_clients_fire_nothing() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    receiver.watch(&world, "all", data("incoming_data", "*", "/*")).await;
    let id = world.device();
    let _device = world.realm.connect(&id, [("org.example.ServerProps", 1, 0)]).await.unwrap();
    let url = format!("appengine/v1/{REALM}/devices/{id}/interfaces/org.example.ServerProps/a/label");
    assert_eq!(world.put(&url, json!("x")).await.0, StatusCode::OK);
    assert!(receiver.events(&world).await.is_empty());
}

#[tokio::test]
async fn operators_and_targets_select() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let (id, other) = (world.device(), world.device());
    let group = json!({"group_name": "g", "devices": [id]});
    assert_eq!(world.post(&format!("appengine/v1/{REALM}/groups"), group).await.0, StatusCode::CREATED);
    let mut hot = data("incoming_data", "org.example.Stream", "/%{room}/temp");
    hot["value_match_operator"] = json!(">");
    hot["known_value"] = json!(30);
    hot["group_name"] = json!("g");
    receiver.watch(&world, "hot", hot).await;
    for id in [&id, &other] {
        let device = world.realm.connect(id, [("org.example.Stream", 1, 0)]).await.unwrap();
        for value in [29.5, 30.5] {
            device.publish("org.example.Stream", "/kitchen/temp", json!(value), None).await.unwrap();
        }
    }
    let events = receiver.events(&world).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["value"], 30.5);
}

async fn publish_one(world: &World) {
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    device.publish("org.example.Stream", "/kitchen/temp", json!(1), None).await.unwrap();
}

// Without a policy there is one attempt; a redirect is a success and is not followed.
#[tokio::test]
async fn without_a_policy_an_error_discards() {
    for status in [500, 404, 302] {
        let (world, receiver) = (World::new().await, Receiver::new().await);
        let elsewhere = format!("{}/elsewhere", receiver.0.uri());
        let response = ResponseTemplate::new(status).insert_header("location", elsewhere.as_str());
        receiver.next(1, response).await;
        receiver.watch(&world, "values", data("incoming_data", "org.example.Stream", "/*")).await;
        publish_one(&world).await;
        assert_eq!(receiver.requests(&world).await.len(), 1, "{status}");
    }
}

async fn with_policy(world: &World, receiver: &Receiver) {
    let policy = json!({
        "name": "retry", "maximum_capacity": 100, "retry_times": 3,
        "error_handlers": [{"on": "server_error", "strategy": "retry"}],
    });
    let (status, _) = world.post(&format!("realmmanagement/v1/{REALM}/policies"), policy).await;
    assert_eq!(status, StatusCode::CREATED);
    let mut trigger = receiver.trigger("values", &data("incoming_data", "org.example.Stream", "/*"));
    trigger["policy"] = json!("retry");
    install(world, trigger).await;
}

// The number of retries counts all attempts, and only handled errors are tried again.
#[tokio::test]
async fn a_policy_retries() {
    for (status, failures, attempts) in [(500, 2, 3), (500, 9, 3), (404, 1, 1)] {
        let (world, receiver) = (World::new().await, Receiver::new().await);
        receiver.next(failures, ResponseTemplate::new(status)).await;
        with_policy(&world, &receiver).await;
        publish_one(&world).await;
        assert_eq!(receiver.requests(&world).await.len(), attempts, "{status} {failures}");
    }
}

async fn values(world: &World, receiver: &Receiver, fault: DeliveryFault) -> Vec<Json> {
    world.emulator.faults().next_deliveries(1, fault);
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    for value in 1..=3 {
        device.publish("org.example.Stream", "/kitchen/temp", json!(value), None).await.unwrap();
    }
    receiver.events(world).await.iter().map(|event| event["value"].clone()).collect()
}

#[tokio::test]
async fn faults_disturb_deliveries() {
    let cases = [
        (DeliveryFault::Drop, vec![2.0, 3.0]),
        (DeliveryFault::Duplicate, vec![1.0, 1.0, 2.0, 3.0]),
        (DeliveryFault::Reorder, vec![2.0, 1.0, 3.0]),
        (DeliveryFault::Refuse, vec![2.0, 3.0]),
        (DeliveryFault::Delay(Duration::from_millis(1)), vec![1.0, 2.0, 3.0]),
    ];
    for (fault, expected) in cases {
        let (world, receiver) = (World::new().await, Receiver::new().await);
        receiver.watch(&world, "values", data("incoming_data", "org.example.Stream", "/*")).await;
        assert_eq!(values(&world, &receiver, fault).await, expected, "{fault:?}");
    }
}

// An event held back for reordering is not lost when none follows it.
#[tokio::test]
async fn clearing_faults_releases_what_is_held_back() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    receiver.watch(&world, "values", data("incoming_data", "org.example.Stream", "/*")).await;
    world.emulator.faults().deliveries(DeliveryFault::Reorder);
    publish_one(&world).await;
    assert_eq!(world.emulator.deliveries().pending(), 1);
    world.emulator.faults().clear();
    assert_eq!(receiver.events(&world).await.len(), 1);
}

// Events that wait for a trigger that is deleted are dropped.
#[tokio::test]
async fn a_deleted_trigger_falls_silent() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    receiver.watch(&world, "values", data("incoming_data", "org.example.Stream", "/*")).await;
    world.emulator.faults().deliveries(DeliveryFault::Reorder);
    publish_one(&world).await;
    let (status, _) = world.delete(&format!("realmmanagement/v1/{REALM}/triggers/values")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    world.emulator.faults().clear();
    assert!(receiver.events(&world).await.is_empty());
}
