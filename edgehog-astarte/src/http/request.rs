use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Serialize;
use url::Url;

use crate::Error;

/// Everything but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request to a service, free of I/O: which one, with what, and how patiently.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) method: Method,
    /// Below the root of the service, escaped, without leading slash.
    path: String,
    query: Vec<(&'static str, String)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) patience: Patience,
    pub(super) once: bool,
}

/// Which time-out applies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    Plain,
    LongRead,
    Install,
}

#[derive(Serialize)]
struct Envelope<'a, T: ?Sized> {
    data: &'a T,
}

impl Request {
    fn new<'a>(method: Method, segments: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        Ok(Self {
            method,
            path: escape(segments)?,
            query: Vec::new(),
            body: None,
            patience: Patience::Plain,
            once: false,
        })
    }

    pub(crate) fn get<'a>(segments: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        Self::new(Method::GET, segments)
    }

    pub(crate) fn delete<'a>(segments: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        Self::new(Method::DELETE, segments)
    }

    pub(crate) fn post<'a>(
        segments: impl IntoIterator<Item = &'a str>,
        data: &(impl Serialize + ?Sized),
    ) -> Result<Self, Error> {
        Self::new(Method::POST, segments)?.data(data)
    }

    pub(crate) fn put<'a>(
        segments: impl IntoIterator<Item = &'a str>,
        data: &(impl Serialize + ?Sized),
    ) -> Result<Self, Error> {
        Self::new(Method::PUT, segments)?.data(data)
    }

    pub(crate) fn patch<'a>(
        segments: impl IntoIterator<Item = &'a str>,
        data: &(impl Serialize + ?Sized),
    ) -> Result<Self, Error> {
        Self::new(Method::PATCH, segments)?.data(data)
    }

    fn data(mut self, data: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        let body = serde_json::to_vec(&Envelope { data });
        self.body = Some(body.map_err(|_| Error::invalid_input("data", "cannot be written as JSON"))?);
        Ok(self)
    }

    pub(crate) fn query(mut self, pairs: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.query.extend(pairs);
        self
    }

    /// Answers only when the work is done.
    pub(crate) fn synchronous(self) -> Self {
        self.query([("async_operation", "false".to_owned())])
    }

    pub(crate) fn long_read(mut self) -> Self {
        self.patience = Patience::LongRead;
        self
    }

    pub(crate) fn install(mut self) -> Self {
        self.patience = Patience::Install;
        self
    }

    /// A repeat would do something else than the first time: repeat only what surely was not sent.
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// The exact media type: AppEngine refuses a patch with parameters in it.
    pub(super) fn content_type(&self) -> &'static str {
        if self.method == Method::PATCH { "application/merge-patch+json" } else { "application/json" }
    }

    pub(super) fn url(&self, root: &Url) -> Url {
        let mut url = root.clone();
        url.set_path(&format!("{}/{}", root.path().trim_end_matches('/'), self.path));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}

/// Joins path segments, escaped. Dot segments cannot be escaped, and an empty one means another path: neither can
/// name anything.
fn escape<'a>(segments: impl IntoIterator<Item = &'a str>) -> Result<String, Error> {
    let mut path = String::new();
    for segment in segments {
        match segment {
            "" => return Err(Error::invalid_input("path", "must not have empty segments")),
            "." | ".." => return Err(Error::invalid_input("path", "must not have dot segments")),
            _ if path.is_empty() => {}
            _ => path.push('/'),
        }
        path.extend(utf8_percent_encode(segment, ESCAPED));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn root() -> Url {
        "https://api.example.com/appengine/v1/test".parse().unwrap()
    }

    #[test]
    fn segments_are_escaped_one_by_one() {
        let request = Request::get(["devices", "a/b?c#d%2F+ \té\n", "interfaces"]).unwrap();
        assert_eq!(
            request.url(&root()).as_str(),
            "https://api.example.com/appengine/v1/test/devices/a%2Fb%3Fc%23d%252F%2B%20%09%C3%A9%0A/interfaces"
        );
    }

    #[test]
    fn a_plus_in_a_query_is_escaped() {
        let pairs = [("since", "2024-05-01T12:00:00+02:00".to_owned())];
        let url = Request::get(["x"]).unwrap().query(pairs).url(&root());
        assert_eq!(url.query(), Some("since=2024-05-01T12%3A00%3A00%2B02%3A00"));
    }

    #[test]
    fn segments_that_would_change_the_path_are_refused() {
        for segment in ["", ".", ".."] {
            assert!(
                matches!(Request::get(["devices", segment]), Err(Error::InvalidInput { .. })),
                "{segment:?}"
            );
        }
    }

    proptest! {
        /// Whatever a segment holds, the URL has it as that one segment and nothing else changes.
        #[test]
        fn any_segment_stays_one_segment(segment: String) {
            prop_assume!(!["", ".", ".."].contains(&segment.as_str()));
            let url = Request::get(["devices", &segment]).unwrap().url(&root());
            let parts: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(parts.len(), 5);
            let decoded = percent_encoding::percent_decode_str(parts[4]).decode_utf8().unwrap();
            prop_assert_eq!(decoded, segment);
            prop_assert_eq!((url.query(), url.fragment()), (None, None));
        }
    }
}
