//! The tokens that users and administrators show: JWTs, verified with a tenant's or the administration's public key.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use edgehog_astarte::SigningKey;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};

/// The claim that makes a token good for a tenant's API. Its value has no meaning.
const TENANT_CLAIM: &str = "e_tga";

/// The claim that makes a token good for the admin API: `"*"`, or a list that has it.
const ADMIN_CLAIM: &str = "e_ara";

/// Why a token is not good. Clients are told only that it is not; this is for the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not a JWT in compact form, or one with extensions that must be understood.
    #[error("the text is not a token")]
    Malformed,
    /// Signed, or not signed at all, in a way that the key is not for.
    #[error("the key does not verify the token's algorithm {0:?}")]
    Algorithm(String),
    /// Not signed by the key.
    #[error("the token is not signed by the expected key")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A time in it is no number.
    #[error("the token's claim {0} is not a number")]
    Time(&'static str),
    /// It is good, but not for this.
    #[error("the token lacks the claim {0}")]
    Claim(&'static str),
}

/// The text is no PEM of an RSA or elliptic-curve public key that could verify anything.
#[derive(Debug, thiserror::Error)]
#[error("is not a valid PEM public key")]
pub struct InvalidPublicKey(());

/// The ways to sign that are taken, by their names in tokens.
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

/// A public key that verifies tokens. Cheap to clone.
#[derive(Clone)]
pub struct VerifyingKey(
    /// The key for each of the algorithms that it fits: one for a curve, six for RSA.
    Arc<[(&'static str, ParsedPublicKey)]>,
);

impl VerifyingKey {
    /// Reads a PEM with a public key: `PUBLIC KEY` (SubjectPublicKeyInfo) with P-256, P-384, P-521 or RSA, or
    /// `RSA PUBLIC KEY` (PKCS#1). RSA keys have 2048 to 8192 bits.
    ///
    /// # Errors
    ///
    /// [`InvalidPublicKey`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidPublicKey> {
        let pem = pem::parse(pem).map_err(|_| InvalidPublicKey(()))?;
        if !matches!(pem.tag(), "PUBLIC KEY" | "RSA PUBLIC KEY") {
            return Err(InvalidPublicKey(()));
        }
        let keys: Arc<[_]> = (ALGORITHMS.iter())
            .filter_map(|(name, algorithm)| {
                let key = ParsedPublicKey::new(*algorithm, pem.contents()).ok()?;
                (name.starts_with("ES") || is_strong_enough(&key)).then_some((*name, key))
            })
            .collect();
        if keys.is_empty() { Err(InvalidPublicKey(())) } else { Ok(Self(keys)) }
    }

    /// Checks that `token` may use the API of the tenant that has this key.
    ///
    /// # Errors
    ///
    /// A [`TokenError`] saying what is wrong with it.
    pub fn verify_tenant_token(&self, token: &str) -> Result<(), TokenError> {
        let claims = self.verify(token)?;
        claims.contains_key(TENANT_CLAIM).then_some(()).ok_or(TokenError::Claim(TENANT_CLAIM))
    }

    /// Checks that `token` may use the admin API, if this is its key.
    ///
    /// # Errors
    ///
    /// A [`TokenError`] saying what is wrong with it.
    pub fn verify_admin_token(&self, token: &str) -> Result<(), TokenError> {
        let claims = self.verify(token)?;
        let all = match claims.get(ADMIN_CLAIM) {
            Some(Value::String(claim)) => claim == "*",
            Some(Value::Array(claims)) => claims.iter().any(|claim| claim == "*"),
            _ => false,
        };
        all.then_some(()).ok_or(TokenError::Claim(ADMIN_CLAIM))
    }

    fn verify(&self, token: &str) -> Result<Map<String, Value>, TokenError> {
        #[derive(Deserialize)]
        struct Header {
            alg: String,
            crit: Option<IgnoredAny>,
        }

        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header = part(header)?;
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let Some((_, key)) = self.0.iter().find(|(name, _)| *name == header.alg) else {
            return Err(TokenError::Algorithm(header.alg));
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        key.verify_sig(signed.as_bytes(), &signature).map_err(|_| TokenError::Signature)?;
        let claims: Map<String, Value> = part(claims)?;
        #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 seconds")]
        let now = Utc::now().timestamp() as f64;
        if time(&claims, "exp")?.is_some_and(|end| end < now) {
            return Err(TokenError::Expired);
        }
        if time(&claims, "nbf")?.is_some_and(|start| start > now) {
            return Err(TokenError::NotYetValid);
        }
        Ok(claims)
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The sizes of RSA keys are looked at when something is verified; a key that is never good for that is no key.
fn is_strong_enough(rsa: &ParsedPublicKey) -> bool {
    let der: Result<PublicKeyX509Der<'_>, _> = rsa.as_der();
    der.is_ok_and(|der| PublicEncryptingKey::from_der(der.as_ref()).is_ok())
}

/// A part of a token: JSON in base64.
fn part<T: DeserializeOwned>(text: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, TokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(TokenError::Time(name)),
    }
}

/// Makes a token for a tenant's API, good for `seconds`, or for ever.
///
/// # Errors
///
/// Those of signing.
pub fn mint_tenant_token(
    key: &SigningKey,
    seconds: Option<u32>,
) -> Result<SecretString, edgehog_astarte::Error> {
    mint(key, TENANT_CLAIM, seconds)
}

/// Makes a token for the admin API, good for `seconds`, or for ever.
///
/// # Errors
///
/// Those of signing.
pub fn mint_admin_token(
    key: &SigningKey,
    seconds: Option<u32>,
) -> Result<SecretString, edgehog_astarte::Error> {
    mint(key, ADMIN_CLAIM, seconds)
}

fn mint(key: &SigningKey, claim: &str, seconds: Option<u32>) -> Result<SecretString, edgehog_astarte::Error> {
    let now = Utc::now().timestamp();
    let mut claims = json!({ claim: "*", "iat": now });
    if let Some(seconds) = seconds {
        claims["exp"] = json!(now + i64::from(seconds));
    }
    key.sign(&claims)
}

#[cfg(test)]
mod tests;
