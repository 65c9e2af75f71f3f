use std::collections::{BTreeMap, HashSet, VecDeque};
use std::future::Future;

use futures::stream::{self, Stream, TryStreamExt as _};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::samples::{individual_tree, object_leaf, object_tree, typed};
use super::{
    AppEngine, DataQuery, DeviceEntry, DeviceListQuery, DevicePage, ObjectSample, PageToken, Sample,
};
use crate::http::malformed;
use crate::{DeviceId, Error};

/// Typed reads and listings on top of [`AppEngine`], for every implementation of it.
///
/// All typed reads answer [`Error::Malformed`] with the place in the document when the data does not fit `T`.
pub trait AppEngineExt: AppEngine {
    /// All devices, page by page.
    ///
    /// The list is no snapshot: a device added meanwhile may be missing. After an error the stream ends.
    ///
    /// ```no_run
    /// use edgehog_astarte::{AppEngineExt as _, Client, DeviceListQuery, Error};
    /// use futures::TryStreamExt as _;
    ///
    /// # async fn run(client: &Client) -> Result<(), Error> {
    /// let mut devices = std::pin::pin!(client.devices(DeviceListQuery::new().limit(500)));
    /// while let Some(device) = devices.try_next().await? {
    ///     println!("{}", device.id());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    fn devices(&self, query: DeviceListQuery) -> impl Stream<Item = Result<DeviceEntry, Error>> + Send {
        let first = query.from.clone();
        let query = DeviceListQuery { from: None, ..query };
        pages("GET devices", first, move |from| {
            let query = DeviceListQuery { from, ..query.clone() };
            async move { self.device_page(&query).await }
        })
    }

    /// All properties of an interface as one value: a member for each path segment, absent where unset.
    ///
    /// ```no_run
    /// use edgehog_astarte::{AppEngineExt as _, Client, DeviceId, Error};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct SystemInfo {
    ///     #[serde(rename = "serialNumber")]
    ///     serial_number: Option<String>,
    /// }
    ///
    /// # async fn run(client: &Client, device: &DeviceId) -> Result<(), Error> {
    /// let info: SystemInfo = client.properties(device, "org.example.SystemInfo").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`AppEngine::read`], and [`Error::Malformed`].
    fn properties<T: DeserializeOwned>(
        &self,
        device: &DeviceId,
        interface: &str,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        async move {
            let data = self.read(device, interface, None, &DataQuery::new()).await?;
            typed(&endpoint(device, interface), "", data)
        }
    }

    /// One property, or `None` when it is not set.
    ///
    /// # Errors
    ///
    /// Those of [`AppEngine::read`], and [`Error::Malformed`].
    fn property<T: DeserializeOwned>(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
    ) -> impl Future<Output = Result<Option<T>, Error>> + Send {
        async move {
            match self.read(device, interface, Some(path), &DataQuery::new()).await? {
                // No value of a property is an object: this is how AppEngine writes "not set".
                Value::Object(object) if object.is_empty() => Ok(None),
                value => typed(&endpoint(device, interface), path, value).map(Some),
            }
        }
    }

    /// The samples at one path of an individual datastream, in the order of the query; empty when there are none.
    ///
    /// # Errors
    ///
    /// Those of [`AppEngine::read`] but [`Error::NoData`], and [`Error::Malformed`].
    fn individual<T: DeserializeOwned>(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
        query: &DataQuery,
    ) -> impl Future<Output = Result<Vec<Sample<T>>, Error>> + Send {
        async move {
            match self.read(device, interface, Some(path), query).await {
                Ok(data) => typed(&endpoint(device, interface), path, data),
                Err(Error::NoData(_)) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        }
    }

    /// One sample of each path of an individual datastream, by path: the newest, or with a start in the query the
    /// first one from there.
    ///
    /// # Errors
    ///
    /// Those of [`AppEngine::read`] but [`Error::NoData`], and [`Error::Malformed`].
    fn individual_samples<T: DeserializeOwned>(
        &self,
        device: &DeviceId,
        interface: &str,
        query: &DataQuery,
    ) -> impl Future<Output = Result<BTreeMap<String, Sample<T>>, Error>> + Send {
        async move {
            match self.read(device, interface, None, query).await {
                Ok(data) => individual_tree(&endpoint(device, interface), data),
                Err(Error::NoData(_)) => Ok(BTreeMap::new()),
                Err(error) => Err(error),
            }
        }
    }

    /// The samples at one base path of an object datastream, in the order of the query; empty when there are none.
    ///
    /// # Errors
    ///
    /// Those of [`AppEngine::read`] but [`Error::NoData`], and [`Error::Malformed`].
    fn object<T: DeserializeOwned>(
        &self,
        device: &DeviceId,
        interface: &str,
        path: &str,
        query: &DataQuery,
    ) -> impl Future<Output = Result<Vec<ObjectSample<T>>, Error>> + Send {
        async move {
            match self.read(device, interface, Some(path), query).await {
                Ok(data) => object_leaf(&endpoint(device, interface), path, data),
                Err(Error::NoData(_)) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        }
    }

    /// The samples of a whole object datastream, by base path (with leading slash).
    ///
    /// When several paths hold data, AppEngine answers with the newest sample of each only, whatever the query says;
    /// when one does, with all of it as far as the query goes.
    ///
    /// # Errors
    ///
    /// Those of [`AppEngine::read`] but [`Error::NoData`], and [`Error::Malformed`].
    fn object_samples<T: DeserializeOwned>(
        &self,
        device: &DeviceId,
        interface: &str,
        query: &DataQuery,
    ) -> impl Future<Output = Result<BTreeMap<String, Vec<ObjectSample<T>>>, Error>> + Send {
        async move {
            match self.read(device, interface, None, query).await {
                Ok(data) => object_tree(&endpoint(device, interface), data),
                Err(Error::NoData(_)) => Ok(BTreeMap::new()),
                Err(error) => Err(error),
            }
        }
    }
}

impl<A: AppEngine + ?Sized> AppEngineExt for A {}

fn endpoint(device: &DeviceId, interface: &str) -> String {
    format!("GET devices/{device}/interfaces/{interface}")
}

/// The items of all pages, from the one that `token` names on.
///
/// An empty page is the last one, whatever it says; and a token that comes again would never end.
pub(super) fn pages<'a, F, P>(
    endpoint: &'static str,
    token: Option<PageToken>,
    fetch: F,
) -> impl Stream<Item = Result<DeviceEntry, Error>> + Send + use<'a, F, P>
where
    F: Fn(Option<PageToken>) -> P + Send + 'a,
    P: Future<Output = Result<DevicePage, Error>> + Send + 'a,
{
    struct State {
        next: Option<Option<PageToken>>,
        seen: HashSet<PageToken>,
    }
    let start = State { next: Some(token), seen: HashSet::new() };
    let pages = stream::try_unfold((start, fetch), move |(mut state, fetch)| async move {
        let Some(token) = state.next.take() else { return Ok(None) };
        let page = fetch(token).await?;
        if let Some(next) = page.next.filter(|_| !page.devices.is_empty()) {
            if !state.seen.insert(next.clone()) {
                return Err(malformed(endpoint, "links.next", "a page that was listed before"));
            }
            state.next = Some(Some(next));
        }
        let items = VecDeque::from(page.devices).into_iter().map(Ok);
        Ok(Some((stream::iter(items), (state, fetch))))
    });
    pages.try_flatten()
}
