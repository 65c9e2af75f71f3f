//! What files are, told by their names.

/// Extensions of pictures and what they mean.
const PICTURES: [(&str, &str); 5] = [
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
];

/// What nothing is known of.
pub(super) const OPAQUE: &str = "application/octet-stream";

/// Whether a picture of a system model may have this name.
#[must_use]
pub fn is_picture_name(file_name: &str) -> bool {
    picture_media_type(file_name).is_some()
}

/// The content type of a picture, by its name. `None` where [`is_picture_name`] says no.
#[must_use]
pub fn picture_media_type(file_name: &str) -> Option<&'static str> {
    let (stem, extension) = file_name.rsplit_once('.')?;
    let known = PICTURES.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
    known.filter(|_| !stem.is_empty()).map(|(_, media_type)| *media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five kinds of pictures are taken, in whatever case; nothing that a browser would run.
    #[test]
    fn pictures_are_told_by_their_extension() {
        for (name, media_type) in [
            ("a.jpg", "image/jpeg"),
            ("a.JPEG", "image/jpeg"),
            ("a.b.Gif", "image/gif"),
            ("ä ö.png", "image/png"),
            ("a.SVG", "image/svg+xml"),
        ] {
            assert_eq!(picture_media_type(name), Some(media_type), "{name}");
        }
        for name in ["", "png", ".png", "a.", "a.webp", "a.html", "a.png.exe", "a.png ", "a.png/b", "a.svgz"]
        {
            assert!(!is_picture_name(name), "{name}");
        }
    }
}
