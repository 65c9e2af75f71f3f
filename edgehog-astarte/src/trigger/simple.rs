use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::DeviceId;

/// What makes a trigger fire.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SimpleTrigger {
    /// Something about the data of devices.
    #[serde(rename = "data_trigger")]
    Data(DataTrigger),
    /// Something about devices themselves.
    #[serde(rename = "device_trigger")]
    Device(DeviceTrigger),
}

impl SimpleTrigger {
    pub(super) fn is_equivalent(&self, installed: &Self) -> bool {
        match (self, installed) {
            (Self::Device(a), Self::Device(b)) if a.interface.is_none() || b.interface.is_none() => {
                a.on == b.on && a.target == b.target
            }
            (a, b) => a == b,
        }
    }
}

impl From<DataTrigger> for SimpleTrigger {
    fn from(trigger: DataTrigger) -> Self {
        Self::Data(trigger)
    }
}

impl From<DeviceTrigger> for SimpleTrigger {
    fn from(trigger: DeviceTrigger) -> Self {
        Self::Device(trigger)
    }
}

impl From<DeviceEvent> for SimpleTrigger {
    fn from(on: DeviceEvent) -> Self {
        Self::Device(DeviceTrigger::new(on))
    }
}

/// The devices a trigger is about.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Target {
    /// All of the realm.
    #[default]
    AllDevices,
    /// One device.
    Device(DeviceId),
    /// The members of a group.
    Group(String),
}

/// Which interfaces a trigger is about.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InterfaceFilter {
    /// Any.
    Any,
    /// One major version of one interface.
    Named {
        /// Name of the interface.
        name: String,
        /// Major version.
        major: u32,
    },
}

impl InterfaceFilter {
    /// One major version of one interface.
    pub fn named(name: impl Into<String>, major: u32) -> Self {
        Self::Named { name: name.into(), major }
    }
}

/// What happens to data. Only data of device-owned interfaces makes triggers fire.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataEvent {
    /// A value arrived, or a property was unset.
    IncomingData,
    /// Accepted, but Astarte never fires it.
    ValueStored,
    /// A property is about to change.
    ValueChange,
    /// A property has changed.
    ValueChangeApplied,
    /// A property got a value that had none.
    PathCreated,
    /// A property was unset.
    PathRemoved,
}

/// A trigger on data.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Form<DataEvent>", into = "Form<DataEvent>")]
pub struct DataTrigger {
    /// What happens.
    pub on: DataEvent,
    /// On which interface.
    pub interface: InterfaceFilter,
    /// On which path: `/*` for any, or a path in which `%{name}` stands for one segment.
    pub match_path: String,
    /// With which value.
    pub condition: DataCondition,
    /// Of which devices.
    pub target: Target,
}

/// Which values a data trigger is about.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum DataCondition {
    /// Any value, and no value.
    Any,
    /// Values that compare so with a known one.
    Compare {
        /// How to compare.
        operator: Comparison,
        /// The right side, of the type of the mapping.
        known_value: Value,
    },
}

/// How a value is compared with a known one.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Comparison {
    /// Equal.
    #[serde(rename = "==")]
    Equal,
    /// Not equal.
    #[serde(rename = "!=")]
    NotEqual,
    /// Greater.
    #[serde(rename = ">")]
    Greater,
    /// Greater or equal.
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// Less or equal.
    #[serde(rename = "<=")]
    LessOrEqual,
    /// Part of a text or blob, or item of an array.
    #[serde(rename = "contains")]
    Contains,
    /// The opposite.
    #[serde(rename = "not_contains")]
    NotContains,
}

impl DataTrigger {
    /// Any value on any path of an interface.
    pub fn any_value(interface: impl Into<String>, major: u32) -> Self {
        Self::new(DataEvent::IncomingData, InterfaceFilter::named(interface, major))
    }

    /// This event on any path, with any value, of any device.
    #[must_use]
    pub fn new(on: DataEvent, interface: InterfaceFilter) -> Self {
        Self {
            on,
            interface,
            match_path: "/*".to_owned(),
            condition: DataCondition::Any,
            target: Target::AllDevices,
        }
    }

    /// Limits the trigger to a path.
    #[must_use]
    pub fn match_path(mut self, path: impl Into<String>) -> Self {
        self.match_path = path.into();
        self
    }

    /// Limits the trigger to values that compare so with a known one; needs a path other than `/*`.
    #[must_use]
    pub fn compare(mut self, operator: Comparison, known_value: impl Into<Value>) -> Self {
        self.condition = DataCondition::Compare { operator, known_value: known_value.into() };
        self
    }

    /// Limits the trigger to a device.
    #[must_use]
    pub fn device(mut self, device: DeviceId) -> Self {
        self.target = Target::Device(device);
        self
    }

    /// Limits the trigger to a group.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.target = Target::Group(group.into());
        self
    }
}

/// What happens to a device.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceEvent {
    /// It connected.
    #[serde(rename = "device_connected")]
    Connected,
    /// It disconnected.
    #[serde(rename = "device_disconnected")]
    Disconnected,
    /// It sent something wrong and was cut off.
    #[serde(rename = "device_error")]
    Error,
    /// It was registered. Astarte 1.3 or later.
    #[serde(rename = "device_registered")]
    Registered,
    /// Its deletion began. Astarte 1.3 or later.
    #[serde(rename = "device_deletion_started")]
    DeletionStarted,
    /// It is gone. Astarte 1.3 or later.
    #[serde(rename = "device_deletion_finished")]
    DeletionFinished,
    /// It announced its interfaces.
    IncomingIntrospection,
    /// It announced an interface it had not before.
    InterfaceAdded,
    /// It no longer announces an interface.
    InterfaceRemoved,
    /// It announced another minor version of an interface.
    InterfaceMinorUpdated,
    /// Accepted, but Astarte never fires it.
    #[serde(rename = "device_empty_cache_received")]
    EmptyCacheReceived,
}

/// A trigger on devices themselves.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Form<DeviceEvent>", into = "Form<DeviceEvent>")]
pub struct DeviceTrigger {
    /// What happens.
    pub on: DeviceEvent,
    /// On which interface: for [`InterfaceAdded`](DeviceEvent::InterfaceAdded),
    /// [`InterfaceRemoved`](DeviceEvent::InterfaceRemoved) and
    /// [`InterfaceMinorUpdated`](DeviceEvent::InterfaceMinorUpdated), forbidden for all others.
    pub interface: Option<InterfaceFilter>,
    /// Of which devices.
    pub target: Target,
}

impl DeviceTrigger {
    /// This event of any device.
    #[must_use]
    pub fn new(on: DeviceEvent) -> Self {
        Self { on, interface: None, target: Target::AllDevices }
    }

    /// Limits the trigger to an interface.
    #[must_use]
    pub fn interface(mut self, interface: InterfaceFilter) -> Self {
        self.interface = Some(interface);
        self
    }

    /// Limits the trigger to a device.
    #[must_use]
    pub fn device(mut self, device: DeviceId) -> Self {
        self.target = Target::Device(device);
        self
    }

    /// Limits the trigger to a group.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.target = Target::Group(group.into());
        self
    }
}

/// The members of both kinds of simple triggers on the wire.
#[derive(Clone, Serialize, Deserialize)]
struct Form<On> {
    on: On,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_major: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    match_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_match_operator: Option<Operator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known_value: Option<Value>,
}

#[derive(Clone, Serialize, Deserialize)]
enum Operator {
    #[serde(rename = "*")]
    Any,
    #[serde(untagged)]
    Compare(Comparison),
}

impl<On> Form<On> {
    fn new(on: On, target: Target, interface: Option<InterfaceFilter>) -> Self {
        let (device_id, group_name) = match target {
            Target::AllDevices => (None, None),
            Target::Device(device) => (Some(device.to_string()), None),
            Target::Group(group) => (None, Some(group)),
        };
        let (interface_name, interface_major) = match interface {
            None => (None, None),
            Some(InterfaceFilter::Any) => (Some("*".to_owned()), None),
            Some(InterfaceFilter::Named { name, major }) => (Some(name), Some(major)),
        };
        Self {
            on,
            device_id,
            group_name,
            interface_name,
            interface_major,
            match_path: None,
            value_match_operator: None,
            known_value: None,
        }
    }

    fn take_target(&mut self) -> Result<Target, &'static str> {
        match (self.device_id.take(), self.group_name.take()) {
            (None, None) => Ok(Target::AllDevices),
            (Some(device), None) if device == "*" => Ok(Target::AllDevices),
            (Some(device), None) => {
                DeviceId::new(device).map(Target::Device).map_err(|_| "unusable device_id")
            }
            (None, Some(group)) => Ok(Target::Group(group)),
            (Some(_), Some(_)) => Err("device_id and group_name exclude each other"),
        }
    }

    fn take_interface(&mut self) -> Result<Option<InterfaceFilter>, &'static str> {
        match (self.interface_name.take(), self.interface_major.take()) {
            (None, _) => Ok(None),
            (Some(name), _) if name == "*" => Ok(Some(InterfaceFilter::Any)),
            (Some(name), Some(major)) => Ok(Some(InterfaceFilter::Named { name, major })),
            (Some(_), None) => Err("interface_name without interface_major"),
        }
    }
}

impl From<DataTrigger> for Form<DataEvent> {
    fn from(trigger: DataTrigger) -> Self {
        let (operator, known_value) = match trigger.condition {
            DataCondition::Any => (Operator::Any, None),
            DataCondition::Compare { operator, known_value } => {
                (Operator::Compare(operator), Some(known_value))
            }
        };
        Self {
            match_path: Some(trigger.match_path),
            value_match_operator: Some(operator),
            known_value,
            ..Self::new(trigger.on, trigger.target, Some(trigger.interface))
        }
    }
}

impl TryFrom<Form<DataEvent>> for DataTrigger {
    type Error = &'static str;

    fn try_from(mut form: Form<DataEvent>) -> Result<Self, Self::Error> {
        let condition = match (form.value_match_operator.take(), form.known_value.take()) {
            (None | Some(Operator::Any), _) => DataCondition::Any,
            (Some(Operator::Compare(operator)), Some(known_value)) => {
                DataCondition::Compare { operator, known_value }
            }
            (Some(Operator::Compare(_)), None) => return Err("value_match_operator without known_value"),
        };
        Ok(Self {
            target: form.take_target()?,
            interface: form.take_interface()?.ok_or("a data trigger has an interface_name")?,
            match_path: form.match_path.ok_or("a data trigger has a match_path")?,
            on: form.on,
            condition,
        })
    }
}

impl From<DeviceTrigger> for Form<DeviceEvent> {
    fn from(trigger: DeviceTrigger) -> Self {
        let all = trigger.target == Target::AllDevices;
        Self {
            // Device triggers name their target even when it is everything.
            device_id: all.then(|| "*".to_owned()),
            ..Self::new(trigger.on, trigger.target, trigger.interface)
        }
    }
}

impl TryFrom<Form<DeviceEvent>> for DeviceTrigger {
    type Error = &'static str;

    fn try_from(mut form: Form<DeviceEvent>) -> Result<Self, Self::Error> {
        Ok(Self { target: form.take_target()?, interface: form.take_interface()?, on: form.on })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn round_trip(trigger: impl Into<SimpleTrigger>, json: &Value) {
        let trigger = trigger.into();
        assert_eq!(&serde_json::to_value(&trigger).unwrap(), json);
        assert_eq!(serde_json::from_value::<SimpleTrigger>(json.clone()).unwrap(), trigger);
    }

    #[test]
    fn written_as_documented() {
        round_trip(
            DataTrigger::any_value("a.B", 1),
            &json!({
                "type": "data_trigger", "on": "incoming_data", "interface_name": "a.B", "interface_major": 1,
                "match_path": "/*", "value_match_operator": "*"
            }),
        );
        round_trip(
            DataTrigger::new(DataEvent::ValueChange, InterfaceFilter::named("a.B", 0))
                .match_path("/%{any}/temp")
                .compare(Comparison::GreaterOrEqual, 20)
                .group("g"),
            &json!({
                "type": "data_trigger", "on": "value_change", "interface_name": "a.B", "interface_major": 0,
                "match_path": "/%{any}/temp", "value_match_operator": ">=", "known_value": 20, "group_name": "g"
            }),
        );
        round_trip(
            DataTrigger::new(DataEvent::IncomingData, InterfaceFilter::Any)
                .device(DeviceId::new("x").unwrap()),
            &json!({
                "type": "data_trigger", "on": "incoming_data", "interface_name": "*", "match_path": "/*",
                "value_match_operator": "*", "device_id": "x"
            }),
        );
        round_trip(
            DeviceEvent::DeletionFinished,
            &json!({"type": "device_trigger", "on": "device_deletion_finished", "device_id": "*"}),
        );
        round_trip(
            DeviceTrigger::new(DeviceEvent::InterfaceMinorUpdated)
                .interface(InterfaceFilter::named("a.B", 1))
                .group("g"),
            &json!({
                "type": "device_trigger", "on": "interface_minor_updated", "group_name": "g",
                "interface_name": "a.B", "interface_major": 1
            }),
        );
    }

    #[test]
    fn contradictory_triggers_are_refused() {
        for json in [
            json!({"type": "device_trigger", "on": "device_connected", "device_id": "x", "group_name": "g"}),
            json!({"type": "device_trigger", "on": "incoming_data"}),
            json!({"type": "data_trigger", "on": "incoming_data", "match_path": "/*"}),
            json!({"type": "data_trigger", "on": "incoming_data", "interface_name": "a.B", "match_path": "/*"}),
            json!({"type": "data_trigger", "on": "incoming_data", "interface_name": "*"}),
            json!({
                "type": "data_trigger", "on": "incoming_data", "interface_name": "*", "match_path": "/*",
                "value_match_operator": ">"
            }),
            json!({
                "type": "data_trigger", "on": "incoming_data", "interface_name": "*", "match_path": "/*",
                "value_match_operator": "~", "known_value": 1
            }),
            json!({"type": "other_trigger", "on": "incoming_data"}),
        ] {
            assert!(serde_json::from_value::<SimpleTrigger>(json.clone()).is_err(), "{json}");
        }
    }
}
