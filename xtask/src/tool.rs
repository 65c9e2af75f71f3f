//! Programs from the registry of crates that the commands need, each built once.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::interrupt::Interrupt;
use crate::{process, workspace};

/// A program.
pub(crate) struct Tool {
    /// The package, and its program.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// How it tells its version, the last word of the answer.
    pub(crate) ask: &'static [&'static str],
}

impl Tool {
    /// Builds it where it is not there yet in this version.
    pub(crate) async fn install(&self, interrupt: &Interrupt) -> Result<()> {
        if self.is_installed().await {
            return Ok(());
        }
        let Self { name, version, .. } = self;
        eprintln!("Building {name} {version}, once");
        process::run_ok(workspace::cargo_install(name, version), interrupt).await?;
        Ok(fs::remove_dir_all(workspace::build_dir(name))?)
    }

    pub(crate) async fn is_installed(&self) -> bool {
        let said = process::capture_ok(Command::new(self.path()).args(self.ask)).await;
        said.is_ok_and(|line| line.split_whitespace().last() == Some(self.version))
    }

    /// Where it is once it is installed.
    pub(crate) fn path(&self) -> PathBuf {
        workspace::tools().join("bin").join(self.name)
    }
}

/// A cargo that finds those of them that are its subcommands: it looks for them on the path.
pub(crate) fn cargo_with_tools() -> Result<Command> {
    let mut cargo = workspace::cargo();
    cargo.env("PATH", path()?);
    Ok(cargo)
}

fn path() -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = std::iter::once(workspace::tools().join("bin"));
    std::env::join_paths(tools.chain(std::env::split_paths(&path))).context("PATH cannot be written")
}
