use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};

use crate::changes::{Announcer, Change};
use crate::error::is_lost;
use crate::measures::{self, Purpose, Stopwatch};
use crate::share::{Place, Share};
use crate::{Error, TenantId};

/// The only door to the rows of a tenant.
///
/// Nothing else in this crate names a tenant to the database, and without a name PostgreSQL shows nothing: every table
/// that tenants own has row-level security forced on it. Cheap to clone.
#[derive(Clone)]
pub struct TenantScope {
    pool: PgPool,
    announcer: Arc<Announcer>,
    tenant: TenantId,
    share: Share,
}

impl TenantScope {
    pub(crate) const fn new(pool: PgPool, announcer: Arc<Announcer>, tenant: TenantId, share: Share) -> Self {
        Self { pool, announcer, tenant, share }
    }

    /// The tenant whose rows this scope shows.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Begins a transaction that sees this tenant and no other. A tenant has its share of the connections: who begins
    /// another transaction before the first one ends may wait for himself.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] where no connection can be had.
    pub async fn begin(&self) -> Result<TenantTx, Error> {
        let since = Instant::now();
        let place = self.share.place().await?;
        // One message, one round trip. The number is ours, never text from outside.
        let statement = format!("BEGIN; SET LOCAL edgehog.tenant = {}", self.tenant);
        let tx = begin_since(&self.pool, Purpose::Tenant, &statement, since).await?;
        let announcer = self.announcer.clone();
        Ok(TenantTx { tx, tenant: self.tenant, changes: Vec::new(), announcer, _place: place })
    }
}

impl fmt::Debug for TenantScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantScope").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// A transaction within one tenant. Dropped without [`TenantTx::commit`] it leaves no trace.
///
/// Methods are named noun first: `device_record`, `device_update`. They stand in one module for each resource. Those that
/// read any resource, such as [`TenantTx::list`] and [`TenantTx::row`], name none.
pub struct TenantTx {
    tx: TimedTx,
    tenant: TenantId,
    /// What was changed here and is not written down yet.
    pub(crate) changes: Vec<Change>,
    announcer: Arc<Announcer>,
    /// Given back after the connection.
    _place: Place,
}

impl TenantTx {
    /// The tenant whose rows this transaction sees.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The connection, for SQL of your own: the same row security holds for it, tables are found without their schema.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Makes everything done here last, and tells everybody what changed.
    ///
    /// # Errors
    ///
    /// [`Error::Database`]; whether the work was kept is then unknown if the connection broke.
    pub async fn commit(mut self) -> Result<(), Error> {
        let changed = self.write_changes().await?;
        self.tx.commit().await?;
        if changed {
            self.announcer.announce(self.tenant);
        }
        Ok(())
    }
}

impl fmt::Debug for TenantTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantTx").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// A transaction that is timed to its end.
pub(crate) struct TimedTx {
    tx: Transaction<'static, Postgres>,
    stopwatch: Stopwatch,
}

impl TimedTx {
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        let Self { tx, mut stopwatch } = self;
        tx.commit().await?;
        stopwatch.committed = true;
        Ok(())
    }
}

impl Deref for TimedTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for TimedTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// Begins a transaction with `statement`.
pub(crate) async fn begin_with(pool: &PgPool, purpose: Purpose, statement: &str) -> Result<TimedTx, Error> {
    begin_since(pool, purpose, statement, Instant::now()).await
}

/// Passes over connections that died in the pool: nothing has been done on them yet, so another try does no harm. When
/// the database was restarted, all of them are dead. The wait is counted from `since`.
async fn begin_since(
    pool: &PgPool,
    purpose: Purpose,
    statement: &str,
    since: Instant,
) -> Result<TimedTx, Error> {
    let mut dead = 0;
    let tx = loop {
        match pool.begin_with(AssertSqlSafe(statement)).await {
            Err(error) if is_lost(&error) && dead < pool.options().get_max_connections() => dead += 1,
            begun => break begun?,
        }
    };
    measures::begun(purpose, since);
    Ok(TimedTx { tx, stopwatch: Stopwatch::start(purpose) })
}
