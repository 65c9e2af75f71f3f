use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
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
    /// The key is damaged, or neither EC (P-256, P-384, P-521) nor RSA of at least 2048 bits.
    #[error("neither an EC key (P-256, P-384 or P-521) nor an RSA key of at least 2048 bits")]
    Unsupported,
    /// The claims are nothing that JSON can hold.
    #[error("the claims cannot be written as JSON")]
    Claims(#[source] serde_json::Error),
    /// The key could not sign: the system has no randomness to give.
    #[error("cannot sign")]
    Sign,
}

/// A private key that signs tokens: that of a realm, or Housekeeping's.
///
/// Cheap to clone; the key is wiped from memory when the last copy goes, and never shown by `Debug`.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Pair>,
    algorithm: &'static str,
    /// SubjectPublicKeyInfo, DER.
    public_key: Vec<u8>,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
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
        let bytes = der.secret_der();
        let key = match der {
            PrivateKeyDer::Pkcs1(_) => None,
            _ => Self::ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256", bytes)
                .or_else(|| Self::ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384", bytes))
                .or_else(|| Self::ec(&ECDSA_P521_SHA512_FIXED_SIGNING, "ES512", bytes)),
        };
        Ok(key.or_else(|| Self::rsa(bytes)).ok_or(KeyError::Unsupported)?)
    }

    fn ec(curve: &'static EcdsaSigningAlgorithm, algorithm: &'static str, der: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_private_key_der(curve, der).ok()?;
        let public_key: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
        let public_key = public_key.as_ref().to_vec();
        Some(Self { pair: Arc::new(Pair::Ec(pair)), algorithm, public_key })
    }

    fn rsa(der: &[u8]) -> Option<Self> {
        let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()?;
        let public_key: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
        let public_key = public_key.as_ref().to_vec();
        Some(Self { pair: Arc::new(Pair::Rsa(pair)), algorithm: "RS256", public_key })
    }

    /// The `alg` of the tokens: ES256 for P-256, ES384 for P-384, ES512 for P-521, RS256 for RSA.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// Signs claims: a JWT in compact form.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidKey`] when the claims cannot be written as JSON or the signature fails.
    pub fn sign(&self, claims: &impl Serialize) -> Result<SecretString, Error> {
        let claims = serde_json::to_vec(claims).map_err(KeyError::Claims)?;
        let mut token = URL_SAFE_NO_PAD.encode(format!(r#"{{"typ":"JWT","alg":"{}"}}"#, self.algorithm));
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(token.as_bytes()).ok_or(KeyError::Sign)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token.into())
    }

    /// The public half in the form Astarte takes it: a `PUBLIC KEY` PEM block (SubjectPublicKeyInfo).
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        // 48 bytes make 64 characters, the length of a line in RFC 7468, and only the last line is padded.
        let lines: String = self.public_key.chunks(48).map(|line| STANDARD.encode(line) + "\n").collect();
        format!("-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n")
    }
}

impl Pair {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
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
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
        RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
    };
    use rustls_pki_types::SubjectPublicKeyInfoDer;
    use serde_json::{Value, json};

    use super::*;

    /// Keys made for these tests with OpenSSL, and their public halves as OpenSSL writes them.
    const KEYS: [(&str, &str, &str, &str); 7] = [
        (
            "EC P-256, SEC1 after a block of parameters",
            include_str!("../tests/keys/p256-sec1.pem"),
            "ES256",
            include_str!("../tests/keys/p256.pub.pem"),
        ),
        (
            "EC P-256, PKCS#8",
            include_str!("../tests/keys/p256-pkcs8.pem"),
            "ES256",
            include_str!("../tests/keys/p256.pub.pem"),
        ),
        (
            "EC P-384, SEC1",
            include_str!("../tests/keys/p384-sec1.pem"),
            "ES384",
            include_str!("../tests/keys/p384.pub.pem"),
        ),
        (
            "EC P-521, SEC1",
            include_str!("../tests/keys/p521-sec1.pem"),
            "ES512",
            include_str!("../tests/keys/p521.pub.pem"),
        ),
        (
            "EC P-521, PKCS#8",
            include_str!("../tests/keys/p521-pkcs8.pem"),
            "ES512",
            include_str!("../tests/keys/p521.pub.pem"),
        ),
        (
            "RSA, PKCS#1",
            include_str!("../tests/keys/rsa-pkcs1.pem"),
            "RS256",
            include_str!("../tests/keys/rsa.pub.pem"),
        ),
        (
            "RSA, PKCS#8",
            include_str!("../tests/keys/rsa-pkcs8.pem"),
            "RS256",
            include_str!("../tests/keys/rsa.pub.pem"),
        ),
    ];

    /// Every kind of key signs in the way that its kind is for, and OpenSSL's public half verifies it.
    #[test]
    fn each_kind_of_key_signs_for_its_public_half() {
        for (kind, pem, algorithm, public_pem) in KEYS {
            let key = SigningKey::from_pem(pem).unwrap();
            assert_eq!(key.algorithm(), algorithm, "{kind}");
            assert_eq!(key.public_key_pem(), public_pem, "{kind}");

            let claims = Claims::valid_for(TimeDelta::seconds(60), Utc::now()).app_engine(["GET::.*"]);
            let token = key.sign(&claims).unwrap();
            let (signed, signature) = token.expose_secret().rsplit_once('.').unwrap();
            let verification: &'static dyn VerificationAlgorithm = match algorithm {
                "ES256" => &ECDSA_P256_SHA256_FIXED,
                "ES384" => &ECDSA_P384_SHA384_FIXED,
                "ES512" => &ECDSA_P521_SHA512_FIXED,
                _ => &RSA_PKCS1_2048_8192_SHA256,
            };
            let public_key = SubjectPublicKeyInfoDer::from_pem_slice(public_pem.as_bytes()).unwrap();
            let public_key = ParsedPublicKey::new(verification, &public_key).unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            public_key.verify_sig(signed.as_bytes(), &signature).unwrap();

            let part = |text: &str| -> Value {
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
            };
            let (header, written) = signed.split_once('.').unwrap();
            assert_eq!(part(header), json!({ "alg": algorithm, "typ": "JWT" }), "{kind}");
            assert_eq!(part(written), serde_json::to_value(&claims).unwrap(), "{kind}");
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
            include_str!("../tests/keys/rsa-1024.pem"),
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
