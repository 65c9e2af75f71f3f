//! Records of any resource, one by one and in lists.

use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Row as _};

use crate::query::{Compiler, GroupPredicate, TagPredicate};
use crate::{
    ChangeKind, Error, Filter, List, Page, PageRequest, Record, Resource, Row, Selection, TenantTx, Value,
};

impl TenantTx {
    /// A part of a list, with all that is wanted with its records, however deep: one statement for the rows, one for
    /// their count, and one for the groups' selectors if groups are involved.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCursor`] for a cursor of another list, [`Error::InvalidFilter`] for a filter or an order that does not fit
    /// the resource, [`Error::Unacceptable`] for a value that PostgreSQL cannot take.
    pub async fn list(&mut self, selection: &Selection, list: &List) -> Result<Page<Record>, Error> {
        let mut selection = selection.clone();
        list.complete(&mut selection);
        list.check(&selection)?;
        let groups =
            if list.uses_selectors(&selection) { self.group_predicates().await? } else { Vec::new() };
        let tenant = self.tenant();
        let compiler = || Compiler::new(tenant, &groups);
        let mut rows = Vec::new();
        if list.wants_rows() {
            let (sql, values) = compiler().rows(&selection, list)?;
            // The text is the compiler's: names from declarations, and parameters.
            let found = sqlx::query_with(AssertSqlSafe(sql), values).fetch_all(self.connection()).await?;
            let found = found.iter().map(|row| Record::from_row(&selection, row));
            rows = found.collect::<Result<_, _>>()?;
        }
        let mut count = None;
        if list.wants_count() {
            let (sql, values) = compiler().count(selection.resource(), list);
            let row = sqlx::query_with(AssertSqlSafe(sql), values).fetch_one(self.connection()).await?;
            count = Some(row.try_get(0)?);
        }
        Ok(list.request().page(rows, count))
    }

    /// The record with this key.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::list`].
    pub async fn get(
        &mut self,
        selection: &Selection,
        key: impl Into<Value> + Send,
    ) -> Result<Option<Record>, Error> {
        let list = List::new(Filter::key(key)).page(PageRequest::all());
        Ok(self.list(selection, &list).await?.rows.into_iter().next())
    }

    /// A part of a list, as rows of their Rust type.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::list`].
    pub async fn rows<R: Row>(&mut self, list: &List) -> Result<Page<R>, Error> {
        let page = self.list(&Selection::all(R::RESOURCE), list).await?;
        page.try_map(|record| R::from_record(record).map_err(Error::from))
    }

    /// The row with this key.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::list`].
    pub async fn row<R: Row>(&mut self, key: impl Into<Value> + Send) -> Result<Option<R>, Error> {
        let record = self.get(&Selection::all(R::RESOURCE), key).await?;
        Ok(record.map(R::from_record).transpose()?)
    }

    /// How many records pass a filter.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::list`].
    pub async fn count(&mut self, resource: &'static Resource, filter: Filter) -> Result<i64, Error> {
        let page = self.list(&Selection::key(resource), &List::new(filter).only_counted()).await?;
        Ok(page.count.unwrap_or(0))
    }

    /// Deletes one record. Says whether there was one.
    pub(crate) async fn delete(
        &mut self,
        resource: &'static Resource,
        key: impl Into<Value> + Send,
    ) -> Result<bool, Error> {
        let key = key.into();
        let tenant = self.tenant();
        // The table's name is that of a declaration.
        let sql = format!("DELETE FROM {} WHERE tenant_id = $1 AND id = $2", resource.table);
        let delete = sqlx::query(AssertSqlSafe(sql)).bind(tenant);
        let delete = match &key {
            Value::Uuid(uuid) => delete.bind(uuid),
            key => delete.bind(key.as_integer()),
        };
        let done = delete.execute(self.connection()).await.map_err(Error::of_deletion)?;
        let found = done.rows_affected() > 0;
        if found {
            self.changed(resource, ChangeKind::Destroyed, key);
        }
        Ok(found)
    }

    async fn group_predicates(&mut self) -> Result<Vec<GroupPredicate>, Error> {
        let tenant = self.tenant();
        let rows: Vec<(i64, Json<TagPredicate>)> =
            sqlx::query_as("SELECT id, predicate FROM device_groups WHERE tenant_id = $1 ORDER BY id")
                .bind(tenant)
                .fetch_all(self.connection())
                .await?;
        Ok(rows.into_iter().map(|(group, Json(predicate))| GroupPredicate { group, predicate }).collect())
    }
}
