#![doc = include_str!("../README.md")]

mod app_engine;
mod client;
mod device_id;
mod error;
mod housekeeping;
mod http;
mod key;
mod measures;
mod pairing;
mod realm_management;
mod realm_name;
pub mod time;
mod trigger;
pub mod value;

pub use self::app_engine::{
    AppEngine, AppEngineExt, DataQuery, DeviceEntry, DeviceListQuery, DevicePage, DevicePatch, DeviceStats,
    DeviceStatus, Format, InterfaceUse, ObjectSample, PageToken, PreviousInterface, Sample, Start,
};
pub use self::client::{Client, ClientBuilder};
pub use self::device_id::DeviceId;
pub use self::error::{Error, ErrorResponse};
pub use self::housekeeping::{Housekeeping, Realm, RealmPatch, Replication};
pub use self::http::{HttpConfig, Middleware, Next};
pub use self::key::{AsPem, Claims, KeyError, SigningKey};
pub use self::measures::describe_metrics;
pub use self::pairing::PairingAgent;
pub use self::realm_management::RealmManagement;
pub use self::realm_name::RealmName;
pub use self::trigger::{
    Action, AmqpAction, Comparison, DataCondition, DataEvent, DataTrigger, DeviceEvent, DeviceTrigger,
    ErrorHandler, Event, EventError, HandledErrors, HttpAction, HttpMethod, InterfaceFilter,
    InterfaceVersion, Policy, SimpleTrigger, Strategy, Strictness, Target, Template, Trigger, TriggerEvent,
};
pub use self::value::{Value, ValueError};

/// Interface definitions, from the [`astarte_interfaces`] crate.
pub mod interface {
    pub use astarte_interfaces::schema::{
        Aggregation, InterfaceType, MappingType, Ownership, Reliability, Retention,
    };
    pub use astarte_interfaces::{Interface, error::Error as InterfaceError};
}
pub use self::interface::Interface;
pub use astarte_interfaces;
