//! One device of the fleet and its life.

use std::time::Duration;

use anyhow::{Result, bail};
use astarte_emulator::{DeviceLink, RealmHandle, ServerMessage};
use chrono::Utc;
use edgehog_astarte::DeviceId;
use edgehog_sdk::Interface;
use edgehog_sdk::interfaces::{
    BaseImage, BatteryStatus, CellularConnectionProperties, CellularConnectionStatus,
    ForwarderSessionRequest, ForwarderSessionState, Geolocation, HardwareInfo, NetworkInterfaceProperties,
    OsInfo, RuntimeInfo, StorageUsage, SystemInfo, SystemStatus, WiFiScanResult,
};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::models::{MODELS, Model};

/// How often a device tells what it measures.
const PERIOD: Duration = Duration::from_secs(10);

/// One device in this many begins its life with a short stay and a long absence.
const SHY: usize = 5;

struct Device {
    number: usize,
    id: String,
    model: &'static Model,
    boot_id: Uuid,
    /// Tokens of sessions with the forwarder, which end with the connection.
    sessions: Vec<String>,
}

/// The model of the device of this number.
#[must_use]
pub fn model_of(number: usize) -> &'static Model {
    &MODELS[number % MODELS.len()]
}

/// The Astarte id of the device of this number: the same at every start, so that a server finds its devices again.
#[must_use]
pub fn device_id(number: usize) -> String {
    let name = format!("simulated device {number}");
    DeviceId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())).to_string()
}

/// Registers a device and lets it live until the program ends.
///
/// # Errors
///
/// When the realm does not take the device.
pub fn spawn(realm: &RealmHandle, number: usize) -> Result<()> {
    let device = Device {
        number,
        id: device_id(number),
        model: model_of(number),
        boot_id: Uuid::new_v4(),
        sessions: Vec::new(),
    };
    realm.register_device(&device.id)?;
    let realm = realm.clone();
    tokio::spawn(async move { device.live(&realm).await });
    Ok(())
}

impl Device {
    async fn live(mut self, realm: &RealmHandle) {
        let mut shy = self.number % SHY == SHY - 1;
        loop {
            let stay = if shy { Duration::ZERO } else { seconds(60..300) };
            if let Err(error) = self.stay_connected(realm, stay).await {
                tracing::warn!(device = self.id, %error, "cut off");
            }
            tokio::time::sleep(if shy { seconds(60..120) } else { seconds(5..60) }).await;
            shy = false;
            if fastrand::u8(..10) == 0 {
                self.boot_id = Uuid::new_v4();
            }
        }
    }

    /// Connects, tells everything, goes on to tell what changes, and leaves: properly, or as if the network broke.
    async fn stay_connected(&mut self, realm: &RealmHandle, stay: Duration) -> Result<()> {
        let announced = self.model.interfaces();
        let introspection = announced.map(|it| (it.name, it.major.cast_signed(), it.minor.cast_signed()));
        let link = realm.connect(&self.id, introspection).await?;
        for token in self.sessions.drain(..) {
            link.unset(ForwarderSessionState::NAME, &session_path(&token)).await?;
        }
        self.tell_what_it_is(&link).await?;
        self.tell_what_it_measures(&link).await?;
        let until = Instant::now() + stay;
        let mut measured = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => break,
                () = tokio::time::sleep_until(measured + PERIOD) => {
                    self.tell_what_it_measures(&link).await?;
                    measured = Instant::now();
                }
                message = link.received() => match message {
                    Some(message) => self.obey(&link, message).await?,
                    None => bail!("the connection broke"),
                },
            }
        }
        if fastrand::bool() {
            link.disconnect();
        }
        Ok(())
    }

    /// Does what the server asks for, as far as a device without hardware can: it has a forwarder's terminal at once.
    async fn obey(&mut self, link: &DeviceLink, message: ServerMessage) -> Result<()> {
        let ServerMessage::Value { interface, value, .. } = message else { return Ok(()) };
        if interface != ForwarderSessionRequest::NAME {
            return Ok(());
        }
        let Some(Ok(token)) = value.as_document().map(|request| request.get_str("session_token")) else {
            bail!("a session of the forwarder was asked for without its token");
        };
        for status in ["Connecting", "Connected"] {
            link.publish(ForwarderSessionState::NAME, &session_path(token), json!(status), None).await?;
        }
        self.sessions.push(token.to_owned());
        Ok(())
    }

    async fn tell_what_it_is(&self, link: &DeviceLink) -> Result<()> {
        let Model { cpu, os, image, .. } = self.model;
        let serial_number = format!("{}-{:05}", self.model.part_number, 10_000 + self.number);
        for (interface, path, value) in [
            (SystemInfo::NAME, "/serialNumber", json!(serial_number)),
            (SystemInfo::NAME, "/partNumber", json!(self.model.part_number)),
            (HardwareInfo::NAME, "/cpu/architecture", json!(cpu.architecture)),
            (HardwareInfo::NAME, "/cpu/model", json!(cpu.model)),
            (HardwareInfo::NAME, "/cpu/modelName", json!(cpu.name)),
            (HardwareInfo::NAME, "/cpu/vendor", json!(cpu.vendor)),
            (HardwareInfo::NAME, "/mem/totalBytes", json!(self.model.memory_bytes)),
            (OsInfo::NAME, "/osName", json!(os.0)),
            (OsInfo::NAME, "/osVersion", json!(os.1)),
            (BaseImage::NAME, "/name", json!(image.0)),
            (BaseImage::NAME, "/version", json!(image.1)),
            (BaseImage::NAME, "/buildId", json!(image.2)),
            (BaseImage::NAME, "/fingerprint", json!(format!("{}-{}-{}", image.0, image.1, image.2))),
            (RuntimeInfo::NAME, "/name", json!("simulated-fleet")),
            (RuntimeInfo::NAME, "/version", json!(env!("CARGO_PKG_VERSION"))),
            (RuntimeInfo::NAME, "/environment", json!("simulation")),
            (RuntimeInfo::NAME, "/url", json!("https://fleet.example/runtime")),
        ] {
            link.publish(interface, path, value, None).await?;
        }
        for (at, (name, technology)) in self.model.network.iter().enumerate() {
            let mac = format!("02:00:00:00:{:02x}:{at:02x}", self.number % 256);
            let interface = NetworkInterfaceProperties::NAME;
            link.publish(interface, &format!("/{name}/macAddress"), json!(mac), None).await?;
            link.publish(interface, &format!("/{name}/technologyType"), json!(technology), None).await?;
        }
        if self.model.modem {
            let interface = CellularConnectionProperties::NAME;
            let imei = format!("35{:013}", self.number);
            link.publish(interface, "/modem0/apn", json!("iot.example"), None).await?;
            link.publish(interface, "/modem0/imei", json!(imei), None).await?;
            link.publish(interface, "/modem0/imsi", json!(format!("001{:012}", self.number)), None).await?;
        }
        Ok(())
    }

    async fn tell_what_it_measures(&self, link: &DeviceLink) -> Result<()> {
        let memory = self.model.memory_bytes;
        let status = json!({
            "availMemoryBytes": memory / 100 * fastrand::i64(20..80),
            "bootId": self.boot_id,
            "taskCount": fastrand::i32(20..300),
            "uptimeMillis": fastrand::i64(60_000..9_000_000),
        });
        self.send::<SystemStatus>(link, "/systemStatus", status).await?;
        for (label, total) in self.model.storage {
            let usage = json!({ "totalBytes": total, "freeBytes": total / 100 * fastrand::i64(30..60) });
            self.send::<StorageUsage>(link, &format!("/{label}"), usage).await?;
        }
        if self.model.battery {
            let battery = json!({
                "levelPercentage": fastrand::f64() * 100.0,
                "levelAbsoluteError": 2.5,
                "status": fastrand::choice(["Charging", "Discharging", "Idle"]),
            });
            self.send::<BatteryStatus>(link, "/battery0", battery).await?;
        }
        if self.model.modem {
            let modem = json!({
                "carrier": "Example Mobile", "cellId": 170_402_199, "mobileCountryCode": 1, "mobileNetworkCode": 1,
                "localAreaCode": 24_412, "registrationStatus": "Registered", "technology": "EUTRAN",
                "rssi": -60.0 - 40.0 * fastrand::f64(),
            });
            self.send::<CellularConnectionStatus>(link, "/modem0", modem).await?;
        }
        if self.model.position {
            let wander = || (fastrand::f64() - 0.5) / 100.0;
            let position = json!({
                "latitude": 45.44 + wander(), "longitude": 11.88 + wander(), "altitude": 12.0, "accuracy": 8.0,
                "altitudeAccuracy": 15.0, "heading": fastrand::f64() * 360.0, "speed": fastrand::f64() * 20.0,
            });
            self.send::<Geolocation>(link, "/gps", position).await?;
        }
        if self.model.has_wifi() {
            for (at, essid) in ["plant", "guests"].iter().enumerate() {
                let access_point = json!({
                    "channel": fastrand::i32(1..13), "connected": at == 0, "essid": essid,
                    "macAddress": format!("02:00:00:00:ff:{at:02x}"), "rssi": fastrand::i32(-90..-40),
                });
                self.send::<WiFiScanResult>(link, "/ap", access_point).await?;
            }
        }
        Ok(())
    }

    async fn send<T: Interface>(&self, link: &DeviceLink, path: &str, sample: Value) -> Result<()> {
        Ok(link.publish_object(T::NAME, path, sample, Some(Utc::now())).await?)
    }
}

fn session_path(token: &str) -> String {
    format!("/{token}/status")
}

fn seconds(range: std::ops::Range<u64>) -> Duration {
    Duration::from_secs(fastrand::u64(range))
}
