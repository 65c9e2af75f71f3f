//! `cargo xtask packages`: what those who take the crates from a registry rely on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;
use tokio::process::Command;

use crate::interrupt::Interrupt;
use crate::tool::{Tool, cargo_with_tools};
use crate::{process, workspace};

/// What is published, each after those that it needs.
const PACKAGES: [&str; 6] = [
    "edgehog-astarte",
    "edgehog-sdk",
    "edgehog-store",
    "edgehog-engine",
    "edgehog-server",
    "astarte-emulator",
];

const HACK: Tool = Tool { name: "cargo-hack", version: "0.6.46", ask: &["--version"] };
const SEMVER: Tool =
    Tool { name: "cargo-semver-checks", version: "0.51.0", ask: &["semver-checks", "--version"] };

/// The commit whose public API the crates must stay compatible with, as long as their versions are what they were then.
/// To be moved with each release, and until the first one with each change that breaks something on purpose.
const BASELINE: &str = "05811dfb5edb1509b24f7b23d2525149ca140c1e";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to check; everything where none is named
    #[arg(value_enum)]
    checks: Vec<Check>,
    /// The commit to compare the public API with
    #[arg(long, default_value = BASELINE)]
    baseline: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Check {
    /// Each package builds from what is in the package alone
    Build,
    /// Each crate compiles with every set of its features
    Features,
    /// The crates compile with the oldest versions of their dependencies that their manifests permit
    Minimal,
    /// The public API has not broken since the baseline
    Api,
}

pub(crate) async fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let _lock = workspace::lock("packages")?;
    let checks = if args.checks.is_empty() { Check::value_variants() } else { &args.checks };
    for check in checks {
        match check {
            Check::Build => build(interrupt).await?,
            Check::Features => features(interrupt).await?,
            Check::Minimal => minimal(interrupt).await?,
            Check::Api => api(&args.baseline, interrupt).await?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn build(interrupt: &Interrupt) -> Result<()> {
    let mut package = workspace::cargo();
    package.args(["package", "--locked"]).args(selection());
    package.arg("--target-dir").arg(home().join("build")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    process::run_ok(package, interrupt).await
}

async fn features(interrupt: &Interrupt) -> Result<()> {
    HACK.install(interrupt).await?;
    let mut hack = cargo_with_tools()?;
    hack.args(["hack", "check", "--feature-powerset", "--locked"]).args(selection());
    process::run_ok(hack, interrupt).await
}

async fn api(baseline: &str, interrupt: &Interrupt) -> Result<()> {
    SEMVER.install(interrupt).await?;
    let mut semver = cargo_with_tools()?;
    semver.args(["semver-checks", "--baseline-rev", baseline]).args(selection());
    process::run_ok(semver, interrupt).await
}

/// Dependencies of tests have a say in versions, too. So this happens in a copy of the crates without them.
async fn minimal(interrupt: &Interrupt) -> Result<()> {
    let copy = home().join("minimal");
    if copy.exists() {
        fs::remove_dir_all(&copy).context("cannot remove the former copy of the crates")?;
    }
    copy_packages(&copy).await?;
    let mut resolve = workspace::cargo();
    resolve.args(["-Z", "direct-minimal-versions", "generate-lockfile"]).current_dir(&copy);
    // `-Z` is for nightly toolchains; so told, the stable one takes it, too.
    resolve.env("RUSTC_BOOTSTRAP", "1");
    process::run_ok(resolve, interrupt).await?;
    let mut check = workspace::cargo();
    check.args(["check", "--workspace", "--locked"]).current_dir(&copy);
    check.arg("--target-dir").arg(home().join("minimal-build"));
    process::run_ok(check, interrupt).await
}

async fn copy_packages(to: &Path) -> Result<()> {
    let mut list = Command::new("git");
    list.args(["ls-files", "--cached", "--others", "--exclude-standard", "--", "Cargo.toml", "migrations"]);
    let files = process::capture_ok(list.args(PACKAGES).current_dir(workspace::root())).await?;
    for file in files.lines() {
        let (from, to) = (workspace::root().join(file), to.join(file));
        copy(&from, &to).with_context(|| format!("cannot copy {file}"))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    if from.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
    } else if from.ends_with("Cargo.toml") {
        fs::write(to, manifest_of_copy(&fs::read_to_string(from)?))?;
    } else if from.exists() {
        fs::copy(from, to)?;
    }
    Ok(())
}

/// A manifest without what is for tests, and a workspace of the packages alone.
fn manifest_of_copy(manifest: &str) -> String {
    let (mut kept, mut in_tests, mut in_members) = (String::new(), false, false);
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_tests = line.contains("dev-dependencies") || line == "[[test]]";
        }
        if line == "members = [" {
            in_members = true;
            kept.push_str(&format!("members = {PACKAGES:?}\n"));
        }
        if !in_tests && !in_members {
            kept.push_str(line);
            kept.push('\n');
        }
        in_members &= line != "]";
    }
    kept
}

fn selection() -> impl Iterator<Item = &'static str> {
    PACKAGES.iter().flat_map(|name| ["--package", name])
}

fn home() -> PathBuf {
    workspace::target().join("packages")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every member of the workspace is either published, and checked for it, or says that it is not.
    #[test]
    fn what_is_published_is_checked() {
        let manifest = fs::read_to_string(workspace::root().join("Cargo.toml")).unwrap();
        let members = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
        let mut published: Vec<_> = members
            .split(',')
            .map(|member| member.trim().trim_matches('"'))
            .filter(|member| !member.is_empty())
            .filter(|member| {
                let manifest = workspace::root().join(member).join("Cargo.toml");
                !fs::read_to_string(manifest).unwrap().contains("publish = false")
            })
            .collect();
        let mut checked = PACKAGES.to_vec();
        published.sort_unstable();
        checked.sort_unstable();
        assert_eq!(published, checked);
    }

    /// Each of them tells what changed for those who use it.
    #[test]
    fn each_has_a_changelog() {
        for package in PACKAGES {
            let changelog = workspace::root().join(package).join("CHANGELOG.md");
            let text = fs::read_to_string(&changelog).unwrap_or_default();
            assert!(text.contains("## Unreleased"), "{} must tell what is not released", changelog.display());
        }
    }

    #[test]
    fn the_copy_has_nothing_for_tests() {
        let manifest = "[workspace]\nmembers = [\n    \"a\",\n]\n\n[dependencies]\nb = \"1\"\n\n\
                        [dev-dependencies]\nc = \"1\"\n\n[[test]]\nname = \"it\"\n\n[features]\nd = []\n";
        let copy = manifest_of_copy(manifest);
        assert!(copy.starts_with("[workspace]\nmembers = [\"edgehog-astarte\", "), "{copy}");
        assert!(copy.contains("b = \"1\"") && copy.contains("d = []"), "{copy}");
        assert!(!copy.contains("\"a\"") && !copy.contains("c = ") && !copy.contains("test"), "{copy}");
    }
}
