//! The background work: every tenant's realm is kept as it must be, now and then, and when it changes or somebody asks.
//!
//! Engines that share a database share the work: each claims what is due, and takes over what another one leaves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edgehog_store::{LEASE, Mended, Outcome, Reconciliation, ReconciliationClaim, TenantChanges, TenantId};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::realm_resources::{Destination, RealmResources, fingerprint};
use crate::{Engine, Error, measures};

/// Realms that one engine reconciles at the same time.
const AT_ONCE: usize = 16;

/// How often an engine looks for what is due, beside what it hears of.
const LOOK: Duration = Duration::from_secs(1);

/// How often it says that it is still at what it claimed.
const RENEW: Duration = Duration::from_secs(2);

/// How long one reconciliation may take, a large fleet's devices included.
const LONGEST: Duration = Duration::from_mins(30);

/// The pause after the first failure in a row; each further one doubles it, up to the usual interval.
const FIRST_PAUSE: Duration = Duration::from_secs(15);

/// Within which time realms are looked at when what they must have has changed.
const SPREAD: Duration = Duration::from_secs(10);

/// The pause before listening again for changes of tenants, when the database was away.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// How long a stopping engine tries to give back what it claimed.
const FAREWELL: Duration = Duration::from_secs(2);

impl Engine {
    /// Works in the background until `stop` is cancelled: keeps every realm's interfaces, triggers and delivery policy
    /// as they must be, and the devices' states as Astarte knows them. Any number of engines may run on one database.
    pub async fn run(self, stop: CancellationToken) {
        let reconciler = Reconciler::new(self.clone());
        let work = async {
            tokio::join!(reconciler.work(), reconciler.follow_tenants(), self.follow_changes());
        };
        // All of it can be begun again, so it may end anywhere.
        let _ = stop.run_until_cancelled(work).await;
        reconciler.give_up().await;
    }

    /// What is known of the reconciliation of all tenants' realms, in the tenants' order.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn reconciliations(&self) -> Result<Vec<Reconciliation>, Error> {
        Ok(self.0.store.registry().reconciliations().await?)
    }

    /// What is known of the reconciliation of a tenant's realm; `None` where there is no such tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn reconciliation(&self, tenant: TenantId) -> Result<Option<Reconciliation>, Error> {
        Ok(self.0.store.registry().reconciliation(tenant).await?)
    }

    /// Asks for a reconciliation of a tenant's realm, which some engine that [runs](Self::run) begins at once. Says when
    /// it was asked for: it has happened when one that began later has ended. `None` where there is no such tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn request_reconciliation(
        &self,
        tenant: TenantId,
    ) -> Result<Option<chrono::DateTime<chrono::Utc>>, Error> {
        Ok(self.0.store.registry().reconciliation_request(tenant).await?)
    }

    /// Makes the realm of a tenant ready, and reads its devices.
    async fn reconcile(&self, claim: &ReconciliationClaim) -> (Vec<Mended>, Result<(), Error>) {
        let mut mended = Vec::new();
        let result = self.reconcile_into(claim, &mut mended).await;
        (mended, result)
    }

    async fn reconcile_into(
        &self,
        claim: &ReconciliationClaim,
        mended: &mut Vec<Mended>,
    ) -> Result<(), Error> {
        let slug = claim.slug.as_str();
        // What was true when the claim was granted may be newer than what is remembered.
        self.0.directory.forget(slug);
        let Some(tenant) = self.tenant(slug).await? else { return Ok(()) };
        let realm = tenant.realm().ok_or(Error::NoRealm)?;
        let destination = Destination { url: self.trigger_url(slug), secret: tenant.trigger_secret()? };
        let mut resources = RealmResources { realm: realm.client()?, mended: Vec::new() };
        let reconciled = resources.reconcile(&destination, claim.thorough).await;
        *mended = resources.mended;
        reconciled?;
        let devices = tenant.reconcile_devices().await?;
        crate::feed::prune(tenant.scope()).await?;
        tracing::info!(devices, mended = mended.len(), "the realm is reconciled");
        Ok(())
    }

    fn trigger_url(&self, slug: &str) -> String {
        format!("{}/tenants/{slug}/triggers", self.0.public_url.as_str().trim_end_matches('/'))
    }
}

/// One engine's share of the work.
struct Reconciler {
    engine: Engine,
    /// Who it is, for the others.
    holder: Uuid,
    /// What realms are made to have now.
    settings: Arc<str>,
    wake: Notify,
}

/// What the engine is at.
#[derive(Default)]
struct Jobs {
    set: JoinSet<TenantId>,
    tenants: HashMap<TenantId, AbortHandle>,
    /// When the others heard last that it is.
    renewed: Option<Instant>,
}

impl Jobs {
    /// Waits until one ends. Never returns where there is none.
    async fn ended(&mut self) {
        match self.set.join_next_with_id().await {
            Some(Ok((id, _))) => self.forget(id),
            Some(Err(error)) => self.forget(error.id()),
            None => std::future::pending().await,
        }
    }

    fn forget(&mut self, id: Id) {
        self.tenants.retain(|_, job| job.id() != id);
    }

    /// Goes on with those of `held` alone: others may be at the rest.
    fn keep(&self, held: &[TenantId]) {
        for (tenant, job) in &self.tenants {
            if !held.contains(tenant) {
                tracing::warn!(%tenant, "the reconciliation is another server's now");
                job.abort();
            }
        }
    }
}

impl Reconciler {
    fn new(engine: Engine) -> Self {
        let settings = fingerprint(&engine.trigger_url("")).into();
        Self { engine, holder: Uuid::new_v4(), settings, wake: Notify::new() }
    }

    async fn work(&self) {
        let mut jobs = Jobs::default();
        let (mut look, mut renew) = (interval(LOOK), interval(RENEW));
        let (mut expected, mut well) = (false, true);
        loop {
            tokio::select! {
                _ = renew.tick() => self.renew(&mut jobs).await,
                () = jobs.ended() => {}
                () = self.wake.notified() => {}
                _ = look.tick() => {}
            }
            let claimed = async {
                if !expected {
                    self.seal_secrets().await?;
                    let spread = SPREAD.min(self.engine.0.interval / 4);
                    self.registry().reconciliation_expect(&self.settings, spread).await?;
                    expected = true;
                }
                let most = AT_ONCE - jobs.tenants.len();
                self.registry().reconciliation_claim(self.holder, most, &self.settings).await
            };
            // Whatever else waits here must not keep the claims from being renewed.
            match timeout(RENEW, claimed).await {
                Ok(Ok(claims)) => {
                    well = true;
                    claims.into_iter().for_each(|claim| self.begin(&mut jobs, claim));
                }
                Ok(Err(error)) if std::mem::take(&mut well) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "realms are not reconciled until the database answers");
                }
                Err(_) if std::mem::take(&mut well) => {
                    tracing::warn!("realms are not reconciled until the database answers in time");
                }
                _ => {}
            }
        }
    }

    /// Seals what earlier versions left readable.
    async fn seal_secrets(&self) -> Result<(), edgehog_store::Error> {
        let done = self.registry().secrets_seal().await?;
        if !done.sealed.is_empty() {
            tracing::info!(realms = done.sealed.len(), "the secrets of realms are sealed from now on");
        }
        Ok(())
    }

    async fn renew(&self, jobs: &mut Jobs) {
        if jobs.tenants.is_empty() {
            return;
        }
        let asked = Instant::now();
        match timeout(RENEW, self.registry().reconciliation_renew(self.holder)).await {
            Ok(Ok(held)) => {
                jobs.renewed = Some(asked);
                jobs.keep(&held);
            }
            // Nobody else begins before the lease is over.
            _ if jobs.renewed.is_some_and(|renewed| renewed.elapsed() + RENEW > LEASE) => jobs.keep(&[]),
            _ => {}
        }
    }

    fn begin(&self, jobs: &mut Jobs, claim: ReconciliationClaim) {
        jobs.renewed.get_or_insert_with(Instant::now);
        let (engine, holder, settings) = (self.engine.clone(), self.holder, self.settings.clone());
        let tenant = claim.tenant_id;
        let job = jobs.set.spawn(async move {
            reconcile_claimed(&engine, holder, &claim, &settings).await;
            claim.tenant_id
        });
        jobs.tenants.insert(tenant, job);
    }

    /// Gives back what was begun and is not finished.
    async fn give_up(&self) {
        let given_up = timeout(FAREWELL, self.registry().reconciliation_give_up(self.holder)).await;
        if !matches!(given_up, Ok(Ok(()))) {
            tracing::info!("claims are not given back; others take over when they are over");
        }
    }

    /// Follows tenants that are made, changed or deleted, and requests, by whichever process.
    async fn follow_tenants(&self) {
        loop {
            let ended = match self.registry().tenant_changes().await {
                Ok(changes) => self.follow(changes).await,
                Err(error) => error,
            };
            warn_deaf(&ended);
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    /// Follows changes until they cannot be heard any more.
    async fn follow(&self, mut changes: TenantChanges) -> edgehog_store::Error {
        // What changed while nobody listened.
        self.look_again(self.engine.0.directory.forget_all()).await;
        loop {
            match changes.next().await {
                Ok(Some(slug)) => {
                    self.engine.0.directory.forget(&slug);
                    self.look_again(vec![slug]).await;
                    self.wake.notify_one();
                }
                Ok(None) => {
                    self.look_again(self.engine.0.directory.forget_all()).await;
                    self.wake.notify_one();
                }
                Err(error) => return error,
            }
        }
    }

    /// Notices tenants that were deleted. Those that cannot be looked up are when somebody asks for them.
    async fn look_again(&self, slugs: Vec<String>) {
        for slug in slugs {
            if self.engine.0.directory.knows(&slug) {
                let _ = self.engine.tenant(&slug).await;
            }
        }
    }

    fn registry(&self) -> edgehog_store::Registry {
        self.engine.0.store.registry()
    }
}

fn warn_deaf(error: &edgehog_store::Error) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "changes of tenants are not heard; they take effect in turn until they are");
}

/// Does what was claimed. A failure is its tenant's own affair, and ends with its report.
#[tracing::instrument(skip_all, fields(tenant = claim.slug))]
async fn reconcile_claimed(engine: &Engine, holder: Uuid, claim: &ReconciliationClaim, settings: &str) {
    let begun = Instant::now();
    let (mended, failure) = match timeout(LONGEST, engine.reconcile(claim)).await {
        Ok((mended, Ok(()))) => (mended, None),
        Ok((mended, Err(error))) => {
            let cause = &error as &dyn std::error::Error;
            tracing::warn!(
                error = cause,
                "the realm could not be reconciled; look at its URL and private key, and at Astarte's health"
            );
            (mended, Some(with_causes(cause)))
        }
        Err(_) => {
            tracing::warn!("the reconciliation of the realm took too long");
            (Vec::new(), Some(format!("it took more than {} minutes", LONGEST.as_secs() / 60)))
        }
    };
    measures::reconciled(&claim.slug, begun, &mended, failure.is_none());
    let outcome = match failure {
        None => Outcome::succeeded(mended, usual_pause(engine.0.interval)),
        Some(error) => Outcome::failed(mended, error, pause_after(claim.failures, engine.0.interval)),
    };
    match engine.0.store.registry().reconciliation_end(holder, claim, &outcome, settings).await {
        Ok(true) => {}
        Ok(false) => tracing::info!("the tenant is gone, or another server took over"),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the reconciliation could not be noted; it is done again");
        }
    }
}

/// The usual pause, a little more or less, so that realms that began together do not stay together.
fn usual_pause(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// The pause after a failure that `failures` others came before.
fn pause_after(failures: i32, interval: Duration) -> Duration {
    let doublings = u32::try_from(failures).unwrap_or_default().min(16);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(interval);
    pause.mul_f64(0.75 + 0.5 * fastrand::f64())
}

/// An error in one line with all that caused it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors repeat what caused them.
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failures are followed by longer and longer pauses, but never much more than the usual one.
    #[test]
    fn pauses_grow_with_failures() {
        let usual = Duration::from_mins(10);
        let within = |pause: Duration, middle: u64| {
            let middle = Duration::from_secs(middle);
            assert!(pause >= middle.mul_f64(0.75) && pause <= middle.mul_f64(1.25), "{pause:?} {middle:?}");
        };
        for (failures, seconds) in [(0, 15), (1, 30), (4, 240), (6, 600), (i32::MAX, 600), (-1, 15)] {
            within(pause_after(failures, usual), seconds);
        }
        within(pause_after(0, Duration::from_secs(1)), 1);
        within(usual_pause(usual), 600);
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = Error::Trigger {
            name: "t".into(),
            source: edgehog_astarte::SigningKey::from_pem("none").map(drop).unwrap_err(),
        };
        let text = with_causes(&error);
        assert!(text.starts_with("the trigger t could not be installed: "), "{text}");
        assert!(text.contains("no private key"), "{text}");
    }
}
