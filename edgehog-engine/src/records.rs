//! Records of any resource, read and written within the tenant.

use edgehog_store::{List, Page, Record, Resource, Row, Selection, TenantTx, Value};

use crate::problem::Problem;
use crate::{Error, Tenant};

impl Tenant {
    /// A part of a list, with all that is wanted with its records.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::list`].
    pub async fn list(&self, selection: &Selection, list: &List) -> Result<Page<Record>, Error> {
        let mut tx = self.scope().begin().await?;
        let page = tx.list(selection, list).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// The record with this key.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::list`].
    pub async fn get(
        &self,
        selection: &Selection,
        key: impl Into<Value> + Send,
    ) -> Result<Option<Record>, Error> {
        let mut tx = self.scope().begin().await?;
        let record = tx.get(selection, key).await?;
        tx.commit().await?;
        Ok(record)
    }

    /// A part of a list, as rows of their Rust type.
    ///
    /// ```no_run
    /// # async fn example(tenant: edgehog_engine::Tenant) -> Result<(), edgehog_engine::Error> {
    /// use edgehog_engine::store::{List, Tag};
    ///
    /// for tag in tenant.rows::<Tag>(&List::default()).await?.rows {
    ///     println!("{}", tag.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::list`].
    pub async fn rows<R: Row + Send>(&self, list: &List) -> Result<Page<R>, Error> {
        let mut tx = self.scope().begin().await?;
        let page = tx.rows(list).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// The row with this key.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::list`].
    pub async fn row<R: Row + Send>(&self, key: impl Into<Value> + Send) -> Result<Option<R>, Error> {
        let mut tx = self.scope().begin().await?;
        let row = tx.row(key).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Refuses a key that no record of the resource has.
    pub(crate) async fn exists(
        &self,
        resource: &'static Resource,
        key: impl Into<Value> + Send,
    ) -> Result<(), Error> {
        let found = self.get(&Selection::key(resource), key).await?;
        found.map(drop).ok_or_else(|| Problem::not_found().into())
    }

    /// Does something in one transaction.
    pub(crate) async fn write<T>(
        &self,
        write: impl AsyncFnOnce(&mut TenantTx) -> Result<T, edgehog_store::Error>,
    ) -> Result<T, Error> {
        let mut tx = self.scope().begin().await?;
        let written = write(&mut tx).await.map_err(Error::of_write)?;
        tx.commit().await?;
        Ok(written)
    }

    /// Does something to a record in one transaction; `false` says that there is no such record.
    pub(crate) async fn write_existing(
        &self,
        write: impl AsyncFnOnce(&mut TenantTx) -> Result<bool, edgehog_store::Error>,
    ) -> Result<(), Error> {
        if self.write(write).await? { Ok(()) } else { Err(Problem::not_found().into()) }
    }

    /// Deletes a record, and gives what it was.
    pub(crate) async fn delete(
        &self,
        selection: &Selection,
        key: impl Into<Value> + Send,
        delete: impl AsyncFnOnce(&mut TenantTx) -> Result<bool, edgehog_store::Error>,
    ) -> Result<Record, Error> {
        let mut tx = self.scope().begin().await?;
        let record = tx.get(selection, key).await?.ok_or_else(Problem::not_found)?;
        if !delete(&mut tx).await.map_err(Error::of_write)? {
            return Err(Problem::not_found().into());
        }
        tx.commit().await?;
        Ok(record)
    }
}
