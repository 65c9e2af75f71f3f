//! The tokens that users and administrators show: JWTs, verified with a tenant's or the administration's public key.

use chrono::Utc;
use edgehog_astarte::SigningKey;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The claim that makes a token good for a tenant's API. Its value has no meaning.
const TENANT_CLAIM: &str = "e_tga";

/// The claim that makes a token good for the admin API: `"*"`, or a list that has it.
const ADMIN_CLAIM: &str = "e_ara";

/// Why a token is not good. Clients are told only that it is not; this is for the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not a JWT, not signed by the key, or signed in a way that the key does not allow.
    #[error("the token is not signed by the expected key")]
    Signature(#[source] jsonwebtoken::errors::Error),
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

/// The text is no PEM of an RSA or elliptic-curve public key.
#[derive(Debug, thiserror::Error)]
#[error("is not a valid PEM public key")]
pub struct InvalidPublicKey(#[source] jsonwebtoken::errors::Error);

/// A public key that verifies tokens.
#[derive(Clone)]
pub struct VerifyingKey {
    key: DecodingKey,
    algorithms: &'static [Algorithm],
}

impl VerifyingKey {
    /// Reads a PEM with a SubjectPublicKeyInfo: RSA, P-256 or P-384.
    ///
    /// # Errors
    ///
    /// [`InvalidPublicKey`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidPublicKey> {
        const EC: &[Algorithm] = &[Algorithm::ES256, Algorithm::ES384];
        const RSA: &[Algorithm] = &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ];
        match DecodingKey::from_ec_pem(pem.as_bytes()) {
            Ok(key) => Ok(Self { key, algorithms: EC }),
            Err(_) => DecodingKey::from_rsa_pem(pem.as_bytes())
                .map(|key| Self { key, algorithms: RSA })
                .map_err(InvalidPublicKey),
        }
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
        #[derive(Deserialize, Clone)]
        struct Claims(Map<String, Value>);

        let mut validation = Validation::new(self.algorithms[0]);
        validation.algorithms = self.algorithms.to_vec();
        validation.required_spec_claims.clear();
        validation.validate_aud = false;
        // Checked below: a token without end is accepted, and so is one whose end is null.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &validation)
            .map_err(TokenError::Signature)?
            .claims
            .0;
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
        f.debug_struct("VerifyingKey").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
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
