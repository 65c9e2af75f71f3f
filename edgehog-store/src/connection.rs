use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgPool};

use crate::changes::Announcer;
use crate::{Error, Registry, TenantId, TenantScope};

/// How to reach the database.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// Host, login, database and TLS.
    pub options: PgConnectOptions,
    /// Connections kept at most. About four for each processor of the database is a good start.
    pub pool_size: u32,
    /// How long a caller waits for a free connection before it gets an error.
    pub acquire_timeout: Duration,
}

impl Config {
    /// Ten connections and five seconds of patience.
    #[must_use]
    pub const fn new(options: PgConnectOptions) -> Self {
        Self { options, pool_size: 10, acquire_timeout: Duration::from_secs(5) }
    }

    /// Sets the number of connections.
    #[must_use]
    pub const fn pool_size(mut self, connections: u32) -> Self {
        self.pool_size = connections;
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
    announcer: Arc<Announcer>,
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
        Ok(Self { announcer: Announcer::start(pool.clone()), pool })
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
        // A migration that waits behind a long transaction would make all others wait behind it.
        connection.execute("SET lock_timeout = '30s'").await?;
        migrator.run(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    /// The door to the rows of one tenant.
    #[must_use]
    pub fn scope(&self, tenant: TenantId) -> TenantScope {
        TenantScope::new(self.pool.clone(), self.announcer.clone(), tenant)
    }

    /// The list of tenants.
    #[must_use]
    pub fn registry(&self) -> Registry {
        Registry::new(self.pool.clone())
    }

    /// Closes all connections, after the work that uses them is done.
    pub async fn close(&self) {
        self.pool.close().await;
    }
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
        let config = Config::new("postgres://user:secret@localhost/edgehog".parse().unwrap());
        let shown = format!("{config:?}");
        assert!(shown.contains("edgehog") && !shown.contains("secret"), "{shown}");
    }
}
