#![doc = include_str!("../README.md")]

mod capability;
mod declare;
pub mod definition;
mod device;
mod error;
mod history;
mod interface;
pub mod interfaces;
mod item;
mod message;
pub mod selector;
mod timestamp;
pub mod value;

pub use capability::Capability;
pub use definition::Definition;
pub use device::{Device, Modem};
pub use error::{DecodeError, Error, UnknownText};
pub use history::History;
pub use interface::{DeviceOwned, Interface, ServerOwned};
pub use item::Item;
pub use message::Message;
pub use selector::{Selector, SelectorError};
pub use timestamp::Timestamp;

/// What [`interface!`] needs at the place of its use.
#[doc(hidden)]
pub mod __private {
    pub use serde_json::Value;

    pub use crate::{
        item::{decode_all, decode_one},
        message::Outgoing,
    };
}
