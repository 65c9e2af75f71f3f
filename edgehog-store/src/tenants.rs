use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, PgPool};

use crate::measures::Purpose;
use crate::realms::{COLUMNS, realm_put};
use crate::reconciliations::reconciliation_put;
use crate::scope::{TimedTx, begin_with};
use crate::{Error, Keyring, Realm};

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
    /// See [`Realm::base_api_url`](crate::Realm::base_api_url).
    pub base_api_url: String,
    /// See [`Realm::name`](crate::Realm::name).
    pub realm_name: String,
    /// See [`Realm::private_key`](crate::Realm::private_key).
    pub realm_private_key: SecretString,
    /// Whether Astarte must show a secret with the realm's events: it is put into the triggers that the engine installs.
    /// Not where somebody else installs the triggers.
    pub authenticate_triggers: bool,
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
            authenticate_triggers: true,
        }
    }

    /// Sets the language in which texts without a language tag are meant.
    #[must_use]
    pub fn default_locale(mut self, locale: impl Into<String>) -> Self {
        self.default_locale = locale.into();
        self
    }

    /// Sets whether Astarte must show a secret with the realm's events, which it does where not set.
    #[must_use]
    pub fn authenticate_triggers(mut self, authenticate: bool) -> Self {
        self.authenticate_triggers = authenticate;
        self
    }
}

/// The list of tenants. It can find, make and delete them, and sees nothing that they own but the realm.
#[derive(Clone, Debug)]
pub struct Registry {
    pool: PgPool,
    pub(crate) keyring: Keyring,
}

impl Registry {
    pub(crate) const fn new(pool: PgPool, keyring: Keyring) -> Self {
        Self { pool, keyring }
    }

    pub(crate) async fn begin(&self) -> Result<TimedTx, Error> {
        // The deletion of a tenant takes as long as it takes.
        let statement = "BEGIN; SET LOCAL ROLE edgehog_registry; SET LOCAL statement_timeout = 0";
        begin_with(&self.pool, Purpose::Registry, statement).await
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
        let select = format!(
            "SELECT t.tenant_id, t.name, t.slug, t.default_locale, t.public_key, {COLUMNS} FROM tenants t \
             LEFT JOIN realms r USING (tenant_id) LEFT JOIN clusters c ON c.id = r.cluster_id WHERE t.slug = $1"
        );
        let row = sqlx::query(AssertSqlSafe(select)).bind(slug).fetch_optional(&mut *tx).await?;
        tx.commit().await?;
        let Some(row) = row else { return Ok(None) };
        let tenant = Tenant::from_row(&row)?;
        let realm = Realm::from_row(&row, tenant.tenant_id, &self.keyring)?;
        Ok(Some((tenant, realm)))
    }

    /// Makes a tenant and its realm, or nothing at all.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] for the name, the slug, or the realm's name on that cluster, and [`Error::Sealing`].
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
        realm_put(&mut tx, tenant.tenant_id, new, &self.keyring).await?;
        reconciliation_put(&mut tx, tenant.tenant_id).await?;
        notify(&mut tx, &tenant.slug).await?;
        tx.commit().await?;
        Ok(tenant)
    }

    /// Gives an existing tenant all of these values; its devices stay. Says what it is now, or `None` where there is no
    /// tenant of this slug.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] for the name, or the realm's name on that cluster, and [`Error::Sealing`].
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
            realm_put(&mut tx, tenant.tenant_id, new, &self.keyring).await?;
            reconciliation_put(&mut tx, tenant.tenant_id).await?;
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

pub(crate) async fn notify(connection: &mut PgConnection, slug: &str) -> Result<(), Error> {
    sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(slug).execute(connection).await?;
    Ok(())
}
