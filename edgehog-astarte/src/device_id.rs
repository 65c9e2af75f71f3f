use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Error;

/// The longest accepted device id, in bytes.
const MAX_LEN: usize = 255;

/// The id of a device.
///
/// Astarte makes ids of 128 bits, written as URL-safe base64 without padding: 22 characters. This type holds
/// any non-empty text of at most 255 bytes, because ids also arrive in messages from elsewhere (trigger
/// deliveries, stored data); [`to_uuid`](Self::to_uuid) tells the well-formed ones.
///
/// ```
/// use edgehog_astarte::DeviceId;
///
/// let id: DeviceId = "2TBn-jNESuuHamE2Zo1anA".parse()?;
/// assert_eq!(DeviceId::from_uuid(id.to_uuid().unwrap()), id);
/// # Ok::<(), edgehog_astarte::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceId(String);

impl DeviceId {
    /// Takes a device id as it is written.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] when the text is empty or longer than 255 bytes.
    pub fn new(id: impl Into<String>) -> Result<Self, Error> {
        let id = id.into();
        match id.len() {
            0 => Err(Error::invalid_input("device id", "must not be empty")),
            1..=MAX_LEN => Ok(Self(id)),
            _ => Err(Error::invalid_input("device id", "must not be longer than 255 bytes")),
        }
    }

    /// The id made of these 128 bits.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(URL_SAFE_NO_PAD.encode(uuid.as_bytes()))
    }

    /// A new random id (a version 4 UUID).
    #[must_use]
    pub fn random() -> Self {
        Self::from_uuid(Uuid::new_v4())
    }

    /// The 128 bits of the id, or `None` when this is not the canonical form of any.
    ///
    /// Canonical means 22 characters whose last one carries no stray bits, so that two ids are the same device
    /// exactly when their texts are equal.
    #[must_use]
    pub fn to_uuid(&self) -> Option<Uuid> {
        // The engine refuses padding and non-zero trailing bits.
        Uuid::from_slice(&URL_SAFE_NO_PAD.decode(&self.0).ok()?).ok()
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceId({:?})", self.0)
    }
}

impl AsRef<str> for DeviceId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeviceId {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        Self::new(s)
    }
}

impl TryFrom<String> for DeviceId {
    type Error = Error;

    fn try_from(id: String) -> Result<Self, Error> {
        Self::new(id)
    }
}

impl From<DeviceId> for String {
    fn from(id: DeviceId) -> Self {
        id.0
    }
}

impl From<Uuid> for DeviceId {
    fn from(uuid: Uuid) -> Self {
        Self::from_uuid(uuid)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepts_any_text_of_sane_length() {
        for id in ["2TBn-jNESuuHamE2Zo1anA", "a", "../x", &"x".repeat(255)] {
            assert_eq!(DeviceId::new(id).unwrap().as_str(), id);
        }
        for id in ["", &"x".repeat(256)] {
            assert!(DeviceId::new(id).is_err(), "{} bytes", id.len());
            assert!(serde_json::from_value::<DeviceId>(id.into()).is_err());
        }
    }

    #[test]
    fn only_canonical_ids_have_bits() {
        let not_canonical = [
            "2TBn-jNESuuHamE2Zo1anA==",   // padded
            "2TBn-jNESuuHamE2Zo1anB",     // stray bits in the last character
            "2TBn+jNESuuHamE2Zo1anA",     // the other alphabet
            "2TBn-jNESuuHamE2Zo1an",      // short
            "2TBn-jNESuuHamE2Zo1anAAAAA", // long
        ];
        for id in not_canonical {
            assert_eq!(DeviceId::new(id).unwrap().to_uuid(), None, "{id}");
        }
    }

    proptest! {
        #[test]
        fn bits_and_text_agree(bits: u128) {
            let uuid = Uuid::from_u128(bits);
            let id = DeviceId::from_uuid(uuid);
            prop_assert_eq!(id.as_str().len(), 22);
            prop_assert_eq!(id.to_uuid(), Some(uuid));
        }
    }
}
