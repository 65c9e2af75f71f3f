//! JSON Web Tokens, checked as Astarte checks them.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use poem::http::Method;
use regex::RegexBuilder;
use serde_json::{Map, Value as Json};

use super::request::{ApiError, ApiRequest};
use crate::Error;

/// Bytes that a compiled claim expression may take.
const MAX_EXPRESSION: usize = 1 << 20;

/// The public half of a realm's key, or of the Housekeeping key.
#[derive(Clone)]
pub(crate) struct PublicKey {
    pem: String,
    key: DecodingKey,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("pem", &self.pem).finish_non_exhaustive()
    }
}

impl PublicKey {
    pub(crate) fn from_pem(pem: &str) -> Result<Self, Error> {
        // A private key has its public half in it, but a realm must not be given one.
        if !pem.contains("PUBLIC KEY") {
            return Err(Error::InvalidPublicKey);
        }
        let key = DecodingKey::from_ec_pem(pem.as_bytes())
            .or_else(|_| DecodingKey::from_rsa_pem(pem.as_bytes()))
            .map_err(|_| Error::InvalidPublicKey)?;
        Ok(Self { pem: pem.to_owned(), key })
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The claims of a token that this key signed and that is valid now.
    fn claims(&self, token: &str) -> Option<Map<String, Json>> {
        let algorithm = decode_header(token).ok()?.alg;
        let asymmetric = matches!(
            algorithm,
            Algorithm::ES256
                | Algorithm::ES384
                | Algorithm::PS256
                | Algorithm::PS384
                | Algorithm::PS512
                | Algorithm::RS256
                | Algorithm::RS384
                | Algorithm::RS512
        );
        if !asymmetric {
            return None;
        }
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        decode(token, &self.key, &validation).ok().map(|token| token.claims)
    }

    /// Checks that the request's token allows it.
    ///
    /// An expired token, a token of another key and a token without permission look the same: 403.
    pub(super) fn authorize(&self, claim: &str, request: &ApiRequest) -> Result<(), ApiError> {
        let token = bearer(request).ok_or_else(ApiError::unauthorized)?;
        let claims = self.claims(token).ok_or_else(ApiError::forbidden)?;
        let path = request.claim_path();
        let entries = claims.get(claim).and_then(Json::as_array).into_iter().flatten();
        let allowed =
            entries.filter_map(Json::as_str).any(|entry| entry_matches(entry, &request.method, &path));
        if allowed { Ok(()) } else { Err(ApiError::forbidden()) }
    }
}

/// The token of an `Authorization` header; one spelling with an extra colon is in use.
pub(super) fn bearer(request: &ApiRequest) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    let scheme = scheme.strip_suffix(':').unwrap_or(scheme);
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Matches `METHOD:OPTIONS:PATH`; what is not such an entry matches nothing.
fn entry_matches(entry: &str, method: &Method, path: &str) -> bool {
    let mut parts = entry.splitn(3, ':');
    let (Some(methods), Some(_), Some(paths)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    // Anchored without a group around, as Astarte does: "a|b" is not what its author meant.
    let matches = |expression: &str, text: &str| {
        RegexBuilder::new(&format!("^{expression}$"))
            .size_limit(MAX_EXPRESSION)
            .build()
            .is_ok_and(|expression| expression.is_match(text))
    };
    matches(methods, method.as_str()) && matches(paths, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claim_entries() {
        let path = "devices/x/interfaces/org.example.A/p";
        for (entry, expected) in [
            (".*::.*", true),
            ("GET::devices/.*", true),
            ("^GET$::^devices/.*$", true),
            ("(GET|POST):ignored:devices/.*", true),
            ("POST::.*", false),
            ("GET::devices", false),
            (".*:.*", false),
            ("GET::(", false),
            ("GET::devices/x/interfaces/.*:more", false),
        ] {
            assert_eq!(entry_matches(entry, &Method::GET, path), expected, "{entry}");
        }
    }

    #[test]
    fn a_private_key_is_not_a_public_key() {
        let key = rcgen::KeyPair::generate().unwrap();
        assert!(PublicKey::from_pem(&key.serialize_pem()).is_err());
        assert!(PublicKey::from_pem(&key.public_key_pem()).is_ok());
        assert!(PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").is_err());
    }
}
