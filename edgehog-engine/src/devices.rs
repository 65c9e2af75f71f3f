//! Devices as clients see them: rows of the store, and what Astarte keeps of each device.

use std::sync::Arc;

use edgehog_astarte::{AppEngine, DeviceId};
use edgehog_store::{DEVICE, Device, DeviceKey, Filter, List, Page, PageRequest};

use crate::request_cache::RequestCache;
use crate::{Error, Tenant};

impl Tenant {
    /// The device with this number.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn device(&self, id: DeviceKey) -> Result<Option<Device>, Error> {
        let mut tx = self.scope().begin().await?;
        let device = tx.row(id).await?;
        tx.commit().await?;
        Ok(device)
    }

    /// A page of devices, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn devices(&self, request: PageRequest) -> Result<Page<Device>, Error> {
        let mut tx = self.scope().begin().await?;
        let page = tx.rows(&List::default().page(request)).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// How many devices there are.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn device_count(&self) -> Result<i64, Error> {
        let mut tx = self.scope().begin().await?;
        let count = tx.count(&DEVICE, Filter::default()).await?;
        tx.commit().await?;
        Ok(count)
    }

    /// Access to what Astarte keeps of devices, for the length of one request: each thing is asked for at most once.
    #[must_use]
    pub fn device_reads(&self) -> DeviceReads {
        let client = self.realm().and_then(|realm| realm.client().ok());
        let astarte =
            client.map(|client| -> Arc<dyn AppEngine> { Arc::new(RequestCache::new(client.clone())) });
        DeviceReads { astarte, tenant: self.clone() }
    }
}

/// See [`Tenant::device_reads`].
pub struct DeviceReads {
    astarte: Option<Arc<dyn AppEngine>>,
    tenant: Tenant,
}

impl DeviceReads {
    /// Reads something of a device, or nothing: a device that cannot be read is shown without what could not be read.
    ///
    /// ```
    /// # async fn example(reads: edgehog_engine::DeviceReads, device: edgehog_engine::Device) {
    /// let os = reads.read(&device, |device| async move { device.os_info().await }).await;
    /// # }
    /// ```
    pub async fn read<T, F>(
        &self,
        row: &Device,
        read: impl FnOnce(edgehog_sdk::Device) -> F + Send,
    ) -> Option<T>
    where
        T: Send,
        F: Future<Output = Result<T, edgehog_sdk::Error>> + Send,
    {
        let astarte = self.astarte.clone()?;
        let id = DeviceId::new(row.device_id.as_str()).ok()?;
        let tenant = &self.tenant.info().slug;
        match tokio::time::timeout(self.tenant.read_timeout(), read(edgehog_sdk::Device::new(astarte, id)))
            .await
        {
            Ok(Ok(read)) => Some(read),
            Ok(Err(error)) if error.is_absent() => None,
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%tenant, device = %row.device_id, error, "a device could not be read from Astarte");
                None
            }
            Err(_) => {
                tracing::warn!(
                    %tenant, device = %row.device_id,
                    "Astarte did not answer in time; look at the health of its AppEngine"
                );
                None
            }
        }
    }
}
