//! Identifiers: device ids and realm names.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::Error;

/// The 22nd character carries four bits that mean nothing: they are ignored on the way in, and zero on the way
/// out, so that two spellings of one id compare equal.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The id of a device: 128 bits, written as 22 characters of URL-safe base64 without padding.
///
/// ```
/// use astarte_emulator::DeviceId;
///
/// let id: DeviceId = "f0VMRgIBAQAAAAAAAAAAAA".parse()?;
/// assert_eq!(id.to_string(), "f0VMRgIBAQAAAAAAAAAAAA");
/// # Ok::<(), astarte_emulator::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId([u8; 16]);

impl DeviceId {
    /// Makes a random id.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().into_bytes())
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for DeviceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        ENGINE
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| Error::InvalidDeviceId(text.to_owned()))
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ENGINE.encode(self.0))
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceId({self})")
    }
}

/// Tells whether a realm may have this name: a lower-case letter, then up to 47 lower-case letters or digits.
pub(crate) fn is_realm_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && name.len() <= 48
        && !matches!(name, "astarte" | "system")
}

#[cfg(test)]
mod tests {
    use super::*;

    // The four unused bits of the last character do not make another device.
    #[test]
    fn spellings_of_one_id_are_equal() {
        let canonical: DeviceId = "AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
        let other: DeviceId = "AAAAAAAAAAAAAAAAAAAAAB".parse().unwrap();
        assert_eq!(canonical, other);
        assert_eq!(other.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    }

    #[test]
    fn only_128_bits_make_an_id() {
        for text in
            ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAAA", "+++++++++++++++++++++A"]
        {
            assert!(text.parse::<DeviceId>().is_err(), "{text}");
        }
    }

    #[test]
    fn realm_names() {
        assert!(is_realm_name("test"));
        assert!(is_realm_name("a1"));
        for name in ["", "1a", "Test", "a-b", "astarte", "system", &"a".repeat(49)] {
            assert!(!is_realm_name(name), "{name}");
        }
    }
}
