/// Why something could not be read from a device or sent to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Astarte gave no answer, or answered with an error.
    #[error(transparent)]
    Astarte(#[from] edgehog_astarte::Error),
    /// Astarte's answer does not have the shape of the interface.
    #[error("cannot read the data of interface {interface}")]
    Decode {
        /// Name of the interface.
        interface: &'static str,
        /// What is wrong with the data.
        source: DecodeError,
    },
}

impl Error {
    /// Whether the device is unknown to Astarte or does not declare the interface.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Astarte(error) if error.is_absent())
    }

    /// Whether the device does not declare the interface (or the realm lacks it): trying again does not help.
    ///
    /// Astarte answers so with status 404. That a device is offline is told by [`Self::is_offline`].
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Astarte(edgehog_astarte::Error::InterfaceNotFound(_)))
    }

    /// Whether the device is offline and the request would have been lost: it may succeed once the device connected.
    ///
    /// Astarte answers so, with status 503, to requests of interfaces whose messages must arrive; others are lost
    /// without an error. Other failures with this status are those of Astarte itself.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Astarte(edgehog_astarte::Error::CannotPush(_)))
    }
}

/// Data of an interface that have another shape than its definition says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The answer to a read of the whole interface is not a JSON object.
    #[error("the data of an interface must be a JSON object")]
    NotAnObject,
    /// The answer to a read of one path of a datastream is not an array.
    #[error("the samples on a path must be a JSON array")]
    NotSamples,
    /// The path of an event or a read fits no endpoint of the interface.
    #[error("the path fits no endpoint of the interface")]
    Path,
    /// A member that the item cannot do without is missing, null, of another type or out of its range.
    #[error("member {0} is missing or has an unreadable value")]
    Member(&'static str),
}

/// A text that is none of the values of an enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown value of {expected}")]
pub struct UnknownText {
    /// Name of the enumeration's Rust type.
    pub expected: &'static str,
}
