use async_trait::async_trait;

use super::{AppEngine, DataQuery, DeviceListQuery, DevicePage, DevicePatch, DeviceStats, DeviceStatus};
use crate::http::Request;
use crate::{Client, DeviceId, Error};

#[async_trait]
impl AppEngine for Client {
    async fn device_status(&self, device: &DeviceId) -> Result<DeviceStatus, Error> {
        self.app_engine().send(Request::get(["devices", device.as_str()])?).await?.data()
    }

    async fn device_page(&self, query: &DeviceListQuery) -> Result<DevicePage, Error> {
        let request = Request::get(["devices"])?.query(query.pairs());
        let request = if query.details { request.long_read() } else { request };
        self.app_engine().send(request).await?.document()
    }

    async fn read(
        &self,
        device: &DeviceId,
        interface: &str,
        path: Option<&str>,
        query: &DataQuery,
    ) -> Result<serde_json::Value, Error> {
        let path = path.map(below_root).filter(|path| !path.is_empty());
        let request = Request::get(value_segments(device, interface, path))?.query(query.pairs()?);
        let request = if path.is_none() { request.long_read() } else { request };
        self.app_engine().send(request).await?.data()
    }

    async fn send_datastream(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
        value: &serde_json::Value,
    ) -> Result<(), Error> {
        let segments = value_segments(device, interface, Some(below_root(path)));
        self.app_engine().send(Request::post(segments, value)?.once()).await?;
        Ok(())
    }

    async fn set_property(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
        value: &serde_json::Value,
    ) -> Result<(), Error> {
        let segments = value_segments(device, interface, Some(below_root(path)));
        self.app_engine().send(Request::put(segments, value)?).await?;
        Ok(())
    }

    async fn unset_property(&self, device: &DeviceId, interface: &str, path: &str) -> Result<(), Error> {
        let segments = value_segments(device, interface, Some(below_root(path)));
        self.app_engine().send(Request::delete(segments)?).await?;
        Ok(())
    }

    async fn patch_device(&self, device: &DeviceId, patch: &DevicePatch) -> Result<DeviceStatus, Error> {
        self.app_engine().send(Request::patch(["devices", device.as_str()], patch)?).await?.data()
    }
}

/// More of AppEngine.
impl Client {
    /// The names of the interfaces that a device announced last.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceNotFound`], and what any request may end with.
    pub async fn device_interfaces(&self, device: &DeviceId) -> Result<Vec<String>, Error> {
        self.app_engine().send(Request::get(["devices", device.as_str(), "interfaces"])?).await?.data()
    }

    /// The device that has this alias.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceNotFound`], and what any request may end with.
    pub async fn device_by_alias(&self, alias: &str) -> Result<DeviceStatus, Error> {
        self.app_engine().send(Request::get(["devices-by-alias", alias])?).await?.data()
    }

    /// How many devices there are.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    pub async fn device_stats(&self) -> Result<DeviceStats, Error> {
        self.app_engine().send(Request::get(["stats", "devices"])?).await?.data()
    }
}

/// A path without its leading slash.
fn below_root(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

fn value_segments<'a>(
    device: &'a DeviceId,
    interface: &'a str,
    path: Option<&'a str>,
) -> impl Iterator<Item = &'a str> {
    let path = path.into_iter().flat_map(|path| path.split('/'));
    ["devices", device.as_str(), "interfaces", interface].into_iter().chain(path)
}
