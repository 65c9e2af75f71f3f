//! Simulated devices, and an Astarte that is not always at its best.

use astarte_emulator::{AppEngineFault, DeliveryFault};
use edgehog_sdk::Interface;
use edgehog_sdk::interfaces::{OsInfo, StorageUsage, SystemInfo};
use serde_json::{Value, json};

use crate::world::World;

const DEVICE: &str = "2TBn-jNESuuHamE2Zo1anA";

/// From registration to deletion, as a client sees it.
#[tokio::test]
async fn a_device_lives_and_dies() {
    let world = World::with_tenant().await;
    world.realm.register_device(DEVICE).unwrap();
    let registered = world.device_that(DEVICE, "name online lastConnection", |_| true).await;
    assert_eq!(
        registered,
        json!({ "deviceId": DEVICE, "name": DEVICE, "online": false, "lastConnection": null })
    );

    let link = world.connect(DEVICE).await;
    link.publish(SystemInfo::NAME, "/serialNumber", json!("S-1"), None).await.unwrap();
    link.publish(OsInfo::NAME, "/osName", json!("Debian"), None).await.unwrap();
    let usage = json!({ "totalBytes": 9_000_000_000_000_i64, "freeBytes": 1 });
    for label in ["/sda", "/mmc"] {
        link.publish_object(StorageUsage::NAME, label, usage.clone(), Some(chrono::Utc::now()))
            .await
            .unwrap();
    }
    let told = |device: &Value| device["serialNumber"] == "S-1" && device["online"] == true;
    let selection = "online serialNumber osInfo { name version } storageUsage { label totalBytes }";
    let device = world.device_that(DEVICE, selection, told).await;
    assert_eq!(device["osInfo"], json!({ "name": "Debian", "version": null }));
    let storage = |label| json!({ "label": label, "totalBytes": 9_000_000_000_000_i64 });
    assert_eq!(device["storageUsage"], json!([storage("mmc"), storage("sda")]));

    link.disconnect();
    world.device_that(DEVICE, "online lastDisconnection", |device| device["online"] == false).await;
    world.client.delete_device(&DEVICE.parse().unwrap()).await.unwrap();
    let gone = async || world.device(DEVICE, "name").await.is_none().then_some(());
    world.until("the device to be gone", gone).await;
}

/// Devices that were there before the tenant are found, with what they told before anybody listened.
#[tokio::test]
async fn earlier_devices_are_found() {
    let world = World::new().await;
    let system_info = json!({
        "interface_name": SystemInfo::NAME, "version_major": 0, "version_minor": 1, "type": "properties",
        "ownership": "device",
        "mappings": [
            { "endpoint": "/serialNumber", "type": "string" },
            { "endpoint": "/partNumber", "type": "string" },
        ],
    });
    world.realm.install_interface(&system_info).unwrap();
    world.realm.register_device(DEVICE).unwrap();
    let link = world.realm.connect(DEVICE, [(SystemInfo::NAME, 0, 1)]).await.unwrap();
    link.publish(SystemInfo::NAME, "/partNumber", json!("P-1"), None).await.unwrap();

    world.provision().await;
    let device = world.device_that(DEVICE, "online partNumber serialNumber lastConnection", |_| true).await;
    assert_eq!((&device["online"], &device["partNumber"]), (&json!(true), &json!("P-1")));
    assert!(device["lastConnection"].is_string());
}

/// Deliveries that come twice, late or in the wrong order leave the newest truth.
#[tokio::test]
async fn bad_deliveries_do_no_harm() {
    for fault in [DeliveryFault::Duplicate, DeliveryFault::Reorder] {
        let world = World::with_tenant().await;
        world.realm.register_device(DEVICE).unwrap();
        world.emulator.deliveries().idle().await;
        world.emulator.faults().deliveries(fault);
        let link = world.connect(DEVICE).await;
        link.publish(SystemInfo::NAME, "/serialNumber", json!("old"), None).await.unwrap();
        link.publish(SystemInfo::NAME, "/serialNumber", json!("new"), None).await.unwrap();
        link.disconnect();
        world.emulator.faults().clear();
        world.emulator.deliveries().idle().await;
        let told = |device: &Value| device["serialNumber"] == "new" && device["online"] == false;
        world.device_that(DEVICE, "online serialNumber lastDisconnection", told).await;
    }
}

/// While AppEngine is away devices are shown without what it keeps, and wholly again once it is back.
#[tokio::test]
async fn an_absent_app_engine_hides_only_what_it_keeps() {
    let world = World::with_tenant().await;
    world.realm.register_device(DEVICE).unwrap();
    let link = world.connect(DEVICE).await;
    link.publish(OsInfo::NAME, "/osName", json!("Debian"), None).await.unwrap();
    world.device_that(DEVICE, "online", |device| device["online"] == true).await;

    world.emulator.faults().app_engine(AppEngineFault::Unavailable);
    let device = world.device(DEVICE, "online capabilities osInfo { name }").await.unwrap();
    assert_eq!(device, json!({ "deviceId": DEVICE, "online": true, "capabilities": [], "osInfo": null }));
    world.emulator.faults().clear();
    let device = world.device(DEVICE, "capabilities osInfo { name }").await.unwrap();
    assert_eq!(device["osInfo"]["name"], "Debian");
    assert!(device["capabilities"].as_array().unwrap().contains(&json!("OPERATING_SYSTEM")));
}
