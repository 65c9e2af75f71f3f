//! Key pairs for realms and for Housekeeping.

use std::fmt;
use std::time::Duration;

use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::Error;

/// A P-256 key pair that signs the tokens of a realm, or of Housekeeping.
///
/// Real installations make these with `astartectl`; tests and demos can make them here.
///
/// ```
/// use std::time::Duration;
///
/// let key = astarte_emulator::RealmKey::generate()?;
/// let token = key.token(Duration::from_secs(300))?;
/// assert_eq!(token.split('.').count(), 3);
/// # Ok::<(), astarte_emulator::Error>(())
/// ```
#[derive(Clone)]
pub struct RealmKey {
    public: String,
    private: SecretString,
}

impl fmt::Debug for RealmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealmKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl RealmKey {
    /// Makes a new key pair.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] when the system has no randomness to give.
    pub fn generate() -> Result<Self, Error> {
        let key = rcgen::KeyPair::generate()?;
        Ok(Self { public: key.public_key_pem(), private: key.serialize_pem().into() })
    }

    /// The public key, as a realm takes it.
    #[must_use]
    pub fn public_key_pem(&self) -> &str {
        &self.public
    }

    /// The private key (PKCS#8), as clients of the realm take it.
    #[must_use]
    pub fn private_key_pem(&self) -> &SecretString {
        &self.private
    }

    /// Signs a token that allows everything on every API, from now on for `lifetime`.
    ///
    /// # Errors
    ///
    /// [`Error::Sign`] when the key cannot sign.
    pub fn token(&self, lifetime: Duration) -> Result<String, Error> {
        let key = EncodingKey::from_ec_pem(self.private.expose_secret().as_bytes()).map_err(Error::Sign)?;
        let now = Utc::now().timestamp();
        let all = json!([".*::.*"]);
        let claims = json!({
            "iat": now,
            "exp": now.saturating_add_unsigned(lifetime.as_secs()),
            "a_aea": all, "a_rma": all, "a_pa": all, "a_ha": all, "a_ch": ["JOIN::.*", "WATCH::.*"],
        });
        encode(&Header::new(Algorithm::ES256), &claims, &key).map_err(Error::Sign)
    }
}
