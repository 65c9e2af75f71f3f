//! The simulated fleet, by what a client sees of it.

use edgehog_sdk::Interface;
use edgehog_sdk::interfaces::{
    BaseImage, BatteryStatus, CellularConnectionProperties, Geolocation, HardwareInfo,
    NetworkInterfaceProperties, OsInfo, RuntimeInfo, StorageUsage, SystemStatus, WiFiScanResult,
};
use serde_json::Value;
use simulated_fleet::{MODELS, device_id, spawn};

use crate::world::World;

/// The interfaces behind what a client sees, and everything that it may see of them.
const TELEMETRY: [(&str, &str, &str); 11] = [
    (BaseImage::NAME, "baseImage", "name version buildId fingerprint"),
    (BatteryStatus::NAME, "batteryStatus", "slot levelPercentage levelAbsoluteError status"),
    (
        CellularConnectionProperties::NAME,
        "cellularConnection",
        "slot apn imei imsi carrier cellId mobileCountryCode mobileNetworkCode localAreaCode registrationStatus
         rssi technology",
    ),
    (Geolocation::NAME, "position", "latitude longitude accuracy altitude altitudeAccuracy heading speed timestamp source"),
    (HardwareInfo::NAME, "hardwareInfo", "cpuArchitecture cpuModel cpuModelName cpuVendor memoryTotalBytes"),
    (NetworkInterfaceProperties::NAME, "networkInterfaces", "name macAddress technology"),
    (OsInfo::NAME, "osInfo", "name version"),
    (RuntimeInfo::NAME, "runtimeInfo", "name version environment url"),
    (StorageUsage::NAME, "storageUsage", "label totalBytes freeBytes"),
    (SystemStatus::NAME, "systemStatus", "bootId memoryFreeBytes taskCount uptimeMilliseconds timestamp"),
    (WiFiScanResult::NAME, "wifiScanResults", "channel connected essid macAddress rssi timestamp"),
];

/// A device tells everything about what its model announces, and together the models announce everything.
#[tokio::test]
async fn the_fleet_tells_everything() {
    let world = World::with_tenant().await;
    let fields: Vec<_> =
        TELEMETRY.iter().map(|(_, field, members)| format!("{field} {{ {members} }}")).collect();
    let selection = format!("online capabilities {}", fields.join(" "));
    for number in 0..MODELS.len() {
        spawn(&world.realm, number).unwrap();
    }
    let mut never_told: Vec<_> = TELEMETRY.iter().map(|(_, field, _)| *field).collect();
    for (number, model) in MODELS.iter().enumerate() {
        let announced: Vec<_> = model.interfaces().map(|it| it.name).collect();
        let is_whole = |device: &Value| {
            device["online"] == true
                && TELEMETRY
                    .iter()
                    .all(|(interface, field, _)| !announced.contains(interface) || is_told(&device[field]))
        };
        let device = world.device_that(&device_id(number), &selection, is_whole).await;
        assert_ne!(device["capabilities"], Value::Array(vec![]), "{}", model.part_number);
        for (interface, field, _) in TELEMETRY {
            assert!(
                announced.contains(&interface) || !is_told(&device[field]),
                "{}: {field}",
                model.part_number
            );
        }
        never_told.retain(|field| !is_told(&device[field]));
    }
    assert_eq!(never_told, Vec::<&str>::new());
}

/// Whether something is told, with nothing left out.
fn is_told(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty() && items.iter().all(is_told),
        Value::Object(members) => members.values().all(is_told),
        _ => true,
    }
}
