//! Devices as clients see them: rows of the store, and what Astarte keeps of each device.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use edgehog_astarte::{AppEngine, DeviceId};
use edgehog_sdk::interfaces::LedPattern;
use edgehog_store::{DEVICE, Device, DeviceKey, Filter};
use secrecy::SecretString;
use tokio::sync::OnceCell;

use crate::problem::{Check, Problem};
use crate::request_cache::RequestCache;
use crate::{
    Error, ForwarderConfig, ForwarderError, ForwarderSession, Location, Position, Tenant, forwarder,
};

impl Tenant {
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

    /// Gives a device another name, or leaves it as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where there is no such device, and for a blank name.
    pub async fn update_device(&self, key: DeviceKey, name: Option<&str>) -> Result<(), Error> {
        self.exists(&DEVICE, key).await?;
        let mut check = Check::default();
        let name = name.map(|name| check.text("name", name));
        check.finish()?;
        self.write_existing(async |tx| tx.device_update(key, name.as_deref()).await).await
    }

    /// Makes the light of a device blink for a minute. The device need not be online; if it is not, nothing comes of it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where there is no such device, [`Error::Device`] where Astarte does not take the request.
    pub async fn blink(&self, key: DeviceKey, pattern: LedPattern) -> Result<(), Error> {
        let row: Device = self.row(key).await?.ok_or_else(Problem::not_found)?;
        self.device(&row)?.blink(pattern).await?;
        self.write(async |tx| {
            tx.device_touched(key);
            Ok(())
        })
        .await
    }

    /// Where sessions of the forwarder are, if anywhere.
    #[must_use]
    pub fn forwarder(&self) -> Option<&ForwarderConfig> {
        self.settings().forwarder.as_ref()
    }

    /// The session of the forwarder with this token, while the device keeps it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where there is no such device.
    pub async fn forwarder_session(
        &self,
        key: DeviceKey,
        token: &str,
    ) -> Result<Option<ForwarderSession>, Error> {
        let row: Device = self.row(key).await?.ok_or_else(Problem::not_found)?;
        Ok(forwarder::session(&self.device(&row)?, row.online, token, self.forwarder()).await)
    }

    /// The token of a session with a device: one that it keeps, or a new one that it is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where there is no such device, or it is offline; [`Error::NoForwarder`];
    /// [`Error::Device`] where Astarte does not take the request.
    pub async fn request_forwarder_session(&self, key: DeviceKey) -> Result<SecretString, Error> {
        let row: Device = self.row(key).await?.ok_or_else(Problem::not_found)?;
        let device = self.device(&row)?;
        forwarder::request_session(&device, row.online, self.forwarder()).await.map_err(|error| match error {
            ForwarderError::Disabled => Error::NoForwarder,
            ForwarderError::DeviceDisconnected => {
                Problem::argument("device_id", "device is disconnected").into()
            }
            ForwarderError::Astarte(error) => error.into(),
        })
    }

    /// The handle to a device in Astarte.
    ///
    /// # Errors
    ///
    /// [`Error::NoRealm`], and [`Error::Astarte`] for an id that is none of Astarte's.
    pub fn device(&self, row: &Device) -> Result<edgehog_sdk::Device, Error> {
        let client = self.realm().ok_or(Error::NoRealm)?.client()?.clone();
        Ok(edgehog_sdk::Device::new(Arc::new(client), DeviceId::new(row.device_id.as_str())?))
    }

    /// Access to what Astarte keeps of devices, for the length of one request: each thing is asked for at most once.
    #[must_use]
    pub fn device_reads(&self) -> DeviceReads {
        let client = self.realm().and_then(|realm| realm.client().ok());
        let astarte =
            client.map(|client| -> Arc<dyn AppEngine> { Arc::new(RequestCache::new(client.clone())) });
        DeviceReads { astarte, tenant: self.clone(), positions: Mutex::default() }
    }
}

/// See [`Tenant::device_reads`].
pub struct DeviceReads {
    astarte: Option<Arc<dyn AppEngine>>,
    tenant: Tenant,
    positions: Mutex<HashMap<String, Arc<OnceCell<Option<Position>>>>>,
}

impl DeviceReads {
    /// Reads something of a device, or nothing: a device that cannot be read is shown without what could not be read.
    ///
    /// ```
    /// # async fn example(reads: edgehog_engine::DeviceReads, device: edgehog_engine::store::Device) {
    /// let os = reads.read(&device.device_id, |device| async move { device.os_info().await }).await;
    /// # }
    /// ```
    pub async fn read<T, F>(
        &self,
        device_id: &str,
        read: impl FnOnce(edgehog_sdk::Device) -> F + Send,
    ) -> Option<T>
    where
        T: Send,
        F: Future<Output = Result<T, edgehog_sdk::Error>> + Send,
    {
        let astarte = self.astarte.clone()?;
        let id = DeviceId::new(device_id).ok()?;
        let tenant = &self.tenant.info().slug;
        match tokio::time::timeout(
            self.tenant.settings().read_timeout,
            read(edgehog_sdk::Device::new(astarte, id)),
        )
        .await
        {
            Ok(Ok(read)) => Some(read),
            Ok(Err(error)) if error.is_absent() => None,
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%tenant, device = device_id, error, "a device could not be read from Astarte");
                None
            }
            Err(_) => {
                tracing::warn!(
                    %tenant, device = device_id,
                    "Astarte did not answer in time; look at the health of its AppEngine"
                );
                None
            }
        }
    }

    /// Where a device is, as far as any provider knows. Found out once, however often it is asked for.
    pub async fn position(&self, device_id: &str) -> Option<Position> {
        let device = edgehog_sdk::Device::new(self.astarte.clone()?, DeviceId::new(device_id).ok()?);
        let cell = {
            let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(positions.entry(device_id.to_owned()).or_default())
        };
        // Each provider has a time limit of its own.
        cell.get_or_init(|| self.tenant.settings().geolocation.position(&device)).await.clone()
    }

    /// What people call the place where a device is.
    pub async fn location(&self, device_id: &str) -> Option<Location> {
        let position = self.position(device_id).await?;
        self.tenant.settings().geolocation.location(&position).await
    }
}
