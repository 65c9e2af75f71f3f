//! What devices send: introspection, control messages, data.

mod error;
mod payload;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::Bson;
use chrono::{DateTime, Utc};
use mqttbytes::QoS;

pub use self::error::DeviceErrorName;
pub(crate) use self::error::Fault;
pub(crate) use self::payload::value_payload;
use self::payload::{capabilities, decode, parse_introspection};
use crate::DeviceId;
use crate::interfaces::{InterfaceDef, time_to_live};
use crate::mqtt::{decode_property_list, encode_property_list};
use crate::realm::{Object, RealmState, Sample, expiry};
use crate::triggers::{DataEvent, Event, Payload};
use crate::value::Value;

/// What is known of a data message before its payload is looked at.
struct Address<'a> {
    interface: Arc<InterfaceDef>,
    path: &'a str,
    explicit_timestamp: bool,
    received: DateTime<Utc>,
}

impl RealmState {
    /// Takes a message that a device published on its base topic plus `suffix`.
    pub(crate) fn ingest(&mut self, id: DeviceId, suffix: &str, payload: &[u8]) -> Result<(), Fault> {
        let control =
            |name| Fault { name, metadata: BTreeMap::from([("base64_payload", STANDARD.encode(payload))]) };
        let result = match suffix.strip_prefix('/') {
            None => self.introspection(id, payload),
            Some("capabilities") => capabilities(payload),
            Some("control/emptyCache") => self.empty_cache(id),
            Some("control/producer/properties") => self.producer_properties(id, payload),
            Some(topic) if topic.starts_with("control/") => Err(DeviceErrorName::UnexpectedControlMessage),
            Some(topic) => {
                let (interface, path) = topic.split_at(topic.find('/').unwrap_or(topic.len()));
                return self.data(id, interface, path, payload).map_err(|name| {
                    let mut fault = control(name);
                    fault.metadata.insert("interface", interface.to_owned());
                    fault.metadata.insert("path", path.to_owned());
                    fault
                });
            }
        };
        if let Some(device) = self.devices.get_mut(&id) {
            device.count(None, payload.len());
        }
        result.map_err(control)
    }

    fn introspection(&mut self, id: DeviceId, payload: &[u8]) -> Result<(), DeviceErrorName> {
        let introspection = parse_introspection(payload).ok_or(DeviceErrorName::InvalidIntrospection)?;
        let Some(device) = self.devices.get_mut(&id) else { return Ok(()) };
        let old = std::mem::replace(&mut device.introspection, introspection.clone());
        let mut removed = Vec::new();
        let mut added = Vec::new();
        let mut updated = Vec::new();
        for (interface, (major, minor)) in &old {
            if introspection.get(interface).is_none_or(|(other, _)| other != major) {
                device.previous_interfaces.insert((interface.clone(), *major), *minor);
                removed.push(Event::InterfaceRemoved { interface: interface.clone(), major: *major });
            }
        }
        for (interface, &(major, minor)) in &introspection {
            let interface = interface.clone();
            match old.get(&interface) {
                Some((old_major, old_minor)) if *old_major == major => {
                    if *old_minor != minor {
                        let old_minor = *old_minor;
                        updated.push(Event::InterfaceMinorUpdated {
                            interface,
                            major,
                            old_minor,
                            new_minor: minor,
                        });
                    }
                }
                _ => {
                    device.previous_interfaces.remove(&(interface.clone(), major));
                    added.push(Event::InterfaceAdded { interface, major, minor });
                }
            }
        }
        let now = Utc::now();
        self.emit(id, now, &Event::IncomingIntrospection { introspection });
        for event in removed.iter().chain(&added).chain(&updated) {
            self.emit(id, now, event);
        }
        Ok(())
    }

    /// The device lost its copy of the server's properties: it gets the list of those that exist, then each.
    fn empty_cache(&mut self, id: DeviceId) -> Result<(), DeviceErrorName> {
        let mut messages = Vec::new();
        let mut names = Vec::new();
        let Some(device) = self.devices.get(&id) else { return Ok(()) };
        for (name, (major, _)) in &device.introspection {
            let interface =
                self.interfaces.get(name, *major).ok_or(DeviceErrorName::InterfaceLoadingFailed)?;
            if !(interface.is_properties() && interface.is_server_owned()) {
                continue;
            }
            for (path, value) in device.data(name, *major).into_iter().flat_map(|data| &data.properties) {
                names.push(format!("{name}{path}"));
                messages.push((format!("/{name}{path}"), value_payload(value.to_bson(), None)));
            }
        }
        let list = encode_property_list(&names).unwrap_or_default();
        if !self.send(id, "/control/consumer/properties", list.into(), QoS::ExactlyOnce) {
            return Err(DeviceErrorName::DeviceSessionNotFound);
        }
        for (suffix, payload) in messages {
            self.send(id, &suffix, payload.into(), QoS::ExactlyOnce);
        }
        Ok(())
    }

    /// The device tells which properties it has: all others are gone.
    fn producer_properties(&mut self, id: DeviceId, payload: &[u8]) -> Result<(), DeviceErrorName> {
        let kept = decode_property_list(payload).ok_or(DeviceErrorName::UnexpectedControlMessage)?;
        let Some(device) = self.devices.get_mut(&id) else { return Ok(()) };
        let mut events = Vec::new();
        for (name, (major, _)) in device.introspection.clone() {
            let owned = self.interfaces.get(&name, major);
            if !owned.is_some_and(|interface| interface.is_properties() && !interface.is_server_owned()) {
                continue;
            }
            device.data_mut(&name, major).properties.retain(|path, _| {
                let keep = kept.iter().any(|entry| entry.strip_prefix(&name) == Some(path));
                if !keep {
                    events.push(Event::Data {
                        kind: DataEvent::PathRemoved,
                        interface: name.clone(),
                        major,
                        path: path.clone(),
                        old: None,
                        new: None,
                    });
                }
                keep
            });
        }
        let now = Utc::now();
        for event in &events {
            self.emit(id, now, event);
        }
        Ok(())
    }

    fn data(&mut self, id: DeviceId, name: &str, path: &str, payload: &[u8]) -> Result<(), DeviceErrorName> {
        let Some(device) = self.devices.get_mut(&id) else { return Ok(()) };
        let major = device.major(name).ok_or(DeviceErrorName::InterfaceLoadingFailed)?;
        let interface = self.interfaces.get(name, major).ok_or(DeviceErrorName::InterfaceLoadingFailed)?;
        if interface.is_server_owned() {
            return Err(DeviceErrorName::WriteOnServerOwnedInterface);
        }
        device.count(Some((name, major)), payload.len());
        let interface = Arc::clone(interface);
        let mut address = Address { path, explicit_timestamp: false, received: Utc::now(), interface };
        let interface = Arc::clone(&address.interface);
        if interface.is_object() {
            interface.resolve_base(path)?;
            address.explicit_timestamp =
                interface.mappings().iter().any(|mapping| mapping.explicit_timestamp().unwrap_or_default());
            return self.object(id, &address, payload);
        }
        let mapping = interface.resolve(path)?;
        if payload.is_empty() {
            return if !interface.is_properties() {
                Err(DeviceErrorName::UnsetOnDatastream)
            } else if mapping.allow_unset().unwrap_or_default() {
                self.property(id, &address, None);
                Ok(())
            } else {
                Err(DeviceErrorName::UnsetNotAllowed)
            };
        }
        address.explicit_timestamp = mapping.explicit_timestamp().unwrap_or_default();
        let document = decode(payload)?;
        let value = document.get("v").ok_or(DeviceErrorName::UndecodableBsonPayload)?;
        let value = Value::from_bson(mapping.mapping_type(), value)?;
        if interface.is_properties() {
            self.property(id, &address, Some(value));
            return Ok(());
        }
        let timestamp = address.timestamp(&document);
        let event = address.event(DataEvent::IncomingData, None, Some(Payload::Value(value.clone())));
        self.emit(id, timestamp, &event);
        let expires = expiry(address.received, time_to_live(mapping), self.max_retention);
        if let Some(device) = self.devices.get_mut(&id) {
            let sample = Sample { timestamp, reception: address.received, expires, value };
            device.store_individual(name, major, path, sample);
        }
        Ok(())
    }

    fn object(&mut self, id: DeviceId, address: &Address<'_>, payload: &[u8]) -> Result<(), DeviceErrorName> {
        if payload.is_empty() {
            return Err(DeviceErrorName::UnsetOnDatastream);
        }
        let document = decode(payload)?;
        // Very old devices send the object itself, without an envelope.
        let members = match document.get("v") {
            Some(Bson::Document(members)) => members,
            Some(_) => return Err(DeviceErrorName::UnexpectedValueType),
            None => &document,
        };
        let mut object = Object::new();
        for (key, value) in members {
            let mapping = address.interface.object_key(key).ok_or(DeviceErrorName::UnexpectedValueType)?;
            object.insert(key.clone(), Value::from_bson(mapping.mapping_type(), value)?);
        }
        let timestamp = address.timestamp(&document);
        let event = address.event(DataEvent::IncomingData, None, Some(Payload::Object(object.clone())));
        self.emit(id, timestamp, &event);
        let ttl = address.interface.mappings().first().and_then(time_to_live);
        let expires = expiry(address.received, ttl, self.max_retention);
        if let Some(device) = self.devices.get_mut(&id) {
            let sample = Sample { timestamp, reception: address.received, expires, value: object };
            let interface = &address.interface;
            device.store_object(interface.name(), interface.major(), address.path, sample);
        }
        Ok(())
    }

    /// Sets or, without a value, unsets a property that the device owns.
    fn property(&mut self, id: DeviceId, address: &Address<'_>, value: Option<Value>) {
        let (name, major) = (address.interface.name(), address.interface.major());
        let Some(device) = self.devices.get_mut(&id) else { return };
        let properties = &mut device.data_mut(name, major).properties;
        let old = match &value {
            Some(value) => properties.insert(address.path.to_owned(), value.clone()),
            None => properties.remove(address.path),
        };
        // All under one lock: nobody can see the stored value before the events that precede it.
        let (old, new) = (old.map(Payload::Value), value.map(Payload::Value));
        let mut events = vec![address.event(DataEvent::IncomingData, None, new.clone())];
        if old != new {
            let (created, removed) = (old.is_none(), new.is_none());
            events.push(address.event(DataEvent::ValueChange, old.clone(), new.clone()));
            if created {
                events.push(address.event(DataEvent::PathCreated, None, new.clone()));
            }
            events.push(address.event(DataEvent::ValueChangeApplied, old, new));
            if removed {
                events.push(address.event(DataEvent::PathRemoved, None, None));
            }
        }
        for event in &events {
            self.emit(id, address.received, event);
        }
    }
}

impl Address<'_> {
    /// The device's own time where the mapping wants it and the message has it.
    fn timestamp(&self, document: &bson::Document) -> DateTime<Utc> {
        match document.get("t") {
            Some(Bson::DateTime(time)) if self.explicit_timestamp => {
                DateTime::from_timestamp_millis(time.timestamp_millis()).unwrap_or(self.received)
            }
            _ => self.received,
        }
    }

    fn event(&self, kind: DataEvent, old: Option<Payload>, new: Option<Payload>) -> Event {
        Event::Data {
            kind,
            interface: self.interface.name().to_owned(),
            major: self.interface.major(),
            path: self.path.to_owned(),
            old,
            new,
        }
    }
}
