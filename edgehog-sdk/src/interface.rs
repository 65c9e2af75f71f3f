//! The traits behind every declared interface.

use serde_json::Value;

use crate::{DecodeError, Item, Message, definition::Definition};

/// An Astarte interface, declared as a Rust type with [`interface!`](crate::interface!).
pub trait Interface: Sized + Send + Sync + 'static {
    /// All that Astarte knows of the interface.
    const DEFINITION: &'static Definition;
    /// Full name, e.g. `io.edgehog.devicemanager.HardwareInfo`.
    const NAME: &'static str = Self::DEFINITION.name;
    /// Major version.
    const MAJOR: u32 = Self::DEFINITION.major;
    /// Minor version.
    const MINOR: u32 = Self::DEFINITION.minor;
}

/// An interface that devices write and we read.
pub trait DeviceOwned: Interface {
    /// What a read of the whole interface gives: one value, or one per key or sample.
    type Data: Send;

    /// How many samples a read asks for; properties are always read whole.
    const SAMPLES: u32 = 1;

    /// Reads the answer of AppEngine to a read of the whole interface (the value of its `data` member).
    ///
    /// Lenient, since devices are many and old: unknown members are ignored; a missing, null or badly typed value
    /// makes its field `None`, or drops the item if the field is not an `Option`. Items come in ascending byte order
    /// of their keys, samples without key in the order of the answer.
    ///
    /// # Errors
    ///
    /// [`DecodeError::NotAnObject`], and no other.
    fn decode(data: &Value) -> Result<Self::Data, DecodeError>;

    /// Reads one item.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Member`] for the first field that is not an `Option` and has no readable value.
    fn from_item(item: &Item<'_>) -> Result<Self, DecodeError>;

    /// Reads the `path` and `value` of an `incoming_data` event.
    ///
    /// An event of an individual interface carries one mapping: all other fields are `None`. So they are when the
    /// value is null (a property was unset); [`Definition::resolve`] tells which one it was. The path of an object
    /// that has no key is not looked at.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Path`] if the path fits no endpoint, [`DecodeError::Member`] as for [`Self::from_item`].
    fn from_event(path: &str, value: &Value) -> Result<Self, DecodeError> {
        crate::item::with_event_item(Self::DEFINITION, path, value, |item| Self::from_item(item))
    }
}

/// An interface that we write and devices read.
pub trait ServerOwned: Interface {
    /// What to send to AppEngine: one message for an object, one per field that is set otherwise.
    fn messages(&self) -> Vec<Message>;
}
