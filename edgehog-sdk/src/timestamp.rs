use std::fmt;

use chrono::{DateTime, Timelike, Utc};

/// The instant of a sample, printed with as many fraction digits as Astarte sent.
///
/// Clients of Edgehog compare and show these texts, so `2021-11-11T10:44:42.940Z` must not come out as
/// `…42.94Z`. Digits beyond the nanosecond are dropped; other offsets than `Z` are turned into UTC.
///
/// ```
/// let timestamp = edgehog_sdk::Timestamp::parse("2021-11-11 10:44:42.940Z").unwrap();
/// assert_eq!(timestamp.to_string(), "2021-11-11T10:44:42.940Z");
/// assert_eq!(timestamp.instant().timestamp_subsec_millis(), 940);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    instant: DateTime<Utc>,
    fraction_digits: u8,
}

impl Timestamp {
    const MAX_FRACTION_DIGITS: u8 = 9;

    /// Reads an ISO 8601 date and time with offset; a space may stand for the `T`.
    ///
    /// `None` for every other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let instant = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
        let fraction_digits = text.split_once('.').map_or(0, |(_, fraction)| {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            u8::try_from(digits).unwrap_or(u8::MAX).min(Self::MAX_FRACTION_DIGITS)
        });
        Some(Self { instant, fraction_digits })
    }

    /// The point in time itself.
    #[must_use]
    pub const fn instant(&self) -> DateTime<Utc> {
        self.instant
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.instant.format("%Y-%m-%dT%H:%M:%S"))?;
        if self.fraction_digits > 0 {
            // chrono counts a leap second as nanoseconds beyond the second; the fraction is what follows it.
            let nanoseconds = self.instant.nanosecond() % 1_000_000_000;
            let dropped = u32::from(Self::MAX_FRACTION_DIGITS - self.fraction_digits);
            let fraction = nanoseconds / 10_u32.pow(dropped);
            write!(f, ".{fraction:0width$}", width = usize::from(self.fraction_digits))?;
        }
        f.write_str("Z")
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.instant
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_are_kept_as_sent() {
        for (sent, printed) in [
            ("2021-11-11T10:44:42.942Z", "2021-11-11T10:44:42.942Z"),
            ("2021-11-11T10:44:42.940Z", "2021-11-11T10:44:42.940Z"),
            ("2021-11-11T10:44:42.000001Z", "2021-11-11T10:44:42.000001Z"),
            ("2021-11-11T10:44:42Z", "2021-11-11T10:44:42Z"),
            ("2021-11-11 10:44:42.9Z", "2021-11-11T10:44:42.9Z"),
            ("2021-11-11T12:44:42.942+02:00", "2021-11-11T10:44:42.942Z"),
            ("2021-11-11T10:44:42.1234567891Z", "2021-11-11T10:44:42.123456789Z"),
            ("2016-12-31T23:59:60.5Z", "2016-12-31T23:59:60.5Z"),
        ] {
            assert_eq!(Timestamp::parse(sent).map(|t| t.to_string()).as_deref(), Some(printed), "{sent}");
        }
    }

    #[test]
    fn other_texts_are_no_timestamps() {
        for text in ["", "now", "2021-11-11", "2021-11-11T10:44:42", "2021-13-11T10:44:42Z", "1636627482"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest! {
        /// What we print reads back as the same timestamp, and no text makes the parser panic.
        #[test]
        fn printing_and_parsing_agree(text in "[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{0,12})?(Z|[+-][01][0-9]:[0-5][0-9])") {
            if let Some(timestamp) = Timestamp::parse(&text) {
                // An offset may carry the first and last years out of the four digits that the format has.
                if let Some(again) = Timestamp::parse(&timestamp.to_string()) {
                    prop_assert_eq!(again, timestamp);
                }
            }
        }
    }
}
