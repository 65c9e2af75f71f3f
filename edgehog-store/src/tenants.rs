use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgListener;
use sqlx::{FromRow, PgConnection, PgPool, Postgres, Row, Transaction};

use crate::Error;
use crate::scope::begin_with;

/// A tenant's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct TenantId(i64);

impl TenantId {
    /// The number as the database and the wire know it.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl From<i64> for TenantId {
    fn from(id: i64) -> Self {
        Self(id)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A realm's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct RealmKey(i64);

impl From<i64> for RealmKey {
    fn from(id: i64) -> Self {
        Self(id)
    }
}

/// A customer of the server: devices, users and everything else belong to exactly one.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[non_exhaustive]
pub struct Tenant {
    /// The tenant's number.
    pub tenant_id: TenantId,
    /// A name for people, unique.
    pub name: String,
    /// The name in URLs, unique.
    pub slug: String,
    /// The language in which texts without a language tag are meant, such as `en-US`.
    pub default_locale: String,
    /// PEM of the key that verifies the tenant's tokens.
    pub public_key: String,
}

/// The place in an Astarte cluster where a tenant's devices live.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Realm {
    /// The realm's number.
    pub id: RealmKey,
    /// The realm's name in Astarte.
    pub name: String,
    /// Where Astarte answers, without a slash at the end.
    pub base_api_url: String,
    /// PEM of the key that signs this server's tokens for the realm.
    pub private_key: SecretString,
    /// When the realm last changed.
    pub updated_at: DateTime<Utc>,
}

/// A tenant to be made. The values are taken as they are: whoever fills this in has validated them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewTenant {
    /// See [`Tenant::name`].
    pub name: String,
    /// See [`Tenant::slug`].
    pub slug: String,
    /// See [`Tenant::default_locale`].
    pub default_locale: String,
    /// See [`Tenant::public_key`].
    pub public_key: String,
    /// See [`Realm::base_api_url`].
    pub base_api_url: String,
    /// See [`Realm::name`].
    pub realm_name: String,
    /// See [`Realm::private_key`].
    pub realm_private_key: SecretString,
}

impl NewTenant {
    /// A tenant with its realm, speaking American English until told otherwise.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        slug: impl Into<String>,
        public_key: impl Into<String>,
        base_api_url: impl Into<String>,
        realm_name: impl Into<String>,
        realm_private_key: SecretString,
    ) -> Self {
        Self {
            name: name.into(),
            slug: slug.into(),
            default_locale: "en-US".to_owned(),
            public_key: public_key.into(),
            base_api_url: base_api_url.into(),
            realm_name: realm_name.into(),
            realm_private_key,
        }
    }

    /// Sets the language in which texts without a language tag are meant.
    #[must_use]
    pub fn default_locale(mut self, locale: impl Into<String>) -> Self {
        self.default_locale = locale.into();
        self
    }
}

/// The list of tenants. It can find, make and delete them, and sees nothing that they own but the realm.
#[derive(Clone, Debug)]
pub struct Registry {
    pool: PgPool,
}

impl Registry {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, Error> {
        // The deletion of a tenant takes as long as it takes.
        begin_with(&self.pool, "BEGIN; SET LOCAL ROLE edgehog_registry; SET LOCAL statement_timeout = 0")
            .await
    }

    /// All tenants, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn tenant_list(&self) -> Result<Vec<Tenant>, Error> {
        let mut tx = self.begin().await?;
        let tenants = sqlx::query_as(
            "SELECT tenant_id, name, slug, default_locale, public_key FROM tenants ORDER BY tenant_id",
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(tenants)
    }

    /// The tenant with this name in URLs, and its realm if it has one.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn tenant_by_slug(&self, slug: &str) -> Result<Option<(Tenant, Option<Realm>)>, Error> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(
            "SELECT t.tenant_id, t.name, t.slug, t.default_locale, t.public_key, \
                    r.id AS realm_id, r.name AS realm_name, r.private_key, c.base_api_url, \
                    r.updated_at AS realm_updated_at \
             FROM tenants t \
             LEFT JOIN realms r USING (tenant_id) \
             LEFT JOIN clusters c ON c.id = r.cluster_id \
             WHERE t.slug = $1",
        )
        .bind(slug)
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        let Some(row) = row else { return Ok(None) };
        let realm = match row.try_get::<Option<RealmKey>, _>("realm_id")? {
            None => None,
            Some(id) => Some(Realm {
                id,
                name: row.try_get("realm_name")?,
                base_api_url: row.try_get("base_api_url")?,
                private_key: row.try_get::<String, _>("private_key")?.into(),
                updated_at: row.try_get("realm_updated_at")?,
            }),
        };
        Ok(Some((Tenant::from_row(&row)?, realm)))
    }

    /// Makes a tenant and its realm, or nothing at all.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] for the name, the slug, or the realm's name on that cluster.
    pub async fn tenant_create(&self, new: &NewTenant) -> Result<Tenant, Error> {
        let mut tx = self.begin().await?;
        let tenant: Tenant = sqlx::query_as(
            "INSERT INTO tenants (name, slug, default_locale, public_key) VALUES ($1, $2, $3, $4) \
             RETURNING tenant_id, name, slug, default_locale, public_key",
        )
        .bind(&new.name)
        .bind(&new.slug)
        .bind(&new.default_locale)
        .bind(&new.public_key)
        .fetch_one(&mut *tx)
        .await?;
        realm_put(&mut tx, tenant.tenant_id, new).await?;
        notify(&mut tx, &tenant.slug).await?;
        tx.commit().await?;
        Ok(tenant)
    }

    /// Gives an existing tenant all of these values; its devices stay. Says what it is now, or `None` where there is no
    /// tenant of this slug.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] for the name, or the realm's name on that cluster.
    pub async fn tenant_update(&self, new: &NewTenant) -> Result<Option<Tenant>, Error> {
        let mut tx = self.begin().await?;
        let tenant: Option<Tenant> = sqlx::query_as(
            "UPDATE tenants SET name = $2, default_locale = $3, public_key = $4, updated_at = now() \
             WHERE slug = $1 RETURNING tenant_id, name, slug, default_locale, public_key",
        )
        .bind(&new.slug)
        .bind(&new.name)
        .bind(&new.default_locale)
        .bind(&new.public_key)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(tenant) = &tenant {
            realm_put(&mut tx, tenant.tenant_id, new).await?;
            notify(&mut tx, &tenant.slug).await?;
        }
        tx.commit().await?;
        Ok(tenant)
    }

    /// Deletes a tenant with everything it owns. Says what it was, or `None` where there was none.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn tenant_delete(&self, tenant: TenantId) -> Result<Option<Tenant>, Error> {
        let mut tx = self.begin().await?;
        let deleted: Option<Tenant> = sqlx::query_as(
            "DELETE FROM tenants WHERE tenant_id = $1 \
             RETURNING tenant_id, name, slug, default_locale, public_key",
        )
        .bind(tenant)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(tenant) = &deleted {
            // They have no foreign key. Last, when whoever still worked on the tenant's rows has ended.
            sqlx::query("DELETE FROM changes WHERE tenant_id = $1")
                .bind(tenant.tenant_id)
                .execute(&mut *tx)
                .await?;
            notify(&mut tx, &tenant.slug).await?;
        }
        tx.commit().await?;
        Ok(deleted)
    }

    /// Asks to be the one who reconciles the tenant's realm, within [`RECONCILIATION`]. Nobody is, if a reconciliation that
    /// succeeded began less than `recent` ago.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn realm_lease(&self, tenant: TenantId, recent: Duration) -> Result<Lease, Error> {
        let mut tx = self.begin().await?;
        let granted = sqlx::query_as(
            "UPDATE realms SET reconciled_until = now() + make_interval(secs => $2) \
             WHERE tenant_id = $1 AND coalesce(reconciled_until <= now(), true) \
                 AND coalesce(reconciled_at <= now() - make_interval(secs => $3), true) \
             RETURNING now() AS began, reconciled_until AS until",
        )
        .bind(tenant)
        .bind(RECONCILIATION.as_secs_f64())
        .bind(recent.as_secs_f64())
        .fetch_optional(&mut *tx)
        .await?;
        let busy = "SELECT EXISTS (SELECT FROM realms WHERE tenant_id = $1 AND reconciled_until > now())";
        let lease = match granted {
            Some((began, until)) => Lease::Granted(RealmLease { tenant, began, until }),
            None if sqlx::query_scalar(busy).bind(tenant).fetch_one(&mut *tx).await? => Lease::Busy,
            None => Lease::Done,
        };
        tx.commit().await?;
        Ok(lease)
    }

    /// Ends a reconciliation, and notes it if it succeeded. One that took too long is nobody's any more.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn realm_release(&self, lease: RealmLease, succeeded: bool) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE realms SET reconciled_until = NULL, reconciled_at = coalesce($3, reconciled_at) \
             WHERE tenant_id = $1 AND reconciled_until = $2",
        )
        .bind(lease.tenant)
        .bind(lease.until)
        .bind(succeeded.then_some(lease.began))
        .execute(&mut *tx)
        .await?;
        tx.commit().await.map_err(Error::from)
    }

    /// Listens for tenants that are made, changed or deleted, by whichever process. Takes one connection for itself.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn tenant_changes(&self) -> Result<TenantChanges, Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(TenantChanges(listener))
    }
}

/// How long one process may take to reconcile a realm. If it dies, another one begins after that.
pub const RECONCILIATION: Duration = Duration::from_secs(120);

/// Whether one may reconcile a realm now.
#[derive(Debug)]
pub enum Lease {
    /// Yes, and nobody else may meanwhile.
    Granted(RealmLease),
    /// Somebody else does at this moment.
    Busy,
    /// Somebody did a moment ago, or there is no realm.
    Done,
}

/// Leave to reconcile a realm; see [`Registry::realm_lease`].
#[derive(Debug)]
pub struct RealmLease {
    tenant: TenantId,
    began: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// Where changes of tenants are told to the other connections.
const CHANNEL: &str = "edgehog_tenants";

/// Changes of tenants, as they are committed.
#[derive(Debug)]
pub struct TenantChanges(PgListener);

impl TenantChanges {
    /// The slug of the next tenant that changes. `None` says that the connection broke and is restored: changes may
    /// have been missed.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] where the connection cannot be restored.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        Ok(self.0.try_recv().await?.map(|change| change.payload().to_owned()))
    }
}

async fn notify(connection: &mut PgConnection, slug: &str) -> Result<(), Error> {
    sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(slug).execute(connection).await?;
    Ok(())
}

/// Makes the tenant's realm, or changes it. A cluster that is known already is used again.
async fn realm_put(connection: &mut PgConnection, tenant: TenantId, new: &NewTenant) -> Result<(), Error> {
    let cluster: i64 = sqlx::query_scalar(
        "INSERT INTO clusters (base_api_url) VALUES ($1) \
         ON CONFLICT (base_api_url) DO UPDATE SET updated_at = now() RETURNING id",
    )
    .bind(new.base_api_url.trim_end_matches('/'))
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO realms (tenant_id, cluster_id, name, private_key) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id) DO UPDATE SET cluster_id = excluded.cluster_id, name = excluded.name, \
             private_key = excluded.private_key, reconciled_at = NULL, updated_at = now()",
    )
    .bind(tenant)
    .bind(cluster)
    .bind(&new.realm_name)
    .bind(new.realm_private_key.expose_secret())
    .execute(&mut *connection)
    .await?;
    Ok(())
}
