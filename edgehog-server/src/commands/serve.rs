//! `serve`: from the first line of the log to the last.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use backon::{ConstantBuilder, Retryable};
use edgehog_engine::{Engine, Store, store};
use edgehog_server::Metrics;
use poem::Server;
use poem::listener::{Acceptor, Listener, TcpListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Given};
use crate::lifecycle::Told;

/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(300);

/// The pause before a database that does not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn serve(given: &Given, migrate: bool) -> anyhow::Result<()> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), tag = "edgehog_start", "starting");
    let config = Config::read(given)?;
    let told = Told::listen().context("signals cannot be heard")?;
    tokio::select! {
        done = run(config, migrate, told.once) => done,
        () = told.twice.cancelled() => bail!("ended at once, as it was told to twice"),
    }
}

/// Serves until `told`, and until what was begun by then is done.
async fn run(config: Config, migrate: bool, told: CancellationToken) -> anyhow::Result<()> {
    let Some(prepared) = told.run_until_cancelled(prepare(&config, migrate)).await else {
        tracing::info!("stopped before it served");
        return Ok(());
    };
    let (store, engine) = prepared?;
    let stop = CancellationToken::new();
    let sockets = TaskTracker::new();
    let settings = config
        .endpoint
        .metrics(Metrics::install()?)
        .draining(told.clone())
        .shutdown(stop.clone())
        .sockets(sockets.clone());
    let endpoint = edgehog_server::endpoint_with(engine.clone(), settings);
    let acceptor =
        listen(config.port).await.with_context(|| format!("port {} cannot be served", config.port))?;
    let background = tokio::spawn(engine.run(stop.clone()));
    tracing::info!(port = config.port, "serving");
    let grace = config.shutdown_grace;
    let stopped = wind_down(told, config.shutdown_delay, stop.clone());
    Server::new_with_acceptor(acceptor)
        .idle_timeout(IDLE)
        .run_with_graceful_shutdown(endpoint, stopped, Some(grace))
        .await?;
    sockets.close();
    // All of them have been told by now, and are given a moment to say goodbye to their clients.
    let farewell = async {
        sockets.wait().await;
        let ended = background.await;
        store.close().await;
        ended
    };
    match tokio::time::timeout(grace, farewell).await {
        Ok(ended) => ended?,
        Err(_) => tracing::warn!("stopped before all was done"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// All that must be well before anything is served.
async fn prepare(config: &Config, migrate: bool) -> anyhow::Result<(Store, Engine)> {
    let (options, store) = (&config.store.options, &config.store);
    let open = async || {
        if migrate {
            Store::migrate(options).await?;
        }
        Store::connect(store.clone()).await
    };
    // An attempt may take long by itself, such as one at a host that says nothing: time counts, not attempts.
    let asked_since = Instant::now();
    let is_worthwhile =
        |error: &store::Error| error.is_unavailable() && asked_since.elapsed() < config.database_wait;
    let pauses = ConstantBuilder::new().with_delay(ASK_AGAIN).without_max_times();
    let store = open.retry(pauses).when(is_worthwhile).notify(|error, _| {
        let error = error as &dyn std::error::Error;
        tracing::warn!(error, "the database does not answer yet; it is asked again");
    });
    let store = store.await.context("the database cannot be used")?;
    let engine = Engine::builder(store.clone(), config.public_url.clone());
    let engine = config.services.install(engine)?.reconcile_every(config.reconcile_interval).build()?;
    Ok((store, engine))
}

/// On all addresses, or on those of IPv4 where there are no others.
async fn listen(port: u16) -> io::Result<impl Acceptor> {
    match TcpListener::bind(("::", port)).into_acceptor().await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind(("0.0.0.0", port)).into_acceptor().await
        }
        bound => bound,
    }
}

/// Returns when no more requests may come. What lasts longer than a request is told then.
async fn wind_down(told: CancellationToken, delay: Duration, stop: CancellationToken) {
    told.cancelled().await;
    tracing::info!(delay = delay.as_secs(), "stopping");
    tokio::time::sleep(delay).await;
    stop.cancel();
}
