#![doc = include_str!("../README.md")]

mod ca;
mod crypto;
mod emulator;
mod error;
mod faults;
mod http;
mod id;
mod ingest;
mod interfaces;
mod keys;
mod link;
mod mqtt;
mod realm;
mod shared;
mod tasks;
mod triggers;
mod value;

pub use self::emulator::{Emulator, EmulatorBuilder, RealmHandle};
pub use self::error::Error;
pub use self::faults::{AppEngineFault, DeliveryFault, Faults};
pub use self::id::DeviceId;
pub use self::ingest::DeviceErrorName;
pub use self::keys::RealmKey;
pub use self::link::{DeviceLink, IntrospectionEntry, Payload, ServerMessage};
pub use self::triggers::Deliveries;
