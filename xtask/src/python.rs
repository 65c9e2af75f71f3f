//! Programs in Python that the tests need, each in an environment of its own, made once.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tokio::process::Command;

use crate::interrupt::Interrupt;
use crate::{debian, process, workspace};

/// A program of a package.
pub(crate) struct Program {
    /// What it is, for people.
    pub(crate) what: &'static str,
    pub(crate) package: &'static str,
    /// Optional parts of the package.
    pub(crate) extras: &'static str,
    pub(crate) version: &'static str,
    /// Further packages that it needs.
    pub(crate) needs: &'static [&'static str],
    pub(crate) name: &'static str,
    /// The directory below `target/tools`.
    pub(crate) home: &'static str,
    /// The flag that does without it.
    pub(crate) skip: &'static str,
}

impl Program {
    /// Installs it where it is not there yet, and says where it is.
    pub(crate) async fn install(&self, interrupt: &Interrupt) -> Result<PathBuf> {
        let Self { what, package, extras, version, .. } = self;
        let home = workspace::tools().join(self.home);
        let (python, program) = (home.join("bin/python"), home.join("bin").join(self.name));
        if program.is_file() && self.installed_version(&python).await.is_ok_and(|it| it == *version) {
            return Ok(program);
        }
        eprintln!("Installing {what} {package} {version}, once");
        self.make_environment(&home, interrupt).await?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.arg(format!("{package}{extras}=={version}")).args(self.needs);
        process::run_ok(pip, interrupt).await?;
        Ok(program)
    }

    async fn installed_version(&self, python: &Path) -> Result<String> {
        let ask = format!("import importlib.metadata as m; print(m.version('{}'))", self.package);
        process::capture_ok(Command::new(python).args(["-c", &ask])).await
    }

    /// Made anew, whatever was there. Debian has the module for it in a package of its own.
    async fn make_environment(&self, home: &Path, interrupt: &Interrupt) -> Result<()> {
        let has_modules =
            process::capture_ok(Command::new("python3").args(["-c", "import ensurepip, venv"])).await;
        if has_modules.is_err() {
            let Some(root) = debian::Root::obtain().await else {
                bail!("{} needs Python 3 with venv: install it, or use {}", self.what, self.skip);
            };
            root.install(&["python3", "python3-venv"], interrupt).await?;
        }
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(home);
        process::run_ok(venv, interrupt).await
    }
}
