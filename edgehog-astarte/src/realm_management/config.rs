use serde::{Deserialize, Serialize};

use crate::http::Request;
use crate::{Client, DeviceId, Error};

#[derive(Serialize, Deserialize)]
struct Auth {
    jwt_public_key_pem: String,
}

/// More of Realm Management.
impl Client {
    /// The public key that Astarte checks the realm's tokens with, as PEM.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    pub async fn realm_public_key(&self) -> Result<String, Error> {
        let auth: Auth = self.realm_management().send(Request::get(["config", "auth"])?).await?.data()?;
        Ok(auth.jwt_public_key_pem)
    }

    /// Replaces the public key of the realm. Soon after, this client's tokens are refused unless the key is that of
    /// its own private key.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] for an unusable key, and what any request may end with.
    pub async fn set_realm_public_key(&self, pem: impl Into<String>) -> Result<(), Error> {
        let auth = Auth { jwt_public_key_pem: pem.into() };
        self.realm_management().send(Request::put(["config", "auth"], &auth)?).await?;
        Ok(())
    }

    /// How many devices may be registered, `None` for any number. Housekeeping sets it.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    pub async fn device_registration_limit(&self) -> Result<Option<u64>, Error> {
        self.realm_management().send(Request::get(["config", "device_registration_limit"])?).await?.data()
    }

    /// How long data of datastreams is stored at most, in seconds, `None` for ever. Housekeeping sets it.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    pub async fn datastream_maximum_storage_retention(&self) -> Result<Option<u64>, Error> {
        let request = Request::get(["config", "datastream_maximum_storage_retention"])?;
        let seconds: Option<u64> = self.realm_management().send(request).await?.data()?;
        // Astarte writes 0 for no limit here.
        Ok(seconds.filter(|seconds| *seconds > 0))
    }

    /// Deletes a device with all its data. This only begins it: the device has `deletion_in_progress` for seconds to
    /// minutes, and then is not found any more.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceNotFound`], and what any request may end with.
    pub async fn delete_device(&self, device: &DeviceId) -> Result<(), Error> {
        self.realm_management().delete(Request::delete(["devices", device.as_str()])?).await
    }
}
