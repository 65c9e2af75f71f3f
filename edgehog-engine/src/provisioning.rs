//! New tenants: what they must be like.

use edgehog_astarte::{RealmName, SigningKey};
use edgehog_store::NewTenant;
use secrecy::ExposeSecret;
use url::Url;

use crate::{Error, VerifyingKey};

/// Checks every attribute, and says all that is wrong rather than the first thing.
pub(crate) fn validate(new: &NewTenant) -> Result<(), Vec<Error>> {
    let is_slug = |text: &str| {
        !text.is_empty() && text.bytes().all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    let rules = [
        (!new.name.trim().is_empty(), "name", "is required"),
        (
            is_slug(&new.slug),
            "slug",
            "should only contain lower case ASCII letters (from a to z), digits and -",
        ),
        (is_locale(&new.default_locale), "default_locale", "is not a valid locale"),
        (VerifyingKey::from_pem(&new.public_key).is_ok(), "public_key", "is not a valid PEM public key"),
        (is_base_url(&new.base_api_url), "base_api_url", "is not a valid URL"),
        (
            RealmName::new(new.realm_name.as_str()).is_ok(),
            "realm_name",
            "should only contain lower case ASCII letters (from a to z) and digits, and start with a lower case \
             ASCII letter",
        ),
        (
            SigningKey::from_pem(new.realm_private_key.expose_secret()).is_ok(),
            "realm_private_key",
            "is not a valid PEM private key",
        ),
    ];
    let broken: Vec<_> = (rules.into_iter())
        .filter(|(kept, ..)| !kept)
        .map(|(_, field, problem)| Error::Invalid { field, problem })
        .collect();
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// `en-US`: a language of two or three letters and a region of two.
fn is_locale(text: &str) -> bool {
    let Some((language, region)) = text.split_once('-') else { return false };
    (2..=3).contains(&language.len())
        && language.bytes().all(|it| it.is_ascii_lowercase())
        && region.len() == 2
        && region.bytes().all(|it| it.is_ascii_uppercase())
}

fn is_base_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_have_a_language_and_a_region() {
        for good in ["en-US", "fil-PH"] {
            assert!(is_locale(good), "{good}");
        }
        for bad in ["", "en", "en-us", "EN-US", "e-US", "engl-US", "en-USA", "en_US"] {
            assert!(!is_locale(bad), "{bad}");
        }
    }

    #[test]
    fn base_urls_are_http_and_have_a_host() {
        for good in ["http://localhost:4002", "https://api.astarte.example/"] {
            assert!(is_base_url(good), "{good}");
        }
        for bad in ["", "api.astarte.example", "ftp://api.astarte.example", "https://", "https://a b"] {
            assert!(!is_base_url(bad), "{bad}");
        }
    }
}
