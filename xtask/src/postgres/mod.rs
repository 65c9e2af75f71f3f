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
    /// The cluster that tests stop and start (kept while they run) instead of that of `dev`
    #[arg(long, conflicts_with = "test")]
    faults: bool,
    /// Stop it; its data stays
    #[arg(long)]
    stop: bool,
    /// Stop it as a crash would
    #[arg(long, conflicts_with = "stop")]
    crash: bool,
}

/// What a cluster is for decides how much it values its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Keeps its data.
    Dev,
    /// Made anew at each start, and fast because nothing in it is worth keeping.
    Test,
    /// Small, and keeps what it has committed when tests make it crash.
    Faults,
}

/// How a cluster is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Sessions are ended, and all is written down.
    Fast,
    /// At once; the next start recovers what was committed.
    Crash,
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
    let purpose = match args {
        Args { test: true, .. } => Purpose::Test,
        Args { faults: true, .. } => Purpose::Faults,
        _ => Purpose::Dev,
    };
    if args.stop || args.crash {
        let how = if args.crash { Stop::Crash } else { Stop::Fast };
        let stopped = cluster::stop(Home::find(Account::for_postgres()?).await?, purpose, how).await?;
        eprintln!("{}", if stopped { "PostgreSQL stopped." } else { "PostgreSQL was not running." });
        return Ok(ExitCode::SUCCESS);
    }
    let source = match purpose {
        // Nobody's own server is to be stopped.
        Purpose::Faults => Source::programs(interrupt).await?,
        _ => Source::find(interrupt).await?,
    };
    println!("{}", source.start(purpose).await?.url());
    Ok(ExitCode::SUCCESS)
}

/// Makes room for a new cluster for tests of faults.
pub(crate) async fn forget_faults() -> Result<()> {
    cluster::remove(Home::find(Account::for_postgres()?).await?, Purpose::Faults).await
}

impl Source {
    /// Looks for PostgreSQL, and installs it where it is missing and we may.
    pub(crate) async fn find(interrupt: &Interrupt) -> Result<Self> {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            let answer = interrupt.or(external::check(&url)).await?;
            answer.context("the PostgreSQL server of DATABASE_URL does not answer")?;
            return Ok(Self::External { url });
        }
        Self::programs(interrupt).await
    }

    async fn programs(interrupt: &Interrupt) -> Result<Self> {
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
