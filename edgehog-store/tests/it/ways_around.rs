//! Row security holds for whoever asks a table as the application does. Nothing else leads to rows.

use edgehog_store::Store;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

/// A way around row security that the schema must not have.
struct Way {
    what: &'static str,
    /// What finds it. `$1` is the roles that the server acts as.
    query: &'static str,
    /// What would open it.
    opened_by: &'static str,
}

const WAYS: [Way; 12] = [
    Way {
        what: "a view that asks as its owner, or that keeps what it found",
        query: "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'edgehog'::regnamespace \
                AND cardinality($1) > 0 AND (relkind IN ('m', 'f') OR relkind = 'v' \
                    AND NOT coalesce(reloptions @> ARRAY['security_invoker=true'], false))",
        opened_by: "CREATE VIEW edgehog.all_devices AS SELECT * FROM edgehog.devices",
    },
    Way {
        what: "a function that asks as its owner",
        query: "SELECT oid::regprocedure::text FROM pg_proc \
                WHERE prosecdef AND cardinality($1) > 0 AND pronamespace = 'edgehog'::regnamespace",
        opened_by: "CREATE FUNCTION edgehog.fleet() RETURNS bigint LANGUAGE sql SECURITY DEFINER \
                    RETURN (SELECT count(*) FROM edgehog.devices)",
    },
    Way {
        what: "another policy for the application",
        query: "SELECT tablename || ' ' || policyname FROM pg_policies \
                WHERE schemaname = 'edgehog' AND permissive = 'PERMISSIVE' AND cardinality($1) > 0 \
                    AND roles && ARRAY['edgehog_app', 'public']::name[] \
                    AND NOT (policyname = 'tenant_only' AND cmd = 'ALL' AND with_check IS NULL \
                        AND replace(qual, 'edgehog.', '') = '(tenant_id = current_tenant())')",
        opened_by: "CREATE POLICY open ON edgehog.tags FOR SELECT USING (true)",
    },
    Way {
        what: "a table without the policy",
        query: "SELECT c.oid::regclass::text FROM pg_class c \
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' \
                WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'edgehog'::regnamespace AND cardinality($1) > 0 \
                    AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant_only')",
        opened_by: "DROP POLICY tenant_only ON edgehog.tags",
    },
    Way {
        what: "a right that row security does not look at",
        query: "SELECT role || ' ' || c.oid::regclass || ' ' || kind FROM pg_class c, unnest($1) role, \
                    unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) kind \
                WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'edgehog'::regnamespace \
                    AND has_table_privilege(role, c.oid, kind)",
        opened_by: "GRANT TRUNCATE ON edgehog.tags TO edgehog_app",
    },
    Way {
        what: "a sequence, which tells how much others make",
        query: "SELECT role || ' ' || c.oid::regclass FROM pg_class c, unnest($1) role \
                WHERE c.relkind = 'S' AND c.relnamespace = 'edgehog'::regnamespace \
                    AND has_sequence_privilege(role, c.oid, 'USAGE, SELECT, UPDATE')",
        opened_by: "GRANT SELECT ON ALL SEQUENCES IN SCHEMA edgehog TO edgehog_app",
    },
    Way {
        what: "something that a role of the server owns, or may make, whose rules it could change",
        query: "SELECT c.oid::regclass::text FROM pg_class c WHERE pg_get_userbyid(c.relowner) = ANY ($1) \
                UNION ALL SELECT nspname::text FROM pg_namespace, unnest($1) role \
                WHERE pg_get_userbyid(nspowner) = role OR has_schema_privilege(role, oid, 'CREATE')",
        opened_by: "ALTER TABLE edgehog.tags OWNER TO edgehog_registry",
    },
    Way {
        what: "a power of a role of the server",
        query: "SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1) \
                    AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication) \
                UNION ALL SELECT member::regrole || ' in ' || roleid::regrole FROM pg_auth_members \
                WHERE pg_get_userbyid(member) = ANY ($1)",
        opened_by: "GRANT pg_read_all_data TO edgehog_app",
    },
    Way {
        what: "a right of everybody",
        query: "SELECT c.oid::regclass::text FROM pg_class c, aclexplode(c.relacl) \
                WHERE c.relnamespace = 'edgehog'::regnamespace AND grantee = 0 AND cardinality($1) > 0",
        opened_by: "GRANT SELECT ON edgehog.clusters TO PUBLIC",
    },
    Way {
        what: "a right on a single column, but for that by which the registry cleans up, and those that leave out a realm's secrets",
        query: "SELECT c.oid::regclass || '.' || attname FROM pg_class c \
                JOIN pg_attribute ON attrelid = c.oid, aclexplode(attacl) \
                WHERE c.relnamespace = 'edgehog'::regnamespace AND cardinality($1) > 0 \
                    AND NOT (c.relname = 'changes' AND attname = 'tenant_id' \
                        AND grantee = 'edgehog_registry'::regrole) \
                    AND NOT (c.relname = 'realms' AND attname IN ('tenant_id', 'id', 'cluster_id', 'name') \
                        AND grantee = 'edgehog_app'::regrole AND privilege_type = 'SELECT')",
        opened_by: "GRANT SELECT (name) ON edgehog.tags TO edgehog_registry",
    },
    Way {
        what: "a table of another schema",
        query: "SELECT role || ' ' || c.oid::regclass FROM pg_class c, unnest($1) role \
                WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relnamespace NOT IN \
                        ('edgehog'::regnamespace, 'pg_catalog'::regnamespace, 'information_schema'::regnamespace) \
                    AND has_table_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, DELETE')",
        opened_by: "CREATE TABLE public.copy AS SELECT * FROM edgehog.devices; GRANT SELECT ON public.copy TO PUBLIC",
    },
    Way {
        what: "another server",
        query: "SELECT srvname::text FROM pg_foreign_server WHERE cardinality($1) > 0",
        opened_by: "CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere",
    },
];

async fn found(connection: &mut PgConnection, way: &Way) -> Vec<String> {
    let roles = vec!["edgehog_app".to_owned(), "edgehog_registry".to_owned()];
    sqlx::query_scalar(AssertSqlSafe(way.query)).bind(roles).fetch_all(connection).await.unwrap()
}

/// The schema has none of the ways; and each would be seen.
#[tokio::test]
async fn nothing_goes_around_row_security() {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    let mut connection = options.connect().await.unwrap();
    for way in &WAYS {
        let there = found(&mut connection, way).await;
        assert!(there.is_empty(), "{}: {there:?}", way.what);
        let mut opened = connection.begin().await.unwrap();
        opened.execute(AssertSqlSafe(way.opened_by)).await.unwrap();
        assert!(!found(&mut opened, way).await.is_empty(), "{} is not seen", way.what);
        opened.rollback().await.unwrap();
    }
}
