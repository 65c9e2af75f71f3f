//! Secrets sealed in the database: whoever reads it, or a copy of it, does not have them.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// What a sealed text begins with. What begins otherwise was written before texts were sealed.
const SEALED: &str = "sealed:1:";

/// The bytes of a key.
const KEY_LENGTH: usize = 32;

/// The keys that seal secrets in the database, with AES-256-GCM: the first one seals, all of them open.
///
/// A sealed secret names its key and is bound to the row that it belongs to, so that it is of no use in another one.
/// Whoever loses the keys loses the secrets. Cheap to clone; the keys are never shown by `Debug`.
///
/// ```
/// use edgehog_store::Keyring;
///
/// let keys = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".into();
/// let keyring = Keyring::from_base64(&keys)?;
/// # Ok::<_, edgehog_store::InvalidKeyring>(())
/// ```
#[derive(Clone)]
pub struct Keyring(Vec<Arc<Key>>);

struct Key {
    /// The beginning of the key's hash: says which key it is, and nothing about it.
    id: String,
    key: RandomizedNonceKey,
}

/// Why a text holds no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKeyring {
    /// There is no key in it.
    #[error("no key is given")]
    Empty,
    /// A key is not 32 bytes in base64.
    #[error("key {number} is not 32 bytes in base64")]
    Key {
        /// Which one, from 1.
        number: usize,
    },
    /// The text to derive a key from is too short to be a secret.
    #[error("is shorter than 32 characters")]
    Short,
}

/// Why a sealed secret cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The key that sealed it is not in the keyring.
    #[error("it is sealed with the key {key}, which is not in the keyring")]
    UnknownKey {
        /// The key's name: the beginning of its SHA-256.
        key: String,
    },
    /// It is damaged, or belongs to another row.
    #[error("it is damaged, or belongs to another record")]
    Damaged,
}

impl Keyring {
    /// Reads keys of 32 bytes, in base64 with commas between them. `head -c 32 /dev/urandom | base64` makes one.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyring::Empty`] and [`InvalidKeyring::Key`].
    pub fn from_base64(keys: &SecretString) -> Result<Self, InvalidKeyring> {
        let texts = keys.expose_secret().split(',').map(str::trim).filter(|text| !text.is_empty());
        let keys: Vec<_> = texts
            .enumerate()
            .map(|(place, text)| {
                let bytes = STANDARD.decode(text).map(Zeroizing::new);
                let key = bytes.ok().and_then(|bytes| Key::new(&bytes));
                key.map(Arc::new).ok_or(InvalidKeyring::Key { number: place + 1 })
            })
            .collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(InvalidKeyring::Empty) } else { Ok(Self(keys)) }
    }

    /// Derives one key from a long secret that was not made for this, with HKDF.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyring::Short`].
    pub fn derive(secret: &SecretString) -> Result<Self, InvalidKeyring> {
        const PURPOSE: &[&[u8]] = &[b"edgehog: secrets in the database"];
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < KEY_LENGTH {
            return Err(InvalidKeyring::Short);
        }
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        let derived = Salt::new(HKDF_SHA256, &[]).extract(secret);
        let derived = derived.expand(PURPOSE, HKDF_SHA256).and_then(|okm| okm.fill(bytes.as_mut_slice()));
        let key = derived.ok().and_then(|()| Key::new(bytes.as_slice()));
        Ok(Self(vec![Arc::new(key.ok_or(InvalidKeyring::Empty)?)]))
    }

    /// Opens with the keys of `other` too, after its own.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Seals a secret for the row that `place` names.
    pub(crate) fn seal(&self, place: &str, secret: &SecretString) -> Result<String, Unspecified> {
        let key = &self.0[0];
        let mut sealed = secret.expose_secret().as_bytes().to_vec();
        let nonce = key.key.seal_in_place_append_tag(Aad::from(place), &mut sealed)?;
        let bytes = [nonce.as_ref().as_slice(), &sealed].concat();
        Ok(format!("{SEALED}{}:{}", key.id, STANDARD.encode(bytes)))
    }

    /// Opens what was sealed for `place`. What was never sealed is given as it is.
    pub(crate) fn open(&self, place: &str, text: &str) -> Result<SecretString, SealError> {
        let Some(sealed) = text.strip_prefix(SEALED) else { return Ok(text.into()) };
        let (id, bytes) = sealed.split_once(':').ok_or(SealError::Damaged)?;
        let key = self.0.iter().find(|key| key.id == id);
        let key = key.ok_or_else(|| SealError::UnknownKey { key: id.to_owned() })?;
        let bytes = STANDARD.decode(bytes).map_err(|_| SealError::Damaged)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or(SealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let opened = key.key.open_in_place(nonce, Aad::from(place), &mut sealed);
        let opened = opened.map_err(|_| SealError::Damaged)?;
        str::from_utf8(opened).map(SecretString::from).map_err(|_| SealError::Damaged)
    }

    /// Whether a text is sealed with the key that seals now.
    pub(crate) fn is_current(&self, text: &str) -> bool {
        let id = text.strip_prefix(SEALED).and_then(|sealed| sealed.split_once(':'));
        id.is_some_and(|(id, _)| id == self.0[0].id)
    }
}

impl Key {
    fn new(bytes: &[u8]) -> Option<Self> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes).ok()?;
        let hash = digest(&SHA256, bytes);
        let id = hash.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { id, key })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.0.iter().map(|key| &key.id).collect();
        f.debug_tuple("Keyring").field(&ids).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const TWO: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn keyring(keys: &str) -> Keyring {
        Keyring::from_base64(&keys.into()).unwrap()
    }

    /// What is sealed can be opened, is never sealed alike twice, and shows nothing of itself.
    #[test]
    fn secrets_are_sealed() {
        let (secret, keyring) = ("a private key ü".into(), keyring(ONE));
        let sealed = keyring.seal("realm 1", &secret).unwrap();
        assert_ne!(sealed, keyring.seal("realm 1", &secret).unwrap());
        assert!(!sealed.contains("private"), "{sealed}");
        assert_eq!(keyring.open("realm 1", &sealed).unwrap().expose_secret(), secret.expose_secret());
    }

    /// It opens in its own place alone, undamaged, and with its own key alone.
    #[test]
    fn only_the_right_key_opens_in_the_right_place() {
        let sealed = keyring(ONE).seal("realm 1", &"secret".into()).unwrap();
        let refused = |keys: &str, place: &str, text: &str| keyring(keys).open(place, text).err();
        assert_eq!(refused(ONE, "realm 2", &sealed), Some(SealError::Damaged));
        assert!(matches!(refused(TWO, "realm 1", &sealed), Some(SealError::UnknownKey { .. })));
        for (place, _) in sealed.char_indices().skip(SEALED.len()) {
            let replacement = if &sealed[place..=place] == "A" { "B" } else { "A" };
            let damaged = format!("{}{replacement}{}", &sealed[..place], &sealed[place + 1..]);
            assert!(refused(ONE, "realm 1", &damaged).is_some(), "{damaged}");
        }
        for broken in ["sealed:1:", "sealed:1:630dcd29", "sealed:1:630dcd29:", "sealed:1:630dcd29:AAAA"] {
            assert_eq!(refused(ONE, "realm 1", broken), Some(SealError::Damaged), "{broken}");
        }
    }

    /// The first key seals; the others open what they sealed once. Texts of earlier days are read as they are.
    #[test]
    fn keys_can_be_changed() {
        let old = keyring(ONE).seal("p", &"secret".into()).unwrap();
        let both = keyring(&format!("{TWO}, {ONE}"));
        assert_eq!(both.open("p", &old).unwrap().expose_secret(), "secret");
        assert!(!both.is_current(&old));
        assert!(both.is_current(&both.seal("p", &"secret".into()).unwrap()));
        assert_eq!(both.open("p", "-----BEGIN").unwrap().expose_secret(), "-----BEGIN");
        assert!(!both.is_current("-----BEGIN"));
        let joined = keyring(TWO).and(keyring(ONE));
        assert_eq!(joined.open("p", &old).unwrap().expose_secret(), "secret");
    }

    #[test]
    fn keys_are_32_bytes() {
        let refused = |keys: &str| Keyring::from_base64(&keys.into()).err();
        assert_eq!(refused(" , "), Some(InvalidKeyring::Empty));
        assert_eq!(refused("AAAA"), Some(InvalidKeyring::Key { number: 1 }));
        assert_eq!(refused(&format!("{ONE},{ONE}=")), Some(InvalidKeyring::Key { number: 2 }));
    }

    /// A derived key is the same in each process; a short secret is none.
    #[test]
    fn a_key_can_be_derived() {
        let secret = SecretString::from("a".repeat(64));
        let sealed = Keyring::derive(&secret).unwrap().seal("p", &"secret".into()).unwrap();
        assert_eq!(Keyring::derive(&secret).unwrap().open("p", &sealed).unwrap().expose_secret(), "secret");
        assert_eq!(Keyring::derive(&"a".repeat(31).into()).err(), Some(InvalidKeyring::Short));
    }

    #[test]
    fn keys_are_not_shown() {
        let shown = format!("{:?}", keyring(ONE));
        assert_eq!(shown, r#"Keyring(["630dcd29"])"#);
    }
}
