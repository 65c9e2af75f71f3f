//! One tenant can neither see nor touch nor refer to another's rows, whatever SQL is written.

use edgehog_store::{DeviceObservation, TenantTx};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use crate::{store, tenant};

/// SQLSTATEs: no such setting; not a number (an emptied setting); refused by a row-security policy or for lack of a
/// right; foreign key.
const NO_TENANT: [&str; 2] = ["42704", "22P02"];
const REFUSED: &str = "42501";
const NO_SUCH_ROW: &str = "23503";

async fn fails(connection: &mut PgConnection, statement: &str) -> String {
    connection.execute("SAVEPOINT before").await.unwrap();
    let error = connection.execute(AssertSqlSafe(statement)).await.unwrap_err();
    connection.execute("ROLLBACK TO before").await.unwrap();
    error.as_database_error().unwrap().code().unwrap().into_owned()
}

async fn with_device(
    name: &str,
    scope: &edgehog_store::TenantScope,
    realm: edgehog_store::RealmKey,
) -> TenantTx {
    let mut tx = scope.begin().await.unwrap();
    tx.device_record(&[DeviceObservation::new(realm, name)]).await.unwrap();
    tx.commit().await.unwrap();
    scope.begin().await.unwrap()
}

/// The whole of the rule, by hand-written SQL, for each table of the schema.
#[tokio::test]
async fn no_row_of_another_tenant_can_be_read_written_or_referenced() {
    let store = store().await;
    let (one, realm_one) = tenant(&store, "plant-one").await;
    let (two, realm_two) = tenant(&store, "plant-two").await;
    drop(with_device("in-one", &one, realm_one).await);
    let mut tx = with_device("in-two", &two, realm_two).await;
    let other = one.tenant().get();
    let mine = two.tenant().get();
    for table in ["tenants", "realms", "devices"] {
        let seen: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT tenant_id FROM {table}")))
            .fetch_all(tx.connection())
            .await
            .unwrap();
        assert_eq!(seen, [mine], "{table}");
    }
    let connection = tx.connection();
    let touched = |done: sqlx::postgres::PgQueryResult| done.rows_affected();
    let update = format!("UPDATE devices SET name = 'x' WHERE tenant_id = {other}");
    assert_eq!(touched(connection.execute(AssertSqlSafe(update)).await.unwrap()), 0);
    let delete = format!("DELETE FROM devices WHERE tenant_id = {other}");
    assert_eq!(touched(connection.execute(AssertSqlSafe(delete)).await.unwrap()), 0);

    let realm_of_other: i64 = {
        let mut other_tx = one.begin().await.unwrap();
        sqlx::query_scalar("SELECT id FROM realms").fetch_one(other_tx.connection()).await.unwrap()
    };
    let insert = |tenant: i64| {
        format!(
            "INSERT INTO devices (tenant_id, realm_id, device_id, name) VALUES ({tenant}, {realm_of_other}, 'd', 'd')"
        )
    };
    assert_eq!(fails(connection, &insert(other)).await, REFUSED, "a row given to another tenant");
    assert_eq!(fails(connection, &insert(mine)).await, NO_SUCH_ROW, "a row that refers to another's realm");
    let hand_over = format!("UPDATE devices SET tenant_id = {other}, realm_id = {realm_of_other}");
    assert_eq!(fails(connection, &hand_over).await, REFUSED, "a row handed over");
    for forbidden in [
        "UPDATE tenants SET name = 'x'",
        "DELETE FROM realms",
        "INSERT INTO clusters (base_api_url) VALUES ('https://elsewhere.example')",
        "ALTER TABLE devices DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE loot AS SELECT 1",
    ] {
        assert_eq!(fails(connection, forbidden).await, REFUSED, "{forbidden}");
    }
}

/// A query that forgets its tenant fails; it neither shows everything nor quietly nothing.
#[tokio::test]
async fn a_query_without_tenant_fails() {
    let store = store().await;
    let (one, realm) = tenant(&store, "plant-one").await;
    let mut tx = with_device("in-one", &one, realm).await;
    let connection = tx.connection();
    for forget in ["RESET edgehog.tenant", "SET LOCAL edgehog.tenant = ''"] {
        connection.execute(forget).await.unwrap();
        for statement in [
            "SELECT * FROM devices",
            "SELECT count(*) FROM realms",
            "UPDATE devices SET name = 'x'",
            "INSERT INTO devices (tenant_id, realm_id, device_id, name) VALUES (1, 1, 'd', 'd')",
        ] {
            let code = fails(connection, statement).await;
            assert!(NO_TENANT.contains(&code.as_str()), "{forget}; {statement}: {code}");
        }
    }
}

/// The registry's role reaches tenants, clusters and realms, and nothing that belongs to a tenant.
#[tokio::test]
async fn the_registry_sees_no_devices() {
    let store = store().await;
    let (one, realm) = tenant(&store, "plant-one").await;
    let mut tx = with_device("in-one", &one, realm).await;
    tx.connection().execute("SET LOCAL ROLE edgehog_registry").await.unwrap();
    assert_eq!(fails(tx.connection(), "SELECT * FROM devices").await, REFUSED);
}

/// Guards tables that do not exist yet: whatever has a tenant has row security forced on it, and keys, unique rules,
/// foreign keys and indexes that lead with the tenant.
#[tokio::test]
async fn every_table_of_a_tenant_is_built_alike() {
    /// A realm's name is unique on its cluster over all tenants; clusters are shared.
    const SHARED: [&str; 4] =
        ["realms_name_cluster_key", "realms_cluster_id_idx", "tenants_name_key", "tenants_slug_key"];
    let store = store().await;
    let (one, _) = tenant(&store, "plant-one").await;
    let mut tx = one.begin().await.unwrap();
    let tables = sqlx::query(
        "SELECT c.oid::regclass::text AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced, \
                EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS owned \
         FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'edgehog'::regnamespace",
    )
    .fetch_all(tx.connection())
    .await
    .unwrap();
    let owned: Vec<String> = (tables.iter())
        .filter(|table| table.get("owned"))
        .map(|table| {
            assert!(
                table.get::<bool, _>("forced"),
                "{} must force row security",
                table.get::<String, _>("name")
            );
            table.get("name")
        })
        .collect();
    let others: Vec<String> =
        tables.iter().filter(|t| !t.get::<bool, _>("owned")).map(|t| t.get("name")).collect();
    assert!(owned.len() >= 3, "{owned:?}");
    assert_eq!(others.len(), 2, "only the clusters and the list of migrations are nobody's: {others:?}");
    let astray: Vec<String> = sqlx::query_scalar(
        "SELECT i.indexrelid::regclass::text FROM pg_index i \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
         WHERE i.indrelid::regclass::text = ANY ($1) AND a.attname <> 'tenant_id' \
         UNION ALL \
         SELECT k.conname FROM pg_constraint k \
         JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] \
         WHERE k.contype = 'f' AND k.conrelid::regclass::text = ANY ($1) AND a.attname <> 'tenant_id' \
           AND k.confrelid <> 'clusters'::regclass",
    )
    .bind(&owned)
    .fetch_all(tx.connection())
    .await
    .unwrap();
    let astray: Vec<_> = astray.iter().filter(|name| !SHARED.contains(&name.as_str())).collect();
    assert!(astray.is_empty(), "must lead with the tenant: {astray:?}");
}
