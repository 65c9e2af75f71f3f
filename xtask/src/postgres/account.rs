//! Who runs PostgreSQL, which refuses to be run by root.

use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use rustix::process::geteuid;
use tokio::process::Command;

/// The user that PostgreSQL runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// The one that runs xtask.
    Own,
    /// An unprivileged one, taken because root runs xtask.
    Other { uid: u32, gid: u32 },
}

impl Account {
    pub(super) fn for_postgres() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self::Own);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        // The first is the one that Debian's package makes, the second is on every system.
        let account = ["postgres", "nobody"].iter().find_map(|name| Self::in_passwd(&passwd, name));
        account.context("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
    }

    fn in_passwd(passwd: &str, name: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then_some(())?;
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            Some(Self::Other { uid, gid })
        })
    }

    /// A command that this account will run, in a directory it can enter.
    pub(super) fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(dir);
        // PGDATA, PGPORT and the like mean some other server.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C.UTF-8");
        if let Self::Other { uid, gid } = *self {
            // Root's supplementary groups go with the user id.
            command.uid(uid).gid(gid).env("HOME", dir);
        }
        command
    }

    /// Gives a file or directory to this account.
    pub(super) fn own(&self, path: &Path) -> Result<()> {
        match *self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid))
                .with_context(|| format!("cannot give away {}", path.display())),
        }
    }

    /// Whether this account can get to a directory, through all those above it.
    pub(super) async fn reaches(&self, dir: &Path) -> bool {
        let mut command = self.command(Path::new("/bin/sh"), Path::new("/"));
        command.args(["-c", "cd \"$0\""]).arg(dir).stdin(Stdio::null()).stderr(Stdio::null());
        command.status().await.is_ok_and(|status| status.success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\nnobody2:x:7:8::/:/bin/sh\nnobody:x:65534:65533::/:/bin/sh\n";
        assert_eq!(Account::in_passwd(passwd, "nobody"), Some(Account::Other { uid: 65534, gid: 65533 }));
        assert_eq!(Account::in_passwd(passwd, "postgres"), None);
        assert_eq!(Account::in_passwd("postgres:x:no:number", "postgres"), None);
    }
}
