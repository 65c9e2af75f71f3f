//! The device handle asks AppEngine for the right things, and no more often than needed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use edgehog_astarte::{
    AppEngine, DataQuery, DeviceId, DeviceListQuery, DevicePage, DevicePatch, DeviceStatus, ErrorResponse,
    InterfaceUse,
};
use edgehog_sdk::{
    Capability, DecodeError, Device, Error,
    interfaces::{
        AvailableImage, CreateDeploymentRequest, DeleteFile, DeploymentCommandKind, DeviceToServer,
        FileTarget, ForwarderSessionRequest, Led, LedBehavior, LedPattern, TelemetryConfig,
        TelemetryInterface,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

const PREFIX: &str = "io.edgehog.devicemanager.";

/// Answers reads from a table and notes what it is asked. Interfaces that are not in the table are absent.
#[derive(Default)]
struct FakeAppEngine {
    answers: BTreeMap<&'static str, Value>,
    introspection: BTreeMap<String, InterfaceUse>,
    /// Status and detail with which each write is refused.
    refusal: Option<(u16, &'static str)>,
    requests: Mutex<Vec<String>>,
}

impl FakeAppEngine {
    fn note(&self, request: String) {
        self.requests.lock().unwrap().push(request.replace(PREFIX, ""));
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    fn write(&self, request: String) -> Result<(), edgehog_astarte::Error> {
        self.note(request);
        let refusal = self.refusal.map(|(status, detail)| ErrorResponse::new("POST", status, detail));
        refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }
}

#[async_trait]
impl AppEngine for FakeAppEngine {
    async fn device_status(&self, device: &DeviceId) -> Result<DeviceStatus, edgehog_astarte::Error> {
        self.note(format!("status {device}"));
        let mut status = DeviceStatus::new(device.clone());
        status.introspection = self.introspection.clone();
        Ok(status)
    }

    async fn device_page(&self, _: &DeviceListQuery) -> Result<DevicePage, edgehog_astarte::Error> {
        unreachable!("a device handle lists no devices")
    }

    async fn read(
        &self,
        device: &DeviceId,
        interface: &str,
        path: Option<&str>,
        query: &DataQuery,
    ) -> Result<Value, edgehog_astarte::Error> {
        let limit = query.limit;
        let expected = limit.map_or(DataQuery::new(), |limit| DataQuery::new().limit(limit));
        assert_eq!(*query, expected, "nothing but a limit is asked for");
        self.note(format!("read {device} {interface} {path:?} {limit:?}"));
        let answer = interface.strip_prefix(PREFIX).and_then(|name| self.answers.get(name));
        answer.cloned().ok_or_else(|| {
            ErrorResponse::new("GET", 404, "Interface not found in device introspection").into()
        })
    }

    async fn send_datastream(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
        value: &Value,
    ) -> Result<(), edgehog_astarte::Error> {
        self.write(format!("send {device} {interface} {path} {value}"))
    }

    async fn set_property(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
        value: &Value,
    ) -> Result<(), edgehog_astarte::Error> {
        self.write(format!("set {device} {interface} {path} {value}"))
    }

    async fn unset_property(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
    ) -> Result<(), edgehog_astarte::Error> {
        self.write(format!("unset {device} {interface} {path}"))
    }

    async fn patch_device(
        &self,
        _: &DeviceId,
        _: &DevicePatch,
    ) -> Result<DeviceStatus, edgehog_astarte::Error> {
        unreachable!("a device handle patches nothing")
    }
}

fn device(answers: impl IntoIterator<Item = (&'static str, Value)>) -> (Arc<FakeAppEngine>, Device) {
    let fake = Arc::new(FakeAppEngine { answers: answers.into_iter().collect(), ..FakeAppEngine::default() });
    let device = Device::new(fake.clone(), "d1".parse().unwrap());
    (fake, device)
}

/// Whole interfaces only; properties without a query, datastreams with a limit of 1, WiFi scans of 1000.
#[tokio::test]
async fn reads() {
    let names = [
        "BaseImage",
        "BatteryStatus",
        "CellularConnectionProperties",
        "CellularConnectionStatus",
        "Geolocation",
        "HardwareInfo",
        "NetworkInterfaceProperties",
        "OSInfo",
        "RuntimeInfo",
        "StorageUsage",
        "SystemInfo",
        "SystemStatus",
        "WiFiScanResults",
        "apps.AvailableImages",
    ];
    let (fake, device) = device(names.map(|name| (name, json!({}))));
    device.system_info().await.unwrap();
    device.hardware_info().await.unwrap();
    device.os_info().await.unwrap();
    device.runtime_info().await.unwrap();
    device.base_image().await.unwrap();
    device.system_status().await.unwrap();
    device.storage_usage().await.unwrap();
    device.battery_status().await.unwrap();
    device.cellular_connection().await.unwrap();
    device.network_interfaces().await.unwrap();
    device.wifi_scan_results().await.unwrap();
    device.geolocation().await.unwrap();
    device.interface::<AvailableImage>().await.unwrap();
    insta::assert_snapshot!(fake.requests().join("\n"));
}

/// Absence, other failures and unreadable answers are told apart.
#[tokio::test]
async fn errors() {
    let (_, device) = device([("HardwareInfo", json!([]))]);
    let absent = device.os_info().await.unwrap_err();
    assert!(absent.is_absent(), "{absent}");

    let unreadable = device.hardware_info().await.unwrap_err();
    assert!(!unreadable.is_absent());
    assert!(matches!(
        unreadable,
        Error::Decode {
            interface: "io.edgehog.devicemanager.HardwareInfo",
            source: DecodeError::NotAnObject
        }
    ));
}

/// Exactly one sample is a status; none or several are not.
#[tokio::test]
async fn system_status() {
    let sample = json!({"taskCount": 32, "timestamp": "2021-11-11T10:44:42.942Z"});
    for (answer, task_count) in [
        (json!({}), None),
        (json!({"systemStatus": []}), None),
        (json!({"systemStatus": [sample]}), Some(32)),
        (json!({"systemStatus": [sample, sample]}), None),
        (json!({"systemStatus": sample}), None),
        (json!({"systemStatus": [{"taskCount": 32}]}), None),
    ] {
        let (_, device) = device([("SystemStatus", answer.clone())]);
        let status = device.system_status().await.unwrap();
        assert_eq!(status.and_then(|status| status.task_count), task_count, "{answer}");
    }
}

/// Modems are those that have properties; the status joins by slot.
#[tokio::test]
async fn cellular_connection() {
    let properties = json!({"m2": {"apn": "b"}, "m1": {"apn": "a"}, "m3": {}});
    let status = json!({"m9": {"carrier": "lost"}, "m2": {"carrier": "B"}, "m1": {"carrier": "A"}});
    let (_, device) =
        device([("CellularConnectionProperties", properties), ("CellularConnectionStatus", status)]);
    let modems = device.cellular_connection().await.unwrap();
    let shown: Vec<_> = modems
        .iter()
        .map(|modem| {
            let carrier = modem.status.as_ref().and_then(|status| status.carrier.as_deref());
            (modem.properties.slot.as_str(), modem.properties.apn.as_deref(), carrier)
        })
        .collect();
    assert_eq!(shown, [("m1", Some("a"), Some("A")), ("m2", Some("b"), Some("B")), ("m3", None, None)]);
}

/// Both reads must succeed.
#[tokio::test]
async fn half_a_cellular_connection_is_none() {
    for name in ["CellularConnectionProperties", "CellularConnectionStatus"] {
        let (_, device) = device([(name, json!({}))]);
        assert!(device.cellular_connection().await.unwrap_err().is_absent());
    }
}

#[tokio::test]
async fn capabilities() {
    let name = format!("{PREFIX}HardwareInfo");
    let fake = Arc::new(FakeAppEngine {
        introspection: BTreeMap::from([(name, InterfaceUse::new(0, 1))]),
        ..FakeAppEngine::default()
    });
    let device = Device::new(fake.clone(), "d1".parse().unwrap());
    assert_eq!(device.capabilities().await.unwrap(), [Capability::Geolocation, Capability::HardwareInfo]);
    assert_eq!(fake.requests(), ["status d1"]);
}

/// Datastreams are posted, properties are set.
#[tokio::test]
async fn requests() {
    let (fake, device) = device([]);
    device.send(&LedBehavior { led: Led::Indicator, behavior: LedPattern::Blink }).await.unwrap();
    device.send(&CreateDeploymentRequest { id: Uuid::nil(), containers: vec![] }).await.unwrap();
    let telemetry = TelemetryInterface::SystemStatus;
    device.send(&TelemetryConfig { telemetry, enable: Some(false), period_seconds: Some(5) }).await.unwrap();
    insta::assert_snapshot!(fake.requests().join("\n"));
}

/// Each method sends what its interface wants, in full; a reset unsets every override.
#[tokio::test]
async fn request_methods() {
    let (fake, device) = device([]);
    let id = Uuid::from_u128(7);
    device.update_system(id, "https://images.example/1.bin").await.unwrap();
    device.cancel_system_update(id).await.unwrap();
    device.blink(LedPattern::SlowBlink).await.unwrap();
    device.reboot().await.unwrap();
    let telemetry = TelemetryInterface::ContainerCpu;
    let config = TelemetryConfig { telemetry, enable: None, period_seconds: Some(60) };
    device.configure_telemetry(&config).await.unwrap();
    device.reset_telemetry(telemetry).await.unwrap();
    let session = ForwarderSessionRequest {
        session_token: "token".into(),
        port: 443,
        host: "forwarder.example".to_owned(),
        secure: true,
    };
    device.open_forwarder_session(&session).await.unwrap();
    device.command_deployment(id, DeploymentCommandKind::Stop).await.unwrap();
    device.download_file(&crate::requests::download(id)).await.unwrap();
    device.upload_file(&upload(id)).await.unwrap();
    device.delete_file(&DeleteFile { id, file_id: "f".to_owned(), force: false }).await.unwrap();
    insta::assert_snapshot!(fake.requests().join("\n"));
}

fn upload(id: Uuid) -> DeviceToServer {
    DeviceToServer {
        id,
        url: "https://files.example/f".into(),
        http_header_keys: vec![],
        http_header_values: vec![],
        encoding: "tar.gz".to_owned(),
        progress: false,
        source_type: FileTarget::Filesystem,
        source: "/var/log".to_owned(),
    }
}

/// A device that does not know the request is not an offline one, and neither is a failing Astarte.
#[tokio::test]
async fn refused_requests() {
    for (status, detail, unsupported, offline) in [
        (404, "Interface not found in device introspection", true, false),
        (404, "Interface not found", true, false),
        (404, "Device not found", false, false),
        (503, "Cannot push to device", false, true),
        (503, "Service unavailable", false, false),
        (500, "Internal server error", false, false),
        (403, "Forbidden", false, false),
    ] {
        let fake = Arc::new(FakeAppEngine { refusal: Some((status, detail)), ..FakeAppEngine::default() });
        let device = Device::new(fake.clone(), "d1".parse().unwrap());
        for error in [
            device.blink(LedPattern::Blink).await.unwrap_err(),
            device.reset_telemetry(TelemetryInterface::SystemStatus).await.unwrap_err(),
        ] {
            assert_eq!((error.is_unsupported(), error.is_offline()), (unsupported, offline), "{detail}");
        }
        assert_eq!(fake.requests().len(), 2, "the first failure keeps the rest back");
    }
}
