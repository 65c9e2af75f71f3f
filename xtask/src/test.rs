//! `cargo xtask test`: all tests, with all they need.

use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use anyhow::Result;
use tokio::process::Command;

use crate::interrupt::Interrupt;
use crate::postgres::{self, Purpose, Server, Source};
use crate::process::{self, Group};
use crate::python::Program;
use crate::tool::Tool;
use crate::{debian, workspace};

/// The stock device runtime that the tests connect.
const RUNTIME: Tool = Tool { name: "edgehog-device-runtime", version: "0.13.1", ask: &["--version"] };

/// The S3 server that the storage is tested with.
const S3_SERVER: Program = Program {
    what: "the S3 server",
    package: "moto",
    extras: "[s3]",
    version: "5.2.5",
    needs: &["flask==3.1.3", "flask-cors==6.0.5"],
    name: "moto_server",
    home: "s3-server",
    skip: "--skip-s3",
};

/// What makes requests of the admin API's description.
const SCHEMATHESIS: Program = Program {
    what: "the API tester",
    package: "schemathesis",
    extras: "",
    version: "4.32.5",
    needs: &[],
    name: "schemathesis",
    home: "schemathesis",
    skip: "--skip-schemathesis",
};

/// Names the program that starts, stops and crashes a database of its own for tests: this one, called as
/// `PROGRAM postgres --faults`.
const FAULTY_DATABASE: &str = "EDGEHOG_FAULTY_DATABASE";

/// What is left out of the programs as a rule is tested with the rest; the lints look at the programs without it, too.
const FEATURES: [&str; 2] = ["--features", "edgehog-server/otel"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Do without the real device runtime; the tests that need it will fail and say so
    #[arg(long)]
    skip_runtime: bool,
    /// Do without the S3 server; the tests that need it will fail and say so
    #[arg(long)]
    skip_s3: bool,
    /// Do without schemathesis; the test that needs it will fail and say so
    #[arg(long)]
    skip_schemathesis: bool,
    /// Passed to `cargo test`, as in `cargo xtask test -- -p edgehog-store name`
    #[arg(last = true)]
    cargo_args: Vec<String>,
}

pub(crate) async fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let _lock = workspace::lock("test")?;
    // PostgreSQL first: whoever cannot have it should not learn so after a long build.
    let server = Source::find(interrupt).await?.start(Purpose::Test).await?;
    postgres::forget_faults().await?;
    let status = build_and_test(&args, &server, interrupt).await;
    // Also of tests that failed, with their server up or down.
    postgres::forget_faults().await?;
    server.stop().await?;
    Ok(process::exit_code(status?))
}

async fn build_and_test(args: &Args, server: &Server, interrupt: &Interrupt) -> Result<ExitStatus> {
    let runtime = if args.skip_runtime { None } else { Some(device_runtime(interrupt).await?) };
    let s3_server = if args.skip_s3 { None } else { Some(S3_SERVER.install(interrupt).await?) };
    let schemathesis =
        if args.skip_schemathesis { None } else { Some(SCHEMATHESIS.install(interrupt).await?) };
    build(&args.cargo_args, interrupt).await?;
    let mut test = test_command(&args.cargo_args);
    test.env("DATABASE_URL", server.url());
    test.env(FAULTY_DATABASE, workspace::program("xtask")?);
    for (name, program) in [
        ("EDGEHOG_DEVICE_RUNTIME", runtime),
        ("EDGEHOG_S3_SERVER", s3_server),
        ("EDGEHOG_SCHEMATHESIS", schemathesis),
    ] {
        match program {
            Some(path) => test.env(name, path),
            None => test.env_remove(name),
        };
    }
    process::wait(Group::spawn("cargo test", test)?, interrupt).await
}

/// The programs of the workspace must be there before the tests that start them run. All targets rather than
/// the programs alone: with the features that `cargo test` resolves, so that it has nothing to build again.
async fn build(cargo_args: &[String], interrupt: &Interrupt) -> Result<()> {
    let mut build = workspace::cargo();
    build.args(["build", "--workspace"]);
    if selects_packages(cargo_args) {
        build.arg("--bins");
    } else {
        build.arg("--all-targets").args(FEATURES);
    }
    process::run_ok(build, interrupt).await
}

fn test_command(cargo_args: &[String]) -> Command {
    let mut test = workspace::cargo();
    test.arg("test");
    if !selects_packages(cargo_args) {
        test.arg("--workspace").args(FEATURES);
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
    if !RUNTIME.is_installed().await {
        debian::runtime_libraries(interrupt).await?;
        RUNTIME.install(interrupt).await?;
    }
    Ok(RUNTIME.path())
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
        assert_eq!(args(""), "test --workspace --features edgehog-server/otel");
        assert_eq!(
            args("name -- --nocapture"),
            "test --workspace --features edgehog-server/otel name -- --nocapture"
        );
        assert_eq!(args("-p edgehog-store name"), "test -p edgehog-store name");
    }
}
