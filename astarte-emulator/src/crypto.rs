//! Secrets and digests.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest as sha2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

/// A SHA-256 digest.
pub(crate) type Digest = [u8; 32];

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(sha2(&SHA256, bytes).as_ref());
    digest
}

/// Compares in constant time.
pub(crate) fn same(one: &Digest, other: &Digest) -> bool {
    verify_slices_are_equal(one, other).is_ok()
}

/// Makes a credentials secret: 32 random bytes in standard base64. Only the digest is to be kept.
pub(crate) fn new_secret() -> (SecretString, Digest) {
    // Two version 4 UUIDs carry 244 random bits from the system's generator; the digest spreads them over 256.
    let mut seed = Vec::with_capacity(32);
    seed.extend_from_slice(uuid::Uuid::new_v4().as_bytes());
    seed.extend_from_slice(uuid::Uuid::new_v4().as_bytes());
    let secret = STANDARD.encode(digest(&seed));
    let digest = digest(secret.as_bytes());
    (secret.into(), digest)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_44_characters_and_matches_its_digest() {
        let (secret, kept) = new_secret();
        assert_eq!(secret.expose_secret().len(), 44);
        assert!(same(&kept, &digest(secret.expose_secret().as_bytes())));
        assert!(!same(&kept, &digest(b"other")));
    }
}
