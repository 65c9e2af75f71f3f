use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use edgehog_astarte::{
    AppEngine, DataQuery, DeviceId, DeviceListQuery, DevicePage, DevicePatch, DeviceStatus, Error,
    ErrorResponse,
};
use edgehog_engine::sdk::Device;
use serde_json::Value;

const PREFIX: &str = "io.edgehog.devicemanager.";

/// Answers reads from a table and notes what it is asked. What is not in the table is absent.
#[derive(Default)]
pub(crate) struct FakeAstarte {
    answers: BTreeMap<&'static str, Value>,
    status: Option<DeviceStatus>,
    /// The HTTP status of every answer, where it fails.
    failure: Option<u16>,
    requests: Mutex<Vec<String>>,
}

impl FakeAstarte {
    /// An Astarte in which the device has these data, by the last part of the interface's name.
    pub(crate) fn with(answers: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self { answers: answers.into_iter().collect(), ..Self::default() }
    }

    /// An Astarte that answers everything with this status.
    pub(crate) fn failing(status: u16) -> Self {
        Self { failure: Some(status), ..Self::default() }
    }

    pub(crate) fn status(mut self, status: DeviceStatus) -> Self {
        self.status = Some(status);
        self
    }

    pub(crate) fn device(self) -> (Arc<Self>, Device) {
        let fake = Arc::new(self);
        let device = Device::new(fake.clone(), "d1".parse().unwrap());
        (fake, device)
    }

    /// What was asked since the last time.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    fn note(&self, request: &str) -> Result<(), Error> {
        self.requests.lock().unwrap().push(request.replace(PREFIX, ""));
        self.failure.map_or(Ok(()), |status| Err(ErrorResponse::new("fake", status, "fails").into()))
    }
}

#[async_trait]
impl AppEngine for FakeAstarte {
    async fn device_status(&self, _: &DeviceId) -> Result<DeviceStatus, Error> {
        self.note("status")?;
        self.status.clone().ok_or_else(|| ErrorResponse::new("fake", 404, "Device not found").into())
    }

    async fn device_page(&self, _: &DeviceListQuery) -> Result<DevicePage, Error> {
        unreachable!("one device is asked about")
    }

    async fn read(
        &self,
        _: &DeviceId,
        interface: &str,
        _: Option<&str>,
        _: &DataQuery,
    ) -> Result<Value, Error> {
        self.note(&format!("read {interface}"))?;
        let answer = interface.strip_prefix(PREFIX).and_then(|name| self.answers.get(name));
        answer.cloned().ok_or_else(|| ErrorResponse::new("fake", 404, "Interface not found").into())
    }

    async fn send_datastream(
        &self,
        _: &DeviceId,
        interface: &str,
        path: &str,
        value: &Value,
    ) -> Result<(), Error> {
        self.note(&format!("send {interface} {path} {value}"))
    }

    async fn set_property(&self, _: &DeviceId, _: &str, _: &str, _: &Value) -> Result<(), Error> {
        unreachable!("nothing here sets properties")
    }

    async fn unset_property(&self, _: &DeviceId, _: &str, _: &str) -> Result<(), Error> {
        unreachable!("nothing here unsets properties")
    }

    async fn patch_device(&self, _: &DeviceId, _: &DevicePatch) -> Result<DeviceStatus, Error> {
        unreachable!("nothing here patches devices")
    }
}
