mod client;
mod device;
mod ext;
mod groups;
mod query;
mod samples;

use async_trait::async_trait;

pub use self::device::{
    DeviceEntry, DeviceListQuery, DevicePage, DevicePatch, DeviceStats, DeviceStatus, InterfaceUse,
    PageToken, PreviousInterface,
};
pub use self::ext::AppEngineExt;
pub use self::query::{DataQuery, Format, Start};
pub use self::samples::{ObjectSample, Sample};
use crate::{DeviceId, Error};

/// AppEngine of one realm: devices, what they sent, and what is sent to them.
///
/// [`Client`](crate::Client) is the real one; a test may put its own in place. Typed readers and the paging over
/// devices are in [`AppEngineExt`](crate::AppEngineExt), which every implementation has.
#[async_trait]
pub trait AppEngine: Send + Sync {
    /// Reads the status of a device.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceNotFound`], and what any request may end with.
    async fn device_status(&self, device: &DeviceId) -> Result<DeviceStatus, Error>;

    /// Reads one page of the list of devices.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    async fn device_page(&self, query: &DeviceListQuery) -> Result<DevicePage, Error>;

    /// Reads an interface of a device, whole or below a path: the `data` member of the answer as it came.
    ///
    /// Its shape depends on the kind of interface, on the path and on how many paths hold data; the readers of
    /// [`AppEngineExt`](crate::AppEngineExt) know the shapes. Unset properties read as `{}`.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceNotFound`], [`Error::InterfaceNotFound`] when the device does not announce the interface,
    /// [`Error::NoData`] for a datastream path without samples, [`Error::Rejected`] for a path that the interface
    /// has not, and what any request may end with.
    async fn read(
        &self,
        device: &DeviceId,
        interface: &str,
        path: Option<&str>,
        query: &DataQuery,
    ) -> Result<serde_json::Value, Error>;

    /// Sends a value on a server-owned datastream: of an individual mapping at its path, or an object at its base
    /// path.
    ///
    /// Success means: taken by the broker, for a device that is connected or will fetch it when it next is.
    /// Since a repeat would be a second message, the request is repeated only when it surely was not sent.
    ///
    /// # Errors
    ///
    /// [`Error::CannotPush`] when a message that must arrive has nowhere to go, because the device has no session;
    /// [`Error::Rejected`] for a wrong value or path; [`Error::Unreachable`], after which the message may have been
    /// sent or not; and what any request may end with.
    async fn send_datastream(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
        value: &serde_json::Value,
    ) -> Result<(), Error>;

    /// Sets a server-owned property. The device gets it now, or when it connects.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] for a wrong value or path, and what any request may end with.
    async fn set_property(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
        value: &serde_json::Value,
    ) -> Result<(), Error>;

    /// Unsets a server-owned property; no error when it was not set.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when the mapping does not permit it, and what any request may end with.
    async fn unset_property(&self, device: &DeviceId, interface: &str, path: &str) -> Result<(), Error>;

    /// Changes aliases, attributes or the permission to get certificates; answers with the new status.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] for an alias of another device, [`Error::Rejected`] for the removal of what is not
    /// there, and what any request may end with.
    async fn patch_device(&self, device: &DeviceId, patch: &DevicePatch) -> Result<DeviceStatus, Error>;
}
