//! Items: how the nested JSON of a read falls apart into the values of an interface's Rust type.

use serde_json::{Map, Value};

use crate::{
    DecodeError, DeviceOwned, Timestamp,
    definition::{Aggregation, Definition, Source, is_parameter},
    value::{LatestMember, MappingValue, Member},
};

/// One item of an interface as Astarte shows it: the properties below one key, or one sample of an object.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    key: Option<&'a str>,
    members: &'a Value,
}

impl Item<'_> {
    /// The name under which Astarte adds the time to each sample.
    const TIMESTAMP: &'static str = "timestamp";

    /// Reads one field.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Member`] if the field's type needs a value and there is none, or one of another type.
    pub fn get<T: Member>(&self, source: Source) -> Result<T, DecodeError> {
        let (name, value) = match source {
            Source::Key => ("key", T::read(&self.key.map_or(Value::Null, Value::from), "")),
            Source::Timestamp => (Self::TIMESTAMP, T::read(self.members, Self::TIMESTAMP)),
            Source::Member(path) => (path, T::read(self.members, path)),
        };
        value.ok_or(DecodeError::Member(name))
    }

    /// Reads one field of an individual datastream.
    ///
    /// # Errors
    ///
    /// As for [`Self::get`].
    pub fn latest<T: LatestMember>(&self, source: Source) -> Result<T, DecodeError> {
        self.get(source)
    }
}

/// Reads an interface that is one item.
///
/// # Errors
///
/// See [`DeviceOwned::decode`].
pub fn decode_one<T: DeviceOwned>(data: &Value) -> Result<T, DecodeError> {
    if !data.is_object() {
        return Err(DecodeError::NotAnObject);
    }
    T::from_item(&Item { key: None, members: data })
}

/// Reads an interface that has one item per key or sample; items that cannot be read are dropped.
///
/// # Errors
///
/// See [`DeviceOwned::decode`].
pub fn decode_all<T: DeviceOwned>(data: &Value) -> Result<Vec<T>, DecodeError> {
    if !data.is_object() {
        return Err(DecodeError::NotAnObject);
    }
    Ok(items(T::DEFINITION, data).iter().filter_map(|item| T::from_item(item).ok()).collect())
}

fn items<'a>(definition: &Definition, data: &'a Value) -> Vec<Item<'a>> {
    let mut found = vec![Item { key: None, members: data }];
    for segment in definition.base_segments() {
        found = if is_parameter(segment) {
            found.iter().flat_map(|item| children(item.members)).collect()
        } else {
            let below =
                found.iter().filter_map(|item| Some(Item { members: item.members.get(segment)?, ..*item }));
            below.collect()
        };
    }
    if definition.aggregation == Aggregation::Object {
        found = found.iter().flat_map(|item| samples(*item, definition.has_key())).collect();
    }
    found.retain(|item| item.members.is_object());
    found
}

/// The items below a parameter, in ascending byte order of their keys whatever order the JSON map keeps.
fn children(value: &Value) -> Vec<Item<'_>> {
    let entries = value.as_object().into_iter().flatten();
    let mut children: Vec<_> = entries.map(|(key, members)| Item { key: Some(key), members }).collect();
    children.sort_unstable_by_key(|item| item.key);
    children
}

/// The samples on one path.
///
/// Astarte shows an array if the interface has data on this path only, and the newest sample alone if it has data
/// on several. With a key, only the newest counts; an interface without key has but one path, so always an array.
fn samples(path: Item<'_>, has_key: bool) -> Vec<Item<'_>> {
    let samples = path.members.as_array().map(Vec::as_slice).unwrap_or_default();
    let samples = samples.iter().map(|members| Item { members, ..path });
    if !has_key {
        samples.collect()
    } else if path.members.is_array() {
        // `max_by_key` takes the last of equals, and the newest comes first.
        samples.rev().max_by_key(sampled_at).into_iter().collect()
    } else {
        vec![path]
    }
}

fn sampled_at(item: &Item<'_>) -> Option<Timestamp> {
    item.members.get(Item::TIMESTAMP).and_then(Timestamp::from_json)
}

/// Shows the `path` and `value` of an event as an item.
pub(crate) fn with_event_item<T>(
    definition: &Definition,
    path: &str,
    value: &Value,
    read: impl FnOnce(&Item<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    if definition.aggregation == Aggregation::Object && !definition.has_key() {
        return read(&Item { key: None, members: value });
    }
    let resolved = definition.resolve(path).ok_or(DecodeError::Path)?;
    match resolved.member {
        None => read(&Item { key: resolved.key, members: value }),
        Some(member) => {
            let wrap = |inner, segment| Value::Object(Map::from_iter([(String::from(segment), inner)]));
            let members = member.rsplit('/').fold(value.clone(), wrap);
            read(&Item { key: resolved.key, members: &members })
        }
    }
}
