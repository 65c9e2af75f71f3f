//! Where the clusters of this checkout live.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;

use crate::postgres::account::Account;
use crate::workspace;

/// A directory that the account which runs PostgreSQL can reach.
pub(super) struct Home {
    dir: PathBuf,
    account: Account,
}

impl Home {
    /// `target/postgres`, or a directory of this checkout's own below `/var/tmp` where the account cannot reach
    /// that: below `/root`, for one.
    pub(super) async fn find(account: Account) -> Result<Self> {
        let dir = workspace::target().join("postgres");
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        if account.reaches(&dir).await {
            return Ok(Self { dir, account });
        }
        let dir = Path::new("/var/tmp").join(format!("edgehog-{:016x}", fingerprint(workspace::root())));
        if std::fs::create_dir(&dir).is_ok() {
            eprintln!(
                "PostgreSQL may not enter {}; it lives in {}",
                workspace::target().display(),
                dir.display()
            );
        }
        // Everybody can make directories there: take only what is ours.
        let found = dir.symlink_metadata().with_context(|| format!("cannot make {}", dir.display()))?;
        if !found.is_dir() || found.uid() != geteuid().as_raw() || !account.reaches(&dir).await {
            bail!("{} is in the way: remove it", dir.display());
        }
        Ok(Self { dir, account })
    }

    pub(super) fn path(&self) -> &Path {
        &self.dir
    }

    pub(super) fn into_account(self) -> Account {
        self.account
    }
}

/// A short name for a path, the same in every build (which [`std::hash`] does not promise): FNV-1a.
pub(super) fn fingerprint(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_bytes().iter();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published values of FNV-1a.
    #[test]
    fn fingerprints_never_change() {
        assert_eq!(fingerprint(Path::new("")), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(Path::new("foobar")), 0x8594_4171_f739_67e8);
    }
}
