//! From a key to its public URL and back.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use ::url::Url;

use super::Key;
use super::config::trimmed;

/// All but the unreserved characters of RFC 3986, and the slashes between segments.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The key, as it stands in URLs.
pub(super) fn encode(key: &Key) -> String {
    utf8_percent_encode(key.as_str(), ENCODED).to_string()
}

/// The key of a path in a URL. A segment that hides a slash is no segment of ours.
pub(super) fn decode(path: &str) -> Option<Key> {
    let segment = |segment| percent_decode_str(segment).decode_utf8().ok().filter(|text| !text.contains('/'));
    let segments: Option<Vec<_>> = path.split('/').map(segment).collect();
    Key::parse(&segments?.join("/"))
}

/// The key of an object whose URL begins with `base`; whatever follows the path does not matter.
pub(super) fn key_below(base: &str, url: &str) -> Option<Key> {
    let url = with_plain_origin(url)?;
    let path = url.strip_prefix(base)?.strip_prefix('/')?;
    decode(path.split(['?', '#']).next()?)
}

/// Host in lower case and no default port, as in bases. The path stays as it is: to resolve dots in it would lead to
/// objects that it does not name.
fn with_plain_origin(url: &str) -> Option<String> {
    let host = url.find("://")? + 3;
    let path = host + url[host..].find('/')?;
    let origin = Url::parse(&url[..path]).ok()?;
    Some(format!("{}{}", trimmed(&origin), &url[path..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: &str = "https://s3.example/files";

    /// A stored URL leads to its object, whoever encoded it; a foreign or tampered one leads nowhere.
    #[test]
    fn only_urls_in_the_own_store_have_a_key() {
        let path = "uploads/tenants/1/system_models/board/picture";
        for (url, name) in [
            ("a.png", "a.png"),
            ("a%20b%C3%A9.png", "a bé.png"),
            ("a bé.png", "a bé.png"),
            ("100%2525.png", "100%25.png"),
            ("100%.png", "100%.png"),
            ("a+b.png?versionId=1#x", "a+b.png"),
        ] {
            for base in [BASE, "HTTPS://S3.Example:443/files"] {
                let key = key_below(BASE, &format!("{base}/{path}/{url}")).unwrap();
                assert_eq!(key.as_str(), format!("{path}/{name}"));
            }
        }
        for url in [
            format!("{BASE}/{path}/a%2Fb.png"),
            format!("{BASE}/{path}/%2e%2E/b.png"),
            format!("{BASE}/{path}/../b.png"),
            format!("{BASE}/{path}/%FF.png"),
            format!("{BASE}/{path}/%00.png"),
            format!("{BASE}/{path}/"),
            format!("{BASE}-of-others/{path}/a.png"),
            format!("https://elsewhere.example/{path}/a.png"),
            format!("{BASE}{path}/a.png"),
            format!("https://user@s3.example/files/{path}/a.png"),
            format!("https://s3.example:444/files/{path}/a.png"),
            BASE.to_owned(),
            String::new(),
        ] {
            assert_eq!(key_below(BASE, &url), None, "{url}");
        }
    }

    proptest! {
        /// The way to the URL and back changes nothing.
        #[test]
        fn a_key_comes_back_from_its_url(tenant in any::<i64>(), name in any::<String>()) {
            let key = Key::system_model_picture(tenant, "board", &name);
            let url = format!("{BASE}/{}", encode(&key));
            prop_assert!(url.is_ascii() && Url::parse(&url).unwrap().as_str() == url);
            prop_assert_eq!(key_below(BASE, &url), Some(key));
        }

        /// Also for keys that an earlier Edgehog made, of any name.
        #[test]
        fn an_old_key_comes_back_from_its_url(name in "\\PC*") {
            if let Some(key) = Key::parse(&format!("uploads/tenants/1/{name}")) {
                prop_assert_eq!(key_below(BASE, &format!("{BASE}/{}", encode(&key))), Some(key));
            }
        }
    }
}
