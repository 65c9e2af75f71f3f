#![doc = include_str!("../README.md")]

mod app_engine;
mod device_id;
mod error;
mod key;
mod realm_management;
mod realm_name;
pub mod time;
mod trigger;
pub mod value;

pub use self::app_engine::{
    AppEngine, DataQuery, DeviceEntry, DeviceListQuery, DevicePage, DevicePatch, DeviceStats, DeviceStatus,
    Format, InterfaceUse, PageToken, PreviousInterface, Start,
};
pub use self::device_id::DeviceId;
pub use self::error::{Error, ErrorResponse};
pub use self::key::{AsPem, Claims, KeyError, SigningKey};
pub use self::realm_management::RealmManagement;
pub use self::realm_name::RealmName;
pub use self::trigger::{
    Action, AmqpAction, Comparison, DataCondition, DataEvent, DataTrigger, DeviceEvent, DeviceTrigger,
    ErrorHandler, Event, EventError, HandledErrors, HttpAction, HttpMethod, InterfaceFilter, InterfaceVersion,
    Policy, SimpleTrigger, Strategy, Strictness, Target, Template, Trigger, TriggerEvent,
};
pub use self::value::{Value, ValueError};

/// Interface definitions, from the [`astarte_interfaces`] crate.
pub mod interface {
    pub use astarte_interfaces::schema::{
        Aggregation, InterfaceType, MappingType, Ownership, Reliability, Retention,
    };
    pub use astarte_interfaces::{Interface, error::Error as InterfaceError};
}
pub use astarte_interfaces;
pub use self::interface::Interface;
