//! What can be wrong with a device's message.

use std::collections::BTreeMap;
use std::fmt;

use crate::interfaces::PathError;
use crate::value::ValueError;

/// How Astarte names what is wrong with a device's message: the `error_name` of a `device_error` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceErrorName {
    /// Data on an interface that the server owns.
    WriteOnServerOwnedInterface,
    /// The interface is not in the introspection, or not installed in the realm.
    InterfaceLoadingFailed,
    /// The path has an empty segment.
    InvalidPath,
    /// No endpoint of the interface has this path.
    MappingNotFound,
    /// The path ends before an endpoint does.
    AmbiguousPath,
    /// The payload is not BSON.
    UndecodableBsonPayload,
    /// The value's type is not the mapping's, or an object has an unknown key.
    UnexpectedValueType,
    /// The value is too large.
    ValueSizeExceeded,
    /// The property may not be unset.
    UnsetNotAllowed,
    /// An empty payload on a datastream. The only error that leaves the device connected.
    UnsetOnDatastream,
    /// The introspection is not a list of `name:major:minor`.
    InvalidIntrospection,
    /// A control topic that does not exist, or a payload that its topic does not take.
    UnexpectedControlMessage,
    /// The device asked for its properties without having subscribed for them.
    DeviceSessionNotFound,
    /// The capabilities are not the BSON document that they should be.
    MalformedCapabilitiesMessage,
}

impl DeviceErrorName {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WriteOnServerOwnedInterface => "write_on_server_owned_interface",
            Self::InterfaceLoadingFailed => "interface_loading_failed",
            Self::InvalidPath => "invalid_path",
            Self::MappingNotFound => "mapping_not_found",
            Self::AmbiguousPath => "ambiguous_path",
            Self::UndecodableBsonPayload => "undecodable_bson_payload",
            Self::UnexpectedValueType => "unexpected_value_type",
            Self::ValueSizeExceeded => "value_size_exceeded",
            Self::UnsetNotAllowed => "unset_not_allowed",
            Self::UnsetOnDatastream => "unset_on_datastream",
            Self::InvalidIntrospection => "invalid_introspection",
            Self::UnexpectedControlMessage => "unexpected_control_message",
            Self::DeviceSessionNotFound => "device_session_not_found",
            Self::MalformedCapabilitiesMessage => "malformed_capabilities_message",
        }
    }

    /// Whether the device is disconnected for it.
    pub(crate) fn cuts(self) -> bool {
        self != Self::UnsetOnDatastream
    }
}

impl fmt::Display for DeviceErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<PathError> for DeviceErrorName {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Invalid => Self::InvalidPath,
            PathError::NoEndpoint => Self::MappingNotFound,
            PathError::Incomplete => Self::AmbiguousPath,
        }
    }
}

impl From<ValueError> for DeviceErrorName {
    fn from(error: ValueError) -> Self {
        match error {
            ValueError::UnexpectedType => Self::UnexpectedValueType,
            ValueError::TooLarge => Self::ValueSizeExceeded,
        }
    }
}

/// A bad message, as its event tells it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) name: DeviceErrorName,
    pub(crate) metadata: BTreeMap<&'static str, String>,
}
