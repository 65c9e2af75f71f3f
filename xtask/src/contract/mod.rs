//! `cargo xtask contract`: whether clients of a GraphQL schema can use ours.
//!
//! All that the contract has must be there with the same type. More is free, unless a client would have to
//! send it.

mod compare;
mod schema;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::contract::schema::Schema;
use crate::interrupt::Interrupt;
use crate::{process, workspace};

/// Where the contract is unless told otherwise, seen from the root of the checkout.
const DEFAULT_CONTRACT: &str = "../shared/contract/schema.graphql";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The schema that clients rely on, as SDL [default: ../shared/contract/schema.graphql beside the checkout]
    #[arg(long, value_name = "PATH")]
    contract: Option<PathBuf>,
    /// Our schema, instead of asking the server for it
    #[arg(long, value_name = "PATH")]
    schema: Option<PathBuf>,
    /// Only these types of the contract, separated by commas
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    only: Vec<String>,
    /// Succeed when things are missing, as long as nothing is different
    #[arg(long)]
    allow_missing: bool,
    /// Print only the counts
    #[arg(long)]
    quiet: bool,
}

pub(crate) async fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let path = args.contract.clone().unwrap_or_else(|| workspace::root().join(DEFAULT_CONTRACT));
    if !path.exists() {
        println!("nothing was compared: there is no {}", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let contract =
        Schema::parse(&read(&path)?).with_context(|| format!("cannot parse {}", path.display()))?;
    if let Some(name) = args.only.iter().find(|name| !contract.has(name)) {
        bail!("the contract has no type {name}");
    }
    let ours = match &args.schema {
        Some(path) => read(path)?,
        None => of_the_server(interrupt).await?,
    };
    let ours = Schema::parse(&ours).context("cannot parse our schema")?;
    let report = compare::compare(&ours, &contract, &args.only);
    if !args.quiet {
        for finding in &report.findings {
            println!("{finding}");
        }
    }
    println!("{}", report.counts);
    Ok(if report.passes(args.allow_missing) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Built first, where the user sees the progress.
async fn of_the_server(interrupt: &Interrupt) -> Result<String> {
    let server = ["--package", "edgehog-server", "--bin", "edgehog-server"];
    let mut build = workspace::cargo();
    build.arg("build").args(server);
    process::run_ok(build, interrupt).await?;
    let mut print = workspace::cargo();
    print.args(["run", "--quiet"]).args(server).args(["--", "schema"]);
    interrupt.or(process::capture_ok(&mut print)).await?
}
