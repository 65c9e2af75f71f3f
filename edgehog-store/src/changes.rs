//! The change feed: what changed is written with the change, announced to all processes, and read by those that watch.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{FromRow, PgPool};
use tokio::sync::Notify;

use crate::{Error, Resource, Store, TenantId, TenantTx, Value};

/// Where it is told which tenants have new changes.
const CHANNEL: &str = "edgehog_changes";

/// Changes read at once.
const BATCH: i64 = 5000;

/// Tenants named in one announcement: PostgreSQL takes a little less than 8000 bytes.
const NAMED: usize = 350;

/// The pause after an announcement that could not be made.
const AGAIN: Duration = Duration::from_secs(1);

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It was made.
    Created,
    /// It has other values, or somebody asked for that.
    Updated,
    /// It is gone.
    Destroyed,
}

impl ChangeKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Destroyed => "destroyed",
        }
    }
}

/// A change of one record.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// What the record is.
    pub resource: &'static Resource,
    /// What happened to it.
    pub kind: ChangeKind,
    /// Its key.
    pub key: Value,
}

/// How far a reader has come in a tenant's feed.
///
/// Transactions become visible in another order than their changes are numbered. So this remembers the oldest transaction
/// that was still running, and the changes since then that were read already.
#[derive(Clone, Debug)]
pub struct FeedPosition {
    oldest_running: i64,
    /// Numbers of changes, with those of their transactions.
    read: HashMap<i64, i64>,
}

impl TenantTx {
    /// Notes a change; it is written when this transaction is committed, and told to everybody then.
    pub(crate) fn changed(&mut self, resource: &'static Resource, kind: ChangeKind, key: impl Into<Value>) {
        self.changes.push(Change { resource, kind, key: key.into() });
    }

    /// Writes the changes down: the locks of the changed rows are held, so those of one row are numbered in their order.
    pub(crate) async fn write_changes(&mut self) -> Result<bool, Error> {
        let changes = std::mem::take(&mut self.changes);
        if changes.is_empty() {
            return Ok(false);
        }
        let tenant = self.tenant();
        sqlx::query(
            "INSERT INTO changes (tenant_id, resource, kind, key) \
             SELECT $1, resource, kind, key FROM unnest($2::text[], $3::text[], $4::text[]) \
                 WITH ORDINALITY AS it (resource, kind, key, place) ORDER BY place",
        )
        .bind(tenant)
        .bind(changes.iter().map(|it| it.resource.type_name).collect::<Vec<_>>())
        .bind(changes.iter().map(|it| it.kind.as_str()).collect::<Vec<_>>())
        .bind(changes.iter().map(|it| key_text(&it.key)).collect::<Vec<_>>())
        .execute(self.connection())
        .await?;
        Ok(true)
    }

    /// The place in the feed after all that can be seen now.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn change_position(&mut self) -> Result<FeedPosition, Error> {
        let tenant = self.tenant();
        let rows: Vec<(i64, Option<i64>, Option<i64>)> = sqlx::query_as(
            "SELECT now.oldest::text::bigint, c.id, c.xid::text::bigint \
             FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS oldest) AS now \
             LEFT JOIN changes c ON c.tenant_id = $1 AND c.xid >= now.oldest",
        )
        .bind(tenant)
        .fetch_all(self.connection())
        .await?;
        let oldest_running = rows.first().map_or(0, |row| row.0);
        let read = rows.into_iter().filter_map(|(_, id, xid)| Some((id?, xid?))).collect();
        Ok(FeedPosition { oldest_running, read })
    }

    /// Reads changes that were not read yet, those of one record in the order in which they were committed. There may be
    /// more unless it returns none.
    ///
    /// # Errors
    ///
    /// [`Error::Database`]; the position stays as it was then.
    pub async fn change_read(&mut self, position: &mut FeedPosition) -> Result<Vec<Change>, Error> {
        #[derive(FromRow)]
        struct Found {
            oldest: i64,
            id: Option<i64>,
            xid: Option<i64>,
            resource: Option<String>,
            kind: Option<String>,
            key: Option<String>,
        }

        let tenant = self.tenant();
        let known: Vec<i64> = position.read.keys().copied().collect();
        let found: Vec<Found> = sqlx::query_as(
            "SELECT now.oldest::text::bigint AS oldest, c.id, c.xid::text::bigint AS xid, c.resource, c.kind, c.key \
             FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS oldest) AS now \
             LEFT JOIN LATERAL ( \
                 SELECT * FROM changes c \
                 WHERE c.tenant_id = $1 AND c.xid >= $2::text::xid8 AND c.id <> ALL ($3) \
                 ORDER BY c.id LIMIT $4 \
             ) AS c ON true ORDER BY c.id",
        )
        .bind(tenant)
        .bind(position.oldest_running.to_string())
        .bind(known)
        .bind(BATCH)
        .fetch_all(self.connection())
        .await?;
        let whole = i64::try_from(found.len()).is_ok_and(|read| read < BATCH);
        let oldest = found.first().map_or(position.oldest_running, |row| row.oldest);
        let mut changes = Vec::with_capacity(found.len());
        for row in found {
            let (Some(id), Some(xid)) = (row.id, row.xid) else { continue };
            position.read.insert(id, xid);
            changes.extend(change(row.resource, row.kind.as_deref(), row.key.as_deref()));
        }
        // All that can be seen has been read: older transactions than this have ended, and will not add anything.
        if whole {
            position.oldest_running = oldest;
            position.read.retain(|_, xid| *xid >= oldest);
        }
        Ok(changes)
    }

    /// Deletes changes that are older than `age`, some thousands at most. Says how many there were.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn change_prune(&mut self, age: Duration) -> Result<u64, Error> {
        let tenant = self.tenant();
        let done = sqlx::query(
            "DELETE FROM changes WHERE tenant_id = $1 AND id IN ( \
                 SELECT id FROM changes WHERE tenant_id = $1 AND at < now() - make_interval(secs => $2) \
                 ORDER BY id LIMIT $3)",
        )
        .bind(tenant)
        .bind(age.as_secs_f64())
        .bind(BATCH)
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected())
    }
}

fn key_text(key: &Value) -> String {
    match key {
        Value::Integer(number) => number.to_string(),
        Value::Uuid(uuid) => uuid.to_string(),
        other => other.to_json().to_string(),
    }
}

/// `None` for what a newer server wrote about a resource that this one does not know.
fn change(resource: Option<String>, kind: Option<&str>, key: Option<&str>) -> Option<Change> {
    let type_name = resource?;
    let resource = Resource::all().iter().find(|resource| resource.type_name == type_name)?;
    let kind = [ChangeKind::Created, ChangeKind::Updated, ChangeKind::Destroyed]
        .into_iter()
        .find(|known| Some(known.as_str()) == kind)?;
    let key = match resource.attributes[0].kind {
        crate::Kind::Uuid => Value::Uuid(key?.parse().ok()?),
        _ => Value::Integer(key?.parse().ok()?),
    };
    Some(Change { resource, kind, key })
}

/// Tells the other processes which tenants have new changes, outside the transactions that make them: PostgreSQL lets
/// transactions that notify be committed only one after the other. If this process dies in between, readers find the
/// changes when they look by themselves.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    waiting: Mutex<BTreeSet<TenantId>>,
    wake: Notify,
}

impl Announcer {
    pub(crate) fn start(pool: PgPool) -> Arc<Self> {
        let announcer = Arc::new(Self::default());
        let weak = Arc::downgrade(&announcer);
        tokio::spawn(async move {
            while let Some(announcer) = weak.upgrade()
                && !pool.is_closed()
            {
                // Looks now and then whether anybody is left that could announce anything.
                let _ = tokio::time::timeout(AGAIN, announcer.wake.notified()).await;
                if let Err(error) = announcer.announce_waiting(&pool).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        error,
                        "changes are not announced; others see them when they look by themselves"
                    );
                }
            }
        });
        announcer
    }

    pub(crate) fn announce(&self, tenant: TenantId) {
        self.waiting().insert(tenant);
        self.wake.notify_one();
    }

    async fn announce_waiting(&self, pool: &PgPool) -> Result<(), Error> {
        loop {
            let tenants: Vec<_> = self.waiting().iter().copied().take(NAMED).collect();
            if tenants.is_empty() {
                return Ok(());
            }
            for tenant in &tenants {
                self.waiting().remove(tenant);
            }
            let named: Vec<_> = tenants.iter().map(ToString::to_string).collect();
            let told = sqlx::query("SELECT pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(named.join(" "))
                .execute(pool)
                .await;
            if let Err(error) = told {
                self.waiting().extend(tenants);
                return Err(error.into());
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeSet<TenantId>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Announcements of changes, whichever process made them. They say whose changes there are, not which.
#[derive(Debug)]
pub struct ChangeSignals(PgListener);

impl Store {
    /// Listens for announcements of changes. Takes one connection for itself.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn change_signals(&self) -> Result<ChangeSignals, Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(ChangeSignals(listener))
    }
}

impl ChangeSignals {
    /// The tenants that have new changes. `None` says that the connection broke and is restored: any may have some.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] where the connection cannot be restored.
    pub async fn next(&mut self) -> Result<Option<Vec<TenantId>>, Error> {
        let signal = self.0.try_recv().await?;
        let tenants = |text: &str| {
            text.split(' ').filter_map(|id| id.parse::<i64>().ok()).map(TenantId::from).collect()
        };
        Ok(signal.map(|signal| tenants(signal.payload())))
    }
}
