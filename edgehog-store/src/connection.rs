use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, PgPool};

use crate::changes::Announcer;
use crate::measures::{self, Purpose};
use crate::scope::begin_with;
use crate::share::Shares;
use crate::{Error, Keyring, Registry, TenantId, TenantScope};

/// How to reach the database.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// Host, login, database and TLS.
    pub options: PgConnectOptions,
    /// The keys that seal the secrets of realms in the database.
    pub keyring: Keyring,
    /// Connections kept at most. About four for each processor of the database is a good start.
    pub pool_size: u32,
    /// How long a caller waits for a free connection before it gets an error.
    pub acquire_timeout: Duration,
    /// Connections that one tenant may hold at the same time. Where not set, three quarters of those that are left
    /// beside two that listen for changes; of a pool of less than six, all but one.
    pub tenant_connections: Option<u32>,
}

impl Config {
    /// Ten connections and five seconds of patience.
    #[must_use]
    pub const fn new(options: PgConnectOptions, keyring: Keyring) -> Self {
        let acquire_timeout = Duration::from_secs(5);
        Self { options, keyring, pool_size: 10, acquire_timeout, tenant_connections: None }
    }

    /// Sets the number of connections.
    #[must_use]
    pub const fn pool_size(mut self, connections: u32) -> Self {
        self.pool_size = connections;
        self
    }

    /// Sets the number of connections that one tenant may hold.
    #[must_use]
    pub const fn tenant_connections(mut self, connections: u32) -> Self {
        self.tenant_connections = Some(connections);
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options would show the password.
        f.debug_struct("Config")
            .field("host", &self.options.get_host())
            .field("database", &self.options.get_database())
            .field("pool_size", &self.pool_size)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("tenant_connections", &self.tenant_connections)
            .finish_non_exhaustive()
    }
}

/// The database of an Edgehog: a pool of connections, none of which can see a tenant's rows by itself.
///
/// [`Store::scope`] opens the door to one tenant; [`Store::registry`] finds, creates and deletes tenants.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: PgPool,
    keyring: Keyring,
    announcer: Arc<Announcer>,
    shares: Arc<Shares>,
}

/// Every connection acts as the application's role, whatever its login could do. No question may keep a connection for
/// long: others wait for it.
const ACT_AS_APPLICATION: &str = "SET ROLE edgehog_app; SET search_path = edgehog, pg_temp; \
    SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'";

impl Store {
    /// Connects, and refuses a database that cannot keep tenants apart.
    ///
    /// # Errors
    ///
    /// [`Error::Login`] where the migrations have not run or the login is not a member of their roles,
    /// [`Error::Database`] where the database cannot be reached.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let pool = PgPoolOptions::new()
            .max_connections(config.pool_size)
            .acquire_timeout(config.acquire_timeout)
            // Asking a connection whether it lives costs a round trip for each use; `begin` copes with a dead one.
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(ACT_AS_APPLICATION).await.map(drop) })
            })
            .connect_lazy_with(config.options.clone());
        check_login(&config.options).await?;
        let shares = Shares::new(config.pool_size, config.tenant_connections, config.acquire_timeout);
        let announcer = Announcer::start(pool.clone());
        Ok(Self { announcer, keyring: config.keyring, shares: Arc::new(shares), pool })
    }

    /// Brings the schema up to date. Several processes may call this at once: one works, the others wait for it.
    ///
    /// Everything lives in the PostgreSQL schema `edgehog`, its list of migrations too, so that the database can be
    /// one that a host program uses for other things as well.
    ///
    /// # Errors
    ///
    /// [`Error::Migrate`], and [`Error::Database`] where the database cannot be reached.
    pub async fn migrate(options: &PgConnectOptions) -> Result<(), Error> {
        let mut migrator = sqlx::migrate!("./migrations");
        migrator.create_schema("edgehog");
        migrator.dangerous_set_table_name("edgehog.migrations");
        let mut connection = options.connect().await?;
        forget_earlier_forms(&mut connection, &migrator).await?;
        // A migration that waits behind a long transaction would make all others wait behind it.
        connection.execute("SET lock_timeout = '30s'").await?;
        migrator.run(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    /// The door to the rows of one tenant.
    #[must_use]
    pub fn scope(&self, tenant: TenantId) -> TenantScope {
        TenantScope::new(self.pool.clone(), self.announcer.clone(), tenant, self.shares.of(tenant))
    }

    /// The list of tenants.
    #[must_use]
    pub fn registry(&self) -> Registry {
        Registry::new(self.pool.clone(), self.keyring.clone())
    }

    /// Asks the database for nothing but an answer, as one of those who use the pool.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] where there is none, or no free connection.
    pub async fn ping(&self) -> Result<(), Error> {
        begin_with(&self.pool, Purpose::Registry, "BEGIN").await?.commit().await?;
        Ok(())
    }

    /// Records how many connections there are, for metrics that are about to be read.
    pub fn sample_metrics(&self) {
        measures::sample(&self.pool);
    }

    /// Closes all connections, after the work that uses them is done.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Migrations that were not yet final when they ran in some databases: their numbers and the checksums (SHA-384) of what
/// they were then. A later migration makes good what they lacked.
const EARLIER_FORMS: [(i64, &str); 3] = [
    (1, "159bfb90dd8a0b49bca7358ae76e3fa4ccf17baa27ebdd3b810f9ce5f398cfc84863482d0b1564bc3594f06dd1a78e35"),
    (1, "535768f62d95bb669ec5a4905167f8e1a1065c90eec5b78ab24313b212401271205811f866d194c1e55dffa36582e3e9"),
    (3, "27bc155b0887cdd6f4974b69cf61e0e87e69e580a065dd1ca17d8bf83a398275a2920e736e654b8f5fdb0610bc73ecdf"),
];

/// Lets databases that have an earlier form of a migration pass for those that have the final one.
async fn forget_earlier_forms(connection: &mut PgConnection, migrator: &Migrator) -> Result<(), Error> {
    let exists = "SELECT to_regclass('edgehog.migrations') IS NOT NULL";
    if !sqlx::query_scalar(exists).fetch_one(&mut *connection).await? {
        return Ok(());
    }
    for (version, earlier) in EARLIER_FORMS {
        let Some(migration) = migrator.iter().find(|migration| migration.version == version) else {
            continue;
        };
        sqlx::query(
            "UPDATE edgehog.migrations SET checksum = $3 WHERE version = $1 AND checksum = decode($2, 'hex')",
        )
        .bind(version)
        .bind(earlier)
        .bind(&*migration.checksum)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Row security holds only for a role that cannot bypass it: look once, at the start, rather than trust.
async fn check_login(options: &PgConnectOptions) -> Result<(), Error> {
    let mut connection = options.connect().await?;
    let (migrated, unfit): (bool, Option<bool>) = sqlx::query_as(
        "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'edgehog' AND tablename = 'tenants'), \
                bool_or(rolsuper OR rolbypassrls) \
         FROM pg_roles WHERE rolname IN ('edgehog_app', 'edgehog_registry')",
    )
    .fetch_one(&mut connection)
    .await?;
    if !migrated {
        return Err(Error::Login("its database has no schema yet; run the migrations first"));
    }
    if unfit != Some(false) {
        return Err(Error::Login(
            "edgehog_app and edgehog_registry must be roles that cannot bypass row security",
        ));
    }
    // Trying says more than the catalogue does: since PostgreSQL 16 a member need not be allowed to take the role on.
    if connection.execute("SET ROLE edgehog_app; SET ROLE edgehog_registry").await.is_err() {
        return Err(Error::Login("it must be a member of the roles edgehog_app and edgehog_registry"));
    }
    connection.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let keyring = Keyring::derive(&"k".repeat(32).into()).unwrap();
        let config = Config::new("postgres://user:secret@localhost/edgehog".parse().unwrap(), keyring);
        let shown = format!("{config:?}");
        assert!(shown.contains("edgehog") && !shown.contains("secret"), "{shown}");
    }
}
