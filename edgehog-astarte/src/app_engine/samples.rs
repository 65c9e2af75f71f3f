//! The shapes of values in reads.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::malformed;
use crate::{Error, time};

/// A value and its time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sample<T> {
    /// The value.
    pub value: T,
    /// The time of the value: explicit, where the mapping has explicit timestamps, else that of reception.
    #[serde(with = "time::lenient")]
    pub timestamp: DateTime<Utc>,
    /// When Astarte got it; only reads of whole individual interfaces tell.
    #[serde(default, with = "time::lenient_option", skip_serializing_if = "Option::is_none")]
    pub reception_timestamp: Option<DateTime<Utc>>,
}

/// A sample of an object interface; `T` reads the object, in which keys missing in the sample are null.
///
/// The object also holds the `timestamp` as Astarte wrote it.
pub type ObjectSample<T = Map<String, Value>> = Sample<T>;

impl<T> Sample<T> {
    /// The newest of some samples; the order in which they are read depends on the query.
    pub fn newest(samples: impl IntoIterator<Item = Self>) -> Option<Self> {
        samples.into_iter().max_by_key(|sample| sample.timestamp)
    }
}

/// Deserializes a part of an answer; `path` is where it was found.
pub(super) fn typed<T: DeserializeOwned>(endpoint: &str, path: &str, value: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let path = if inner == "." { format!("data{path}") } else { format!("data{path}.{inner}") };
        Error::Malformed { endpoint: endpoint.to_owned(), path, source: error.into_inner() }
    })
}

/// The latest sample of each path of an individual datastream: a tree with a sample at each leaf.
pub(super) fn individual_tree<T: DeserializeOwned>(
    endpoint: &str,
    data: Value,
) -> Result<BTreeMap<String, Sample<T>>, Error> {
    let mut samples = BTreeMap::new();
    walk(endpoint, data, String::new(), &mut |path, leaf| {
        let sample = typed(endpoint, &path, leaf)?;
        samples.insert(path, sample);
        Ok(())
    })?;
    Ok(samples)
}

/// All samples of an object interface: a tree with an array of samples, or a single one, at each leaf.
pub(super) fn object_tree<T: DeserializeOwned>(
    endpoint: &str,
    data: Value,
) -> Result<BTreeMap<String, Vec<ObjectSample<T>>>, Error> {
    let mut samples = BTreeMap::new();
    walk(endpoint, data, String::new(), &mut |path, leaf| {
        let read = object_leaf(endpoint, &path, leaf)?;
        let path = if path.is_empty() { "/".to_owned() } else { path };
        samples.insert(path, read);
        Ok(())
    })?;
    Ok(samples)
}

/// The samples of one object path.
pub(super) fn object_leaf<T: DeserializeOwned>(
    endpoint: &str,
    path: &str,
    leaf: Value,
) -> Result<Vec<ObjectSample<T>>, Error> {
    let items = match leaf {
        Value::Array(items) => items,
        single => vec![single],
    };
    items.into_iter().map(|item| object_sample(endpoint, path, item)).collect()
}

fn object_sample<T: DeserializeOwned>(
    endpoint: &str,
    path: &str,
    item: Value,
) -> Result<ObjectSample<T>, Error> {
    #[derive(Deserialize)]
    struct Timestamp {
        #[serde(with = "time::lenient")]
        timestamp: DateTime<Utc>,
    }
    let Timestamp { timestamp } =
        Timestamp::deserialize(&item).map_err(|error| malformed(endpoint, &format!("data{path}"), error))?;
    Ok(Sample { value: typed(endpoint, path, item)?, timestamp, reception_timestamp: None })
}

/// Visits the leaves of a tree of path segments: arrays, and objects that are samples.
fn walk(
    endpoint: &str,
    node: Value,
    path: String,
    leaf: &mut impl FnMut(String, Value) -> Result<(), Error>,
) -> Result<(), Error> {
    match node {
        Value::Object(children) if !is_sample(&children) => {
            for (segment, child) in children {
                walk(endpoint, child, format!("{path}/{segment}"), leaf)?;
            }
            Ok(())
        }
        node @ (Value::Object(_) | Value::Array(_)) => leaf(path, node),
        _ => Err(malformed(endpoint, &format!("data{path}"), "neither samples nor a level of the path")),
    }
}

/// A sample has its time as text or number, whereas all below a path segment is an object or array: so not even a
/// segment of that name is mistaken.
fn is_sample(object: &Map<String, Value>) -> bool {
    matches!(object.get("timestamp"), Some(Value::String(_) | Value::Number(_)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const T1: &str = "2024-05-01T10:00:00.000Z";
    const T2: &str = "2024-05-01T11:00:00.000Z";

    #[derive(PartialEq, Debug, Deserialize)]
    struct Storage {
        #[serde(deserialize_with = "crate::value::longinteger")]
        total: i64,
        free: Option<f64>,
    }

    fn objects(data: Value) -> Vec<(String, Vec<(i64, String)>)> {
        let tree = object_tree::<Storage>("GET x", data).unwrap();
        let short = |s: ObjectSample<Storage>| (s.value.total, time::format(s.timestamp));
        tree.into_iter().map(|(path, samples)| (path, samples.into_iter().map(short).collect())).collect()
    }

    fn at(path: &str, samples: &[(i64, &str)]) -> (String, Vec<(i64, String)>) {
        (path.to_owned(), samples.iter().map(|(total, time)| (*total, (*time).to_owned())).collect())
    }

    /// The reply changes its shape with the number of paths that hold data.
    #[test]
    fn objects_in_every_shape() {
        assert_eq!(objects(json!({})), []);
        assert_eq!(
            objects(
                json!({"nvs": [{"total": "1", "timestamp": T1}, {"total": "2", "free": null, "timestamp": T2}]})
            ),
            [at("/nvs", &[(1, T1), (2, T2)])]
        );
        assert_eq!(
            objects(json!({"nvs": {"total": "1", "timestamp": T1}, "emmc": {"total": 2, "timestamp": T2}})),
            [at("/emmc", &[(2, T2)]), at("/nvs", &[(1, T1)])]
        );
        assert_eq!(objects(json!([{"total": "1", "timestamp": T1}])), [at("/", &[(1, T1)])]);
        assert_eq!(
            objects(json!({"a": {"b": {"total": 1, "timestamp": T1}, "c": [{"total": 2, "timestamp": T2}]}})),
            [at("/a/b", &[(1, T1)]), at("/a/c", &[(2, T2)])]
        );
        assert_eq!(objects(json!({"nvs": []})), [at("/nvs", &[])]);
    }

    #[test]
    fn a_path_segment_may_be_called_timestamp() {
        assert_eq!(
            objects(
                json!({"timestamp": [{"total": 1, "timestamp": T1}], "x": {"total": 2, "timestamp": T2}})
            ),
            [at("/timestamp", &[(1, T1)]), at("/x", &[(2, T2)])]
        );
    }

    #[test]
    fn individual_values_are_found_at_any_depth() {
        let data = json!({
            "kitchen": {"temp": {"value": 21.5, "timestamp": T1, "reception_timestamp": T2}},
            "uptime": {"value": 3.0, "timestamp": T2}
        });
        let samples = individual_tree::<f64>("GET x", data).unwrap();
        assert_eq!(samples.keys().collect::<Vec<_>>(), ["/kitchen/temp", "/uptime"]);
        let kitchen = &samples["/kitchen/temp"];
        assert_eq!((kitchen.value, kitchen.reception_timestamp), (21.5, time::parse(T2)));
    }

    /// The error says where: endpoint, and path in the document.
    #[test]
    fn unknown_shapes_are_located() {
        let table = [
            (json!({"nvs": {"total": "x", "timestamp": T1}}), "data/nvs.total"),
            (json!({"nvs": [{"total": 1}]}), "data/nvs"),
            (json!({"nvs": [{"total": 1, "timestamp": "soon"}]}), "data/nvs"),
            (json!({"nvs": 3}), "data/nvs"),
            (json!(null), "data"),
        ];
        for (data, expected) in table {
            match object_tree::<Storage>("GET x", data.clone()) {
                Err(Error::Malformed { path, .. }) => assert_eq!(path, expected, "{data}"),
                other => panic!("{data}: {other:?}"),
            }
        }
    }

    #[test]
    fn newest_by_time_not_by_place() {
        let sample =
            |value, time| Sample { value, timestamp: time::parse(time).unwrap(), reception_timestamp: None };
        let newest = Sample::newest([sample(1, T1), sample(2, T2), sample(3, T1)]);
        assert_eq!(newest.map(|s| s.value), Some(2));
        assert_eq!(Sample::<i32>::newest([]), None);
    }
}
