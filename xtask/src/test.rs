//! `cargo xtask test`: all tests, with all they need.

use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use anyhow::Result;
use tokio::process::Command;

use crate::interrupt::Interrupt;
use crate::postgres::{Purpose, Server, Source};
use crate::process::{self, Group};
use crate::{debian, workspace};

/// The stock device runtime that the tests connect.
const RUNTIME: &str = "edgehog-device-runtime";
const RUNTIME_VERSION: &str = "0.13.1";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Do without the real device runtime; the tests that need it will fail and say so
    #[arg(long)]
    skip_runtime: bool,
    /// Passed to `cargo test`, as in `cargo xtask test -- -p edgehog-store name`
    #[arg(last = true)]
    cargo_args: Vec<String>,
}

pub(crate) async fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let _lock = workspace::lock("test")?;
    // PostgreSQL first: whoever cannot have it should not learn so after a long build.
    let server = Source::find(interrupt).await?.start(Purpose::Test).await?;
    let status = build_and_test(&args, &server, interrupt).await;
    server.stop().await?;
    Ok(process::exit_code(status?))
}

async fn build_and_test(args: &Args, server: &Server, interrupt: &Interrupt) -> Result<ExitStatus> {
    let runtime = if args.skip_runtime { None } else { Some(device_runtime(interrupt).await?) };
    build(&args.cargo_args, interrupt).await?;
    let mut test = test_command(&args.cargo_args);
    test.env("DATABASE_URL", server.url());
    match runtime {
        Some(path) => test.env("EDGEHOG_DEVICE_RUNTIME", path),
        None => test.env_remove("EDGEHOG_DEVICE_RUNTIME"),
    };
    process::wait(Group::spawn("cargo test", test)?, interrupt).await
}

/// The programs of the workspace must be there before the tests that start them run. All targets rather than
/// the programs alone: with the features that `cargo test` resolves, so that it has nothing to build again.
async fn build(cargo_args: &[String], interrupt: &Interrupt) -> Result<()> {
    let mut build = workspace::cargo();
    build.args(["build", "--workspace"]);
    build.arg(if selects_packages(cargo_args) { "--bins" } else { "--all-targets" });
    process::run_ok(build, interrupt).await
}

fn test_command(cargo_args: &[String]) -> Command {
    let mut test = workspace::cargo();
    test.arg("test");
    if !selects_packages(cargo_args) {
        test.arg("--workspace");
    }
    test.args(cargo_args);
    test
}

fn selects_packages(cargo_args: &[String]) -> bool {
    let of_cargo = cargo_args.iter().take_while(|arg| *arg != "--");
    of_cargo.into_iter().any(|arg| arg.starts_with("-p") || arg.starts_with("--package"))
}

/// The real device runtime, built once. A release build: with debug assertions it drops some messages.
async fn device_runtime(interrupt: &Interrupt) -> Result<PathBuf> {
    let binary = workspace::tools().join("bin").join(RUNTIME);
    if is_current(&binary).await {
        return Ok(binary);
    }
    debian::runtime_libraries(interrupt).await?;
    eprintln!("Building {RUNTIME} {RUNTIME_VERSION}, once: this takes some minutes");
    process::run_ok(workspace::cargo_install(RUNTIME, RUNTIME_VERSION), interrupt).await?;
    std::fs::remove_dir_all(workspace::build_dir(RUNTIME))?;
    Ok(binary)
}

async fn is_current(binary: &PathBuf) -> bool {
    let version = process::capture_ok(Command::new(binary).arg("--version")).await;
    version.is_ok_and(|line| line.split_whitespace().last() == Some(RUNTIME_VERSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn packages_named_by_the_user_replace_the_workspace() {
        for line in ["-p edgehog-store name", "--package=edgehog-store", "-pedgehog-store", "x --package y"] {
            assert!(selects_packages(&words(line)), "{line}");
        }
        for line in ["", "name", "--exclude tests", "name -- -p", "--test it -- --package"] {
            assert!(!selects_packages(&words(line)), "{line}");
        }
    }

    #[test]
    fn the_test_command_is_cargos_own() {
        let args = |line: &str| {
            let command = test_command(&words(line));
            let args: Vec<_> =
                command.as_std().get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
            args.join(" ")
        };
        assert_eq!(args(""), "test --workspace");
        assert_eq!(args("name -- --nocapture"), "test --workspace name -- --nocapture");
        assert_eq!(args("-p edgehog-store name"), "test -p edgehog-store name");
    }
}
