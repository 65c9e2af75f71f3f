//! When realms are reconciled, by whom, and what came of it.
//!
//! Processes share the work without a leader: each claims what is due, says again and again that it is at it, and writes
//! down how it went. What a process held that fell silent is due for the others.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::tenants::notify;
use crate::{Error, Registry, TenantId};

/// How long a claim stands that is not renewed.
pub const LEASE: Duration = Duration::from_secs(8);

/// What is known of the reconciliation of a tenant's realm.
#[derive(Clone, Debug, PartialEq, FromRow)]
#[non_exhaustive]
pub struct Reconciliation {
    /// The tenant.
    pub tenant_id: TenantId,
    /// When the next one is due.
    pub due_at: DateTime<Utc>,
    /// Whether a process is at it now.
    pub running: bool,
    /// When the newest one began.
    pub began_at: Option<DateTime<Utc>>,
    /// When the newest one that came to an end did.
    pub ended_at: Option<DateTime<Utc>>,
    /// Whether that one succeeded.
    pub succeeded: Option<bool>,
    /// When one succeeded last.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// Why the newest one failed.
    pub error: Option<String>,
    /// What the newest one had to mend in the realm.
    #[sqlx(json)]
    pub mended: Vec<Mended>,
    /// How many have failed since one succeeded.
    pub failures: i32,
}

/// Something in a realm that was not as it must be, and is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mended {
    /// What it is: `interface`, `policy` or `trigger`.
    pub kind: String,
    /// Its name in Astarte.
    pub name: String,
    /// What was done.
    pub how: Mending,
}

impl Mended {
    /// Something that was mended.
    #[must_use]
    pub fn new(kind: impl Into<String>, name: impl Into<String>, how: Mending) -> Self {
        Self { kind: kind.into(), name: name.into(), how }
    }
}

/// How something in a realm was mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mending {
    /// It was not there.
    Installed,
    /// It was of an older version.
    Updated,
    /// It differed, and was deleted and made anew.
    Replaced,
}

/// Leave to reconcile a tenant's realm, as long as it is renewed.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[non_exhaustive]
pub struct ReconciliationClaim {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The tenant's name in URLs.
    pub slug: String,
    /// How many have failed since one succeeded.
    pub failures: i32,
    /// When it was granted, by the database's clock.
    pub began_at: DateTime<Utc>,
    /// Whether nothing may be taken for granted: none succeeded yet for these settings, the newest one failed, or somebody
    /// asked for this one.
    pub thorough: bool,
}

/// How a reconciliation went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// What was mended.
    pub mended: Vec<Mended>,
    /// Why it failed, where it did.
    pub error: Option<String>,
    /// How long until the next one is due.
    pub next: Duration,
    /// Whether all triggers of the realm have its secret now.
    pub secret_installed: bool,
}

impl Outcome {
    /// One that succeeded, all of whose triggers have the realm's secret if there is one.
    #[must_use]
    pub const fn succeeded(mended: Vec<Mended>, next: Duration) -> Self {
        Self { mended, error: None, next, secret_installed: true }
    }

    /// One that failed.
    #[must_use]
    pub fn failed(mended: Vec<Mended>, error: impl Into<String>, next: Duration) -> Self {
        Self { mended, error: Some(error.into()), next, secret_installed: false }
    }
}

const COLUMNS: &str = "tenant_id, due_at, coalesce(held_until > now(), false) AS running, began_at, ended_at, succeeded, \
    succeeded_at, error, mended, failures";

/// Makes a reconciliation of the tenant's realm due now, also where one is at work.
pub(crate) async fn reconciliation_put(connection: &mut PgConnection, tenant: TenantId) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO reconciliations (tenant_id) VALUES ($1) \
         ON CONFLICT (tenant_id) DO UPDATE SET due_at = now(), requested_at = clock_timestamp()",
    )
    .bind(tenant)
    .execute(connection)
    .await?;
    Ok(())
}

impl Registry {
    /// What is known of the reconciliations of all tenants, in the tenants' order.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn reconciliations(&self) -> Result<Vec<Reconciliation>, Error> {
        let mut tx = self.begin().await?;
        let select = format!("SELECT {COLUMNS} FROM reconciliations ORDER BY tenant_id");
        let found = sqlx::query_as(sqlx::AssertSqlSafe(select)).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// What is known of the reconciliation of one tenant's realm; `None` where there is no such tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn reconciliation(&self, tenant: TenantId) -> Result<Option<Reconciliation>, Error> {
        let mut tx = self.begin().await?;
        let select = format!("SELECT {COLUMNS} FROM reconciliations WHERE tenant_id = $1");
        let select = sqlx::query_as(sqlx::AssertSqlSafe(select)).bind(tenant);
        let found = select.fetch_optional(&mut *tx).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// Makes a reconciliation due now: some process begins one that sees all that was true before this. Says when that
    /// was, or `None` where there is no such tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn reconciliation_request(&self, tenant: TenantId) -> Result<Option<DateTime<Utc>>, Error> {
        let mut tx = self.begin().await?;
        let requested: Option<(DateTime<Utc>, String)> = sqlx::query_as(
            "UPDATE reconciliations r SET due_at = now(), requested_at = clock_timestamp() \
             FROM tenants t WHERE t.tenant_id = r.tenant_id AND r.tenant_id = $1 \
             RETURNING r.requested_at, t.slug",
        )
        .bind(tenant)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some((_, slug)) = &requested {
            notify(&mut tx, slug).await?;
        }
        tx.commit().await?;
        Ok(requested.map(|(at, _)| at))
    }

    /// Makes all reconciliations due within `spread` that were last done for other settings than these. Says how many.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn reconciliation_expect(&self, settings: &str, spread: Duration) -> Result<u64, Error> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE reconciliations SET due_at = least(due_at, now() + random() * make_interval(secs => $2)) \
             WHERE settings IS DISTINCT FROM $1",
        )
        .bind(settings)
        .bind(spread.as_secs_f64())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// Claims reconciliations that are due and that nobody is at: `most` at most, the longest overdue first. Each stands
    /// for [`LEASE`] after it was granted or renewed. `settings` says what they will be done for.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn reconciliation_claim(
        &self,
        holder: Uuid,
        most: usize,
        settings: &str,
    ) -> Result<Vec<ReconciliationClaim>, Error> {
        let mut tx = self.begin().await?;
        let claims = sqlx::query_as(
            "UPDATE reconciliations r SET held_by = $1, held_until = now() + make_interval(secs => $3), began_at = now() \
             FROM tenants t, ( \
                 SELECT tenant_id, settings IS DISTINCT FROM $4 OR failures > 0 \
                     OR coalesce(requested_at > began_at, true) AS thorough \
                 FROM reconciliations \
                 WHERE due_at <= now() AND coalesce(held_until <= now(), true) \
                 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED \
             ) AS due \
             WHERE t.tenant_id = r.tenant_id AND r.tenant_id = due.tenant_id \
             RETURNING r.tenant_id, t.slug, r.failures, r.began_at, due.thorough",
        )
        .bind(holder)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .bind(LEASE.as_secs_f64())
        .bind(settings)
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(claims)
    }

    /// Says that a process is still at what it claimed. Says what that is: a claim that came too late is lost, and so is
    /// that of a tenant that was deleted.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn reconciliation_renew(&self, holder: Uuid) -> Result<Vec<TenantId>, Error> {
        let mut tx = self.begin().await?;
        let held = sqlx::query_scalar(
            "UPDATE reconciliations SET held_until = now() + make_interval(secs => $2) \
             WHERE held_by = $1 AND held_until > now() RETURNING tenant_id",
        )
        .bind(holder)
        .bind(LEASE.as_secs_f64())
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(held)
    }

    /// Ends what was claimed, and says when the next one is due: at once, where one was requested meanwhile. Says whether
    /// the claim still stood; nothing is noted otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn reconciliation_end(
        &self,
        holder: Uuid,
        claim: &ReconciliationClaim,
        outcome: &Outcome,
        settings: &str,
    ) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let current: Option<bool> = sqlx::query_scalar(
            "UPDATE reconciliations SET held_by = NULL, held_until = NULL, \
                 due_at = CASE WHEN requested_at > began_at THEN now() ELSE now() + make_interval(secs => $4) END, \
                 ended_at = now(), succeeded = $5 IS NULL, error = $5, mended = $6, \
                 failures = CASE WHEN $5 IS NULL THEN 0 ELSE failures + 1 END, \
                 succeeded_at = CASE WHEN $5 IS NULL THEN now() ELSE succeeded_at END, \
                 settings = CASE WHEN $5 IS NULL THEN $7 ELSE settings END \
             WHERE tenant_id = $1 AND held_by = $2 AND began_at = $3 AND held_until > now() \
             RETURNING requested_at <= began_at",
        )
        .bind(claim.tenant_id)
        .bind(holder)
        .bind(claim.began_at)
        .bind(outcome.next.as_secs_f64())
        .bind(&outcome.error)
        .bind(Json(&outcome.mended))
        .bind(settings)
        .fetch_optional(&mut *tx)
        .await?;
        // The realm may have been given a secret after the reconciliation began.
        if current == Some(true) && outcome.secret_installed {
            require_secret(&mut tx, claim.tenant_id).await?;
        }
        tx.commit().await?;
        Ok(current.is_some())
    }

    /// Gives back all that a process claimed and will not finish.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn reconciliation_give_up(&self, holder: Uuid) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE reconciliations SET held_by = NULL, held_until = NULL, due_at = now() WHERE held_by = $1",
        )
        .bind(holder)
        .execute(&mut *tx)
        .await?;
        tx.commit().await.map_err(Error::from)
    }
}

/// From now on events must come with the realm's secret, if it has one.
async fn require_secret(connection: &mut PgConnection, tenant: TenantId) -> Result<(), Error> {
    let changed: Option<String> = sqlx::query_scalar(
        "UPDATE realms r SET trigger_secret_required = true FROM tenants t \
         WHERE t.tenant_id = r.tenant_id AND r.tenant_id = $1 \
             AND r.trigger_secret IS NOT NULL AND NOT r.trigger_secret_required RETURNING t.slug",
    )
    .bind(tenant)
    .fetch_optional(&mut *connection)
    .await?;
    match changed {
        Some(slug) => notify(connection, &slug).await,
        None => Ok(()),
    }
}
