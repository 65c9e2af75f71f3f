//! A host program's own tables and migrations in the same database.

use edgehog_store::{PgConnectOptions, Store};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, ConnectOptions, SqlSafeStr};

use crate::{config, new_tenant};

/// A host that calls its tables as the store does, and numbers its migrations alike.
async fn migrate_host(options: &PgConnectOptions) {
    let migrations = [
        "CREATE TABLE tenants (id bigint PRIMARY KEY, colour text NOT NULL)",
        "CREATE TABLE devices (id bigint PRIMARY KEY, tenant bigint NOT NULL REFERENCES tenants)",
    ];
    let migrations = (1..).zip(migrations).map(|(version, sql)| {
        let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
        Migration::new(version, "host".into(), MigrationType::Simple, sql, false)
    });
    let mut connection = options.connect().await.unwrap();
    Migrator::with_migrations(migrations.collect()).run(&mut connection).await.unwrap();
}

/// Who comes first does not matter, and each may come again: neither sees the other's list or tables.
#[tokio::test]
async fn a_host_keeps_its_own_tables_and_migrations() {
    for host_first in [true, false] {
        let options = edgehog_test_database::create().await;
        if host_first {
            migrate_host(&options).await;
        }
        Store::migrate(&options).await.unwrap();
        for _ in 0..2 {
            migrate_host(&options).await;
            Store::migrate(&options).await.unwrap();
        }

        let mut host = options.connect().await.unwrap();
        sqlx::query("INSERT INTO tenants (id, colour) VALUES (1, 'green')").execute(&mut host).await.unwrap();
        let store = Store::connect(config(options)).await.unwrap();
        let tenant = store.registry().tenant_create(&new_tenant("plant-one")).await.unwrap();
        assert_eq!(store.registry().tenant_list().await.unwrap(), [tenant]);
        let colours: Vec<String> =
            sqlx::query_scalar("SELECT colour FROM tenants").fetch_all(&mut host).await.unwrap();
        assert_eq!(colours, ["green"]);
        let host_owns: Vec<String> = sqlx::query_scalar(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
        )
        .fetch_all(&mut host)
        .await
        .unwrap();
        assert_eq!(host_owns, ["_sqlx_migrations", "devices", "tenants"], "nothing of the store is there");
        for (list, of_host) in [("_sqlx_migrations", true), ("edgehog.migrations", false)] {
            let select = format!("SELECT DISTINCT description = 'host' FROM {list}");
            let kinds: Vec<bool> =
                sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(&mut host).await.unwrap();
            assert_eq!(kinds, [of_host], "{list}");
        }
    }
}
