//! Signatures in the URLs of files that the server itself serves.

use std::io::{self, Write};
use std::path::Path;

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::Utc;
use secrecy::{ExposeSecret, SecretSlice};
use uuid::Uuid;

use super::{Key, StorageError};

/// In the store's directory, outside of where any [`Key`] leads.
const KEY_FILE: &str = ".signing-key";
const KEY_BYTES: usize = 32;

/// What a signed URL is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
}

impl Use {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "GET",
            Self::Write => "PUT",
        }
    }
}

/// Signs, and knows its own signatures again.
#[derive(Clone, Debug)]
pub(super) struct Signatures(hmac::Key);

impl Signatures {
    pub(super) fn new(key: &SecretSlice<u8>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret()))
    }

    /// With the key of a directory, which is made at the first time. Several processes may come at once.
    pub(super) fn of_directory(directory: &Path) -> io::Result<Self> {
        let file = directory.join(KEY_FILE);
        if !file.exists() {
            make_key(directory, &file)?;
        }
        let key = SecretSlice::from(std::fs::read(&file)?);
        if key.expose_secret().len() < KEY_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file of the signing key is too short",
            ));
        }
        Ok(Self::new(&key))
    }

    /// `expires` in seconds since 1970; without it the signature is good for ever.
    pub(super) fn sign(&self, what: Use, key: &Key, expires: Option<i64>) -> String {
        BASE64.encode(hmac::sign(&self.0, &message(what, key, expires)))
    }

    /// In a time that tells nothing of the right signature.
    pub(super) fn verify(
        &self,
        what: Use,
        key: &Key,
        signature: &str,
        expires: Option<i64>,
    ) -> Result<(), StorageError> {
        let signature = BASE64.decode(signature).map_err(|_| StorageError::InvalidSignature)?;
        hmac::verify(&self.0, &message(what, key, expires), &signature)
            .map_err(|_| StorageError::InvalidSignature)?;
        // Only a true signature learns that its time is over.
        if expires.is_some_and(|end| end <= Utc::now().timestamp()) {
            return Err(StorageError::Expired);
        }
        Ok(())
    }
}

/// No two requests have the same message: neither a number nor a key has a line break.
fn message(what: Use, key: &Key, expires: Option<i64>) -> Vec<u8> {
    let expires = expires.map_or_else(|| "never".to_owned(), |end| end.to_string());
    format!("edgehog file\n{}\n{expires}\n{key}", what.name()).into_bytes()
}

/// Under another name first, so that nobody ever reads half a key; the first to link it wins.
fn make_key(directory: &Path, file: &Path) -> io::Result<()> {
    let mut key = [0; KEY_BYTES];
    rand::fill(&mut key).map_err(|_| io::Error::other("the system has no random numbers"))?;
    let draft = directory.join(format!("{KEY_FILE}-{}", Uuid::new_v4()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(&draft).and_then(|mut draft| {
        draft.write_all(&key)?;
        draft.sync_all()
    });
    let linked = made.and_then(|()| std::fs::hard_link(&draft, file));
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::parse("uploads/tenants/1/system_models/board/picture/a.png").unwrap()
    }

    fn signatures(byte: u8) -> Signatures {
        Signatures::new(&SecretSlice::from(vec![byte; KEY_BYTES]))
    }

    /// A signature is good for one use of one object until one moment, by one key.
    #[test]
    fn a_signature_is_good_for_what_it_was_made_for() {
        let later = Some(Utc::now().timestamp() + 3600);
        let other = Key::parse("uploads/tenants/2/system_models/board/picture/a.png").unwrap();
        let ours = signatures(1);
        for expires in [None, later] {
            let signature = ours.sign(Use::Read, &key(), expires);
            ours.verify(Use::Read, &key(), &signature, expires).unwrap();
            let elsewhen = Some(expires.unwrap_or_default() + 1);
            let flipped = if signature.starts_with('A') { "B" } else { "A" };
            let tampered = format!("{flipped}{}", &signature[1..]);
            let cut = &signature[..signature.len() - 2];
            for (result, why) in [
                (ours.verify(Use::Write, &key(), &signature, expires), "use"),
                (ours.verify(Use::Read, &other, &signature, expires), "object"),
                (ours.verify(Use::Read, &key(), &signature, elsewhen), "moment"),
                (ours.verify(Use::Read, &key(), &tampered, expires), "tampered"),
                (ours.verify(Use::Read, &key(), cut, expires), "cut"),
                (ours.verify(Use::Read, &key(), "", expires), "none"),
                (ours.verify(Use::Read, &key(), "no base64!", expires), "no base64"),
                (signatures(2).verify(Use::Read, &key(), &signature, expires), "key"),
            ] {
                assert!(matches!(result, Err(StorageError::InvalidSignature)), "{why}: {result:?}");
            }
        }
        let signature = ours.sign(Use::Read, &key(), later);
        let forever = ours.verify(Use::Read, &key(), &signature, None);
        assert!(matches!(forever, Err(StorageError::InvalidSignature)), "{forever:?}");
    }

    /// What has expired is told apart from what was never good.
    #[test]
    fn a_signature_expires() {
        let now = Some(Utc::now().timestamp());
        let signature = signatures(1).sign(Use::Read, &key(), now);
        let result = signatures(1).verify(Use::Read, &key(), &signature, now);
        assert!(matches!(result, Err(StorageError::Expired)), "{result:?}");
        let foreign = signatures(2).verify(Use::Read, &key(), &signature, now);
        assert!(matches!(foreign, Err(StorageError::InvalidSignature)), "{foreign:?}");
    }

    /// The key of a directory is made once, for its owner's eyes alone, whoever comes first.
    #[test]
    fn a_directory_keeps_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let all: Vec<_> = std::thread::scope(|scope| {
            let open = || scope.spawn(|| Signatures::of_directory(directory.path()).unwrap());
            let all: Vec<_> = std::iter::repeat_with(open).take(8).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let signature = all[0].sign(Use::Read, &key(), None);
        for one in &all {
            one.verify(Use::Read, &key(), &signature, None).unwrap();
        }
        let names: Vec<_> =
            directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [KEY_FILE]);
        #[cfg(unix)]
        {
            let metadata = directory.path().join(KEY_FILE).metadata().unwrap();
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    /// A damaged key stops the start: signing with a short one would be worse.
    #[test]
    fn a_short_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(KEY_FILE), "short").unwrap();
        assert!(Signatures::of_directory(directory.path()).is_err());
    }
}
