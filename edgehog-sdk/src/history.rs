//! The history of a datastream: its samples on one path, page by page.

use chrono::{DateTime, TimeDelta, Utc};
use edgehog_astarte::DataQuery;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use crate::{
    DecodeError, Device, DeviceOwned, Error, Timestamp, definition::InterfaceType, value::MappingValue,
};

/// Which samples [`Device::history`] reads, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    newest_first: bool,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    limit: usize,
    page: u32,
}

impl History {
    /// Astarte clamps longer pages silently, to a number that its operator sets.
    const PAGE: u32 = 1000;

    /// Everything since 1970, the oldest sample first.
    #[must_use]
    pub const fn oldest_first() -> Self {
        Self { newest_first: false, since: None, until: None, limit: usize::MAX, page: Self::PAGE }
    }

    /// Everything, the newest sample first.
    #[must_use]
    pub const fn newest_first() -> Self {
        Self { newest_first: true, ..Self::oldest_first() }
    }

    /// Leaves out what is older than this; exact to the millisecond.
    #[must_use]
    pub const fn since(self, time: DateTime<Utc>) -> Self {
        Self { since: Some(time), ..self }
    }

    /// Leaves out what was sampled at this time or later; exact to the millisecond.
    #[must_use]
    pub const fn until(self, time: DateTime<Utc>) -> Self {
        Self { until: Some(time), ..self }
    }

    /// Ends the stream after so many samples.
    #[must_use]
    pub const fn limit(self, samples: usize) -> Self {
        Self { limit: samples, ..self }
    }

    /// How many samples to ask Astarte for at once: 1000 unless told otherwise, at least one.
    #[must_use]
    pub fn page(self, samples: u32) -> Self {
        Self { page: samples.max(1), ..self }
    }

    fn starts_after(&self, time: i64) -> bool {
        self.since.is_some_and(|since| time < since.timestamp_millis())
    }
}

impl Device {
    /// Reads the samples of a datastream on one path, page by page as the stream is polled.
    ///
    /// The path is the one that events have: the base of an object such as `/systemStatus`, or the whole path of an
    /// individual mapping, whose samples leave all other fields `None`. Samples that cannot be read are dropped, as in
    /// [`DeviceOwned::decode`]. A path without samples gives an empty stream. Properties have no history: asking for it
    /// does not compile.
    ///
    /// Samples that share one millisecond must fit into one answer of Astarte (10000 unless its operator sets another
    /// number): with more of them the stream ends early.
    ///
    /// An error ends the stream: those of every read (see [`Device`]), with [`DecodeError::Path`] for a path that the
    /// interface has not and [`DecodeError::Member`] for a sample without time.
    ///
    /// ```
    /// use chrono::{TimeDelta, Utc};
    /// use edgehog_sdk::{Device, Error, History, interfaces::SystemStatus};
    /// use futures::TryStreamExt as _;
    ///
    /// /// The least memory that was free in the last day, bytes.
    /// async fn least_memory(device: &Device) -> Result<Option<i64>, Error> {
    ///     let day = History::oldest_first().since(Utc::now() - TimeDelta::days(1));
    ///     let samples = device.history::<SystemStatus>("/systemStatus", day);
    ///     let free = samples.try_filter_map(async |sample| Ok(sample.memory_free_bytes));
    ///     free.try_fold(None, async |least, free| Ok(Some(least.map_or(free, |it: i64| it.min(free))))).await
    /// }
    /// ```
    pub fn history<T: DeviceOwned>(
        &self,
        path: &str,
        history: History,
    ) -> impl Stream<Item = Result<T, Error>> + Send + use<T> {
        const {
            assert!(
                matches!(T::DEFINITION.interface_type, InterfaceType::Datastream),
                "properties have no history"
            );
        }
        let reader = Reader {
            device: self.clone(),
            path: path.to_owned(),
            history,
            boundary: None,
            seen: 0,
            done: false,
        };
        let pages = stream::try_unfold(reader, |mut reader| async move {
            let page = reader.next_page::<T>().await?;
            Ok::<_, Error>(page.map(|page| (stream::iter(page.into_iter().map(Ok)), reader)))
        });
        pages.try_flatten().take(history.limit)
    }
}

/// Follows the samples of a path by their times, since Astarte's pages of samples have no links.
///
/// Several samples may share the millisecond at which a page ends: the next one begins with that millisecond again,
/// and those that were seen are skipped.
struct Reader {
    device: Device,
    path: String,
    history: History,
    /// Milliseconds since 1970 of the last sample seen.
    boundary: Option<i64>,
    /// How many samples of that millisecond were seen.
    seen: usize,
    done: bool,
}

impl Reader {
    async fn next_page<T: DeviceOwned>(&mut self) -> Result<Option<Vec<T>>, Error> {
        let decode_error = |source| Error::Decode { interface: T::NAME, source };
        if T::DEFINITION.resolve(&self.path).is_none() {
            return Err(decode_error(DecodeError::Path));
        }
        if self.done {
            return Ok(None);
        }
        // An object whose endpoints share no segment lies at the root, which is the interface itself.
        let path = Some(self.path.as_str()).filter(|path| *path != "/");
        let device = &self.device;
        let samples = match device.app_engine().read(device.id(), T::NAME, path, &self.query()).await {
            Ok(Value::Array(samples)) => samples,
            // The answer for a root without samples.
            Ok(Value::Object(none)) if none.is_empty() => return Ok(None),
            Ok(_) => return Err(decode_error(DecodeError::NotSamples)),
            Err(edgehog_astarte::Error::NoData(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let times: Option<Vec<i64>> = samples.iter().map(sampled_at).collect();
        let times = times.ok_or_else(|| decode_error(DecodeError::Member("timestamp")))?;
        let skipped = times.iter().take(self.seen).take_while(|time| Some(**time) == self.boundary).count();
        if !self.advance(&times) {
            return Ok(None);
        }
        let new = samples.iter().zip(times).skip(skipped);
        let wanted = new.filter(|(_, time)| !self.history.starts_after(*time));
        Ok(Some(wanted.filter_map(|(sample, _)| T::from_event(&self.path, sample).ok()).collect()))
    }

    /// Moves behind the last of the samples; false if nothing lies there that was not seen.
    ///
    /// Fewer samples than asked for are no sign of the end: Astarte may give less.
    fn advance(&mut self, times: &[i64]) -> bool {
        let Some(last) = times.last() else { return false };
        let seen = times.iter().filter(|time| *time == last).count();
        if (self.boundary, self.seen) == (Some(*last), seen) {
            return false;
        }
        (self.boundary, self.seen) = (Some(*last), seen);
        // A start in the query would make Astarte give the oldest samples first.
        self.done = self.history.newest_first && self.history.starts_after(*last);
        true
    }

    fn query(&self) -> DataQuery {
        let wanted = self.history.page.min(u32::try_from(self.history.limit).unwrap_or(u32::MAX)).max(1);
        let seen = u32::try_from(self.seen).unwrap_or(u32::MAX);
        let query = DataQuery::new().limit(wanted.saturating_add(seen));
        let boundary = self.boundary.and_then(DateTime::from_timestamp_millis);
        let (since, until) = if self.history.newest_first {
            let behind = boundary.and_then(|time| time.checked_add_signed(TimeDelta::milliseconds(1)));
            (None, behind.into_iter().chain(self.history.until).min())
        } else {
            (Some(boundary.or(self.history.since).unwrap_or(DateTime::UNIX_EPOCH)), self.history.until)
        };
        let query = since.map_or(query.clone(), |since| query.since(since));
        until.map_or(query.clone(), |until| query.to(until))
    }
}

/// Milliseconds since 1970.
fn sampled_at(sample: &Value) -> Option<i64> {
    let timestamp = sample.get("timestamp").and_then(Timestamp::from_json)?;
    Some(timestamp.instant().timestamp_millis())
}
