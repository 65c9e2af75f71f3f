//! Where things are in this checkout, and how its cargo is called.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where xtask keeps its own things, wherever cargo may put its artefacts.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// A program of this workspace, built by `cargo build` with the same profile as xtask itself: cargo puts them
/// side by side, also when `CARGO_TARGET_DIR` or a configuration file moves the target directory.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().context("cannot tell where xtask itself is")?;
    Ok(this.with_file_name(name))
}

/// The cargo that runs us, in the root of the checkout.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    // `cargo run` describes xtask's package to us. A cargo below must not see that: build scripts that watch
    // these variables would run again each time, and everything after them would be rebuilt.
    for (name, _) in std::env::vars_os().filter(|(name, _)| describes_a_package(name)) {
        cargo.env_remove(name);
    }
    cargo
}

/// A cargo that installs a program into `target/tools` as cheaply as a release build can be.
pub(crate) fn cargo_install(name: &str, version: &str) -> Command {
    let tools = tools();
    let mut cargo = cargo();
    cargo.args(["install", "--locked", name, "--version", version, "--root"]).arg(&tools);
    cargo.arg("--target-dir").arg(build_dir(name));
    cargo.envs([
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
        ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
        ("CARGO_PROFILE_RELEASE_LTO", "off"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64"),
    ]);
    cargo
}

/// Where [`cargo_install`] puts what it makes; `bin/` holds the programs.
pub(crate) fn tools() -> PathBuf {
    target().join("tools")
}

/// Where [`cargo_install`] compiles; of no use once the program is installed.
pub(crate) fn build_dir(name: &str) -> PathBuf {
    tools().join("build").join(name)
}

/// Keeps a second `cargo xtask <command>` from running in this checkout, as long as the file is held.
pub(crate) fn lock(command: &str) -> Result<File> {
    std::fs::create_dir_all(target()).context("cannot make the target directory")?;
    let file =
        File::create(target().join(format!("xtask-{command}.lock"))).context("cannot make a lock file")?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("cargo xtask {command} is already running in this checkout"),
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock a file in the target directory"),
    }
}

fn describes_a_package(variable: &OsStr) -> bool {
    let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    variable.to_str().is_some_and(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace_manifest() {
        assert!(root().join("Cargo.lock").is_file());
    }

    #[test]
    fn only_what_describes_a_package_is_hidden_from_cargo() {
        assert!(describes_a_package("CARGO_PKG_VERSION".as_ref()));
        assert!(describes_a_package("CARGO_MANIFEST_DIR".as_ref()));
        assert!(!describes_a_package("CARGO_HOME".as_ref()));
        assert!(!describes_a_package("CARGO_TARGET_DIR".as_ref()));
        assert!(!describes_a_package("CARGO_NET_OFFLINE".as_ref()));
    }
}
