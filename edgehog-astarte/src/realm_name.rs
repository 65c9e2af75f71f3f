use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The longest realm name, in bytes.
const MAX_LEN: usize = 48;

/// The name of a realm: a lower-case letter, then up to 47 lower-case letters and digits.
///
/// ```
/// use edgehog_astarte::RealmName;
///
/// let realm: RealmName = "factory1".parse()?;
/// assert_eq!(realm.as_str(), "factory1");
/// assert!(RealmName::new("Factory-1").is_err());
/// # Ok::<(), edgehog_astarte::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RealmName(String);

impl RealmName {
    /// Checks a realm name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] when the text is not of the form `^[a-z][a-z0-9]{0,47}$`.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let valid = name.len() <= MAX_LEN
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if valid {
            Ok(Self(name))
        } else {
            Err(Error::invalid_input(
                "realm name",
                "must be 1 to 48 lower-case letters and digits, the first one a letter",
            ))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RealmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RealmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RealmName({:?})", self.0)
    }
}

impl AsRef<str> for RealmName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for RealmName {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        Self::new(s)
    }
}

impl TryFrom<String> for RealmName {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        Self::new(name)
    }
}

impl From<RealmName> for String {
    fn from(name: RealmName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_rule() {
        let longest = format!("a{}", "0".repeat(47));
        for name in ["a", "test", "r2d2", longest.as_str()] {
            assert!(RealmName::new(name).is_ok(), "{name}");
        }
        let too_long = format!("{longest}0");
        for name in ["", "0a", "A", "aB", "a-b", "a_b", "a b", "à", "a\n", too_long.as_str()] {
            assert!(RealmName::new(name).is_err(), "{name:?}");
            assert!(serde_json::from_value::<RealmName>(name.into()).is_err(), "{name:?}");
        }
    }
}
