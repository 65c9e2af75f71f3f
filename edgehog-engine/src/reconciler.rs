//! The background work: every tenant's realm is kept as it must be, in rounds and when the tenant changes.

use std::time::{Duration, Instant};

use edgehog_store::{Error as StoreError, Lease, RECONCILIATION, TenantChanges};
use futures::future::join_all;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Engine, Error, realm_resources};

/// The pause before listening again for changes of tenants, when the database was away.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// The pause before asking again for a realm that somebody else reconciles.
const BUSY: Duration = Duration::from_millis(500);

/// How far the reconciliation of a tenant got.
enum Progress {
    Done,
    Busy,
}

impl Engine {
    /// Works in the background until `stop` is cancelled: keeps every realm's interfaces, triggers and delivery policy
    /// as they must be, and the devices' states as Astarte knows them. Any number of engines may run on one database.
    pub async fn run(self, stop: CancellationToken) {
        let turn_now = Notify::new();
        let work = async {
            tokio::join!(
                self.reconcile_in_turn(&turn_now),
                self.reconcile_changed(&turn_now),
                self.follow_changes()
            )
        };
        // All of it can be begun again, so it may end anywhere.
        let _ = stop.run_until_cancelled(work).await;
    }

    async fn reconcile_in_turn(&self, turn_now: &Notify) {
        // Another server's round will do for ours, but for the first one: settings may have changed since.
        let round = self.0.interval * 3 / 4;
        loop {
            let recent = tokio::select! {
                () = tokio::time::sleep(self.0.interval) => round,
                () = turn_now.notified() => Duration::ZERO,
            };
            self.reconcile_all(recent).await;
        }
    }

    /// Reconciles tenants when they are made or changed. What changed while nobody listened is found by a turn, so there
    /// is one after listening has begun, however that went.
    async fn reconcile_changed(&self, turn_now: &Notify) {
        let mut listens = true;
        loop {
            let changes = self.0.store.registry().tenant_changes().await;
            if listens || changes.is_ok() {
                turn_now.notify_one();
            }
            listens = changes.is_ok();
            let ended = match changes {
                Ok(changes) => self.follow(changes, turn_now).await,
                Err(error) => error,
            };
            warn_deaf(&ended);
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    /// Follows changes until they cannot be heard any more.
    async fn follow(&self, mut changes: TenantChanges, turn_now: &Notify) -> StoreError {
        let mut work = JoinSet::new();
        loop {
            match changes.next().await {
                Ok(Some(slug)) => {
                    self.0.directory.forget(&slug);
                    let engine = self.clone();
                    work.spawn(async move { engine.reconcile(&slug, Duration::ZERO).await });
                    while work.try_join_next().is_some() {}
                }
                Ok(None) => {
                    self.0.directory.forget_all();
                    turn_now.notify_one();
                }
                Err(error) => return error,
            }
        }
    }

    async fn reconcile_all(&self, recent: Duration) {
        match self.0.store.registry().tenant_list().await {
            Ok(tenants) => {
                join_all(tenants.iter().map(|tenant| self.reconcile(&tenant.slug, recent))).await;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(
                    error,
                    "the tenants could not be listed; no realm is reconciled until the next turn"
                );
            }
        }
    }

    /// Reconciles one tenant. A failure is its own affair and ends with its report.
    #[tracing::instrument(skip(self, recent))]
    async fn reconcile(&self, tenant: &str, recent: Duration) {
        let begun = Instant::now();
        loop {
            match self.reconcile_tenant(tenant, recent + begun.elapsed()).await {
                Ok(Progress::Done) => return,
                // What the other one does may be older than what is wanted here: try until it is done.
                Ok(Progress::Busy) if begun.elapsed() < RECONCILIATION => tokio::time::sleep(BUSY).await,
                Ok(Progress::Busy) => {
                    return tracing::warn!("somebody else takes too long to reconcile the realm");
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    return tracing::warn!(
                        error,
                        "the realm could not be reconciled; look at its URL and private key, and at Astarte's health"
                    );
                }
            }
        }
    }

    async fn reconcile_tenant(&self, slug: &str, recent: Duration) -> Result<Progress, Error> {
        // Never closed, so this always is a permit.
        let _permit = self.0.realms.acquire().await.ok();
        let Some(tenant) = self.tenant(slug).await? else { return Ok(Progress::Done) };
        let realm = tenant.realm().ok_or(Error::NoRealm)?;
        let client = realm.client()?;
        let registry = self.0.store.registry();
        let lease = match registry.realm_lease(tenant.info().tenant_id, recent).await? {
            Lease::Granted(lease) => lease,
            Lease::Busy => return Ok(Progress::Busy),
            Lease::Done => return Ok(Progress::Done),
        };
        let reconciled = realm_resources::reconcile(client, &self.trigger_url(slug)).await;
        registry.realm_release(lease, reconciled.is_ok()).await?;
        reconciled?;
        let devices = tenant.reconcile_devices().await?;
        crate::feed::prune(tenant.scope()).await?;
        tracing::info!(devices, "the realm is reconciled");
        Ok(Progress::Done)
    }

    fn trigger_url(&self, slug: &str) -> String {
        format!("{}/tenants/{slug}/triggers", self.0.public_url.as_str().trim_end_matches('/'))
    }
}

fn warn_deaf(error: &StoreError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "changes of tenants are not heard; they take effect in turn until they are");
}
