use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::http::Request;
use crate::{Client, DeviceId, Error, InterfaceVersion};

/// Pairing of one realm, on the side of whoever registers devices.
///
/// [`Client`](crate::Client) is the real one; a test may put its own in place.
#[async_trait]
pub trait PairingAgent: Send + Sync {
    /// Registers a device and gives the secret with which it will ask for certificates.
    ///
    /// Until the device does so it may be registered again; each time there is a new secret and the former one is
    /// void. Therefore the request is repeated only when it surely was not sent.
    ///
    /// `introspection` is what the device is known to announce, by interface name; it may be empty.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when the device has asked for a certificate already, [`Error::Rejected`] for an id that is
    /// not canonical, and what any request may end with.
    async fn register(
        &self,
        device: &DeviceId,
        introspection: &BTreeMap<String, InterfaceVersion>,
    ) -> Result<SecretString, Error>;

    /// Makes a device forget its registration, so that it can be registered anew. Its data stays, and so does a
    /// certificate it has, until that expires.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceNotFound`], and what any request may end with.
    async fn unregister(&self, device: &DeviceId) -> Result<(), Error>;
}

#[async_trait]
impl PairingAgent for Client {
    async fn register(
        &self,
        device: &DeviceId,
        introspection: &BTreeMap<String, InterfaceVersion>,
    ) -> Result<SecretString, Error> {
        #[derive(Serialize)]
        struct Registration<'a> {
            hw_id: &'a DeviceId,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            initial_introspection: &'a BTreeMap<String, InterfaceVersion>,
        }
        #[derive(Deserialize)]
        struct Registered {
            credentials_secret: SecretString,
        }
        let registration = Registration { hw_id: device, initial_introspection: introspection };
        let request = Request::post(["agent", "devices"], &registration)?.once();
        let registered: Registered = self.pairing().send(request).await?.data()?;
        Ok(registered.credentials_secret)
    }

    async fn unregister(&self, device: &DeviceId) -> Result<(), Error> {
        self.pairing().delete(Request::delete(["agent", "devices", device.as_str()])?).await
    }
}
