//! What AppEngine's answers to whole-interface reads become. The answers lie in `tests/fixtures`, by interface.

use std::fmt::{Debug, Write as _};

use edgehog_sdk::{DecodeError, DeviceOwned, Timestamp, interfaces::*};
use serde_json::{Value, json};

/// Decodes each answer of a fixture, an object of answers by what is special about them.
fn decoded<T: DeviceOwned>(fixture: &str) -> String
where
    T::Data: Debug,
{
    let answers: Value = serde_json::from_str(fixture).unwrap();
    answers.as_object().unwrap().iter().fold(String::new(), |mut text, (special, data)| {
        writeln!(text, "--- {special}\n{:#?}", T::decode(data).unwrap()).unwrap();
        text
    })
}

macro_rules! decodes {
    ($($(#[$meta:meta])* $name:ident: $type:ty,)+) => {
        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                let fixture = include_str!(concat!("../fixtures/", stringify!($name), ".json"));
                insta::assert_snapshot!(decoded::<$type>(fixture));
            }
        )+
    };
}

decodes! {
    /// Missing and odd members are `None`; nothing set is an object of `None`s, not an error.
    hardware_info: HardwareInfo,
    os_info: OsInfo,
    base_image: BaseImage,
    runtime_info: RuntimeInfo,
    system_info: SystemInfo,
    /// Technology in any case; unknown words are `None`; items in byte order of their names.
    network_interfaces: NetworkInterfaceProperties,
    cellular_properties: CellularConnectionProperties,
    /// Wire words and GraphQL names in any case.
    cellular_status: CellularConnectionStatus,
    /// Samples come as an array on `/systemStatus`; those without time are dropped.
    system_status: SystemStatus,
    /// An array for a single unit, an object for each of several; unknown members are ignored.
    storage_usage: StorageUsage,
    battery_status: BatteryStatus,
    /// All samples in the order of the answer; those without time are dropped.
    wifi_scan_results: WiFiScanResult,
    /// GeoClue's numbers for "unknown" are `None`; sensors without position or time are dropped.
    geolocation: Geolocation,
    forwarder_sessions: ForwarderSessionState,
    available_containers: AvailableContainer,
    available_deployments: AvailableDeployment,
    available_images: AvailableImage,
    file_transfer_capabilities: FileTransferCapabilities,
    /// Arrays of longintegers and points in time inside a sample.
    container_cpu: ContainerCpu,
    volume_usage: VolumeUsage,
}

/// The only error of a read is an answer that is no object at all.
#[test]
fn answers_that_are_no_object() {
    for data in [json!(null), json!([]), json!("x"), json!(1), json!(true)] {
        assert_eq!(HardwareInfo::decode(&data), Err(DecodeError::NotAnObject));
        assert_eq!(NetworkInterfaceProperties::decode(&data), Err(DecodeError::NotAnObject));
        assert_eq!(SystemStatus::decode(&data), Err(DecodeError::NotAnObject));
        assert_eq!(BatteryStatus::decode(&data), Err(DecodeError::NotAnObject));
    }
}

/// Nothing received yet: no items.
#[test]
fn empty_answers() {
    assert_eq!(SystemStatus::decode(&json!({})), Ok(vec![]));
    assert_eq!(BatteryStatus::decode(&json!({})), Ok(vec![]));
    assert_eq!(NetworkInterfaceProperties::decode(&json!({})), Ok(vec![]));
    assert_eq!(WiFiScanResult::decode(&json!({"ap": []})), Ok(vec![]));
}

/// With a key only the newest sample of a path counts, wherever it stands; equals: the first.
#[test]
fn the_newest_sample_counts() {
    let answer = json!({"disk": [
        {"freeBytes": "1", "timestamp": "2024-01-01T00:00:01.000Z"},
        {"freeBytes": "2", "timestamp": "2024-01-01T00:00:02.000Z"},
        {"freeBytes": "3", "timestamp": "2024-01-01T00:00:02.000Z"},
        {"freeBytes": "4"},
    ]});
    let units = StorageUsage::decode(&answer).unwrap();
    assert_eq!(units.iter().map(|unit| unit.free_bytes).collect::<Vec<_>>(), [Some(2)]);
}

/// Keys come in ascending byte order whatever the order of the answer, beyond 32 keys too.
#[test]
fn items_are_sorted_by_key() {
    let keys: Vec<_> = (0..100).rev().map(|n| format!("unit{n}")).collect();
    let answer = keys.iter().map(|key| (key.clone(), json!({"pulled": true}))).collect();
    let images = AvailableImage::decode(&Value::Object(answer)).unwrap();
    assert_eq!(images.len(), keys.len());
    assert!(images.is_sorted_by_key(|image| image.id.clone()));
}

/// The digits of a time are those that Astarte sent.
#[test]
fn times_keep_their_digits() {
    let answer = json!({"systemStatus": [{"taskCount": 1, "timestamp": "2021-11-11 10:44:42.940Z"}]});
    let [status] = <[SystemStatus; 1]>::try_from(SystemStatus::decode(&answer).unwrap()).unwrap();
    assert_eq!(status.timestamp.to_string(), "2021-11-11T10:44:42.940Z");
    assert_eq!(Some(status.timestamp), Timestamp::parse("2021-11-11T10:44:42.940Z"));
}

/// A target that is not listed has no encodings, a listed one may have none.
#[test]
fn encodings_by_direction_and_target() {
    let capabilities = FileTransferCapabilities::decode(&json!({
        "transfer": {"serverToDevice": {"targets": ["storage", "streaming", "moon"]}},
        "serverToDevice": {"storage": {"encodings": ["gz"]}, "filesystem": {"encodings": ["tar"]}},
        "deviceToServer": {"storage": {"encodings": ["lz4"]}},
    }))
    .unwrap();
    let down = |target| capabilities.encodings(FileTransferDirection::ServerToDevice, target);
    assert_eq!(down(FileTarget::Storage), Some(&["gz".to_owned()][..]));
    assert_eq!(down(FileTarget::Streaming), Some(&[][..]));
    assert_eq!(down(FileTarget::Filesystem), None);
    assert_eq!(capabilities.encodings(FileTransferDirection::DeviceToServer, FileTarget::Storage), None);
}
