//! One tenant can neither see nor touch nor refer to another's rows, whatever SQL is written.

use edgehog_store::{DeviceObservation, Store, TenantScope, TenantTx};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use crate::fleet::fleet;
use crate::{config, new_tenant, rows, store, tenant};

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

async fn with_device(name: &str, scope: &TenantScope, realm: edgehog_store::RealmKey) -> TenantTx {
    let mut tx = scope.begin().await.unwrap();
    tx.device_record(&[DeviceObservation::new(realm, name)]).await.unwrap();
    tx.commit().await.unwrap();
    scope.begin().await.unwrap()
}

/// All tables that tenants own rows of.
async fn owned(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' \
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'edgehog'::regnamespace",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

async fn text_of(tx: &mut TenantTx, select: String) -> String {
    sqlx::query_scalar(AssertSqlSafe(select)).fetch_one(tx.connection()).await.unwrap()
}

/// Two tenants with a row in each table.
async fn two_full_tenants(store: &Store) -> [TenantScope; 2] {
    let scopes = [tenant(store, "plant-one").await.0, tenant(store, "plant-two").await.0];
    for scope in &scopes {
        let mut tx = scope.begin().await.unwrap();
        for table in rows::tables(tx.connection()).await {
            rows::ensure(tx.connection(), &table).await;
        }
        tx.commit().await.unwrap();
    }
    scopes
}

async fn count(scope: &TenantScope, table: &str) -> i64 {
    let mut tx = scope.begin().await.unwrap();
    let count = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(tx.connection()).await.unwrap()
}

/// The whole of the rule, by hand-written SQL, for each table of the schema, those of later migrations too.
#[tokio::test]
async fn no_table_lets_tenants_meet() {
    let store = store().await;
    let [one, two] = two_full_tenants(&store).await;
    let (other, mine) = (one.tenant().get(), two.tenant().get());
    let mut of_other = one.begin().await.unwrap();
    let mut tx = two.begin().await.unwrap();
    let tables = owned(tx.connection()).await;
    assert!(
        tables.len() > rows::tables(tx.connection()).await.len(),
        "tenants and realms are the registry's"
    );
    for table in &tables {
        let seen: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT tenant_id FROM {table}")))
            .fetch_all(tx.connection())
            .await
            .unwrap();
        assert!(!seen.is_empty() && seen.iter().all(|it| *it == mine), "{table}: {seen:?}");
    }
    for table in rows::tables(tx.connection()).await {
        let columns = rows::columns(tx.connection(), &table).await;
        let right = format!("SELECT has_table_privilege('{table}', 'UPDATE')::text");
        let may_update = text_of(&mut tx, right).await == "true";
        let connection = tx.connection();
        let touch = format!("UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = {other}");
        if may_update {
            assert_eq!(connection.execute(AssertSqlSafe(touch)).await.unwrap().rows_affected(), 0, "{table}");
            let hand_over = format!("UPDATE {table} SET tenant_id = {other}");
            assert_eq!(fails(connection, &hand_over).await, REFUSED, "a row of {table} handed over");
        } else {
            assert_eq!(fails(connection, &touch).await, REFUSED, "{table}");
        }
        let delete = format!("DELETE FROM {table} WHERE tenant_id = {other}");
        assert_eq!(connection.execute(AssertSqlSafe(delete)).await.unwrap().rows_affected(), 0, "{table}");
        let names: Vec<_> = columns.iter().filter(|it| !it.computed).map(|it| it.name.as_str()).collect();
        let values = names.join(", ").replace("tenant_id", &other.to_string());
        let give = format!(
            "INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {table} LIMIT 1",
            names.join(", ")
        );
        assert_eq!(fails(connection, &give).await, REFUSED, "a row of {table} given away");
        for column in columns.iter().filter(|it| it.name != "tenant_id") {
            let Some((parent, of_parent)) = column.parent.as_ref().zip(column.parent_column.as_ref()) else {
                continue;
            };
            let theirs = text_of(&mut of_other, format!("SELECT min({of_parent})::text FROM {parent}")).await;
            let refer = format!("UPDATE {table} SET {} = '{theirs}'", column.name);
            let refused = fails(tx.connection(), &refer).await;
            assert_eq!(refused, NO_SUCH_ROW, "{table}.{} that leads to another's row", column.name);
        }
    }
    drop(tx);
    for table in &tables {
        assert!(count(&one, table).await > 0, "{table}");
    }
}

/// A tenant that has something in each table goes with all of it, and nothing of another tenant goes along.
#[tokio::test]
async fn a_deleted_tenant_leaves_nothing() {
    let store = store().await;
    let [one, two] = two_full_tenants(&store).await;
    let tables = owned(one.begin().await.unwrap().connection()).await;
    for table in &tables {
        assert!(count(&one, table).await > 0, "{table}");
    }
    store.registry().tenant_delete(one.tenant()).await.unwrap().unwrap();
    for table in &tables {
        assert_eq!(count(&one, table).await, 0, "{table}");
        assert!(count(&two, table).await > 0, "{table}");
    }
}

/// The same of what the store itself makes.
#[tokio::test]
async fn a_deleted_fleet_leaves_nothing() {
    let store = store().await;
    let one = fleet(&store, "plant-one").await.scope;
    store.registry().tenant_delete(one.tenant()).await.unwrap().unwrap();
    for table in owned(one.begin().await.unwrap().connection()).await {
        assert_eq!(count(&one, &table).await, 0, "{table}");
    }
}

/// Devices and their realms: rows of another tenant can be neither made nor referred to, and rights are few.
#[tokio::test]
async fn no_row_of_another_tenant_can_be_read_written_or_referenced() {
    let store = store().await;
    let (one, realm_one) = tenant(&store, "plant-one").await;
    let (two, realm_two) = tenant(&store, "plant-two").await;
    drop(with_device("in-one", &one, realm_one).await);
    let mut tx = with_device("in-two", &two, realm_two).await;
    let other = one.tenant().get();
    let mine = two.tenant().get();
    let connection = tx.connection();
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
    for table in rows::tables(tx.connection()).await {
        // A policy is asked only of rows that there are.
        rows::ensure(tx.connection(), &table).await;
    }
    let connection = tx.connection();
    let tables = owned(connection).await;
    for forget in ["RESET edgehog.tenant", "SET LOCAL edgehog.tenant = ''"] {
        connection.execute(forget).await.unwrap();
        for table in &tables {
            let code = fails(connection, &format!("SELECT count(*) FROM {table}")).await;
            assert!(NO_TENANT.contains(&code.as_str()), "{forget}; {table}: {code}");
        }
        for statement in [
            "SELECT * FROM devices",
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
async fn the_registry_sees_nothing_of_tenants() {
    let store = store().await;
    let (one, realm) = tenant(&store, "plant-one").await;
    let mut tx = with_device("in-one", &one, realm).await;
    tx.connection().execute("SET LOCAL ROLE edgehog_registry").await.unwrap();
    for table in rows::tables(tx.connection()).await {
        assert_eq!(fails(tx.connection(), &format!("SELECT * FROM {table}")).await, REFUSED, "{table}");
    }
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
    let loose: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS ( \
             SELECT FROM pg_constraint k WHERE k.conrelid = name::regclass AND k.contype = 'f' \
                 AND k.confrelid = 'tenants'::regclass AND k.confdeltype = 'c')",
    )
    .bind(&owned)
    .fetch_all(tx.connection())
    .await
    .unwrap();
    let kept = ["changes", "tenants"];
    assert!(loose.iter().all(|name| kept.contains(&name.as_str())), "must go with the tenant: {loose:?}");
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

/// A tenant that holds all the connections it may have waits for itself; others are served meanwhile.
#[tokio::test]
async fn one_tenant_does_not_hold_all_connections() {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    let config = config(options).pool_size(4).tenant_connections(3);
    let store = Store::connect(config).await.unwrap();
    let one = store.registry().tenant_create(&new_tenant("one")).await.unwrap().tenant_id;
    let other = store.registry().tenant_create(&new_tenant("other")).await.unwrap().tenant_id;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(store.scope(one).begin().await.unwrap());
    }
    // A scope of its own, as each request has: the share is the tenant's.
    let scope = store.scope(one);
    let fourth = tokio::spawn(async move { scope.begin().await?.commit().await });
    for _ in 0..10 {
        store.scope(other).begin().await.unwrap().commit().await.unwrap();
    }
    assert!(!fourth.is_finished());
    held.pop().unwrap().commit().await.unwrap();
    fourth.await.unwrap().unwrap();
}
