//! Reads events by hand, member by member, so that an error can name the offending one and both degrees of strictness
//! share the code.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{Event, EventError, InterfaceVersion, Strictness, TriggerEvent};
use crate::{DeviceId, time};

impl TriggerEvent {
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
        let device_id =
            DeviceId::new(body.text("device_id")?).map_err(|_| body.invalid("device_id", "an id"))?;
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
                version: InterfaceVersion {
                    major: m.number("major_version")?,
                    minor: m.number("minor_version")?,
                },
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
            "value_stored" => Self::ValueStored {
                interface: m.text("interface")?,
                path: m.text("path")?,
                value: m.take("value")?,
            },
            "path_created" => Self::PathCreated {
                interface: m.text("interface")?,
                path: m.text("path")?,
                value: m.take("value")?,
            },
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
            Value::Object(interfaces) => interfaces
                .into_iter()
                .map(|(name, v)| Some((name, InterfaceVersion::deserialize(&v).ok()?)))
                .collect(),
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

fn version_from_text(item: &str) -> Option<(String, InterfaceVersion)> {
    let mut parts = item.split(':');
    let name = parts.next()?.to_owned();
    let version = InterfaceVersion { major: parts.next()?.parse().ok()?, minor: parts.next()?.parse().ok()? };
    parts.next().is_none().then_some((name, version))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TIME: &str = "2024-05-01T10:20:30.123Z";

    fn body(event: Value) -> Value {
        json!({"timestamp": TIME, "device_id": "2TBn-jNESuuHamE2Zo1anA", "trigger_name": "t", "event": event})
    }

    fn parse(body: &Value, strictness: Strictness) -> Result<TriggerEvent, EventError> {
        TriggerEvent::parse(body.to_string().as_bytes(), strictness)
    }

    fn both(body: &Value) -> [Result<TriggerEvent, EventError>; 2] {
        [parse(body, Strictness::Strict), parse(body, Strictness::Lenient)]
    }

    /// Every documented event, in both ways of reading.
    #[test]
    fn documented_events() {
        let (interface, path) = (|| "a.B".to_owned(), || "/x/y".to_owned());
        let version = InterfaceVersion { major: 1, minor: 2 };
        let table = [
            (
                json!({"type": "device_connected", "device_ip_address": "198.51.100.7"}),
                Event::DeviceConnected { device_ip_address: Some("198.51.100.7".to_owned()) },
            ),
            (json!({"type": "device_connected"}), Event::DeviceConnected { device_ip_address: None }),
            (json!({"type": "device_disconnected"}), Event::DeviceDisconnected),
            (
                json!({"type": "device_error", "error_name": "invalid_path", "metadata": {"path": "\"/x\""}}),
                Event::DeviceError {
                    error_name: "invalid_path".to_owned(),
                    metadata: [("path".to_owned(), "\"/x\"".to_owned())].into(),
                },
            ),
            (json!({"type": "device_registered"}), Event::DeviceRegistered),
            (json!({"type": "device_deletion_started"}), Event::DeviceDeletionStarted),
            (json!({"type": "device_deletion_finished"}), Event::DeviceDeletionFinished),
            (
                json!({"type": "incoming_introspection", "introspection": {"a.B": {"major": 1, "minor": 2}}}),
                Event::IncomingIntrospection { introspection: [(interface(), version)].into() },
            ),
            (
                json!({"type": "incoming_introspection", "introspection": "a.B:1:2;"}),
                Event::IncomingIntrospection { introspection: [(interface(), version)].into() },
            ),
            (
                json!({"type": "interface_added", "interface": "a.B", "major_version": 1, "minor_version": 2}),
                Event::InterfaceAdded { interface: interface(), version },
            ),
            (
                json!({"type": "interface_removed", "interface": "a.B", "major_version": 1}),
                Event::InterfaceRemoved { interface: interface(), major: 1 },
            ),
            (
                json!({
                    "type": "interface_minor_updated", "interface": "a.B", "major_version": 1,
                    "old_minor_version": 2, "new_minor_version": 3
                }),
                Event::InterfaceMinorUpdated { interface: interface(), major: 1, old_minor: 2, new_minor: 3 },
            ),
            (
                json!({"type": "incoming_data", "interface": "a.B", "path": "/x/y", "value": i64::MAX}),
                Event::IncomingData { interface: interface(), path: path(), value: json!(i64::MAX) },
            ),
            (
                json!({"type": "incoming_data", "interface": "a.B", "path": "/x/y"}),
                Event::IncomingData { interface: interface(), path: path(), value: json!(null) },
            ),
            (
                json!({"type": "value_stored", "interface": "a.B", "path": "/x/y", "value": true}),
                Event::ValueStored { interface: interface(), path: path(), value: json!(true) },
            ),
            (
                json!({"type": "path_created", "interface": "a.B", "path": "/x/y", "value": [1]}),
                Event::PathCreated { interface: interface(), path: path(), value: json!([1]) },
            ),
            (
                json!({"type": "path_removed", "interface": "a.B", "path": "/x/y"}),
                Event::PathRemoved { interface: interface(), path: path() },
            ),
            (
                json!({"type": "value_change", "interface": "a.B", "path": "/x/y", "old_value": 1, "new_value": null}),
                Event::ValueChange {
                    interface: interface(),
                    path: path(),
                    old_value: json!(1),
                    new_value: json!(null),
                },
            ),
            (
                json!({"type": "value_change_applied", "interface": "a.B", "path": "/x/y", "new_value": "z"}),
                Event::ValueChangeApplied {
                    interface: interface(),
                    path: path(),
                    old_value: json!(null),
                    new_value: json!("z"),
                },
            ),
        ];
        for (event, expected) in table {
            for read in both(&body(event.clone())) {
                let read = read.unwrap();
                assert_eq!(read.event, expected, "{event}");
                assert_eq!(read.device_id.as_str(), "2TBn-jNESuuHamE2Zo1anA");
                assert_eq!(read.timestamp, time::parse(TIME).unwrap());
                assert_eq!(read.trigger_name.as_deref(), Some("t"));
            }
        }
    }

    /// The error names the member, in both ways of reading.
    #[test]
    fn what_cannot_be_an_event() {
        let event = json!({"type": "device_disconnected"});
        let data = |interface: Value| json!({"type": "incoming_data", "interface": interface, "path": "/x"});
        let table = [
            (json!([]), "`.` is not an object"),
            (json!({"timestamp": TIME, "event": event}), "`device_id` is missing"),
            (json!({"timestamp": TIME, "device_id": "", "event": event}), "`device_id` is not an id"),
            (json!({"timestamp": TIME, "device_id": 5, "event": event}), "`device_id` is not text"),
            (json!({"device_id": "x", "event": event}), "`timestamp` is missing"),
            (
                json!({"timestamp": 1_714_558_830, "device_id": "x", "event": event}),
                "`timestamp` is not text",
            ),
            (
                json!({"timestamp": "soon", "device_id": "x", "event": event}),
                "`timestamp` is not an ISO 8601 point in time",
            ),
            (json!({"timestamp": TIME, "device_id": "x"}), "`event` is missing"),
            (body(json!("device_connected")), "`event` is not an object"),
            (body(json!({})), "`event.type` is missing"),
            (body(data(json!(null))), "`event.interface` is not text"),
            (body(json!({"type": "incoming_data", "interface": "a.B"})), "`event.path` is missing"),
            (
                body(json!({"type": "path_created", "interface": "a.B", "path": "/x"})),
                "`event.value` is missing",
            ),
            (
                body(json!({"type": "interface_removed", "interface": "a.B", "major_version": -1})),
                "`event.major_version` is not a version number",
            ),
            (
                body(json!({"type": "incoming_introspection", "introspection": "a.B:1"})),
                "`event.introspection` is not a list of interfaces",
            ),
            (
                body(json!({"type": "device_error", "error_name": "x", "metadata": {"a": 1}})),
                "`event.metadata` is not an object of texts",
            ),
        ];
        for (body, message) in table {
            for read in both(&body) {
                assert_eq!(read.unwrap_err().to_string(), message, "{body}");
            }
        }
        for text in ["", "{", "null trailing"] {
            assert!(matches!(TriggerEvent::parse_lenient(text.as_bytes()), Err(EventError::NotJson(_))));
        }
    }

    #[test]
    fn only_lenient_reading_takes_what_is_not_known() {
        let mut unknown_member = body(json!({"type": "device_disconnected"}));
        unknown_member["attempt"] = json!(2);
        let space = json!({
            "timestamp": "2024-05-01 10:20:30.123Z", "device_id": "x", "event": {"type": "device_disconnected"}
        });
        let table = [
            (unknown_member, "`attempt` is unknown"),
            (body(json!({"type": "device_disconnected", "reason": 1})), "`event.reason` is unknown"),
            (body(json!({"type": "device_moved", "to": "x"})), "event type `device_moved` is unknown"),
            (space, "`timestamp` is not an ISO 8601 point in time"),
        ];
        for (body, message) in table {
            let [strict, lenient] = both(&body);
            assert_eq!(strict.unwrap_err().to_string(), message);
            assert!(lenient.is_ok(), "{body}");
        }
        let other =
            parse(&body(json!({"type": "device_moved", "to": "x"})), Strictness::Lenient).unwrap().event;
        let Event::Other { kind, members } = other else { panic!("{other:?}") };
        assert_eq!((kind.as_str(), Value::Object(members)), ("device_moved", json!({"to": "x"})));
    }

    #[test]
    fn the_name_of_the_trigger_may_be_absent() {
        let old = json!({"timestamp": TIME, "device_id": "x", "event": {"type": "device_registered"}});
        for read in both(&old) {
            assert_eq!(read.unwrap().trigger_name, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = TriggerEvent::parse_lenient(&bytes);
            let _ = TriggerEvent::parse_strict(&bytes);
        }
    }
}
