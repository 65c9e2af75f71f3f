use std::fmt;

use uuid::Uuid;

/// The longest file name in a key that we make. File systems end names at 255 bytes, and a file that is being written
/// has a longer name than the finished one.
const MAX_NAME_BYTES: usize = 240;

/// The longest handle in a key that we make. It is there for the eyes of operators alone.
const MAX_HANDLE_BYTES: usize = 64;

/// The longest extension that survives the shortening of a file name.
const MAX_EXTENSION_BYTES: usize = 32;

/// The longest key that all stores take.
const MAX_KEY_BYTES: usize = 1024;

const ROOT: &str = "uploads/tenants/";

/// Characters that some file system, or the local driver, does not allow in a name.
const AWKWARD: [char; 8] = ['#', '<', '>', ':', '"', '|', '?', '*'];

/// Where an object lies in the store. A key always names the tenant that owns the object, and never leads out of that
/// tenant's part of the store.
///
/// The constructors make keys that no other upload has: one key, one upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    text: String,
    tenant: i64,
}

impl Key {
    /// For the picture of a system model. `file_name` is what the client calls it; its last segment, made harmless, ends
    /// the key.
    #[must_use]
    pub fn system_model_picture(tenant_id: i64, handle: &str, file_name: &str) -> Self {
        let handle = segment(handle, MAX_HANDLE_BYTES, "model");
        Self::unique(tenant_id, &format!("system_models/{handle}/picture"), file_name)
    }

    /// Where all objects of a tenant lie.
    pub(super) fn directory(tenant: i64) -> String {
        format!("{ROOT}{tenant}")
    }

    fn unique(tenant: i64, directory: &str, file_name: &str) -> Self {
        let name = segment(file_name, MAX_NAME_BYTES, "file");
        Self { text: format!("{}/{directory}/{}/{name}", Self::directory(tenant), Uuid::new_v4()), tenant }
    }

    /// Reads a key, also one that an earlier Edgehog made. `None` for whatever is not a place below a tenant's directory.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut segments = text.strip_prefix(ROOT)?.split('/');
        let tenant = segments.next()?;
        let id: i64 = tenant.parse().ok()?;
        // One tenant, one spelling: "+1" and "01" are nobody's.
        let canonical = id.to_string() == tenant;
        let mut rest = segments.peekable();
        let below = rest.peek().is_some() && rest.all(is_plain);
        (canonical && below && text.len() <= MAX_KEY_BYTES)
            .then(|| Self { text: text.to_owned(), tenant: id })
    }

    /// The tenant that owns the object.
    #[must_use]
    pub const fn tenant(&self) -> i64 {
        self.tenant
    }

    /// Whether the object is this tenant's. To be asked of every key that comes from a URL which a client wrote.
    #[must_use]
    pub const fn belongs_to(&self, tenant_id: i64) -> bool {
        self.tenant == tenant_id
    }

    /// Whether the object is the picture of a system model. To be asked before a picture is deleted by its URL: a client
    /// may have given the URL of another file.
    #[must_use]
    pub fn is_system_model_picture(&self) -> bool {
        let mut segments = self.text[ROOT.len()..].split('/').skip(1);
        segments.next() == Some("system_models") && segments.nth(1) == Some("picture")
    }

    /// The key, segments divided by slashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The last segment.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A segment that names something in its directory and nothing else, on every store.
fn is_plain(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && !segment.contains(|c: char| c == '\\' || c.is_control())
}

/// Makes a segment of a client's text: what follows the last separator, without what a file system or a terminal could
/// stumble over. Letters of all scripts stay.
fn segment(text: &str, max_bytes: usize, otherwise: &str) -> String {
    let last = text.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or_default();
    let clean: String = last
        .chars()
        .filter(|c| !c.is_control())
        .map(|c| if AWKWARD.contains(&c) { '_' } else { c })
        .collect();
    let short = shorten(tidy(&clean), max_bytes);
    // A name cut short may end with what `tidy` takes away.
    match tidy(&short) {
        "" => otherwise.to_owned(),
        name => name.to_owned(),
    }
}

/// Without white space around it, and without dots at its end: they make "..", and some systems drop them.
fn tidy(text: &str) -> &str {
    text.trim_start().trim_end_matches(|c: char| c == '.' || c.is_whitespace())
}

/// At most this many bytes, with the extension where it is a short one.
fn shorten(name: &str, max_bytes: usize) -> String {
    if name.len() <= max_bytes {
        return name.to_owned();
    }
    let extension = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= MAX_EXTENSION_BYTES => &name[dot..],
        _ => "",
    };
    let mut end = max_bytes - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &name[..end])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// The client's name stays as far as it is harmless.
    #[test]
    fn names_are_kept_as_far_as_they_are_harmless() {
        let long = format!("{}.jpeg", "é".repeat(400));
        let cases = [
            ("board.png", "board.png"),
            ("My Board (v2) ä→漢.PNG", "My Board (v2) ä→漢.PNG"),
            ("/etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("a/b/", "b"),
            ("..", "file"),
            ("./.", "file"),
            ("", "file"),
            ("///", "file"),
            (" . . ", "file"),
            ("name. ", "name"),
            (".hidden", ".hidden"),
            ("a\0b\nc\u{7f}\u{85}.png", "abc.png"),
            ("page#1.svg?x=%2e%2e:*", "page_1.svg_x=%2e%2e__"),
        ];
        for (name, last) in cases {
            assert_eq!(Key::system_model_picture(1, "board", name).file_name(), last, "{name:?}");
        }
        let key = Key::system_model_picture(1, "board", &long);
        assert!(key.file_name().len() <= MAX_NAME_BYTES && key.file_name().ends_with("é.jpeg"), "{key}");
    }

    /// The layout is the one that operators know, with the upload's own segment before the name.
    #[test]
    fn the_layout_tells_tenant_model_and_name() {
        let key = Key::system_model_picture(7, "board", "a.png");
        let segments: Vec<_> = key.as_str().split('/').collect();
        assert_eq!(segments[..6], ["uploads", "tenants", "7", "system_models", "board", "picture"]);
        assert!(Uuid::parse_str(segments[6]).is_ok() && segments[7..] == ["a.png"], "{key}");
        assert!(key.is_system_model_picture());
    }

    /// Only places below a tenant's directory are keys, those of an earlier Edgehog among them.
    #[test]
    fn keys_are_read_strictly() {
        for text in [
            "uploads/tenants/1/system_models/board/picture/a b.png",
            "uploads/tenants/-1/x",
            "uploads/tenants/12/base_image_collections/3/base_images/2.0.0.bin",
        ] {
            let key = Key::parse(text).unwrap();
            assert_eq!(key.as_str(), text);
            assert_eq!(key.is_system_model_picture(), text.contains("picture"), "{text}");
        }
        let long = format!("uploads/tenants/1/{}", "x".repeat(MAX_KEY_BYTES));
        for text in [
            "",
            "uploads/tenants/1",
            "uploads/tenants/1/",
            "uploads/tenants/01/x",
            "uploads/tenants/+1/x",
            "uploads/tenants/one/x",
            "uploads/tenants//x",
            "/uploads/tenants/1/x",
            "uploads/tenants/1/../2/x",
            "uploads/tenants/1/./x",
            "uploads/tenants/1/a//x",
            "uploads/tenants/1/x/",
            "uploads/tenants/1/..\\x",
            "uploads/tenants/1/x\n",
            ".signing-key",
            &long,
        ] {
            assert_eq!(Key::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        /// Whatever the client sends, the key stays in the tenant's own directory, can be read again, and is no other's.
        #[test]
        fn any_name_gives_a_key_of_its_own_below_the_tenant(
            tenant in any::<i64>(), handle in "\\PC*|[./\\\\%#\u{0}-\u{20}]*", name in any::<String>()
        ) {
            let keys: HashSet<_> = (0..3).map(|_| Key::system_model_picture(tenant, &handle, &name)).collect();
            prop_assert_eq!(keys.len(), 3);
            for key in keys {
                let prefix = format!("uploads/tenants/{tenant}/system_models/");
                prop_assert!(key.as_str().starts_with(&prefix));
                prop_assert_eq!(key.as_str().split('/').count(), 8);
                prop_assert!(key.as_str().split('/').all(is_plain));
                prop_assert!(key.file_name().len() <= MAX_NAME_BYTES);
                prop_assert!(key.belongs_to(tenant) && !key.belongs_to(tenant.wrapping_add(1)));
                prop_assert_eq!(Key::parse(key.as_str()), Some(key));
            }
        }

        /// Reading a key never goes wrong.
        #[test]
        fn any_text_can_be_tried(text in any::<String>()) {
            let _ = Key::parse(&text);
            let _ = Key::parse(&format!("uploads/tenants/1/{text}"));
        }
    }
}
