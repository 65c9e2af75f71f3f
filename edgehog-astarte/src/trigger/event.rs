use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::{DeviceId, time};

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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
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

    /// Reads the body of a delivery, leniently.
    ///
    /// # Errors
    ///
    /// [`EventError`] for a body that is no event.
    pub fn parse_lenient(body: &[u8]) -> Result<Self, EventError> {
        Self::parse(body, Strictness::Lenient)
    }

    /// Reads the body of a delivery and refuses all that is not known.
    ///
    /// # Errors
    ///
    /// [`EventError`] for a body that is no event, or has unknown members or an unknown type.
    pub fn parse_strict(body: &[u8]) -> Result<Self, EventError> {
        Self::parse(body, Strictness::Strict)
    }

    /// Reads the body of a delivery.
    ///
    /// # Errors
    ///
    /// [`EventError`], which names the offending member.
    pub fn parse(body: &[u8], strictness: Strictness) -> Result<Self, EventError> {
        let Value::Object(members) = serde_json::from_slice(body)? else {
            return Err(EventError::Invalid { field: ".".to_owned(), expected: "an object" });
        };
        let mut body = Members { prefix: "", members };
        let device_id = DeviceId::new(body.text("device_id")?).map_err(|_| body.invalid("device_id", "an id"))?;
        let timestamp = body.text("timestamp")?;
        let timestamp = match strictness {
            Strictness::Lenient => time::parse(&timestamp),
            Strictness::Strict => time::parse_strict(&timestamp),
        };
        let timestamp = timestamp.ok_or_else(|| body.invalid("timestamp", "an ISO 8601 point in time"))?;
        let trigger_name = body.optional_text("trigger_name")?;
        let Value::Object(members) = body.take("event")? else {
            return Err(body.invalid("event", "an object"));
        };
        let event = Event::read(Members { prefix: "event.", members }, strictness)?;
        body.finish(strictness)?;
        Ok(Self { device_id, timestamp, trigger_name, event })
    }
}

impl Event {
    fn read(mut members: Members, strictness: Strictness) -> Result<Self, EventError> {
        let kind = members.text("type")?;
        let m = &mut members;
        let event = match kind.as_str() {
            "device_connected" => {
                Self::DeviceConnected { device_ip_address: m.optional_text("device_ip_address")? }
            }
            "device_disconnected" => Self::DeviceDisconnected,
            "device_error" => {
                Self::DeviceError { error_name: m.text("error_name")?, metadata: m.texts("metadata")? }
            }
            "device_registered" => Self::DeviceRegistered,
            "device_deletion_started" => Self::DeviceDeletionStarted,
            "device_deletion_finished" => Self::DeviceDeletionFinished,
            "incoming_introspection" => Self::IncomingIntrospection { introspection: m.introspection()? },
            "interface_added" => Self::InterfaceAdded {
                interface: m.text("interface")?,
                version: InterfaceVersion { major: m.number("major_version")?, minor: m.number("minor_version")? },
            },
            "interface_removed" => {
                Self::InterfaceRemoved { interface: m.text("interface")?, major: m.number("major_version")? }
            }
            "interface_minor_updated" => Self::InterfaceMinorUpdated {
                interface: m.text("interface")?,
                major: m.number("major_version")?,
                old_minor: m.number("old_minor_version")?,
                new_minor: m.number("new_minor_version")?,
            },
            "incoming_data" => Self::IncomingData {
                interface: m.text("interface")?,
                path: m.text("path")?,
                value: m.value("value"),
            },
            "value_stored" => {
                Self::ValueStored { interface: m.text("interface")?, path: m.text("path")?, value: m.take("value")? }
            }
            "path_created" => {
                Self::PathCreated { interface: m.text("interface")?, path: m.text("path")?, value: m.take("value")? }
            }
            "path_removed" => Self::PathRemoved { interface: m.text("interface")?, path: m.text("path")? },
            "value_change" => Self::ValueChange {
                interface: m.text("interface")?,
                path: m.text("path")?,
                old_value: m.value("old_value"),
                new_value: m.value("new_value"),
            },
            "value_change_applied" => Self::ValueChangeApplied {
                interface: m.text("interface")?,
                path: m.text("path")?,
                old_value: m.value("old_value"),
                new_value: m.value("new_value"),
            },
            _ if strictness == Strictness::Strict => return Err(EventError::UnknownType { kind }),
            _ => return Ok(Self::Other { kind, members: members.members }),
        };
        members.finish(strictness)?;
        Ok(event)
    }
}

/// The members of an object that were not read yet, and where it stands in the body.
struct Members {
    prefix: &'static str,
    members: Map<String, Value>,
}

impl Members {
    fn invalid(&self, name: &str, expected: &'static str) -> EventError {
        EventError::Invalid { field: format!("{}{name}", self.prefix), expected }
    }

    fn take(&mut self, name: &str) -> Result<Value, EventError> {
        self.members
            .remove(name)
            .ok_or_else(|| EventError::Missing { field: format!("{}{name}", self.prefix) })
    }

    /// A value for which absent and null mean the same.
    fn value(&mut self, name: &str) -> Value {
        self.members.remove(name).unwrap_or_default()
    }

    fn text(&mut self, name: &str) -> Result<String, EventError> {
        match self.take(name)? {
            Value::String(text) => Ok(text),
            _ => Err(self.invalid(name, "text")),
        }
    }

    fn optional_text(&mut self, name: &str) -> Result<Option<String>, EventError> {
        match self.value(name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(self.invalid(name, "text")),
        }
    }

    fn number(&mut self, name: &str) -> Result<u32, EventError> {
        let number = self.take(name)?.as_u64().and_then(|n| u32::try_from(n).ok());
        number.ok_or_else(|| self.invalid(name, "a version number"))
    }

    fn texts(&mut self, name: &str) -> Result<BTreeMap<String, String>, EventError> {
        match self.value(name) {
            Value::Null => Ok(BTreeMap::new()),
            value => serde_json::from_value(value).map_err(|_| self.invalid(name, "an object of texts")),
        }
    }

    fn introspection(&mut self) -> Result<BTreeMap<String, InterfaceVersion>, EventError> {
        let read = match self.take("introspection")? {
            Value::Object(interfaces) => {
                interfaces.into_iter().map(|(name, v)| Some((name, version_from_object(&v)?))).collect()
            }
            // Astarte up to 1.1 gives the text that the device sent.
            Value::String(text) => text.split(';').filter(|i| !i.is_empty()).map(version_from_text).collect(),
            _ => None,
        };
        read.ok_or_else(|| self.invalid("introspection", "a list of interfaces"))
    }

    fn finish(self, strictness: Strictness) -> Result<(), EventError> {
        match (strictness, self.members.keys().next()) {
            (Strictness::Strict, Some(name)) => {
                Err(EventError::UnknownField { field: format!("{}{name}", self.prefix) })
            }
            _ => Ok(()),
        }
    }
}

fn version_from_object(version: &Value) -> Option<InterfaceVersion> {
    let number = |name| u32::try_from(version.get(name)?.as_u64()?).ok();
    Some(InterfaceVersion { major: number("major")?, minor: number("minor")? })
}

fn version_from_text(item: &str) -> Option<(String, InterfaceVersion)> {
    let mut parts = item.split(':');
    let name = parts.next()?.to_owned();
    let version = InterfaceVersion { major: parts.next()?.parse().ok()?, minor: parts.next()?.parse().ok()? };
    parts.next().is_none().then_some((name, version))
}
