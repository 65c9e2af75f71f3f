//! Keys that are the same in every run, so that what was found is found again. They protect nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::SecretKey;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};

pub(crate) const HEADER: &str = r#"{"alg":"ES256","typ":"JWT"}"#;

/// A key pair on P-256.
pub(crate) struct KeyPair(SecretKey);

impl KeyPair {
    pub(crate) fn new() -> Self {
        Self(SecretKey::from_slice(&[7; 32]).unwrap())
    }

    pub(crate) fn private_pem(&self) -> String {
        self.0.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
    }

    pub(crate) fn public_pem(&self) -> String {
        self.0.public_key().to_public_key_pem(LineEnding::LF).unwrap()
    }

    /// A token with this header and these claims, whatever they are.
    pub(crate) fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature: Signature = SigningKey::from(&self.0).sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}
