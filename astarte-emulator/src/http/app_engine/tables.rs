//! Samples as tables: the formats `table` and `disjoint_tables`.

use serde_json::{Map, Value as Json, json};

use crate::interfaces::InterfaceDef;
use crate::realm::{Object, Sample};
use crate::value::{JsonStyle, Value, timestamp, timestamp_json};

/// Rows of time and value. The time is never in milliseconds here, whatever was asked for.
pub(super) fn individual(token: &str, samples: &[&Sample<Value>], style: JsonStyle) -> Json {
    let rows: Vec<Json> = samples
        .iter()
        .map(|sample| json!([timestamp(sample.timestamp), sample.value.to_json(style)]))
        .collect();
    json!({
        "data": rows,
        "metadata": {"columns": {"timestamp": 0, token: 1}, "table_header": ["timestamp", token]},
    })
}

/// Pairs of value and time.
pub(super) fn individual_disjoint(samples: &[&Sample<Value>], style: JsonStyle) -> Json {
    let pairs: Vec<Json> = samples
        .iter()
        .map(|sample| {
            json!([sample.value.to_json(style), timestamp_json(sample.timestamp, style.milliseconds)])
        })
        .collect();
    json!({"data": {"value": pairs}})
}

/// Rows with a column for each key and one for the time, in alphabetical order.
pub(super) fn object(interface: &InterfaceDef, samples: &[&Sample<Object>], style: JsonStyle) -> Json {
    const TIMESTAMP: &str = "timestamp";
    let mut header = interface.object_keys();
    header.push(TIMESTAMP);
    header.sort_unstable();
    let rows: Vec<Json> = samples
        .iter()
        .map(|sample| {
            let cell = |column: &&str| match *column {
                TIMESTAMP => timestamp_json(sample.timestamp, style.milliseconds),
                key => sample.value.get(key).map_or(Json::Null, |value| value.to_json(style)),
            };
            header.iter().map(cell).collect()
        })
        .collect();
    let columns: Map<String, Json> =
        header.iter().enumerate().map(|(index, column)| ((*column).to_owned(), json!(index))).collect();
    json!({"data": rows, "metadata": {"columns": columns, "table_header": header}})
}

/// Pairs of value and time for each key.
pub(super) fn object_disjoint(
    interface: &InterfaceDef,
    samples: &[&Sample<Object>],
    style: JsonStyle,
) -> Json {
    let pairs = |key: &str| -> Json {
        let pair = |sample: &&Sample<Object>| {
            let value = sample.value.get(key).map_or(Json::Null, |value| value.to_json(style));
            json!([value, timestamp_json(sample.timestamp, style.milliseconds)])
        };
        samples.iter().map(pair).collect()
    };
    let columns: Map<String, Json> =
        interface.object_keys().into_iter().map(|key| (key.to_owned(), pairs(key))).collect();
    json!({"data": columns})
}
