//! Histories are whole and in order, however Astarte cuts them into pages.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use edgehog_astarte::{
    AppEngine, DataQuery, DeviceId, DeviceListQuery, DevicePage, DevicePatch, DeviceStatus, ErrorResponse,
    Start,
};
use edgehog_sdk::{DecodeError, Device, Error, History, interface, interfaces::SystemStatus, value::Latest};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

type Answer<T> = Result<T, edgehog_astarte::Error>;

/// Holds the samples of one path, oldest first, and gives them as Astarte orders them, never more than `cap`.
struct FakeAppEngine {
    samples: Vec<(i64, Value)>,
    cap: usize,
}

impl FakeAppEngine {
    /// A device whose samples number from 0 and were taken at these milliseconds.
    fn device(times: &[i64], cap: usize) -> Device {
        let sample =
            |(number, time): (usize, &i64)| (*time, json!({"taskCount": number, "timestamp": at(*time)}));
        Self::with_samples(times.iter().enumerate().map(sample).collect(), cap)
    }

    fn with_samples(samples: Vec<(i64, Value)>, cap: usize) -> Device {
        Device::new(Arc::new(Self { samples, cap }), "d1".parse().unwrap())
    }
}

fn at(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap()
}

#[async_trait]
impl AppEngine for FakeAppEngine {
    async fn read(&self, _: &DeviceId, _: &str, path: Option<&str>, query: &DataQuery) -> Answer<Value> {
        assert!(path.is_some(), "a history is that of one path");
        let from = match query.start {
            None => i64::MIN,
            Some(Start::At(time)) => time.timestamp_millis(),
            Some(Start::After(time)) => time.timestamp_millis() + 1,
        };
        let to = query.to.map_or(i64::MAX, |time| time.timestamp_millis());
        let in_range = self.samples.iter().filter(|(time, _)| (from..to).contains(time));
        let mut samples: Vec<_> = in_range.map(|(_, sample)| sample.clone()).collect();
        if query.start.is_none() && query.limit.is_some() {
            samples.reverse();
        }
        samples.truncate(self.cap.min(query.limit.map_or(usize::MAX, |limit| limit as usize)));
        if samples.is_empty() {
            return Err(ErrorResponse::new("GET", 404, "Path not found").into());
        }
        Ok(Value::Array(samples))
    }

    async fn device_status(&self, _: &DeviceId) -> Answer<DeviceStatus> {
        unreachable!("a history is read")
    }

    async fn device_page(&self, _: &DeviceListQuery) -> Answer<DevicePage> {
        unreachable!("a history is read")
    }

    async fn send_datastream(&self, _: &DeviceId, _: &str, _: &str, _: &Value) -> Answer<()> {
        unreachable!("a history is read")
    }

    async fn set_property(&self, _: &DeviceId, _: &str, _: &str, _: &Value) -> Answer<()> {
        unreachable!("a history is read")
    }

    async fn unset_property(&self, _: &DeviceId, _: &str, _: &str) -> Answer<()> {
        unreachable!("a history is read")
    }

    async fn patch_device(&self, _: &DeviceId, _: &DevicePatch) -> Answer<DeviceStatus> {
        unreachable!("a history is read")
    }
}

async fn numbers(device: &Device, history: History) -> Vec<i32> {
    let samples = device.history::<SystemStatus>("/systemStatus", history);
    samples.map_ok(|sample| sample.task_count.unwrap()).try_collect().await.unwrap()
}

/// Nothing is lost or doubled at the ends of pages, also where many samples share a millisecond, in both orders; and a
/// server that gives less than asked for does not end the history.
#[tokio::test]
async fn pages() {
    for times in [&[][..], &[5], &[1, 2, 3, 4, 5, 6, 7], &[1, 1, 1, 1, 1], &[1, 2, 2, 2, 3, 3, 4, 4, 4, 4, 9]]
    {
        let count = i32::try_from(times.len()).unwrap();
        for page in 1..=12 {
            for cap in [5, 100] {
                let device = FakeAppEngine::device(times, cap);
                let oldest = numbers(&device, History::oldest_first().page(page)).await;
                assert_eq!(oldest, (0..count).collect::<Vec<_>>(), "{times:?}, {page} of {cap}");
                let newest = numbers(&device, History::newest_first().page(page)).await;
                assert_eq!(newest, (0..count).rev().collect::<Vec<_>>(), "{times:?}, {page} of {cap}");
            }
        }
    }
}

/// The start counts, the end does not; the limit is one of samples, not of pages.
#[tokio::test]
async fn bounds() {
    let device = FakeAppEngine::device(&[10, 20, 20, 30, 40], 100);
    for page in [1, 2, 100] {
        let (oldest, newest) = (History::oldest_first().page(page), History::newest_first().page(page));
        for (history, expected) in [
            (oldest.since(at(20)), &[1, 2, 3, 4][..]),
            (oldest.until(at(30)), &[0, 1, 2]),
            (oldest.since(at(20)).until(at(40)), &[1, 2, 3]),
            (oldest.limit(3), &[0, 1, 2]),
            (oldest.limit(0), &[]),
            (newest.since(at(20)), &[4, 3, 2, 1]),
            (newest.until(at(30)), &[2, 1, 0]),
            (newest.since(at(20)).until(at(40)), &[3, 2, 1]),
            (newest.since(at(41)), &[]),
            (newest.limit(2), &[4, 3]),
        ] {
            assert_eq!(numbers(&device, history).await, expected, "{history:?}");
        }
    }
}

interface! {
    name: "org.example.Sensors",
    version: (1, 0),
    kind: device individual at "/%{room}",

    /// Sensors of one room.
    #[derive(Debug, PartialEq)]
    pub struct Sensors {
        pub room: String = key,
        pub people: Option<Latest<i32>> = "people",
        pub humidity: Option<Latest<f64>> = "humidity",
    }
}

/// The samples of an individual mapping fill its field, with key and time; the others stay empty.
#[tokio::test]
async fn individual_mappings() {
    let device = FakeAppEngine::with_samples(vec![(7, json!({"value": 3, "timestamp": at(7)}))], 100);
    let samples: Vec<Sensors> =
        device.history("/kitchen/people", History::oldest_first()).try_collect().await.unwrap();
    let people = samples[0].people.unwrap();
    assert_eq!((people.value, people.timestamp.unwrap().instant()), (3, at(7)));
    assert_eq!((samples[0].room.as_str(), samples[0].humidity, samples.len()), ("kitchen", None, 1));
}

/// An unreadable value leaves its field empty; what cannot be followed ends the stream with an error.
#[tokio::test]
async fn odd_samples() {
    let read = async |sample: Value, path: &str| {
        let device = FakeAppEngine::with_samples(vec![(7, sample)], 100);
        device.history::<Sensors>(path, History::oldest_first()).collect::<Vec<_>>().await
    };
    let kept = read(json!({"value": "3", "timestamp": at(7)}), "/kitchen/people").await;
    assert_eq!(kept[0].as_ref().unwrap().people, None);

    for (sample, path, expected) in [
        (json!({"value": 3}), "/kitchen/people", DecodeError::Member("timestamp")),
        (json!(3), "/kitchen/people", DecodeError::Member("timestamp")),
        (json!({"value": 3, "timestamp": at(7)}), "/kitchen", DecodeError::Path),
    ] {
        let items = read(sample, path).await;
        let [Err(Error::Decode { interface: "org.example.Sensors", source })] = &items[..] else {
            panic!("{items:?}")
        };
        assert_eq!(*source, expected);
    }

    let device = FakeAppEngine::with_samples(vec![(7, json!({"taskCount": 1, "timestamp": at(7)}))], 100);
    let elsewhere = device.history::<SystemStatus>("/elsewhere", History::newest_first());
    assert!(elsewhere.collect::<Vec<_>>().await[0].is_err());
}
