//! Events, and the JSON that receivers get.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value as Json, json};

use crate::realm::Object;
use crate::value::{JsonStyle, Value};

/// What a message carried.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Payload {
    Value(Value),
    Object(Object),
}

impl Payload {
    /// Long integers are always numbers in events; an object has the keys that were sent.
    fn to_json(&self) -> Json {
        match self {
            Self::Value(value) => value.to_json(JsonStyle::default()),
            Self::Object(object) => {
                let keys =
                    object.iter().map(|(key, value)| (key.clone(), value.to_json(JsonStyle::default())));
                Json::Object(keys.collect())
            }
        }
    }
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataEvent {
    IncomingData,
    ValueChange,
    ValueChangeApplied,
    PathCreated,
    PathRemoved,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    DeviceConnected {
        ip: Option<IpAddr>,
    },
    DeviceDisconnected,
    DeviceError {
        name: &'static str,
        metadata: BTreeMap<&'static str, String>,
    },
    DeviceRegistered,
    DeviceDeletionStarted,
    DeviceDeletionFinished,
    IncomingIntrospection {
        introspection: BTreeMap<String, (i32, i32)>,
    },
    InterfaceAdded {
        interface: String,
        major: i32,
        minor: i32,
    },
    InterfaceRemoved {
        interface: String,
        major: i32,
    },
    InterfaceMinorUpdated {
        interface: String,
        major: i32,
        old_minor: i32,
        new_minor: i32,
    },
    Data {
        kind: DataEvent,
        interface: String,
        major: i32,
        path: String,
        old: Option<Payload>,
        new: Option<Payload>,
    },
}

impl Event {
    /// The name that triggers and receivers know the event by.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::DeviceConnected { .. } => "device_connected",
            Self::DeviceDisconnected => "device_disconnected",
            Self::DeviceError { .. } => "device_error",
            Self::DeviceRegistered => "device_registered",
            Self::DeviceDeletionStarted => "device_deletion_started",
            Self::DeviceDeletionFinished => "device_deletion_finished",
            Self::IncomingIntrospection { .. } => "incoming_introspection",
            Self::InterfaceAdded { .. } => "interface_added",
            Self::InterfaceRemoved { .. } => "interface_removed",
            Self::InterfaceMinorUpdated { .. } => "interface_minor_updated",
            Self::Data { kind, .. } => match kind {
                DataEvent::IncomingData => "incoming_data",
                DataEvent::ValueChange => "value_change",
                DataEvent::ValueChangeApplied => "value_change_applied",
                DataEvent::PathCreated => "path_created",
                DataEvent::PathRemoved => "path_removed",
            },
        }
    }

    /// The `event` member of a delivery.
    pub(crate) fn to_json(&self) -> Json {
        let mut json = match self {
            Self::DeviceConnected { ip } => {
                // A simulated device has no address; the member is a string for all receivers.
                json!({"device_ip_address": ip.unwrap_or(IpAddr::from([127, 0, 0, 1]))})
            }
            Self::DeviceDisconnected
            | Self::DeviceRegistered
            | Self::DeviceDeletionStarted
            | Self::DeviceDeletionFinished => json!({}),
            Self::DeviceError { name, metadata } => json!({"error_name": name, "metadata": metadata}),
            Self::IncomingIntrospection { introspection } => {
                let map: Map<String, Json> = introspection
                    .iter()
                    .map(|(name, (major, minor))| (name.clone(), json!({"major": major, "minor": minor})))
                    .collect();
                json!({"introspection": map})
            }
            Self::InterfaceAdded { interface, major, minor } => {
                json!({"interface": interface, "major_version": major, "minor_version": minor})
            }
            Self::InterfaceRemoved { interface, major } => {
                json!({"interface": interface, "major_version": major})
            }
            Self::InterfaceMinorUpdated { interface, major, old_minor, new_minor } => json!({
                "interface": interface, "major_version": major,
                "old_minor_version": old_minor, "new_minor_version": new_minor,
            }),
            Self::Data { kind, interface, path, old, new, .. } => {
                let value = |payload: &Option<Payload>| payload.as_ref().map(Payload::to_json);
                match kind {
                    DataEvent::IncomingData | DataEvent::PathCreated => {
                        json!({"interface": interface, "path": path, "value": value(new)})
                    }
                    DataEvent::ValueChange | DataEvent::ValueChangeApplied => json!({
                        "interface": interface, "path": path,
                        "old_value": value(old), "new_value": value(new),
                    }),
                    DataEvent::PathRemoved => json!({"interface": interface, "path": path}),
                }
            }
        };
        json["type"] = self.kind().into();
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_members_of_their_type() {
        let data = |kind| Event::Data {
            kind,
            interface: "org.example.Values".into(),
            major: 1,
            path: "/a".into(),
            old: Some(Payload::Value(Value::LongInteger(1 << 60))),
            new: None,
        };
        let object = Payload::Object(BTreeMap::from([("on".into(), Value::Boolean(true))]));
        let events = [
            Event::DeviceConnected { ip: None },
            Event::DeviceDisconnected,
            Event::DeviceError { name: "invalid_path", metadata: BTreeMap::from([("path", "//".into())]) },
            Event::IncomingIntrospection { introspection: BTreeMap::from([("a.B".into(), (1, 2))]) },
            Event::InterfaceAdded { interface: "a.B".into(), major: 1, minor: 2 },
            Event::InterfaceRemoved { interface: "a.B".into(), major: 1 },
            Event::InterfaceMinorUpdated { interface: "a.B".into(), major: 1, old_minor: 2, new_minor: 3 },
            data(DataEvent::IncomingData),
            data(DataEvent::ValueChange),
            data(DataEvent::PathRemoved),
            Event::Data {
                kind: DataEvent::IncomingData,
                interface: "a.B".into(),
                major: 0,
                path: "/o".into(),
                old: None,
                new: Some(object),
            },
        ];
        let bodies: Vec<_> = events.iter().map(Event::to_json).collect();
        // The order of members depends on features that other crates switch on.
        insta::with_settings!({ sort_maps => true }, { insta::assert_json_snapshot!(bodies) });
    }
}
