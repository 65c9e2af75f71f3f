mod read;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::DeviceId;

/// An event as an HTTP action of a trigger delivers it.
///
/// Astarte may deliver an event late, twice or not at all, and events carry no id: compare timestamps, and poll now
/// and then.
///
/// ```
/// use edgehog_astarte::{Event, TriggerEvent};
///
/// let body = br#"{
///     "timestamp": "2024-05-01T10:20:30.123Z", "device_id": "2TBn-jNESuuHamE2Zo1anA", "trigger_name": "readings",
///     "event": {"type": "incoming_data", "interface": "org.example.Sensors", "path": "/kitchen/temp", "value": 21.5}
/// }"#;
/// let event = TriggerEvent::parse_lenient(body)?;
/// let Event::IncomingData { path, value, .. } = event.event else { unreachable!() };
/// assert_eq!((path.as_str(), value), ("/kitchen/temp", 21.5.into()));
/// # Ok::<(), edgehog_astarte::EventError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct TriggerEvent {
    /// The device.
    pub device_id: DeviceId,
    /// When it happened: the device's own time for mappings with explicit timestamps, else the time of reception.
    pub timestamp: DateTime<Utc>,
    /// The trigger that fired; older installations do not tell.
    pub trigger_name: Option<String>,
    /// What happened.
    pub event: Event,
}

/// What happened.
///
/// Values are as in reads of AppEngine, except that long integers always are numbers and objects hold only the keys
/// that were sent.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The device connected.
    DeviceConnected {
        /// Its address.
        device_ip_address: Option<String>,
    },
    /// The device disconnected.
    DeviceDisconnected,
    /// The device sent something wrong and was cut off.
    DeviceError {
        /// The kind of error, such as `mapping_not_found`.
        error_name: String,
        /// What is known about it, such as `interface` and `path`.
        metadata: BTreeMap<String, String>,
    },
    /// The device was registered.
    DeviceRegistered,
    /// The deletion of the device began.
    DeviceDeletionStarted,
    /// The device is gone.
    DeviceDeletionFinished,
    /// The device announced its interfaces.
    IncomingIntrospection {
        /// All of them, by name.
        introspection: BTreeMap<String, InterfaceVersion>,
    },
    /// The device announced an interface it had not before.
    InterfaceAdded {
        /// Name of the interface.
        interface: String,
        /// Its version.
        version: InterfaceVersion,
    },
    /// The device no longer announces an interface.
    InterfaceRemoved {
        /// Name of the interface.
        interface: String,
        /// Its major version.
        major: u32,
    },
    /// The device announced another minor version of an interface.
    InterfaceMinorUpdated {
        /// Name of the interface.
        interface: String,
        /// Its major version.
        major: u32,
        /// The former minor version.
        old_minor: u32,
        /// The present minor version.
        new_minor: u32,
    },
    /// A value arrived.
    IncomingData {
        /// Name of the interface.
        interface: String,
        /// The path, with leading slash; for objects the base path.
        path: String,
        /// The value; null when a property was unset.
        value: Value,
    },
    /// A value was stored.
    ValueStored {
        /// Name of the interface.
        interface: String,
        /// The path, with leading slash.
        path: String,
        /// The value.
        value: Value,
    },
    /// A property got a value that had none.
    PathCreated {
        /// Name of the interface.
        interface: String,
        /// The path, with leading slash.
        path: String,
        /// The value.
        value: Value,
    },
    /// A property was unset.
    PathRemoved {
        /// Name of the interface.
        interface: String,
        /// The path, with leading slash.
        path: String,
    },
    /// A property is about to change.
    ValueChange {
        /// Name of the interface.
        interface: String,
        /// The path, with leading slash.
        path: String,
        /// The former value, null for none.
        old_value: Value,
        /// The new value, null for none.
        new_value: Value,
    },
    /// A property has changed.
    ValueChangeApplied {
        /// Name of the interface.
        interface: String,
        /// The path, with leading slash.
        path: String,
        /// The former value, null for none.
        old_value: Value,
        /// The new value, null for none.
        new_value: Value,
    },
    /// An event of a type this crate does not know; lenient reading only.
    Other {
        /// Its type.
        kind: String,
        /// Its other members.
        members: Map<String, Value>,
    },
}

/// Version of an announced interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct InterfaceVersion {
    /// Major version.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
}

/// How to read a delivered event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strictness {
    /// Ignores unknown members, takes events of unknown types as [`Event::Other`], and points in time in any
    /// spelling.
    Lenient,
    /// Refuses them.
    Strict,
}

/// Why a delivered event cannot be read.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The body is not JSON.
    #[error("not JSON")]
    NotJson(#[from] serde_json::Error),
    /// A member is missing.
    #[error("`{field}` is missing")]
    Missing {
        /// The member, for example `event.path`.
        field: String,
    },
    /// A member is of the wrong type or form.
    #[error("`{field}` is not {expected}")]
    Invalid {
        /// The member, for example `event.path`; `.` is the whole body.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Strict reading: a member is not known.
    #[error("`{field}` is unknown")]
    UnknownField {
        /// The member.
        field: String,
    },
    /// Strict reading: the type of the event is not known.
    #[error("event type `{kind}` is unknown")]
    UnknownType {
        /// The type.
        kind: String,
    },
}

impl TriggerEvent {
    /// An event without trigger name.
    #[must_use]
    pub fn new(device_id: DeviceId, timestamp: DateTime<Utc>, event: Event) -> Self {
        Self { device_id, timestamp, trigger_name: None, event }
    }
}
