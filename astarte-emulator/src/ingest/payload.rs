//! Payloads: introspection, capabilities, BSON.

use std::collections::BTreeMap;

use bson::raw::{RawBsonRef, RawDocument};
use bson::{Bson, doc};
use chrono::{DateTime, Utc};

use super::DeviceErrorName;

/// The payload that carries a value, and the time it is meant for.
pub(crate) fn value_payload(value: impl Into<Bson>, timestamp: Option<DateTime<Utc>>) -> Vec<u8> {
    let mut document = doc! { "v": value.into() };
    if let Some(timestamp) = timestamp {
        document.insert("t", bson::DateTime::from_chrono(timestamp));
    }
    // A document whose keys have no zero bytes always has a binary form; what has none is sent as junk.
    document.to_vec().unwrap_or_default()
}

pub(super) fn capabilities(payload: &[u8]) -> Result<(), DeviceErrorName> {
    let malformed = DeviceErrorName::MalformedCapabilitiesMessage;
    let document = decode(payload).map_err(|_| malformed)?;
    match document.get("purge_properties_compression_format") {
        None => Ok(()),
        Some(Bson::String(format)) if matches!(format.as_str(), "zlib" | "plaintext") => Ok(()),
        Some(_) => Err(malformed),
    }
}

pub(super) fn parse_introspection(payload: &[u8]) -> Option<BTreeMap<String, (i32, i32)>> {
    let text = std::str::from_utf8(payload).ok()?;
    let version = |text: &str| text.parse::<i32>().ok().filter(|number| *number >= 0);
    text.split(';')
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            let mut parts = entry.split(':');
            let (name, major, minor) = (parts.next()?, parts.next()?, parts.next()?);
            let complete = parts.next().is_none() && !name.is_empty();
            complete.then_some((name.to_owned(), (version(major)?, version(minor)?)))
        })
        .collect()
}

/// Reads a document as deep as Astarte's values go: object, array, scalar. What lies deeper cannot be a value, and
/// is not followed, whatever a device nests.
pub(super) fn decode(payload: &[u8]) -> Result<bson::Document, DeviceErrorName> {
    const DEPTH: usize = 2;
    let document = RawDocument::from_bytes(payload).map_err(|_| DeviceErrorName::UndecodableBsonPayload)?;
    decode_document(document, DEPTH)
}

fn decode_document(document: &RawDocument, depth: usize) -> Result<bson::Document, DeviceErrorName> {
    let mut decoded = bson::Document::new();
    for element in document {
        let (key, value) = element.map_err(|_| DeviceErrorName::UndecodableBsonPayload)?;
        // Metadata is ignored, whatever it holds.
        if depth == 2 && key == "m" {
            continue;
        }
        decoded.insert(key.to_string(), decode_value(value, depth)?);
    }
    Ok(decoded)
}

fn decode_value(value: RawBsonRef<'_>, depth: usize) -> Result<Bson, DeviceErrorName> {
    let undecodable = DeviceErrorName::UndecodableBsonPayload;
    match value {
        RawBsonRef::Document(_) | RawBsonRef::Array(_) if depth == 0 => {
            Err(DeviceErrorName::UnexpectedValueType)
        }
        RawBsonRef::Document(document) => decode_document(document, depth - 1).map(Bson::Document),
        RawBsonRef::Array(array) => array
            .into_iter()
            .map(|item| decode_value(item.map_err(|_| undecodable)?, depth - 1))
            .collect::<Result<Vec<_>, _>>()
            .map(Bson::Array),
        RawBsonRef::JavaScriptCodeWithScope(_) => Err(DeviceErrorName::UnexpectedValueType),
        scalar => Bson::try_from(scalar).map_err(|_| undecodable),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn introspections() {
        let parsed = parse_introspection(b"a.B:1:0;c.D:0:3").unwrap();
        assert_eq!(parsed["a.B"], (1, 0));
        assert_eq!(parsed["c.D"], (0, 3));
        assert_eq!(parse_introspection(b""), Some(BTreeMap::new()));
        for text in ["a.B", "a.B:1", "a.B:1:x", ":1:0", "a.B:1:0:0", "a.B:-1:0"] {
            assert_eq!(parse_introspection(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_introspection(&[0xff]), None);
    }

    // A device may nest as deep as a message is long; the stack must not follow.
    #[test]
    fn nesting_is_limited() {
        let mut nested = doc! { "x": 1 };
        for _ in 0..100 {
            nested = doc! { "x": nested };
        }
        let payload = doc! { "v": nested }.to_vec().unwrap();
        assert_eq!(decode(&payload).unwrap_err(), DeviceErrorName::UnexpectedValueType);
        assert!(decode(&doc! { "v": { "list": [1, 2] } }.to_vec().unwrap()).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = parse_introspection(&bytes);
        }
    }
}
