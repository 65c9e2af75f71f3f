//! Simulated devices: every kind of bad message, and what a link does when it ends.

use astarte_emulator::{DeviceErrorName, Emulator, Error, ServerMessage};
use bson::Bson;
use serde_json::json;

use crate::world::{REALM, World, within};

#[tokio::test]
async fn bad_messages_are_named_and_cut_the_device() {
    use DeviceErrorName as E;
    let world = World::new().await;
    let id = world.device();
    let introspection =
        [("org.example.Stream", 1, 0), ("org.example.Props", 1, 0), ("org.example.ServerProps", 1, 0)];
    let cases = [
        ("org.example.ServerProps", "/a/label", Bson::from("x"), E::WriteOnServerOwnedInterface),
        ("org.example.Object", "/a", Bson::from(1.0), E::InterfaceLoadingFailed),
        ("org.example.Stream", "//temp", Bson::from(1.0), E::InvalidPath),
        ("org.example.Stream", "/a/nothing", Bson::from(1.0), E::MappingNotFound),
        ("org.example.Stream", "/a", Bson::from(1.0), E::AmbiguousPath),
        ("org.example.Stream", "/a/temp", Bson::from("x"), E::UnexpectedValueType),
        ("org.example.Stream", "/a/temp", Bson::from(f64::NAN), E::UnexpectedValueType),
        ("org.example.Stream", "/a/at", Bson::from(1_i64 << 40), E::UnexpectedValueType),
        ("org.example.Props", "/a/size", Bson::from(i64::MIN), E::UnexpectedValueType),
    ];
    for (interface, path, value, expected) in cases {
        let device = world.realm.connect(&id, introspection).await.unwrap();
        let refused = device.publish(interface, path, value, None).await;
        assert!(
            matches!(refused, Err(Error::Rejected(name)) if name == expected),
            "{interface}{path}: {refused:?}"
        );
        assert!(!device.is_connected());
        let after = device.publish(interface, path, json!(1), None).await;
        assert!(matches!(after, Err(Error::Disconnected)));
    }
    let device = world.realm.connect(&id, introspection).await.unwrap();
    let refused = device.unset("org.example.Props", "/a/size").await;
    assert!(matches!(refused, Err(Error::Rejected(E::UnsetNotAllowed))));
}

// A realm may lack an interface that the device announces: the synchronisation fails then.
#[tokio::test]
async fn an_interface_that_is_not_installed() {
    let world = World::new().await;
    let id = world.device();
    let refused = world.realm.connect(&id, [("org.example.Missing", 1, 0)]).await;
    assert!(matches!(refused, Err(Error::Rejected(DeviceErrorName::InterfaceLoadingFailed))));
    let unknown = world.realm.connect("AAAAAAAAAAAAAAAAAAAAAA", [("org.example.Stream", 1, 0)]).await;
    assert!(matches!(unknown, Err(Error::DeviceNotFound(_))));
}

#[tokio::test]
async fn a_dropped_link_is_a_lost_connection() {
    let world = World::new().await;
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    drop(device);
    assert_eq!(world.status(&id).await["connected"], false);
}

#[tokio::test]
async fn a_newer_link_takes_over() {
    let world = World::new().await;
    let id = world.device();
    let older = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    let newer = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    assert!(!older.is_connected() && newer.is_connected());
    // The older one's end is not the newer one's.
    drop(older);
    assert_eq!(world.status(&id).await["connected"], true);
}

// Many messages in both directions: nothing is lost, nothing changes places.
#[tokio::test]
async fn order_is_kept_under_load() {
    const COUNT: i32 = 1500;
    let world = World::new().await;
    let id = world.device();
    let introspection = [("org.example.Stream", 1, 0), ("org.example.ServerStream", 1, 0)];
    let device = world.realm.connect(&id, introspection).await.unwrap();
    let url = format!("appengine/v1/{REALM}/devices/{id}/interfaces/org.example.ServerStream/unique");
    assert_eq!(device.received().await, Some(ServerMessage::ConsumerProperties(vec![])));
    for value in 0..COUNT {
        device.publish("org.example.Stream", "/a/count", json!(value), None).await.unwrap();
    }
    for value in 0..50 {
        assert!(world.post(&url, json!(value)).await.0.is_success());
    }
    let samples = world.data(&id, "org.example.Stream/a/count").await;
    let values: Vec<_> =
        samples.as_array().unwrap().iter().map(|s| s["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(values, (0..COUNT).map(|value| value.to_string()).collect::<Vec<_>>());
    for expected in 0..50 {
        let Some(ServerMessage::Value { value, .. }) = device.received().await else { panic!("no value") };
        assert_eq!(value, Bson::Int32(expected));
    }
}

// Everything ends with the emulator: ports are free again, links are cut off.
#[tokio::test]
async fn shutdown_ends_everything() {
    let world = World::new().await;
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    let (http, mqtt) = (world.emulator.base_url(), world.emulator.mqtt_addr());
    within("shutdown", world.emulator.shutdown()).await;
    within("the end of messages", async { while device.received().await.is_some() {} }).await;
    let http_addr = format!("127.0.0.1:{}", http.port().unwrap()).parse().unwrap();
    let again = Emulator::builder().http_addr(http_addr).mqtt_addr(mqtt).start().await.unwrap();
    again.shutdown().await;
}

// Handles and links are used from plain threads, and may be dropped when the runtime is gone.
#[test]
fn handles_work_outside_the_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (world, link) = runtime.block_on(async {
        let world = World::new().await;
        for on in ["device_registered", "device_disconnected"] {
            let trigger = json!({
                "name": on, "action": {"http_url": "http://127.0.0.1:1/", "http_method": "post"},
                "simple_triggers": [{"type": "device_trigger", "on": on}],
            });
            let (status, _) = world.post(&format!("realmmanagement/v1/{REALM}/triggers"), trigger).await;
            assert!(status.is_success());
        }
        let id = world.device();
        let link = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
        (world, link)
    });
    world.device();
    drop(runtime);
    drop(link);
    world.device();
}
