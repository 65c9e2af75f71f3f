//! JSON Web Tokens, checked as Astarte checks them.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Utc;
use poem::http::Method;
use regex::RegexBuilder;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value as Json};

use super::request::{ApiError, ApiRequest};
use crate::Error;

/// Bytes that a compiled claim expression may take.
const MAX_EXPRESSION: usize = 1 << 20;

/// What Astarte takes for the `alg` of a token.
static ALGORITHMS: [(&str, &dyn VerificationAlgorithm); 9] = [
    ("ES256", &ECDSA_P256_SHA256_FIXED),
    ("ES384", &ECDSA_P384_SHA384_FIXED),
    ("ES512", &ECDSA_P521_SHA512_FIXED),
    ("PS256", &RSA_PSS_2048_8192_SHA256),
    ("PS384", &RSA_PSS_2048_8192_SHA384),
    ("PS512", &RSA_PSS_2048_8192_SHA512),
    ("RS256", &RSA_PKCS1_2048_8192_SHA256),
    ("RS384", &RSA_PKCS1_2048_8192_SHA384),
    ("RS512", &RSA_PKCS1_2048_8192_SHA512),
];

/// The public half of a realm's key, or of the Housekeeping key.
#[derive(Clone)]
pub(crate) struct PublicKey {
    pem: String,
    key: SubjectPublicKeyInfoDer<'static>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("pem", &self.pem).finish_non_exhaustive()
    }
}

impl PublicKey {
    pub(crate) fn from_pem(pem: &str) -> Result<Self, Error> {
        // A private key has its public half in it, but a realm must not be given one: this reads none.
        let key =
            SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| Error::InvalidPublicKey)?;
        let usable = ALGORITHMS.iter().any(|(_, algorithm)| ParsedPublicKey::new(*algorithm, &key).is_ok());
        if usable { Ok(Self { pem: pem.to_owned(), key }) } else { Err(Error::InvalidPublicKey) }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The claims of a token that this key signed and that is valid now.
    fn claims(&self, token: &str) -> Option<Map<String, Json>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let named = json(header)?.get("alg")?.as_str()?.to_owned();
        let (_, algorithm) = ALGORITHMS.iter().find(|(name, _)| *name == named)?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        // A key of another kind is not read at all.
        let key = ParsedPublicKey::new(*algorithm, &self.key).ok()?;
        key.verify_sig(signed.as_bytes(), &signature).ok()?;
        let claims = json(claims)?;
        #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 seconds")]
        let now = Utc::now().timestamp() as f64;
        let time = |name| claims.get(name).and_then(Json::as_f64);
        let valid = time("exp").is_none_or(|end| now <= end) && time("nbf").is_none_or(|start| start <= now);
        valid.then_some(claims)
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

/// A part of a token that is a JSON object.
fn json(part: &str) -> Option<Map<String, Json>> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
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
