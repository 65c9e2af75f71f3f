//! Points in time as Astarte writes them.

use chrono::{DateTime, SecondsFormat, Utc};

/// Reads an ISO 8601 point in time with an offset.
///
/// Accepts what the services write in different places: any number of fractional digits, `Z` or an offset with or
/// without colon, and a space in place of the `T`. A text without offset is ambiguous and gives `None`.
///
/// ```
/// use edgehog_astarte::time;
///
/// let a = time::parse("2024-05-01T10:20:30.123Z").unwrap();
/// let b = time::parse("2024-05-01 12:20:30.123000+02:00").unwrap();
/// assert_eq!(a, b);
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    let parsed = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"]
        .iter()
        .find_map(|format| DateTime::parse_from_str(text, format).ok())?;
    Some(parsed.with_timezone(&Utc))
}

/// Reads the strict form: `T` between date and time, and `Z`.
pub(crate) fn parse_strict(text: &str) -> Option<DateTime<Utc>> {
    let bytes = text.as_bytes();
    let strict = bytes.get(10) == Some(&b'T') && bytes.last() == Some(&b'Z');
    strict.then(|| parse(text)).flatten()
}

/// Writes a point in time as the APIs want it: UTC with milliseconds and `Z`.
///
/// ```
/// use edgehog_astarte::time;
///
/// let text = "2024-05-01T10:20:30.120Z";
/// assert_eq!(time::format(time::parse(text).unwrap()), text);
/// ```
#[must_use]
pub fn format(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// For `#[serde(with = "edgehog_astarte::time::lenient")]` on a `DateTime<Utc>`: reads an ISO 8601 text or integer
/// milliseconds, writes the text.
pub mod lenient {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Written;

    /// Reads a point in time.
    ///
    /// # Errors
    ///
    /// The deserializer's, when the text or number is not a point in time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        Written::deserialize(deserializer)?.read().map_err(serde::de::Error::custom)
    }

    /// Writes a point in time.
    ///
    /// # Errors
    ///
    /// The serializer's.
    pub fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format(*time))
    }
}

/// Like [`lenient`], for an `Option<DateTime<Utc>>`; combine with `#[serde(default)]`.
pub mod lenient_option {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Written;

    /// Reads a point in time or null.
    ///
    /// # Errors
    ///
    /// The deserializer's, when the text or number is not a point in time.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        let written = Option::<Written>::deserialize(deserializer)?;
        written.map(|w| w.read()).transpose().map_err(serde::de::Error::custom)
    }

    /// Writes a point in time or null.
    ///
    /// # Errors
    ///
    /// The serializer's.
    pub fn serialize<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::lenient::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }
}

/// The two forms of a point in time on the wire.
#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "an ISO 8601 text or integer milliseconds")]
enum Written {
    Text(String),
    Milliseconds(i64),
}

impl Written {
    fn read(&self) -> Result<DateTime<Utc>, &'static str> {
        match self {
            Self::Text(text) => parse(text).ok_or("not an ISO 8601 point in time with an offset"),
            Self::Milliseconds(ms) => DateTime::from_timestamp_millis(*ms).ok_or("milliseconds out of range"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_instant() {
        let expected = DateTime::from_timestamp_millis(1_714_558_830_500).unwrap();
        for text in [
            "2024-05-01T10:20:30.5Z",
            "2024-05-01T10:20:30.500Z",
            "2024-05-01T10:20:30.500000000Z",
            "2024-05-01 10:20:30.500Z",
            "2024-05-01T12:20:30.500+02:00",
            "2024-05-01T12:20:30.500+0200",
            "2024-05-01T08:20:30.500-02",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn not_points_in_time() {
        for text in [
            "",
            "now",
            "2024-05-01",
            "2024-05-01T10:20:30",  // no offset
            "2024-13-01T10:20:30Z", // month 13
            "2024-05-01T10:20:30Z tail",
            "1714558830500",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn strict_form() {
        assert!(parse_strict("2024-05-01T10:20:30.123Z").is_some());
        for text in ["2024-05-01 10:20:30.123Z", "2024-05-01T10:20:30.123+00:00", ""] {
            assert!(parse_strict(text).is_none(), "{text}");
        }
    }

    proptest! {
        /// Every instant Astarte can hold survives writing and reading to the millisecond.
        #[test]
        fn round_trip(ms in -62_135_596_800_000_i64..253_402_300_800_000) {
            let time = DateTime::from_timestamp_millis(ms).unwrap();
            prop_assert_eq!(parse(&format(time)), Some(time));
        }

        #[test]
        fn any_text_is_survived(text: String) {
            let _ = parse(&text);
        }
    }
}
