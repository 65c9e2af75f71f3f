//! Which media types requests may name.

use mime::Mime;
use poem::http::{HeaderMap, header};

use super::documents::MEDIA_TYPE;
use super::problem::{Kind, Problem};

/// Checks what a client says of its body, and of the answers that it takes.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.get_all(header::CONTENT_TYPE).iter().all(|value| value.to_str().is_ok_and(is_supported)) {
        let detail =
            format!("Content-Type must be {MEDIA_TYPE}, without parameters other than ext and profile");
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ours = accepts
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.trim().parse::<Mime>().ok())
        .filter(|range| range.essence_str() == MEDIA_TYPE)
        .peekable();
    if ours.peek().is_some() && !ours.any(|range| is_plain(&range, &["ext", "profile", "q"])) {
        let detail = format!("Accept must name {MEDIA_TYPE} without parameters other than ext and profile");
        return Err(Problem::new(Kind::UnacceptableMediaType, detail));
    }
    Ok(())
}

fn is_supported(content_type: &str) -> bool {
    let Ok(content_type) = content_type.parse::<Mime>() else { return false };
    content_type == mime::STAR_STAR
        || content_type.essence_str() == MEDIA_TYPE && is_plain(&content_type, &["ext", "profile"])
}

/// Whether it has no parameters but these.
fn is_plain(media_type: &Mime, allowed: &[&str]) -> bool {
    media_type.params().all(|(name, _)| allowed.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use poem::error::ResponseError;

    use super::super::problem::Failure;
    use super::*;

    fn status(name: header::HeaderName, value: &str) -> u16 {
        let headers = [(name, value.parse().unwrap())].into_iter().collect();
        check(&headers).map_or_else(|problem| Failure::from(problem).status().as_u16(), |()| 200)
    }

    /// Bodies are JSON:API or unnamed; a character set is a parameter that JSON:API forbids.
    #[test]
    fn bodies_are_json_api() {
        assert!(check(&HeaderMap::new()).is_ok());
        for (content_type, answer) in [
            ("application/vnd.api+json", 200),
            ("Application/Vnd.Api+Json", 200),
            ("application/vnd.api+json; ext=\"https://a.example/x;y\"; profile=\"https://a.example/b\"", 200),
            ("*/*", 200),
            ("application/vnd.api+json; charset=utf-8", 415),
            ("application/vnd.api+json; profile=\"x\"; charset=utf-8", 415),
            ("application/json", 415),
            ("text/*", 415),
            ("multipart/form-data; boundary=x", 415),
            ("nonsense", 415),
            ("", 415),
        ] {
            assert_eq!(status(header::CONTENT_TYPE, content_type), answer, "{content_type}");
        }
    }

    /// Who names JSON:API must name it at least once without parameters.
    #[test]
    fn answers_have_no_parameters() {
        for (accept, answer) in [
            ("application/vnd.api+json", 200),
            ("application/vnd.api+json; charset=utf-8, application/vnd.api+json", 200),
            ("application/vnd.api+json;q=0.5", 200),
            ("*/*", 200),
            ("application/json; charset=utf-8", 200),
            ("application/vnd.api+json; charset=utf-8", 406),
            ("application/vnd.api+json; charset=utf-8, */*", 406),
        ] {
            assert_eq!(status(header::ACCEPT, accept), answer, "{accept}");
        }
    }
}
