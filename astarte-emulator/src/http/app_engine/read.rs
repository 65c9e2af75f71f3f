//! Reading values, in the shapes and orders that clients of AppEngine know.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::{ApiError, ApiRequest, Reply, parse_time, tables};
use crate::DeviceId;
use crate::interfaces::{InterfaceDef, PathError};
use crate::realm::{InterfaceData, Object, RealmState, Sample};
use crate::value::{JsonStyle, LongIntegers, Value, timestamp_json};

/// Samples that one reply may hold.
const MAX_SAMPLES: usize = 10_000;

/// Which samples, and how they are printed.
struct Query {
    from: Option<Bound>,
    to: Option<DateTime<Utc>>,
    limit: Option<usize>,
    /// Of the samples of one path; everything else is always structured.
    format: Format,
    /// For roots of individual interfaces and for properties.
    plain: JsonStyle,
    /// For full paths and objects, where long integers are text.
    text: JsonStyle,
    now: DateTime<Utc>,
}

#[derive(Clone, Copy)]
enum Format {
    Structured,
    Table,
    DisjointTables,
}

#[derive(Clone, Copy)]
enum Bound {
    Since(DateTime<Utc>),
    After(DateTime<Utc>),
}

impl Query {
    fn read(request: &ApiRequest) -> Result<Self, ApiError> {
        let time = |name: &str| {
            let invalid = || ApiError::field(name, "is invalid");
            request.query(name).map(|text| parse_time(text).ok_or_else(invalid)).transpose()
        };
        let from = match (time("since")?, time("since_after")?) {
            (Some(_), Some(_)) => {
                return Err(ApiError::field("since_after", "conflicts already set parameter"));
            }
            (Some(time), None) => Some(Bound::Since(time)),
            (None, Some(time)) => Some(Bound::After(time)),
            (None, None) => None,
        };
        let limit = match request.query("limit") {
            None => None,
            Some(text) => Some(text.parse::<usize>().map_err(|_| ApiError::field("limit", "is invalid"))?),
        };
        let format = match request.query("format") {
            None | Some("structured") => Format::Structured,
            Some("table") => Format::Table,
            Some("disjoint_tables") => Format::DisjointTables,
            Some(_) => return Err(ApiError::field("format", "is invalid")),
        };
        if request.query("downsample_to").is_some() {
            return Err(ApiError::field("downsample_to", "is not supported by this emulator"));
        }
        let milliseconds = request.query_flag("keep_milliseconds");
        let safe = !request.query_flag("allow_bigintegers") && request.query_flag("allow_safe_bigintegers");
        let long_integers = if safe { LongIntegers::SafeNumber } else { LongIntegers::Number };
        Ok(Self {
            from,
            to: time("to")?,
            limit,
            format,
            plain: JsonStyle { long_integers, milliseconds },
            text: JsonStyle { long_integers: LongIntegers::Text, milliseconds },
            now: Utc::now(),
        })
    }

    /// The samples asked for. A limit alone turns the order round: the newest come first.
    fn select<'a, T>(&self, samples: &'a [Sample<T>], limit: Option<usize>) -> Vec<&'a Sample<T>> {
        let wanted = |sample: &&Sample<T>| {
            sample.expires.is_none_or(|expires| expires > self.now)
                && self.to.is_none_or(|to| sample.timestamp < to)
                && match self.from {
                    None => true,
                    Some(Bound::Since(time)) => sample.timestamp >= time,
                    Some(Bound::After(time)) => sample.timestamp > time,
                }
        };
        let count = limit.unwrap_or(MAX_SAMPLES).min(MAX_SAMPLES);
        let samples = samples.iter().filter(wanted);
        if limit.is_some() && self.from.is_none() {
            samples.rev().take(count).collect()
        } else {
            samples.take(count).collect()
        }
    }
}

pub(super) fn values(
    realm: &RealmState,
    request: &ApiRequest,
    id: DeviceId,
    name: &str,
    path: &[&str],
) -> Result<Reply, ApiError> {
    let query = Query::read(request)?;
    let interface = interface(realm, id, name)?;
    let device = realm.devices.get(&id).ok_or_else(ApiError::device_not_found)?;
    let none = InterfaceData::default();
    let data = device.data(name, interface.major()).unwrap_or(&none);
    let path = if path.is_empty() { None } else { Some(format!("/{}", path.join("/"))) };
    let data = match (path, interface.is_object()) {
        (None, _) if interface.is_properties() => properties_below(data, "", query.plain),
        (Some(path), _) if interface.is_properties() => property(&interface, data, &path, query.plain)?,
        (None, false) => latest(data, "", &query),
        (Some(path), false) => return individual(&interface, data, &path, &query),
        (None, true) => objects(&interface, data, &query),
        (Some(path), true) => return object(&interface, data, &path, &query),
    };
    Ok(Reply::data(data))
}

/// The interface in the version that the device announces.
pub(super) fn interface(realm: &RealmState, id: DeviceId, name: &str) -> Result<Arc<InterfaceDef>, ApiError> {
    let device = realm.devices.get(&id).ok_or_else(ApiError::device_not_found)?;
    let major = device.major(name).ok_or_else(|| {
        ApiError::detail(StatusCode::NOT_FOUND, "Interface not found in device introspection")
    })?;
    let interface = realm.interfaces.get(name, major).cloned();
    interface.ok_or_else(|| ApiError::detail(StatusCode::NOT_FOUND, "Interface not found"))
}

pub(super) fn endpoint_not_found() -> ApiError {
    ApiError::detail(StatusCode::BAD_REQUEST, "Endpoint not found")
}

fn path_not_found() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "Path not found")
}

fn property(
    interface: &InterfaceDef,
    data: &InterfaceData,
    path: &str,
    style: JsonStyle,
) -> Result<Json, ApiError> {
    match interface.resolve(path) {
        // What is not set reads as an empty object, not as "not found".
        Ok(_) => Ok(data.properties.get(path).map_or(json!({}), |value| value.to_json(style))),
        Err(PathError::Incomplete) => Ok(properties_below(data, path, style)),
        Err(PathError::NoEndpoint | PathError::Invalid) => Err(endpoint_not_found()),
    }
}

fn properties_below(data: &InterfaceData, path: &str, style: JsonStyle) -> Json {
    nested(&data.properties, path, |value| Some(value.to_json(style)))
}

fn individual(
    interface: &InterfaceDef,
    data: &InterfaceData,
    path: &str,
    query: &Query,
) -> Result<Reply, ApiError> {
    match interface.resolve(path) {
        Ok(_) => {}
        Err(PathError::Incomplete) => {
            let below = latest(data, path, query);
            return if below == json!({}) { Err(path_not_found()) } else { Ok(Reply::data(below)) };
        }
        Err(PathError::NoEndpoint | PathError::Invalid) => return Err(endpoint_not_found()),
    }
    let samples = samples(data.individual.get(path), query)?;
    Ok(match query.format {
        _ if samples.is_empty() => Reply::data(json!({})),
        Format::Structured => {
            Reply::data(samples.iter().map(|sample| sample_json(sample, query)).collect::<Json>())
        }
        Format::Table => {
            let token = path.rsplit('/').next().unwrap_or_default();
            Reply::json(tables::individual(token, &samples, query.text))
        }
        Format::DisjointTables => Reply::json(tables::individual_disjoint(&samples, query.text)),
    })
}

/// The samples of one path. There must be some, except in disjoint tables, which may be empty.
fn samples<'a, T>(stored: Option<&'a Vec<Sample<T>>>, query: &Query) -> Result<Vec<&'a Sample<T>>, ApiError> {
    let samples = stored.map(|samples| query.select(samples, query.limit)).unwrap_or_default();
    if samples.is_empty() && !matches!(query.format, Format::DisjointTables) {
        return Err(path_not_found());
    }
    Ok(samples)
}

fn sample_json(sample: &Sample<Value>, query: &Query) -> Json {
    json!({
        "timestamp": timestamp_json(sample.timestamp, query.text.milliseconds),
        "value": sample.value.to_json(query.text),
    })
}

/// One sample for each path: the newest, or the first one after the bound.
fn latest(data: &InterfaceData, path: &str, query: &Query) -> Json {
    nested(&data.individual, path, |samples: &Vec<Sample<Value>>| {
        let sample = query.select(samples, Some(1)).into_iter().next()?;
        let milliseconds = query.plain.milliseconds;
        Some(json!({
            "value": sample.value.to_json(query.plain),
            "timestamp": timestamp_json(sample.timestamp, milliseconds),
            "reception_timestamp": timestamp_json(sample.reception, milliseconds),
        }))
    })
}

/// An object interface as a whole: all samples when there is one path, one sample for each when there are more.
fn objects(interface: &InterfaceDef, data: &InterfaceData, query: &Query) -> Json {
    let array = |samples: &[Sample<Object>]| -> Json {
        let samples = query.select(samples, query.limit).into_iter();
        samples.map(|sample| object_json(interface, sample, query)).collect()
    };
    if let Some(samples) = data.objects.get("/") {
        return array(samples);
    }
    let filled = |samples: &Vec<Sample<Object>>| !query.select(samples, Some(1)).is_empty();
    if data.objects.values().filter(|samples| filled(samples)).count() == 1 {
        nested(&data.objects, "", |samples| filled(samples).then(|| array(samples)))
    } else {
        nested(&data.objects, "", |samples| {
            let sample = query.select(samples, Some(1)).into_iter().next()?;
            Some(object_json(interface, sample, query))
        })
    }
}

fn object(
    interface: &InterfaceDef,
    data: &InterfaceData,
    path: &str,
    query: &Query,
) -> Result<Reply, ApiError> {
    match interface.resolve_base(path) {
        Ok(()) => {}
        Err(PathError::Incomplete) => return Err(path_not_found()),
        Err(PathError::NoEndpoint | PathError::Invalid) => {
            let known = interface.resolve(path).is_ok();
            return Err(if known { path_not_found() } else { endpoint_not_found() });
        }
    }
    let samples = samples(data.objects.get(path), query)?;
    Ok(match query.format {
        _ if samples.is_empty() => Reply::data(json!({})),
        Format::Structured => {
            let objects = samples.iter().map(|sample| object_json(interface, sample, query));
            Reply::data(objects.collect::<Json>())
        }
        Format::Table => Reply::json(tables::object(interface, &samples, query.text)),
        Format::DisjointTables => Reply::json(tables::object_disjoint(interface, &samples, query.text)),
    })
}

/// All keys of the interface; those that were not sent are null.
fn object_json(interface: &InterfaceDef, sample: &Sample<Object>, query: &Query) -> Json {
    let mut json: Map<String, Json> = interface
        .object_keys()
        .into_iter()
        .map(|key| {
            (key.to_owned(), sample.value.get(key).map_or(Json::Null, |value| value.to_json(query.text)))
        })
        .collect();
    json.insert("timestamp".into(), timestamp_json(sample.timestamp, query.text.milliseconds));
    json.into()
}

/// Turns paths below `prefix` into nested objects.
fn nested<T>(paths: &BTreeMap<String, T>, prefix: &str, leaf: impl Fn(&T) -> Option<Json>) -> Json {
    let mut root = json!({});
    for (path, item) in paths {
        let Some(rest) = path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) else { continue };
        let Some(leaf) = leaf(item) else { continue };
        let mut node = &mut root;
        for segment in rest.split('/') {
            node = &mut node[segment];
        }
        *node = leaf;
    }
    root
}
