//! Databases of earlier versions.

use edgehog_store::{Device, List, PgConnectOptions, Store};
use secrecy::ExposeSecret;
use sqlx::{ConnectOptions, Executor};

use crate::config;

/// A database as the first version left it, with two tenants that have a device each.
async fn first_database() -> PgConnectOptions {
    // Roles belong to the whole cluster, and are there once any database was migrated.
    Store::migrate(&edgehog_test_database::create().await).await.unwrap();
    let options = edgehog_test_database::create().await;
    let mut connection = options.connect().await.unwrap();
    connection.execute(include_str!("first_database.sql")).await.unwrap();
    options
}

/// Everything that the catalogue says of the schema, a line for each thing.
async fn schema(options: &PgConnectOptions) -> Vec<String> {
    let select = "WITH tables AS (SELECT oid, relname FROM pg_class \
             WHERE relnamespace = 'edgehog'::regnamespace AND relkind IN ('r', 'p')) \
         SELECT format('%s.%s %s %s %s', relname, attname, format_type(atttypid, atttypmod), attnotnull, \
                    (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef d WHERE d.adrelid = oid AND d.adnum = attnum)) \
             FROM tables JOIN pg_attribute ON attrelid = oid WHERE attnum > 0 AND NOT attisdropped \
         UNION ALL SELECT format('%s %s', relname, pg_get_constraintdef(k.oid)) \
             FROM tables JOIN pg_constraint k ON conrelid = tables.oid \
         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'edgehog' \
         UNION ALL SELECT format('%s %s %s %s %s', tablename, policyname, roles, cmd, qual) \
             FROM pg_policies WHERE schemaname = 'edgehog' \
         UNION ALL SELECT format('%s %s %s', table_name, grantee, privilege_type) \
             FROM information_schema.table_privileges WHERE table_schema = 'edgehog' \
         UNION ALL SELECT format('%s.%s %s %s', table_name, column_name, grantee, privilege_type) \
             FROM information_schema.column_privileges WHERE table_schema = 'edgehog' \
         UNION ALL SELECT format('%s %s %s', relname, c.relrowsecurity, c.relforcerowsecurity) \
             FROM tables JOIN pg_class c USING (oid, relname) \
         ORDER BY 1";
    sqlx::query_scalar(select).fetch_all(&mut options.connect().await.unwrap()).await.unwrap()
}

/// What the first version made is brought up to date with all that is in it, and is then like a new database.
#[tokio::test]
async fn the_first_database_can_be_brought_up_to_date() {
    let options = first_database().await;
    Store::migrate(&options).await.unwrap();
    Store::migrate(&options).await.unwrap();
    let fresh = edgehog_test_database::create().await;
    Store::migrate(&fresh).await.unwrap();
    let (upgraded, fresh) = (schema(&options).await, schema(&fresh).await);
    assert!(fresh.len() > 100);
    assert_eq!(upgraded, fresh);

    let store = Store::connect(config(options)).await.unwrap();
    let registry = store.registry();
    assert_eq!(registry.secrets_seal().await.unwrap().sealed.len(), 2);
    for (slug, key, device) in
        [("plant-one", "the key of plant one", "board"), ("plant-two", "the key of plant two", "other board")]
    {
        let (tenant, realm) = registry.tenant_by_slug(slug).await.unwrap().unwrap();
        let realm = realm.unwrap();
        assert_eq!(realm.private_key.unwrap().expose_secret(), key);
        assert!(realm.trigger_secret.is_none() && !realm.trigger_secret_required);
        let mut tx = store.scope(tenant.tenant_id).begin().await.unwrap();
        let devices = tx.rows::<Device>(&List::default()).await.unwrap().rows;
        assert_eq!(devices.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), [device]);
        assert!(registry.reconciliation(tenant.tenant_id).await.unwrap().unwrap().succeeded.is_none());
    }
}

/// The owner need not be a superuser, although row security is forced on what it owns.
#[tokio::test]
async fn a_plain_owner_can_bring_it_up_to_date() {
    let options = edgehog_test_database::create().await;
    Store::migrate(&edgehog_test_database::create().await).await.unwrap();
    let owner = format!("owner_{}", options.get_database().unwrap());
    let mut connection = options.connect().await.unwrap();
    for statement in [
        format!("CREATE ROLE {owner} LOGIN CREATEROLE IN ROLE edgehog_app, edgehog_registry"),
        format!("ALTER DATABASE {} OWNER TO {owner}", options.get_database().unwrap()),
    ] {
        connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
    }
    let plain = options.username(&owner);
    let mut as_owner = plain.connect().await.unwrap();
    let first = include_str!("first_database.sql");
    // A dump is restored by one whom no policy keeps from the rows.
    let unforced = first.replace("FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY");
    as_owner.execute(sqlx::AssertSqlSafe(unforced)).await.unwrap();
    as_owner
        .execute("ALTER TABLE edgehog.tenants FORCE ROW LEVEL SECURITY; ALTER TABLE edgehog.realms FORCE ROW LEVEL SECURITY; \
                  ALTER TABLE edgehog.devices FORCE ROW LEVEL SECURITY")
        .await
        .unwrap();
    Store::migrate(&plain).await.unwrap();
    let store = Store::connect(config(plain)).await.unwrap();
    assert_eq!(store.registry().reconciliations().await.unwrap().len(), 2);
}
