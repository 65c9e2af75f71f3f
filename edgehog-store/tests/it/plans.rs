//! How PostgreSQL finds the rows of a large tenant.

use edgehog_store::{
    Comparison, Condition, DEVICE, Filter, List, PageRequest, Selection, Sort, Store, TAG, TenantTx, Value,
};
use sqlx::{ConnectOptions, Executor};

use crate::{config, tenant};

const DEVICES: i64 = 20_000;

/// How often this transaction began to read the whole of the large tables, and how often it went by an index.
async fn scans(tx: &mut TenantTx) -> (i64, i64) {
    let scans: (Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT sum(seq_scan)::bigint, sum(idx_scan)::bigint FROM pg_stat_xact_user_tables \
         WHERE relname IN ('devices', 'devices_tags')",
    )
    .fetch_one(tx.connection())
    .await
    .unwrap();
    (scans.0.unwrap_or(0), scans.1.unwrap_or(0))
}

fn tagged(tag: &str) -> Filter {
    let equal = Condition::Compare(Comparison::Equal, Value::Text(tag.to_owned()));
    let name = Filter::Attribute(TAG.attribute("name").unwrap(), equal);
    Filter::Related(DEVICE.relation("tags").unwrap(), Box::new(name))
}

/// Pages of many devices are read along indexes, whether PostgreSQL plans with the values or without.
#[tokio::test]
async fn pages_of_many_devices_use_indexes() {
    let options = edgehog_test_database::create().await;
    Store::migrate(&options).await.unwrap();
    let store = Store::connect(config(options.clone())).await.unwrap();
    for slug in ["plant-one", "plant-two"] {
        let (scope, _) = tenant(&store, slug).await;
        let mut tx = scope.begin().await.unwrap();
        let fill = format!(
            "INSERT INTO devices (tenant_id, realm_id, device_id, name) \
                 SELECT tenant_id, id, 'device ' || number, 'device ' || number FROM realms, generate_series(1, {DEVICES}) AS number; \
             INSERT INTO tags (tenant_id, name) SELECT current_tenant(), unnest(ARRAY['common', 'rare']); \
             INSERT INTO devices_tags (tenant_id, tag_id, device_id) \
                 SELECT t.tenant_id, t.id, d.id FROM tags t JOIN devices d ON d.tenant_id = t.tenant_id \
                     AND d.id % CASE t.name WHEN 'rare' THEN 500 ELSE 2 END = 0"
        );
        tx.connection().execute(sqlx::AssertSqlSafe(fill)).await.unwrap();
        tx.commit().await.unwrap();
    }
    options.connect().await.unwrap().execute("ANALYZE").await.unwrap();

    let (tenant, _) = store.registry().tenant_by_slug("plant-two").await.unwrap().unwrap();
    let scope = store.scope(tenant.tenant_id);
    let all = Selection::all(&DEVICE);
    let first = scope.begin().await.unwrap().list(&all, &List::default()).await.unwrap();
    let cursor = List::default().cursor(first.rows.last().unwrap());
    let newest = List::default().sort(vec![Sort::descending(0)]);
    let lists = [
        List::default(),
        newest.clone(),
        List::new(Filter::key(first.rows[3].key().clone())),
        List::default().page(PageRequest::Forward { first: 250, after: Some(cursor.clone()) }),
        List::default().page(PageRequest::Backward { last: 250, before: cursor }),
        List::new(tagged("rare")),
        List::new(tagged("common")),
        List::new(tagged("nobody's")),
        List::new(Filter::Not(Box::new(tagged("common")))),
    ];
    for mode in ["force_custom_plan", "force_generic_plan"] {
        for list in &lists {
            let mut tx = scope.begin().await.unwrap();
            tx.connection()
                .execute(sqlx::AssertSqlSafe(format!("SET LOCAL plan_cache_mode = {mode}")))
                .await
                .unwrap();
            tx.list(&all, list).await.unwrap();
            let (whole, by_index) = scans(&mut tx).await;
            assert!(whole == 0 && by_index > 0, "{mode}, {list:?}: {whole} {by_index}");
        }
    }
}
