//! Changes of a tenant's records, told to all who watch in this process, whichever process made them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgehog_store::{Change, FeedPosition, Store, TenantId, TenantScope};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Error, Tenant};

/// How often a reader looks by itself, should an announcement have been lost.
const LOOK: Duration = Duration::from_secs(5);

/// The pause after a read that failed.
const AGAIN: Duration = Duration::from_millis(500);

/// Batches that one who watches may be behind before it is cut off.
const BEHIND: usize = 1024;

/// How long changes are kept for readers that were away.
const KEPT: Duration = Duration::from_secs(600);

/// How often old changes are deleted.
const PRUNE: Duration = Duration::from_secs(60);

/// The pause before listening again, when the database was away.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// The readers of all tenants that somebody watches, or watched.
#[derive(Debug, Default)]
pub(crate) struct Feeds(Mutex<HashMap<TenantId, Feed>>);

impl Feeds {
    pub(crate) fn of(&self, scope: &TenantScope) -> Feed {
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.entry(scope.tenant()).or_insert_with(|| Feed::new(scope.clone())).clone()
    }

    /// Ends the reader of a tenant that is no more.
    pub(crate) fn end(&self, tenant: TenantId) {
        let feed = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
        if let Some(feed) = feed {
            feed.0.gone.cancel();
        }
    }

    fn wake(&self, tenant: TenantId) {
        if let Some(feed) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant) {
            feed.0.wake.notify_one();
        }
    }

    fn wake_all(&self) {
        for feed in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            feed.0.wake.notify_one();
        }
    }
}

/// The one reader of a tenant's changes in this process. It reads while somebody watches.
#[derive(Clone, Debug)]
pub(crate) struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    scope: TenantScope,
    sender: broadcast::Sender<Arc<Vec<Change>>>,
    wake: Notify,
    /// Cancelled when the tenant is no more.
    gone: CancellationToken,
    /// Held by whoever begins or ends to read.
    reading: tokio::sync::Mutex<bool>,
}

/// Changes as they are committed; see [`Tenant::changes`].
#[derive(Debug)]
pub struct Changes(broadcast::Receiver<Arc<Vec<Change>>>);

impl Changes {
    /// The next changes, those of one record in the order in which they were committed. `None` where too many were
    /// missed: whoever watches must begin anew.
    pub async fn next(&mut self) -> Option<Arc<Vec<Change>>> {
        self.0.recv().await.ok()
    }
}

impl Tenant {
    /// Watches the tenant's records: everything that is committed after this returns is told, by whichever process.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn changes(&self) -> Result<Changes, Error> {
        self.feed().watch().await
    }
}

impl Feed {
    fn new(scope: TenantScope) -> Self {
        Self(Arc::new(Inner {
            scope,
            sender: broadcast::Sender::new(BEHIND),
            wake: Notify::new(),
            gone: CancellationToken::new(),
            reading: tokio::sync::Mutex::new(false),
        }))
    }

    /// Cancelled when it is known that the tenant is no more.
    pub(crate) fn gone(&self) -> &CancellationToken {
        &self.0.gone
    }

    async fn watch(&self) -> Result<Changes, Error> {
        let mut reading = self.0.reading.lock().await;
        let changes = Changes(self.0.sender.subscribe());
        if !*reading {
            let mut tx = self.0.scope.begin().await?;
            let position = tx.change_position().await?;
            tx.commit().await?;
            *reading = true;
            tokio::spawn(self.clone().read(position));
        }
        drop(reading);
        Ok(changes)
    }

    async fn read(self, mut position: FeedPosition) {
        loop {
            // Nobody to tell: nobody can come while the lock is held.
            if self.0.sender.receiver_count() == 0 {
                let mut reading = self.0.reading.lock().await;
                if self.0.sender.receiver_count() == 0 {
                    *reading = false;
                    return;
                }
            }
            let pause = match self.read_on(&mut position).await {
                Ok(()) => LOOK,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    let tenant = self.0.scope.tenant();
                    tracing::warn!(%tenant, error, "changes cannot be read; those who watch are told later");
                    AGAIN
                }
            };
            tokio::select! {
                () = self.0.gone.cancelled() => return,
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn read_on(&self, position: &mut FeedPosition) -> Result<(), Error> {
        loop {
            let mut tx = self.0.scope.begin().await?;
            let changes = tx.change_read(position).await?;
            // Whatever becomes of the end of a transaction that only read.
            drop(tx);
            if changes.is_empty() {
                return Ok(());
            }
            let _ = self.0.sender.send(Arc::new(changes));
        }
    }
}

impl Engine {
    /// Hears which tenants have new changes, and wakes their readers; deletes old changes.
    pub(crate) async fn follow_changes(&self) {
        let mut recent: HashMap<TenantId, tokio::time::Instant> = HashMap::new();
        loop {
            match self.0.store.change_signals().await {
                Ok(mut signals) => {
                    self.0.directory.feeds.wake_all();
                    let mut prune = tokio::time::interval(PRUNE);
                    loop {
                        tokio::select! {
                            signal = signals.next() => match signal {
                                Ok(Some(tenants)) => {
                                    for tenant in tenants {
                                        self.0.directory.feeds.wake(tenant);
                                        recent.insert(tenant, tokio::time::Instant::now());
                                    }
                                }
                                Ok(None) => self.0.directory.feeds.wake_all(),
                                Err(error) => break warn_deaf(&error),
                            },
                            _ = prune.tick() => prune_changes(&self.0.store, &mut recent).await,
                        }
                    }
                }
                Err(error) => warn_deaf(&error),
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }
}

/// Deletes the old changes of tenants that had some lately.
async fn prune_changes(store: &Store, recent: &mut HashMap<TenantId, tokio::time::Instant>) {
    let tenants: Vec<_> = recent.keys().copied().collect();
    for tenant in tenants {
        match prune(&store.scope(tenant)).await {
            Ok(()) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%tenant, error, "old changes could not be deleted; another try follows");
            }
        }
    }
    recent.retain(|_, changed| changed.elapsed() < KEPT + 2 * PRUNE);
}

/// Deletes a tenant's old changes.
pub(crate) async fn prune(scope: &TenantScope) -> Result<(), edgehog_store::Error> {
    loop {
        let mut tx = scope.begin().await?;
        let pruned = tx.change_prune(KEPT).await?;
        tx.commit().await?;
        if pruned == 0 {
            return Ok(());
        }
    }
}

fn warn_deaf(error: &edgehog_store::Error) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(
        error,
        "announcements of changes are not heard; they are looked for now and then until they are"
    );
}
