//! Which web pages may open sockets.

use std::str::FromStr;

use url::Url;

/// A page's origin that may open sockets, such as `https://console.example`, `https://*.example.com:8443` or
/// `//localhost`. What it leaves out may be anything; a scheme brings its usual port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin {
    scheme: Option<String>,
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exactly(String),
    /// The domain and all below it.
    Below(String),
}

/// The text names no origin: a host behind `//`, with or without a scheme and a port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin, such as https://console.example, //*.example.com or //localhost:8080")]
pub struct InvalidOrigin(String);

impl FromStr for AllowedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        parse(text).ok_or_else(|| InvalidOrigin(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<AllowedOrigin> {
    let (url, scheme, port) = if text.starts_with("//") {
        // The parser leaves out the usual port of a scheme: of two schemes, one still tells it.
        let (plain, secure) =
            (Url::parse(&format!("http:{text}")).ok()?, Url::parse(&format!("https:{text}")).ok()?);
        let port = plain.port().or(secure.port());
        (plain, None, port)
    } else {
        let url = Url::parse(text).ok()?;
        let (scheme, port) = (url.scheme().to_owned(), url.port_or_known_default());
        (url, Some(scheme), port)
    };
    let host = url.host_str().filter(|host| !host.is_empty())?.to_ascii_lowercase();
    let bare = url.path().trim_matches('/').is_empty() && url.query().is_none() && url.username().is_empty();
    let host = match host.strip_prefix("*.") {
        Some(domain) => Host::Below(domain.to_owned()),
        None => Host::Exactly(host),
    };
    bare.then_some(AllowedOrigin { scheme, host, port })
}

impl AllowedOrigin {
    fn admits(&self, origin: &Url) -> bool {
        let Some(host) = origin.host_str() else { return false };
        let host = host.to_ascii_lowercase();
        let host_fits = match &self.host {
            Host::Exactly(wanted) => host == *wanted,
            Host::Below(domain) => {
                host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        };
        host_fits
            && self.scheme.as_deref().is_none_or(|scheme| scheme == origin.scheme())
            && self.port.is_none_or(|port| origin.port_or_known_default() == Some(port))
    }
}

/// Whether a page of this origin may open a socket. Where nothing was said about origins, pages of the host that was
/// asked may.
pub(crate) fn admits(allowed: &[AllowedOrigin], host: Option<&str>, origin: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    if !allowed.is_empty() {
        return allowed.iter().any(|allowed| allowed.admits(&origin));
    }
    host.and_then(|host| parse(&format!("{}://{host}", origin.scheme())))
        .is_some_and(|own| own.admits(&origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scheme, host and port are compared, each where the entry names it; usual ports count as named.
    #[test]
    fn origins_are_compared_part_by_part() {
        for (entry, origin, admitted) in [
            ("https://h.example", "https://h.example", true),
            ("https://h.example", "https://h.example:443", true),
            ("https://h.example:443", "https://h.example", true),
            ("https://H.example", "https://h.EXAMPLE", true),
            ("http://h.example:80", "http://h.example", true),
            ("https://h.example", "http://h.example", false),
            ("https://h.example", "https://h.example:8443", false),
            ("https://h.example:8443", "https://h.example:8443", true),
            ("https://h.example", "https://other.example", false),
            ("https://h.example", "https://h.example.evil", false),
            ("https://h.example", "https://evil-h.example", false),
            ("//localhost", "http://localhost", true),
            ("//localhost", "https://localhost:4000", true),
            ("//localhost", "app://localhost", true),
            ("//localhost", "http://localhost.evil", false),
            ("//localhost:4000", "https://localhost:4000", true),
            ("//localhost:4000", "https://localhost", false),
            ("//h.example:80", "http://h.example", true),
            ("//h.example:80", "https://h.example", false),
            ("//h.example:443", "https://h.example", true),
            ("//[::1]", "http://[::1]:3000", true),
            ("https://*.example.com", "https://example.com", true),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://evilexample.com", false),
            ("//*.example.com", "http://a.example.com:81", true),
            ("https://h.example", "null", false),
            ("https://h.example", "", false),
            ("https://h.example", "file:///etc", false),
        ] {
            let allowed = [entry.parse().unwrap()];
            assert_eq!(admits(&allowed, Some("h"), origin), admitted, "{entry} {origin}");
        }
    }

    #[test]
    fn any_entry_may_admit() {
        let allowed = ["https://a.example", "//b.example"].map(|entry| entry.parse().unwrap());
        assert!(admits(&allowed, None, "https://a.example"));
        assert!(admits(&allowed, None, "http://b.example"));
        assert!(!admits(&allowed, None, "http://a.example"));
    }

    /// A server that was told nothing serves its own pages.
    #[test]
    fn without_entries_the_own_host_is_admitted() {
        for (host, origin, admitted) in [
            (Some("h.example"), "https://h.example", true),
            (Some("h.example"), "http://h.example", true),
            (Some("h.example:4000"), "http://h.example:4000", true),
            (Some("h.example:4000"), "http://h.example", false),
            (Some("h.example"), "https://other.example", false),
            (None, "https://h.example", false),
        ] {
            assert_eq!(admits(&[], host, origin), admitted, "{host:?} {origin}");
        }
    }

    #[test]
    fn other_texts_are_no_origins() {
        for text in ["", "localhost", "//", "https://", "https://h/path", "https://u@h", "//h?x", "*"] {
            assert!(text.parse::<AllowedOrigin>().is_err(), "{text}");
        }
    }
}
