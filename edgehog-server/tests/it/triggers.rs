//! Events of Astarte: what is taken in, and what every kind of wrong event is told.

use serde_json::{Value, json};

use crate::{DEVICE, Server};

async fn device(server: &Server) -> Value {
    let devices = "{ devices { edges { node { deviceId name online lastConnection lastDisconnection lastSeenIp \
                   serialNumber partNumber } } } }";
    server.query(devices).await["data"]["devices"]["edges"][0]["node"].take()
}

/// A life of a device in events; times are shown in whole seconds.
#[tokio::test]
async fn events_tell_a_devices_life() {
    let server = Server::start().await;
    assert_eq!(server.event(json!({ "type": "device_registered" })).await, 200);
    let blank = json!({
        "deviceId": DEVICE, "name": DEVICE, "online": false, "lastConnection": null, "lastDisconnection": null,
        "lastSeenIp": null, "serialNumber": null, "partNumber": null,
    });
    assert_eq!(device(&server).await, blank);

    let connected = json!({ "type": "device_connected", "device_ip_address": "198.51.100.7" });
    assert_eq!(server.event(connected).await, 200);
    let system_info = |path: &str, value: Value| {
        json!({
            "type": "incoming_data", "interface": "io.edgehog.devicemanager.SystemInfo",
            "path": path, "value": value,
        })
    };
    assert_eq!(server.event(system_info("/serialNumber", json!("  S-1 "))).await, 200);
    assert_eq!(server.event(system_info("/partNumber", json!("P-1"))).await, 200);
    assert_eq!(server.event(system_info("/colour", json!("red"))).await, 200);
    let seen = device(&server).await;
    assert_eq!(seen["online"], true);
    assert_eq!(seen["lastConnection"], "2026-01-02T03:04:05Z");
    assert_eq!(seen["lastSeenIp"], "198.51.100.7");
    assert_eq!((&seen["serialNumber"], &seen["partNumber"]), (&json!("S-1"), &json!("P-1")));

    for gone in [json!(null), json!(" ")] {
        assert_eq!(server.event(system_info("/serialNumber", gone)).await, 200);
        assert_eq!(device(&server).await["serialNumber"], Value::Null);
    }
    assert_eq!(server.event(json!({ "type": "device_disconnected" })).await, 200);
    let seen = device(&server).await;
    assert_eq!(
        (&seen["online"], &seen["lastDisconnection"]),
        (&json!(false), &json!("2026-01-02T03:04:05Z"))
    );

    assert_eq!(server.event(json!({ "type": "device_deletion_finished" })).await, 200);
    assert_eq!(server.device_count().await, 0);
}

/// A retried older disconnection does not take a device offline that has connected since.
#[tokio::test]
async fn a_late_event_changes_nothing() {
    let server = Server::start().await;
    let at = |time: &str, event: &str| {
        json!({ "device_id": DEVICE, "timestamp": time, "event": { "type": event } }).to_string()
    };
    for event in [
        at("2026-01-02T03:04:05.200Z", "device_connected"),
        at("2026-01-02T03:04:05.100Z", "device_disconnected"),
    ] {
        assert_eq!(server.deliver(event).await.status(), 200);
    }
    assert_eq!(device(&server).await["online"], true);
}

/// Data of any interface, foreign kinds of events, and members that nobody knows are fine.
#[tokio::test]
async fn unknown_things_are_taken_in() {
    let server = Server::start().await;
    for event in [
        json!({ "type": "incoming_data", "interface": "org.example.Other", "path": "/a", "value": { "b": [1] } }),
        json!({ "type": "incoming_data", "interface": "org.example.Other", "path": "/a" }),
        json!({ "type": "device_connected", "colour": "red" }),
        json!({ "type": "brewing_coffee" }),
        json!({ "type": "incoming_introspection", "introspection": {} }),
    ] {
        assert_eq!(server.event(event.clone()).await, 200, "{event}");
    }
    let body = json!({
        "device_id": DEVICE, "timestamp": "2026-01-02T03:04:05Z", "more": 1, "event": { "type": "device_connected" },
    });
    let answer = server.deliver(body.to_string()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "");
    assert_eq!(server.device_count().await, 1);
}

/// Malformed events are 400, which makes Astarte drop them; nothing is written.
#[tokio::test]
async fn malformed_events_are_refused() {
    let server = Server::start().await;
    let event = || json!({ "device_id": DEVICE, "timestamp": "2026-01-02T03:04:05Z", "event": { "type": "device_connected" } });
    let with = |member: &str, value: Value| {
        let mut event = event();
        event[member] = value;
        event.to_string()
    };
    let without = |member: &str| {
        let mut event = event();
        event.as_object_mut().unwrap().remove(member);
        event.to_string()
    };
    let data = |members: Value| with("event", members);
    for body in [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "\"event\"".to_owned(),
        "{}".to_owned(),
        "[".repeat(100_000),
        without("device_id"),
        without("timestamp"),
        without("event"),
        with("device_id", json!("")),
        with("device_id", json!(7)),
        with("device_id", json!("x".repeat(10_000))),
        with("timestamp", json!(1_767_323_045)),
        with("timestamp", json!("yesterday")),
        with("event", json!("device_connected")),
        with("event", json!({})),
        data(json!({ "type": 7 })),
        data(json!({ "type": "incoming_data", "path": "/a", "value": 1 })),
        data(json!({ "type": "incoming_data", "interface": "a.B", "value": 1 })),
        data(json!({ "type": "incoming_data", "interface": 1, "path": "/a" })),
    ] {
        let answer = server.deliver(body.clone()).await;
        let shown = &body[..body.len().min(200)];
        assert_eq!(answer.status(), 400, "{shown}");
        assert_eq!(
            answer.json::<Value>().await.unwrap(),
            json!({ "errors": { "detail": "Bad Request" } }),
            "{shown}"
        );
    }
    assert_eq!(server.device_count().await, 0);
}

/// Well-formed events that cannot be true here are 422; nothing is written.
#[tokio::test]
async fn impossible_events_are_refused() {
    let server = Server::start().await;
    let serial_number = |value: Value| {
        json!({
            "type": "incoming_data", "interface": "io.edgehog.devicemanager.SystemInfo",
            "path": "/serialNumber", "value": value,
        })
    };
    for event in [
        serial_number(json!(7)),
        serial_number(json!({ "a": 1 })),
        serial_number(json!("a\u{0}b")),
        json!({ "type": "device_deletion_finished" }),
    ] {
        assert_eq!(server.event(event.clone()).await, 422, "{event}");
    }
    assert_eq!(server.device_count().await, 0);
}

/// Tenant, then realm header, then body, then realm: the first that is wrong decides the status.
#[tokio::test]
async fn foreign_events_are_refused() {
    let server = Server::start().await;
    let event = json!({ "device_id": DEVICE, "timestamp": "2026-01-02T03:04:05Z", "event": { "type": "device_connected" } });
    let key = server.tenant_key.public_key_pem();
    server.provision("plant-two", &key, "http://127.0.0.1:9").await;
    for (slug, realms, body, status) in [
        ("nobody", &["plantone"][..], event.to_string(), 403),
        ("nobody", &[], String::new(), 403),
        ("plant-one", &[], event.to_string(), 400),
        ("plant-one", &["plantone", "plantone"], event.to_string(), 400),
        ("plant-one", &["plantthree"], event.to_string(), 404),
        ("plant-one", &["plantthree"], "{}".to_owned(), 400),
        ("plant-one", &["planttwo"], event.to_string(), 404),
        ("plant-one", &["plantone"], " ".repeat(8_000_001), 413),
    ] {
        let mut request = server.post(&format!("/tenants/{slug}/triggers")).body(body);
        for realm in realms {
            request = request.header("Astarte-Realm", *realm);
        }
        assert_eq!(request.send().await.unwrap().status(), status, "{slug} {realms:?}");
    }
    assert_eq!(server.device_count().await, 0);
}

/// Many events at once, some of them bad: each gets its own answer, and all the good ones are kept.
#[tokio::test]
async fn events_that_arrive_together_do_not_spoil_each_other() {
    let server = Server::start().await;
    let deliveries = (0..200).map(|n| {
        let value = if n % 10 == 0 { "bad\u{0}" } else { "good" };
        let body = json!({
            "device_id": format!("device-{n}"), "timestamp": "2026-01-02T03:04:05Z",
            "event": {
                "type": "incoming_data", "interface": "io.edgehog.devicemanager.SystemInfo",
                "path": "/serialNumber", "value": value,
            },
        });
        let server = &server;
        async move { (n, server.deliver(body.to_string()).await.status()) }
    });
    for (n, status) in futures::future::join_all(deliveries).await {
        assert_eq!(status, if n % 10 == 0 { 422 } else { 200 }, "device-{n}");
    }
    assert_eq!(server.device_count().await, 180);
}
