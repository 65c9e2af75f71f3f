use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use edgehog_astarte::{
    AppEngine, DataQuery, DeviceId, DeviceListQuery, DevicePage, DevicePatch, DeviceStatus, Error,
};
use serde_json::Value;
use tokio::sync::OnceCell;

/// Astarte, asked each thing at most once: what one request has read is read for the whole of it, failures too.
///
/// Writes pass through and are not looked at again.
pub(crate) struct RequestCache<A> {
    astarte: A,
    statuses: Memo<DeviceId, DeviceStatus>,
    reads: Memo<(DeviceId, String, Option<String>, DataQuery), Value>,
}

impl<A> RequestCache<A> {
    pub(crate) fn new(astarte: A) -> Self {
        Self { astarte, statuses: Memo::default(), reads: Memo::default() }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method left to its default would go around the cache")]
impl<A: AppEngine> AppEngine for RequestCache<A> {
    async fn device_status(&self, device: &DeviceId) -> Result<DeviceStatus, Error> {
        self.statuses.get(device.clone(), || self.astarte.device_status(device)).await
    }

    async fn device_page(&self, query: &DeviceListQuery) -> Result<DevicePage, Error> {
        self.astarte.device_page(query).await
    }

    async fn read(
        &self,
        device: &DeviceId,
        interface: &str,
        path: Option<&str>,
        query: &DataQuery,
    ) -> Result<Value, Error> {
        let key = (device.clone(), interface.to_owned(), path.map(str::to_owned), query.clone());
        self.reads.get(key, || self.astarte.read(device, interface, path, query)).await
    }

    async fn send_datastream(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
        value: &Value,
    ) -> Result<(), Error> {
        self.astarte.send_datastream(device, interface, path, value).await
    }

    async fn set_property(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
        value: &Value,
    ) -> Result<(), Error> {
        self.astarte.set_property(device, interface, path, value).await
    }

    async fn unset_property(&self, device: &DeviceId, interface: &str, path: &str) -> Result<(), Error> {
        self.astarte.unset_property(device, interface, path).await
    }

    async fn patch_device(&self, device: &DeviceId, patch: &DevicePatch) -> Result<DeviceStatus, Error> {
        self.astarte.patch_device(device, patch).await
    }
}

/// Answers by question. Who asks what is being asked already waits for that answer.
struct Memo<K, V>(Mutex<HashMap<K, Arc<Answer<V>>>>);

type Answer<V> = OnceCell<Result<V, Arc<Error>>>;

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Send, V: Clone + Send + Sync> Memo<K, V> {
    async fn get<F>(&self, question: K, ask: impl FnOnce() -> F + Send) -> Result<V, Error>
    where
        F: Future<Output = Result<V, Error>> + Send,
    {
        let cell = {
            let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(answers.entry(question).or_default())
        };
        match cell.get_or_init(|| async { ask().await.map_err(Arc::new) }).await {
            Ok(value) => Ok(value.clone()),
            Err(error) => Err(again(error)),
        }
    }
}

/// The same failure for another asker. An error cannot be copied, but what Astarte answered can.
fn again(error: &Arc<Error>) -> Error {
    match error.response() {
        Some(response) => Error::from(response.clone()),
        None => Error::Unreachable {
            endpoint: "the answer of an earlier read".to_owned(),
            source: error.clone().into(),
        },
    }
}
