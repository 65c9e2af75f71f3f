use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::Error;

/// Why a private key cannot be used.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no PEM block with a private key.
    #[error("no private key in PEM form")]
    NotPem,
    /// The key is damaged, or neither EC (P-256, P-384) nor RSA of at least 2048 bits.
    #[error("neither an EC key (P-256 or P-384) nor an RSA key of at least 2048 bits")]
    Unsupported,
    /// The claims could not be written or signed.
    #[error("cannot sign")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// A private key that signs tokens: that of a realm, or Housekeeping's.
///
/// Cheap enough to clone; the key is wiped from memory when the last copy goes, and never shown by `Debug`.
#[derive(Clone)]
pub struct SigningKey {
    key: EncodingKey,
    algorithm: Algorithm,
    /// SubjectPublicKeyInfo, DER.
    public_key: Vec<u8>,
}

impl SigningKey {
    /// Reads a private key: SEC1 (`EC PRIVATE KEY`), PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    /// Other blocks before it, such as `EC PARAMETERS`, are skipped.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidKey`] when there is no such key, or not of a kind that can sign (see [`KeyError`]).
    pub fn from_pem(pem: impl AsPem) -> Result<Self, Error> {
        let der = PrivateKeyDer::from_pem_slice(pem.as_pem().as_bytes()).map_err(|_| KeyError::NotPem)?;
        Self::from_der(&der)
    }

    fn from_der(der: &PrivateKeyDer<'_>) -> Result<Self, Error> {
        let bytes = der.secret_der();
        if !matches!(der, PrivateKeyDer::Pkcs1(_)) {
            if let Some(key) = Self::ec(&ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::ES256, bytes) {
                return Ok(key);
            }
            if let Some(key) = Self::ec(&ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::ES384, bytes) {
                return Ok(key);
            }
        }
        Ok(Self::rsa(bytes).ok_or(KeyError::Unsupported)?)
    }

    fn ec(curve: &'static EcdsaSigningAlgorithm, algorithm: Algorithm, der: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_private_key_der(curve, der).ok()?;
        let public_key: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
        Some(Self {
            // The signer reads PKCS#8 only.
            key: EncodingKey::from_ec_der(pair.to_pkcs8v1().ok()?.as_ref()),
            algorithm,
            public_key: public_key.as_ref().to_vec(),
        })
    }

    fn rsa(der: &[u8]) -> Option<Self> {
        let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()?;
        let public_key: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
        // The signer reads PKCS#1 only; its PEM reader finds that inside PKCS#8.
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().ok()?;
        let pem = SecretString::from(pem("PRIVATE KEY", pkcs8.as_ref()));
        Some(Self {
            key: EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).ok()?,
            algorithm: Algorithm::RS256,
            public_key: public_key.as_ref().to_vec(),
        })
    }

    /// The `alg` of the tokens: ES256 for P-256, ES384 for P-384, RS256 for RSA.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs claims: a JWT in compact form.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidKey`] when the claims cannot be written as JSON or the signature fails.
    pub fn sign(&self, claims: &impl Serialize) -> Result<SecretString, Error> {
        let token = jsonwebtoken::encode(&Header::new(self.algorithm), claims, &self.key);
        Ok(token.map(SecretString::from).map_err(KeyError::Sign)?)
    }

    /// The public half in the form Astarte takes it: a `PUBLIC KEY` PEM block (SubjectPublicKeyInfo).
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        pem("PUBLIC KEY", &self.public_key)
    }
}

/// Writes a PEM block (RFC 7468: 64 characters a line).
fn pem(label: &str, der: &[u8]) -> String {
    // 48 bytes make 64 characters, and only the last line is padded.
    let lines: String = der.chunks(48).map(|line| STANDARD.encode(line) + "\n").collect();
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// What a PEM text may come as: `&str`, `&String` or `&SecretString`.
pub trait AsPem {
    /// The text.
    fn as_pem(&self) -> &str;
}

impl AsPem for &str {
    fn as_pem(&self) -> &str {
        self
    }
}

impl AsPem for &String {
    fn as_pem(&self) -> &str {
        self
    }
}

impl AsPem for &SecretString {
    fn as_pem(&self) -> &str {
        self.expose_secret()
    }
}

/// The claims of an Astarte token: what it permits, and until when.
///
/// Each permission is an expression `METHOD::PATH` of two regular expressions, for example `GET::devices/.*`;
/// the path is the one after the realm. A claim that is not given permits nothing.
///
/// ```
/// # use edgehog_astarte::SigningKey;
/// use chrono::{TimeDelta, Utc};
/// use edgehog_astarte::Claims;
///
/// # fn token(key: &SigningKey) -> Result<(), edgehog_astarte::Error> {
/// let read_only = Claims::valid_for(TimeDelta::minutes(5), Utc::now()).app_engine(["GET::.*"]);
/// let token = key.sign(&read_only)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Claims {
    iat: i64,
    exp: i64,
    #[serde(rename = "a_aea", skip_serializing_if = "Vec::is_empty")]
    app_engine: Vec<String>,
    #[serde(rename = "a_rma", skip_serializing_if = "Vec::is_empty")]
    realm_management: Vec<String>,
    #[serde(rename = "a_pa", skip_serializing_if = "Vec::is_empty")]
    pairing: Vec<String>,
    #[serde(rename = "a_ha", skip_serializing_if = "Vec::is_empty")]
    housekeeping: Vec<String>,
    #[serde(rename = "a_ch", skip_serializing_if = "Vec::is_empty")]
    channels: Vec<String>,
}

impl Claims {
    /// The expression that permits everything.
    pub const EVERYTHING: &'static str = ".*::.*";

    /// Claims that permit nothing yet, issued now.
    #[must_use]
    pub fn valid_for(lifetime: TimeDelta, now: DateTime<Utc>) -> Self {
        let iat = now.timestamp();
        Self {
            iat,
            exp: iat.saturating_add(lifetime.num_seconds()),
            app_engine: Vec::new(),
            realm_management: Vec::new(),
            pairing: Vec::new(),
            housekeeping: Vec::new(),
            channels: Vec::new(),
        }
    }

    /// Permits requests to AppEngine (`a_aea`).
    #[must_use]
    pub fn app_engine<S: Into<String>>(mut self, permissions: impl IntoIterator<Item = S>) -> Self {
        self.app_engine.extend(permissions.into_iter().map(Into::into));
        self
    }

    /// Permits requests to Realm Management (`a_rma`).
    #[must_use]
    pub fn realm_management<S: Into<String>>(mut self, permissions: impl IntoIterator<Item = S>) -> Self {
        self.realm_management.extend(permissions.into_iter().map(Into::into));
        self
    }

    /// Permits requests to Pairing's agent routes (`a_pa`).
    #[must_use]
    pub fn pairing<S: Into<String>>(mut self, permissions: impl IntoIterator<Item = S>) -> Self {
        self.pairing.extend(permissions.into_iter().map(Into::into));
        self
    }

    /// Permits requests to Housekeeping (`a_ha`); sign with Housekeeping's own key.
    #[must_use]
    pub fn housekeeping<S: Into<String>>(mut self, permissions: impl IntoIterator<Item = S>) -> Self {
        self.housekeeping.extend(permissions.into_iter().map(Into::into));
        self
    }

    /// Permits joining and watching Channels rooms (`a_ch`): `JOIN::ROOM`, `WATCH::PATH`.
    #[must_use]
    pub fn channels<S: Into<String>>(mut self, permissions: impl IntoIterator<Item = S>) -> Self {
        self.channels.extend(permissions.into_iter().map(Into::into));
        self
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::{Value, json};

    use super::*;

    /// Keys made for these tests with OpenSSL, and their public halves as OpenSSL writes them.
    const KEYS: [(&str, &str, Algorithm, &str); 5] = [
        (
            "EC P-256, SEC1 after a block of parameters",
            include_str!("../tests/keys/p256-sec1.pem"),
            Algorithm::ES256,
            include_str!("../tests/keys/p256.pub.pem"),
        ),
        (
            "EC P-256, PKCS#8",
            include_str!("../tests/keys/p256-pkcs8.pem"),
            Algorithm::ES256,
            include_str!("../tests/keys/p256.pub.pem"),
        ),
        (
            "EC P-384, SEC1",
            include_str!("../tests/keys/p384-sec1.pem"),
            Algorithm::ES384,
            include_str!("../tests/keys/p384.pub.pem"),
        ),
        (
            "RSA, PKCS#1",
            include_str!("../tests/keys/rsa-pkcs1.pem"),
            Algorithm::RS256,
            include_str!("../tests/keys/rsa.pub.pem"),
        ),
        (
            "RSA, PKCS#8",
            include_str!("../tests/keys/rsa-pkcs8.pem"),
            Algorithm::RS256,
            include_str!("../tests/keys/rsa.pub.pem"),
        ),
    ];

    #[test]
    fn each_kind_of_key_signs_for_its_public_half() {
        for (kind, pem, algorithm, public_pem) in KEYS {
            let key = SigningKey::from_pem(pem).unwrap();
            assert_eq!(key.algorithm(), algorithm, "{kind}");
            assert_eq!(key.public_key_pem(), public_pem, "{kind}");

            let claims = Claims::valid_for(TimeDelta::seconds(60), Utc::now()).app_engine(["GET::.*"]);
            let token = key.sign(&claims).unwrap();
            let public_key = match algorithm {
                Algorithm::RS256 => DecodingKey::from_rsa_pem(public_pem.as_bytes()),
                _ => DecodingKey::from_ec_pem(public_pem.as_bytes()),
            };
            let validation = Validation::new(algorithm);
            let decoded =
                jsonwebtoken::decode::<Value>(token.expose_secret(), &public_key.unwrap(), &validation)
                    .unwrap();
            assert_eq!(decoded.claims["a_aea"], json!(["GET::.*"]), "{kind}");
            assert_eq!(decoded.header.typ.as_deref(), Some("JWT"));
        }
    }

    #[test]
    fn unusable_keys_are_told_apart() {
        let kind = |pem: &str| match SigningKey::from_pem(pem) {
            Err(Error::InvalidKey(error)) => error,
            other => panic!("{other:?}"),
        };
        for pem in ["", "no key", include_str!("../tests/keys/p256.pub.pem")] {
            assert!(matches!(kind(pem), KeyError::NotPem), "{pem}");
        }
        let damaged = include_str!("../tests/keys/p256-pkcs8.pem").replacen("MIG", "AAA", 1);
        for pem in [
            include_str!("../tests/keys/p521-sec1.pem"),
            include_str!("../tests/keys/ed25519.pem"),
            damaged.as_str(),
        ] {
            assert!(matches!(kind(pem), KeyError::Unsupported), "{pem}");
        }
    }

    #[test]
    fn claims_hold_what_was_permitted_and_nothing_else() {
        let now = DateTime::from_timestamp(1_700_000_000, 999_000_000).unwrap();
        let claims = Claims::valid_for(TimeDelta::seconds(300), now);
        assert_eq!(
            serde_json::to_value(&claims).unwrap(),
            json!({"iat": 1_700_000_000, "exp": 1_700_000_300})
        );
        let all = claims
            .app_engine(["GET::a"])
            .realm_management(["GET::b"])
            .pairing(["GET::c"])
            .housekeeping([Claims::EVERYTHING])
            .channels(["JOIN::.*", "WATCH::.*"]);
        assert_eq!(
            serde_json::to_value(&all).unwrap(),
            json!({
                "iat": 1_700_000_000, "exp": 1_700_000_300, "a_aea": ["GET::a"], "a_rma": ["GET::b"],
                "a_pa": ["GET::c"], "a_ha": [".*::.*"], "a_ch": ["JOIN::.*", "WATCH::.*"]
            })
        );
    }

    #[test]
    fn a_key_is_not_shown() {
        for (_, pem, ..) in KEYS {
            let shown = format!("{:?}", SigningKey::from_pem(&SecretString::from(pem)).unwrap());
            assert!(shown.starts_with("SigningKey { algorithm: ") && shown.ends_with(", .. }"), "{shown}");
        }
    }
}
