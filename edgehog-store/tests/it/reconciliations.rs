//! Who reconciles which realm when.

use std::time::Duration;

use edgehog_store::{Mended, Mending, Outcome, Reconciliation, Registry, Store, TenantId};
use sqlx::{ConnectOptions, Executor, PgConnection};
use uuid::Uuid;

use crate::{config, new_tenant};

const LATER: Duration = Duration::from_secs(600);

struct World {
    registry: Registry,
    /// A connection that may do anything, such as move the clock.
    superuser: PgConnection,
}

impl World {
    async fn new() -> Self {
        let options = edgehog_test_database::create().await;
        Store::migrate(&options).await.unwrap();
        let store = Store::connect(config(options.clone())).await.unwrap();
        Self { registry: store.registry(), superuser: options.connect().await.unwrap() }
    }

    async fn tenant(&self, slug: &str) -> TenantId {
        self.registry.tenant_create(&new_tenant(slug)).await.unwrap().tenant_id
    }

    async fn status(&self, tenant: TenantId) -> Reconciliation {
        self.registry.reconciliation(tenant).await.unwrap().unwrap()
    }

    /// As if so many seconds had passed.
    async fn pass(&mut self, seconds: u32) {
        let pass = format!(
            "UPDATE edgehog.reconciliations SET due_at = due_at - interval '{seconds} s', \
             held_until = held_until - interval '{seconds} s'"
        );
        self.superuser.execute(sqlx::AssertSqlSafe(pass)).await.unwrap();
    }
}

/// A new tenant is due at once. Each is claimed by one process, and not again before its time, whether it succeeded or not.
#[tokio::test]
async fn each_is_done_once_in_its_time() {
    let mut world = World::new().await;
    let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
    for number in 0..5 {
        world.tenant(&format!("plant-{number}")).await;
    }
    let registry = world.registry.clone();
    let first = registry.reconciliation_claim(one, 3, "s").await.unwrap();
    let second = registry.reconciliation_claim(other, 10, "s").await.unwrap();
    assert_eq!((first.len(), second.len()), (3, 2));
    let mut all: Vec<_> = first.iter().chain(&second).map(|claim| &claim.slug).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);
    let mended = vec![Mended::new("trigger", "t", Mending::Replaced)];
    let outcomes = [Outcome::succeeded(mended.clone(), LATER), Outcome::failed(Vec::new(), "broken", LATER)];
    for (claim, outcome) in first.iter().zip(outcomes) {
        assert!(registry.reconciliation_end(one, claim, &outcome, "s").await.unwrap());
    }
    assert_eq!(registry.reconciliation_claim(one, 10, "s").await.unwrap(), []);
    let [good, bad] = [world.status(first[0].tenant_id).await, world.status(first[1].tenant_id).await];
    assert_eq!((good.succeeded, good.failures, good.mended), (Some(true), 0, mended));
    assert_eq!((bad.succeeded, bad.failures, bad.error.as_deref()), (Some(false), 1, Some("broken")));
    assert!(good.succeeded_at.is_some() && bad.succeeded_at.is_none() && !bad.running);
    assert!(world.status(first[2].tenant_id).await.running);
    world.pass(601).await;
    // The others' time is over too: their claims were not renewed.
    assert_eq!(registry.reconciliation_claim(other, 10, "s").await.unwrap().len(), 5);
}

/// A claim that is renewed stands; one that is not is lost to whoever comes next, and what the loser says is not noted.
#[tokio::test]
async fn a_silent_process_loses_its_claims() {
    let mut world = World::new().await;
    let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
    let tenant = world.tenant("plant-one").await;
    let registry = world.registry.clone();
    let claim = registry.reconciliation_claim(one, 1, "s").await.unwrap().remove(0);
    world.pass(5).await;
    assert_eq!(registry.reconciliation_renew(one).await.unwrap(), [tenant]);
    world.pass(5).await;
    assert_eq!(registry.reconciliation_claim(other, 1, "s").await.unwrap(), []);
    world.pass(5).await;
    assert_eq!(registry.reconciliation_renew(one).await.unwrap(), []);
    let taken = registry.reconciliation_claim(other, 1, "s").await.unwrap().remove(0);
    assert!(
        !registry.reconciliation_end(one, &claim, &Outcome::succeeded(vec![], LATER), "s").await.unwrap()
    );
    assert!(world.status(tenant).await.running);
    assert!(
        registry.reconciliation_end(other, &taken, &Outcome::succeeded(vec![], LATER), "s").await.unwrap()
    );
}

/// A process that stops gives back what it has not finished: somebody else begins at once.
#[tokio::test]
async fn claims_can_be_given_back() {
    let world = World::new().await;
    let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
    world.tenant("plant-one").await;
    world.registry.reconciliation_claim(one, 1, "s").await.unwrap();
    world.registry.reconciliation_give_up(one).await.unwrap();
    assert_eq!(world.registry.reconciliation_claim(other, 1, "s").await.unwrap().len(), 1);
}

/// Whoever asks, or changes the tenant, gets a reconciliation that begins after that, also while one is at work.
#[tokio::test]
async fn a_request_is_met_by_a_later_one() {
    let world = World::new().await;
    let (registry, holder) = (world.registry.clone(), Uuid::new_v4());
    let tenant = world.tenant("plant-one").await;
    let claim = async || registry.reconciliation_claim(holder, 1, "s").await.unwrap();
    let done = Outcome::succeeded(vec![], LATER);
    for number in 0..2 {
        let running = claim().await.remove(0);
        assert!(claim().await.is_empty());
        let requested = if number == 0 {
            registry.reconciliation_request(tenant).await.unwrap()
        } else {
            registry.tenant_update(&new_tenant("plant-one")).await.unwrap();
            None
        };
        assert!(registry.reconciliation_end(holder, &running, &done, "s").await.unwrap());
        let second = claim().await.remove(0);
        assert!(requested.is_none_or(|requested| second.began_at > requested));
        registry.reconciliation_end(holder, &second, &done, "s").await.unwrap();
        assert!(claim().await.is_empty());
        registry.reconciliation_request(tenant).await.unwrap();
    }
    assert!(registry.reconciliation_request(TenantId::from(-1)).await.unwrap().is_none());
}

/// What was done for other settings is due; what was done for these is not.
#[tokio::test]
async fn other_settings_make_everything_due() {
    let world = World::new().await;
    let (registry, holder) = (world.registry.clone(), Uuid::new_v4());
    for slug in ["plant-one", "plant-two"] {
        world.tenant(slug).await;
    }
    for (claim, settings) in
        registry.reconciliation_claim(holder, 2, "s").await.unwrap().iter().zip(["old", "new"])
    {
        registry
            .reconciliation_end(holder, claim, &Outcome::succeeded(vec![], LATER), settings)
            .await
            .unwrap();
    }
    assert_eq!(registry.reconciliation_expect("new", Duration::ZERO).await.unwrap(), 1);
    let due = registry.reconciliation_claim(holder, 2, "new").await.unwrap();
    assert!(due.len() == 1 && due[0].thorough, "{due:?}");
}

/// The secret of a realm that had none is asked for once its triggers have it, and not if it came later than that.
#[tokio::test]
async fn a_secret_is_required_once_it_is_installed() {
    let world = World::new().await;
    let (registry, holder) = (world.registry.clone(), Uuid::new_v4());
    registry.tenant_create(&new_tenant("plant-one").authenticate_triggers(false)).await.unwrap();
    let required = async || {
        let (_, realm) = registry.tenant_by_slug("plant-one").await.unwrap().unwrap();
        realm.unwrap().trigger_secret_required
    };
    let done = Outcome::succeeded(vec![], LATER);
    let failed = Outcome::failed(vec![], "broken", Duration::ZERO);
    let before = registry.reconciliation_claim(holder, 1, "s").await.unwrap().remove(0);
    registry.tenant_update(&new_tenant("plant-one")).await.unwrap();
    for (claim, outcome, expected) in
        [(Some(before), &done, false), (None, &failed, false), (None, &done, true)]
    {
        let claim = match claim {
            Some(claim) => claim,
            None => registry.reconciliation_claim(holder, 1, "s").await.unwrap().remove(0),
        };
        assert!(registry.reconciliation_end(holder, &claim, outcome, "s").await.unwrap());
        assert_eq!(required().await, expected, "{outcome:?}");
    }
}

/// A deleted tenant's reconciliation is nobody's.
#[tokio::test]
async fn a_deleted_tenant_is_not_reconciled() {
    let world = World::new().await;
    let (registry, holder) = (world.registry.clone(), Uuid::new_v4());
    let tenant = world.tenant("plant-one").await;
    let claim = registry.reconciliation_claim(holder, 1, "s").await.unwrap().remove(0);
    registry.tenant_delete(tenant).await.unwrap();
    assert_eq!(registry.reconciliation_renew(holder).await.unwrap(), []);
    assert!(
        !registry.reconciliation_end(holder, &claim, &Outcome::succeeded(vec![], LATER), "s").await.unwrap()
    );
    assert!(registry.reconciliation(tenant).await.unwrap().is_none());
    assert_eq!(registry.reconciliations().await.unwrap(), []);
}

/// Nothing is taken for granted the first time, after a failure, for other settings and when somebody asked; otherwise what
/// was found right may be.
#[tokio::test]
async fn what_is_usual_need_not_be_thorough() {
    let world = World::new().await;
    let (registry, holder) = (world.registry.clone(), Uuid::new_v4());
    let tenant = world.tenant("plant-one").await;
    let done = Outcome::succeeded(vec![], Duration::ZERO);
    let failed = Outcome::failed(vec![], "broken", Duration::ZERO);
    for (settings, asked, outcome, thorough) in [
        ("s", false, &done, true),
        ("s", false, &done, false),
        ("t", false, &done, true),
        ("t", true, &failed, true),
        ("t", false, &done, true),
        ("t", false, &done, false),
    ] {
        if asked {
            registry.reconciliation_request(tenant).await.unwrap();
        }
        let claim = registry.reconciliation_claim(holder, 1, settings).await.unwrap().remove(0);
        assert_eq!(claim.thorough, thorough, "{settings} {asked} {outcome:?}");
        assert!(registry.reconciliation_end(holder, &claim, outcome, settings).await.unwrap());
    }
}
