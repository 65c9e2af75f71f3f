//! PostgreSQL for development and tests: a running one when `DATABASE_URL` names it, else a cluster of our own.

mod account;
mod binaries;
mod cluster;
mod external;
mod home;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::interrupt::Interrupt;
use crate::postgres::account::Account;
use crate::postgres::binaries::Binaries;
use crate::postgres::cluster::Cluster;
use crate::postgres::home::Home;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The cluster of `cargo xtask test` (made anew at each start, not durable) instead of that of `dev`
    #[arg(long)]
    test: bool,
    /// Stop it; its data stays
    #[arg(long)]
    stop: bool,
}

/// What a cluster is for decides how much it values its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Keeps its data.
    Dev,
    /// Made anew at each start, and fast because nothing in it is worth keeping.
    Test,
}

/// Where a PostgreSQL server can be had from.
pub(crate) enum Source {
    /// A running one of the user's own, named by `DATABASE_URL`.
    External { url: String },
    /// Programs to start one with.
    Programs(Binaries),
}

/// A PostgreSQL server that answers.
pub(crate) enum Server {
    /// The user's own.
    External { url: String },
    /// Ours.
    Private(Cluster),
}

pub(crate) async fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let purpose = if args.test { Purpose::Test } else { Purpose::Dev };
    if args.stop {
        let stopped = cluster::stop(Home::find(Account::for_postgres()?).await?, purpose).await?;
        eprintln!("{}", if stopped { "PostgreSQL stopped." } else { "PostgreSQL was not running." });
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", Source::find(interrupt).await?.start(purpose).await?.url());
    Ok(ExitCode::SUCCESS)
}

impl Source {
    /// Looks for PostgreSQL, and installs it where it is missing and we may.
    pub(crate) async fn find(interrupt: &Interrupt) -> Result<Self> {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            let answer = interrupt.or(external::check(&url)).await?;
            answer.context("the PostgreSQL server of DATABASE_URL does not answer")?;
            return Ok(Self::External { url });
        }
        match Binaries::installed() {
            Some(binaries) => Ok(Self::Programs(binaries)),
            None => Ok(Self::Programs(Binaries::install(interrupt).await?)),
        }
    }

    /// Starts our own cluster unless it runs, or there is no need of it.
    pub(crate) async fn start(self, purpose: Purpose) -> Result<Server> {
        match self {
            Self::External { url } => Ok(Server::External { url }),
            Self::Programs(binaries) => {
                let home = Home::find(Account::for_postgres()?).await?;
                Ok(Server::Private(Cluster::start(home, binaries, purpose).await?))
            }
        }
    }
}

impl Server {
    /// The URL of a superuser, for programs that make databases themselves.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::External { url } => url.clone(),
            Self::Private(cluster) => cluster.url("postgres"),
        }
    }

    /// The URL of this database, made if need be. The user's own server is used as its URL says.
    pub(crate) async fn database(&self, name: &str) -> Result<String> {
        match self {
            Self::External { url } => Ok(url.clone()),
            Self::Private(cluster) => {
                cluster.create_database(name).await?;
                Ok(cluster.url(name))
            }
        }
    }

    /// Stops the server if it is ours.
    pub(crate) async fn stop(self) -> Result<()> {
        match self {
            Self::External { .. } => Ok(()),
            Self::Private(cluster) => cluster.stop().await,
        }
    }
}
