//! What an event of Astarte means here.

use chrono::Utc;
use edgehog_astarte::{Event, TriggerEvent};
use edgehog_sdk::Interface;
use edgehog_sdk::interfaces::SystemInfo;
use edgehog_store::{DeviceObservation, RealmKey};
use serde_json::Value;

use crate::EventError;

/// What an event does to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Observe(DeviceObservation),
    Delete { realm: RealmKey, device_id: String },
}

/// Says what `event` does, without doing it.
pub(crate) fn effect(realm: RealmKey, event: &TriggerEvent) -> Result<Effect, EventError> {
    let at = event.timestamp;
    let device = || DeviceObservation::new(realm, event.device_id.as_str());
    // The time of data may be the device's own word, and a device's clock may run ahead of the world.
    let heard = || device().heard(at.min(Utc::now()));
    Ok(Effect::Observe(match &event.event {
        Event::DeviceConnected { device_ip_address, .. } => device().connected(at, device_ip_address.clone()),
        Event::DeviceDisconnected => device().disconnected(at),
        Event::DeviceDeletionFinished => {
            return Ok(Effect::Delete { realm, device_id: event.device_id.as_str().to_owned() });
        }
        // These are told about a device, not by it: it may be offline already.
        Event::DeviceRegistered | Event::DeviceDeletionStarted | Event::DeviceError { .. } => device(),
        Event::IncomingData { interface, path, value, .. } if interface == SystemInfo::NAME => {
            match path.as_str() {
                "/serialNumber" => heard().serial_number(at, property(value, "serialNumber")?),
                "/partNumber" => heard().part_number(at, property(value, "partNumber")?),
                _ => heard(),
            }
        }
        _ => heard(),
    }))
}

/// The text of a property: blank text and an unset property are the same.
fn property(value: &Value, name: &'static str) -> Result<Option<String>, EventError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)),
        _ => Err(EventError::InvalidValue { property: name }),
    }
}
