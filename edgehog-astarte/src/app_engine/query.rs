use chrono::{DateTime, Utc};

use crate::{Error, time};

/// What to read of an interface or path, and how.
///
/// The bounds also decide the order: with a start, samples come oldest first from there; with only a limit, the
/// newest come first; with neither, the oldest first up to the server's cap (10000 unless configured otherwise).
///
/// ```
/// use edgehog_astarte::DataQuery;
///
/// let newest = DataQuery::new().limit(1);
/// # let noon = chrono::Utc::now();
/// let from_noon = DataQuery::new().since(noon).limit(1000);
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct DataQuery {
    /// Where to start.
    pub start: Option<Start>,
    /// Read only what is older than this.
    pub to: Option<DateTime<Utc>>,
    /// The number of samples, above zero; silently clamped to the server's cap.
    pub limit: Option<u32>,
    /// Thin the samples out to about this number, above 2. Numeric paths only.
    pub downsample_to: Option<u32>,
    /// Object interfaces: the column that decides which samples stay.
    pub downsample_key: Option<String>,
    /// The shape of the answer.
    pub format: Format,
    /// Points in time as integer milliseconds.
    pub keep_milliseconds: bool,
    /// Long integers of properties and whole interfaces as numbers. Readers of this crate take both forms.
    pub allow_bigintegers: bool,
    /// The same only as far as they are exact in a double.
    pub allow_safe_bigintegers: bool,
}

/// The oldest sample to read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Start {
    /// At this time or later (`since`).
    At(DateTime<Utc>),
    /// Later than this time (`since_after`).
    After(DateTime<Utc>),
}

/// The shape of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Format {
    /// Nested objects and arrays of samples: what the typed readers of this crate expect.
    #[default]
    Structured,
    /// Rows and a header.
    Table,
    /// One list of pairs for each column.
    DisjointTables,
}

impl DataQuery {
    /// Everything, as the server gives it by default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts at this time, inclusive.
    #[must_use]
    pub fn since(mut self, time: DateTime<Utc>) -> Self {
        self.start = Some(Start::At(time));
        self
    }

    /// Starts after this time, exclusive. Replaces [`since`](Self::since).
    #[must_use]
    pub fn since_after(mut self, time: DateTime<Utc>) -> Self {
        self.start = Some(Start::After(time));
        self
    }

    /// Ends at this time, exclusive.
    #[must_use]
    pub fn to(mut self, time: DateTime<Utc>) -> Self {
        self.to = Some(time);
        self
    }

    /// Limits the number of samples.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Thins the samples out to about this number.
    #[must_use]
    pub fn downsample_to(mut self, points: u32) -> Self {
        self.downsample_to = Some(points);
        self
    }

    /// Names the column of an object interface by which to thin out.
    #[must_use]
    pub fn downsample_key(mut self, key: impl Into<String>) -> Self {
        self.downsample_key = Some(key.into());
        self
    }

    /// Chooses the shape of the answer.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Asks for points in time as integer milliseconds.
    #[must_use]
    pub fn keep_milliseconds(mut self, keep: bool) -> Self {
        self.keep_milliseconds = keep;
        self
    }

    /// Asks for long integers as numbers.
    #[must_use]
    pub fn allow_bigintegers(mut self, allow: bool) -> Self {
        self.allow_bigintegers = allow;
        self
    }

    /// Asks for long integers as numbers where a double holds them exactly.
    #[must_use]
    pub fn allow_safe_bigintegers(mut self, allow: bool) -> Self {
        self.allow_safe_bigintegers = allow;
        self
    }

    pub(crate) fn pairs(&self) -> Result<Vec<(&'static str, String)>, Error> {
        if self.limit == Some(0) {
            return Err(Error::invalid_input("limit", "must be above zero"));
        }
        if self.downsample_to.is_some_and(|points| points <= 2) {
            return Err(Error::invalid_input("downsample_to", "must be above 2"));
        }
        let flag = |set: bool, name| set.then(|| (name, "true".to_owned()));
        let pairs = [
            self.start.map(|start| match start {
                Start::At(at) => ("since", time::format(at)),
                Start::After(after) => ("since_after", time::format(after)),
            }),
            self.to.map(|to| ("to", time::format(to))),
            self.limit.map(|limit| ("limit", limit.to_string())),
            self.downsample_to.map(|points| ("downsample_to", points.to_string())),
            self.downsample_key.clone().map(|key| ("downsample_key", key)),
            match self.format {
                Format::Structured => None,
                Format::Table => Some(("format", "table".to_owned())),
                Format::DisjointTables => Some(("format", "disjoint_tables".to_owned())),
            },
            flag(self.keep_milliseconds, "keep_milliseconds"),
            flag(self.allow_bigintegers, "allow_bigintegers"),
            flag(self.allow_safe_bigintegers, "allow_safe_bigintegers"),
        ];
        Ok(pairs.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_sent() {
        assert_eq!(DataQuery::new().pairs().unwrap(), []);

        let noon = time::parse("2024-05-01T12:00:00Z").unwrap();
        let all = DataQuery::new()
            .since(noon)
            .since_after(noon)
            .to(noon)
            .limit(5)
            .downsample_to(3)
            .downsample_key("temp")
            .format(Format::DisjointTables)
            .keep_milliseconds(true)
            .allow_bigintegers(true)
            .allow_safe_bigintegers(true);
        let pairs = all.pairs().unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("since_after", "2024-05-01T12:00:00.000Z"),
                ("to", "2024-05-01T12:00:00.000Z"),
                ("limit", "5"),
                ("downsample_to", "3"),
                ("downsample_key", "temp"),
                ("format", "disjoint_tables"),
                ("keep_milliseconds", "true"),
                ("allow_bigintegers", "true"),
                ("allow_safe_bigintegers", "true"),
            ]
        );
    }

    #[test]
    fn senseless_numbers_are_not_sent() {
        assert!(DataQuery::new().limit(0).pairs().is_err());
        assert!(DataQuery::new().downsample_to(2).pairs().is_err());
    }
}
