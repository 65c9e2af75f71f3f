//! Rows for any table of the schema, made up from the catalogue, so that tests cover tables that do not exist yet.

use edgehog_store::{Resource, TenantTx, Value};
use sqlx::{AssertSqlSafe, Connection, Executor, FromRow, PgConnection};

/// SQLSTATEs of rows that a table does not take: a unique or a check constraint, a generated column.
const NOT_TAKEN: [&str; 3] = ["23505", "23514", "428C9"];

/// A column as far as making up values goes.
#[derive(FromRow)]
pub(crate) struct Column {
    pub(crate) name: String,
    data_type: String,
    optional: bool,
    /// Made by the database alone.
    generated: bool,
    /// Made from other columns of the row.
    pub(crate) computed: bool,
    /// The column that a foreign key leads to, and its table.
    pub(crate) parent: Option<String>,
    pub(crate) parent_column: Option<String>,
    /// The first value that a check constraint lists.
    listed: Option<String>,
}

/// The tables with a tenant that the application may write to.
pub(crate) async fn tables(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' \
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'edgehog'::regnamespace \
             AND has_table_privilege('edgehog_app', c.oid, 'INSERT') ORDER BY c.oid",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

/// The table of a resource: its name is the plural of the resource's, or the same.
pub(crate) async fn table_of(connection: &mut PgConnection, resource: &Resource) -> String {
    let tables = tables(connection).await;
    let names = [format!("{}s", resource.type_name), resource.type_name.to_owned()];
    tables.into_iter().find(|table| names.contains(table)).unwrap()
}

pub(crate) async fn columns(connection: &mut PgConnection, table: &str) -> Vec<Column> {
    sqlx::query_as(
        "SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS data_type, \
             NOT a.attnotnull OR a.atthasdef AS optional, a.attidentity <> '' OR a.attgenerated <> '' AS generated, a.attgenerated <> '' AS computed, \
             f.parent, f.parent_column, \
             (SELECT substring(pg_get_constraintdef(k.oid) FROM 'ARRAY\\[''([^'']*)''') FROM pg_constraint k \
              WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum] LIMIT 1) AS listed \
         FROM pg_attribute a \
         LEFT JOIN LATERAL ( \
             SELECT p.relname::text AS parent, pa.attname::text AS parent_column \
             FROM pg_constraint k CROSS JOIN unnest(k.conkey, k.confkey) AS pair (ours, theirs) \
             JOIN pg_class p ON p.oid = k.confrelid \
             JOIN pg_attribute pa ON pa.attrelid = p.oid AND pa.attnum = pair.theirs \
             WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND pair.ours = a.attnum LIMIT 1 \
         ) AS f ON true \
         WHERE a.attrelid = ('edgehog.' || $1)::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
    )
    .bind(table)
    .fetch_all(connection)
    .await
    .unwrap()
}

/// A value as text that PostgreSQL reads.
pub(crate) fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Text(text) => text.clone(),
        Value::Time(at) => at.to_rfc3339(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::Json(json) => json.to_string(),
        other => panic!("a value of a new kind: {other:?}"),
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Something that a column takes, different for each number where it can be.
fn made_up(column: &Column, number: usize) -> String {
    let value = match column.data_type.as_str() {
        "text" => column.listed.clone().unwrap_or_else(|| format!("x{number}")),
        "bigint" | "integer" | "smallint" => number.to_string(),
        "boolean" => number.is_multiple_of(2).to_string(),
        "uuid" => uuid::Uuid::new_v4().to_string(),
        "json" | "jsonb" => "{}".to_owned(),
        "timestamp with time zone" => "2026-01-02T03:04:05Z".to_owned(),
        "bytea" => "\\x00".to_owned(),
        other => panic!("nothing is known to put into {} {other}", column.name),
    };
    quoted(&value)
}

/// Adds a row in which the column, if one is named, has the value; other columns get what they take, and lead to the
/// first row of the table that they refer to, which is made if there is none. Says whether the table took it.
pub(crate) async fn add(
    connection: &mut PgConnection,
    table: &str,
    number: usize,
    fixed: Option<(&str, &Value)>,
) -> bool {
    let mut names = Vec::new();
    let mut values = Vec::new();
    for column in columns(connection, table).await {
        let value = match (&column.parent, &column.parent_column) {
            _ if column.generated => continue,
            _ if column.name == "tenant_id" => "current_tenant()".to_owned(),
            _ if fixed.is_some_and(|(name, _)| name == column.name) => {
                let value = fixed.and_then(|(_, value)| text(value));
                value.map_or("NULL".to_owned(), |text| quoted(&text))
            }
            (Some(parent), Some(parent_column)) if parent != table => {
                Box::pin(ensure(connection, parent)).await;
                format!("(SELECT min({parent_column}) FROM {parent})")
            }
            // Flags that something shown may be computed from.
            _ if column.optional && column.data_type != "boolean" => continue,
            _ => made_up(&column, number),
        };
        names.push(column.name);
        values.push(value);
    }
    let insert = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "));
    let mut savepoint = connection.begin().await.unwrap();
    match savepoint.execute(AssertSqlSafe(insert.as_str())).await {
        Ok(_) => {
            savepoint.commit().await.unwrap();
            true
        }
        Err(error) => {
            let code = error.as_database_error().and_then(|it| it.code().map(String::from)).unwrap();
            assert!(NOT_TAKEN.contains(&code.as_str()), "{insert}: {error}");
            savepoint.rollback().await.unwrap();
            false
        }
    }
}

/// Makes a row in the table if it has none.
pub(crate) async fn ensure(connection: &mut PgConnection, table: &str) {
    let exists = format!("SELECT EXISTS (SELECT FROM {table})");
    let exists: bool = sqlx::query_scalar(AssertSqlSafe(exists)).fetch_one(&mut *connection).await.unwrap();
    assert!(exists || add(connection, table, 1, None).await, "{table} takes no row");
}

/// Makes rows of a resource: for each attribute as many of `candidates` as it takes, some of them twice.
pub(crate) async fn vary(
    tx: &mut TenantTx,
    resource: &'static Resource,
    candidates: impl Fn(&edgehog_store::Attribute) -> Vec<Value>,
) {
    let table = table_of(tx.connection(), resource).await;
    let mut number = 10;
    for attribute in resource.attributes.iter().filter(|it| !it.internal) {
        let mut taken = 0;
        for (place, value) in candidates(attribute).iter().enumerate() {
            for _ in 0..=usize::from(place % 3 == 0) {
                number += 1;
                let fixed = Some((attribute.name, value));
                taken += usize::from(add(tx.connection(), &table, number, fixed).await);
            }
        }
        assert!(taken > 1, "{} takes too few values of {}", table, attribute.name);
    }
}
