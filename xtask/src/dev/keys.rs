//! The keys of a development installation: made once, kept with the rest of it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p256::SecretKey;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use p256::elliptic_curve::Generate;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};

/// How long the pairing token in the runtime's configuration is good for: a working day and a bit.
const PAIRING_TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything secret.
pub(super) struct Keys {
    /// Signs for the Astarte realm.
    pub(super) realm: KeyPair,
    /// Signs the tokens of the tenant's users.
    pub(super) tenant: KeyPair,
    /// Signs the tokens of administrators.
    pub(super) admin: KeyPair,
    /// Seals secrets in the database.
    pub(super) encryption_key: String,
}

/// An EC key pair on P-256, in two PEM files.
pub(super) struct KeyPair {
    private: PathBuf,
    public: PathBuf,
}

impl Keys {
    pub(super) fn load_or_make(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self {
            realm: KeyPair::load_or_make(dir, "realm")?,
            tenant: KeyPair::load_or_make(dir, "tenant")?,
            admin: KeyPair::load_or_make(dir, "admin")?,
            encryption_key: load_or_make(&dir.join("encryption_key"), || {
                Ok(STANDARD.encode(SecretKey::generate().to_bytes()))
            })?,
        })
    }

    /// A token with which any device may register itself in the realm.
    pub(super) fn pairing_token(&self) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
        let (issued, expires) = (now.as_secs(), (now + PAIRING_TOKEN_LIFE).as_secs());
        self.realm.sign(&format!(r#"{{"a_pa":[".*::.*"],"iat":{issued},"exp":{expires}}}"#))
    }
}

impl KeyPair {
    pub(super) fn private(&self) -> &Path {
        &self.private
    }

    pub(super) fn public(&self) -> &Path {
        &self.public
    }

    fn load_or_make(dir: &Path, name: &str) -> Result<Self> {
        let pair =
            Self { private: dir.join(format!("{name}.pem")), public: dir.join(format!("{name}.pub.pem")) };
        load_or_make(&pair.private, || {
            let key = SecretKey::generate();
            let pem =
                key.to_pkcs8_pem(LineEnding::LF).map_err(|error| anyhow!("cannot write a key: {error}"))?;
            Ok(pem.to_string())
        })?;
        let public = pair.load()?.public_key().to_public_key_pem(LineEnding::LF);
        let public = public.map_err(|error| anyhow!("cannot write a key: {error}"))?;
        fs::write(&pair.public, public).with_context(|| format!("cannot write {}", pair.public.display()))?;
        Ok(pair)
    }

    fn load(&self) -> Result<SecretKey> {
        let path = self.private.display();
        let pem = fs::read_to_string(&self.private).with_context(|| format!("cannot read {path}"))?;
        SecretKey::from_pkcs8_pem(&pem).map_err(|error| anyhow!("{path} is not a key ({error}): remove it"))
    }

    /// A JSON Web Token (ES256) with these claims.
    fn sign(&self, claims: &str) -> Result<String> {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"JWT"}"#);
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature: Signature = SigningKey::from(self.load()?).sign(message.as_bytes());
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
    }
}

/// What a file for our eyes only says, or else is made to say.
fn load_or_make(path: &Path, make: impl FnOnce() -> Result<String>) -> Result<String> {
    if let Ok(text) = fs::read_to_string(path) {
        return Ok(text);
    }
    let text = make()?;
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier;
    use p256::pkcs8::DecodePublicKey;

    use super::*;

    #[test]
    fn keys_are_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = Keys::load_or_make(dir.path()).unwrap();
        let pem = fs::read_to_string(first.realm.private()).unwrap();
        let second = Keys::load_or_make(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(second.realm.private()).unwrap(), pem);
        assert_eq!(first.encryption_key, second.encryption_key);
        assert_eq!(STANDARD.decode(&first.encryption_key).map(|key| key.len()), Ok(32));
        assert_ne!(fs::read_to_string(second.tenant.private()).unwrap(), pem);
    }

    #[test]
    fn keys_are_pem_files_and_the_private_ones_private() {
        let dir = tempfile::tempdir().unwrap();
        let pair = KeyPair::load_or_make(dir.path(), "realm").unwrap();
        assert!(fs::read_to_string(pair.private()).unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(fs::read_to_string(pair.public()).unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
        assert_eq!(fs::metadata(pair.private()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_no_key_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("realm.pem"), "nonsense").unwrap();
        let message = KeyPair::load_or_make(dir.path(), "realm").err().unwrap().to_string();
        assert!(message.contains("realm.pem is not a key"), "{message}");
    }

    #[test]
    fn tokens_verify_with_the_public_key() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_make(dir.path()).unwrap();
        let token = keys.pairing_token().unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let public = fs::read_to_string(keys.realm.public()).unwrap();
        VerifyingKey::from_public_key_pem(&public).unwrap().verify(message.as_bytes(), &signature).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(message.split_once('.').unwrap().1).unwrap();
        assert!(String::from_utf8(claims).unwrap().starts_with(r#"{"a_pa":[".*::.*"],"iat":"#));
    }
}
