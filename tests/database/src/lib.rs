//! A fresh PostgreSQL database for each test, on the server that `DATABASE_URL` names (a login that may create
//! databases). `cargo xtask test` provides one.
#![expect(
    clippy::expect_used,
    reason = "a test without database has failed; there is nobody to return an error to"
)]

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;
use uuid::Uuid;

const PREFIX: &str = "edgehog_test_";

/// Databases that tests left behind are kept this long, to be looked at.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// Makes an empty database and says how to reach it.
///
/// # Panics
///
/// Where `DATABASE_URL` is not set or its server does not answer.
pub async fn create() -> PgConnectOptions {
    static SWEPT: OnceCell<()> = OnceCell::const_new();
    let server: PgConnectOptions = std::env::var("DATABASE_URL")
        .expect("DATABASE_URL must name a PostgreSQL server; `cargo xtask test` sets it")
        .parse()
        .expect("DATABASE_URL must be a PostgreSQL URL");
    let server = server.disable_statement_logging();
    let mut connection = server.connect().await.expect("the server of DATABASE_URL must answer");
    SWEPT.get_or_init(|| sweep(&server)).await;
    let name = format!("{PREFIX}{}_{}", Utc::now().timestamp(), Uuid::new_v4().simple());
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .expect("the login of DATABASE_URL must be allowed to create databases");
    connection.close().await.expect("the connection must close");
    server.database(&name)
}

/// Drops the databases of earlier runs.
async fn sweep(server: &PgConnectOptions) {
    let mut connection = server.connect().await.expect("the server of DATABASE_URL must answer");
    let names: Vec<String> =
        sqlx::query_scalar("SELECT datname FROM pg_database WHERE starts_with(datname, $1)")
            .bind(PREFIX)
            .fetch_all(&mut connection)
            .await
            .expect("the list of databases must be readable");
    for name in names.iter().filter(|name| is_old(name)) {
        drop_database(&mut connection, name).await;
    }
}

fn is_old(name: &str) -> bool {
    let made = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next()?.parse().ok());
    made.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).is_some_and(|made| made < Utc::now() - KEPT)
}

async fn drop_database(connection: &mut PgConnection, name: &str) {
    // Another test process may be sweeping too: whoever comes second finds nothing to drop.
    let _ = connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await;
}
