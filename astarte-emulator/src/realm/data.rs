//! What devices and clients have stored on an interface.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::value::Value;

/// Samples kept for one path; the oldest go first.
const MAX_SAMPLES: usize = 100_000;

/// An object aggregate: the keys that were sent.
pub(crate) type Object = BTreeMap<String, Value>;

/// One datum of a datastream.
#[derive(Debug, Clone)]
pub(crate) struct Sample<T> {
    /// The device's own time where the mapping has one, else the time of reception.
    pub(crate) timestamp: DateTime<Utc>,
    pub(crate) reception: DateTime<Utc>,
    /// When the sample stops existing.
    pub(crate) expires: Option<DateTime<Utc>>,
    pub(crate) value: T,
}

/// Everything stored on one major version of an interface. Keys are paths with their leading slash.
#[derive(Debug, Default)]
pub(crate) struct InterfaceData {
    pub(crate) properties: BTreeMap<String, Value>,
    pub(crate) individual: BTreeMap<String, Vec<Sample<Value>>>,
    pub(crate) objects: BTreeMap<String, Vec<Sample<Object>>>,
}

/// Puts a sample where its timestamp belongs; equal timestamps keep the order of arrival.
pub(crate) fn insert<T>(samples: &mut Vec<Sample<T>>, sample: Sample<T>) {
    let now = sample.reception;
    samples.retain(|sample| sample.expires.is_none_or(|expires| expires > now));
    if samples.len() >= MAX_SAMPLES {
        samples.remove(0);
    }
    let position = samples.partition_point(|other| other.timestamp <= sample.timestamp);
    samples.insert(position, sample);
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    // Late samples with an explicit timestamp are read in the order of that timestamp.
    #[test]
    fn samples_are_sorted_by_timestamp_and_expire() {
        let now = Utc::now();
        let sample = |offset: i64, expires: Option<i64>, value: i32| Sample {
            timestamp: now + TimeDelta::seconds(offset),
            reception: now,
            expires: expires.map(|seconds| now + TimeDelta::seconds(seconds)),
            value,
        };
        let mut samples = Vec::new();
        insert(&mut samples, sample(0, None, 1));
        insert(&mut samples, sample(-5, None, 2));
        insert(&mut samples, sample(0, Some(-1), 3));
        insert(&mut samples, sample(0, None, 4));
        let values: Vec<_> = samples.iter().map(|sample| sample.value).collect();
        assert_eq!(values, [2, 1, 4]);
    }
}
