//! Whatever an answer or event holds, reading it ends with a value or a `DecodeError`.

use edgehog_sdk::{DecodeError, DeviceOwned, Interface, definition::Definition, interfaces::*};
use proptest::prelude::*;
use serde_json::Value;

struct Reader {
    definition: &'static Definition,
    decode: fn(&Value) -> Option<DecodeError>,
    event: fn(&str, &Value) -> Option<DecodeError>,
}

macro_rules! readers {
    ($($type:ident),+ $(,)?) => {
        &[$(Reader {
            definition: $type::DEFINITION,
            decode: |data| $type::decode(data).err(),
            event: |path, value| $type::from_event(path, value).err(),
        }),+]
    };
}

const READERS: &[Reader] = readers![
    AvailableContainer,
    AvailableDeployment,
    AvailableDeviceMapping,
    AvailableDeviceRequest,
    AvailableImage,
    AvailableNetwork,
    AvailableVolume,
    BaseImage,
    BatteryStatus,
    CellularConnectionProperties,
    CellularConnectionStatus,
    ContainerBlkio,
    ContainerCpu,
    ContainerMemory,
    ContainerMemoryStats,
    ContainerNetwork,
    ContainerProcesses,
    DeploymentEvent,
    FileTransferCapabilities,
    FileTransferProgress,
    FileTransferResponse,
    ForwarderSessionState,
    Geolocation,
    HardwareInfo,
    NetworkInterfaceProperties,
    OsInfo,
    OtaEvent,
    RuntimeInfo,
    StorageResponse,
    StorageUsage,
    StorageUsageV1,
    StoredFile,
    SystemInfo,
    SystemStatus,
    VolumeUsage,
    WiFiScanResult,
];

/// Segments of real endpoints, so that generated answers reach the depths of the readers; or any text.
fn word() -> impl Strategy<Value = String> {
    let segments = READERS.iter().flat_map(|reader| reader.definition.mappings());
    let mut words: Vec<String> =
        segments.flat_map(|mapping| mapping.endpoint.split('/').map(str::to_owned)).collect();
    words.extend(["timestamp", "Charging", "2021-11-11T10:44:42.942Z", "12abc"].map(str::to_owned));
    prop_oneof![4 => prop::sample::select(words), 1 => any::<String>()]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..8)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Every device-owned interface of the collection takes part.
#[test]
fn no_reader_is_missing() {
    let device_owned =
        all().filter(|definition| definition.ownership == edgehog_sdk::definition::Ownership::Device);
    assert_eq!(READERS.len(), device_owned.count());
}

proptest! {
    #[test]
    fn any_answer_is_survived(data in json()) {
        let expected = (!data.is_object()).then_some(DecodeError::NotAnObject);
        for reader in READERS {
            prop_assert_eq!((reader.decode)(&data), expected.clone(), "{}", reader.definition.name);
        }
    }

    #[test]
    fn any_event_is_survived(segments in prop::collection::vec(word(), 0..4), value in json()) {
        let path = format!("/{}", segments.join("/"));
        for reader in READERS {
            let error = (reader.event)(&path, &value);
            prop_assert!(!matches!(error, Some(DecodeError::NotAnObject)), "{}", reader.definition.name);
        }
    }
}
