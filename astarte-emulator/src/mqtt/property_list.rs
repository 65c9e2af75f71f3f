//! Lists of properties that exist: four bytes of length, then the text compressed with zlib.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// Bytes that a list may have when unpacked.
const MAX_SIZE: u32 = 10 * 1024 * 1024;

/// Packs `interface/path` entries.
pub(crate) fn encode(entries: &[String]) -> std::io::Result<Vec<u8>> {
    let text = entries.join(";");
    let length = u32::try_from(text.len()).map_err(|_| std::io::ErrorKind::FileTooLarge)?;
    let mut encoder = ZlibEncoder::new(length.to_be_bytes().to_vec(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// Unpacks a list; `None` when it is not one.
pub(crate) fn decode(payload: &[u8]) -> Option<Vec<String>> {
    let (length, packed) = payload.split_first_chunk()?;
    let length = u32::from_be_bytes(*length);
    if length > MAX_SIZE {
        return None;
    }
    if length == 0 {
        return Some(Vec::new());
    }
    let mut text = String::new();
    ZlibDecoder::new(packed).take(u64::from(length) + 1).read_to_string(&mut text).ok()?;
    if text.len() != usize::try_from(length).ok()? {
        return None;
    }
    Some(text.split(';').filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // An empty list comes in two spellings.
    #[test]
    fn empty_lists() {
        assert_eq!(decode(&[0, 0, 0, 0]), Some(vec![]));
        let packed = encode(&[]).unwrap();
        assert!(packed.len() > 4);
        assert_eq!(decode(&packed), Some(vec![]));
    }

    #[test]
    fn broken_lists() {
        let mut wrong_length = encode(&["a.B/c".into()]).unwrap();
        wrong_length[3] = 4;
        for payload in [&[][..], &[0, 0, 1], &[0, 0, 0, 9, 1, 2], &[0xff, 0xff, 0xff, 0xff], &wrong_length] {
            assert_eq!(decode(payload), None, "{payload:?}");
        }
    }

    proptest! {
        #[test]
        fn lists_survive(entries in proptest::collection::vec("[a-z.]{1,9}/[a-z]{1,9}", 0..20)) {
            prop_assert_eq!(decode(&encode(&entries).unwrap()), Some(entries));
        }
    }
}
