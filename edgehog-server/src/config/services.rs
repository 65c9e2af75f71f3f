//! What the server uses beside its database and Astarte.

use anyhow::Context;
use edgehog_engine::storage::{Storage, StorageConfig};
use edgehog_engine::{EngineBuilder, ForwarderConfig, GeolocationConfig, HttpConfig};
use url::Url;

use super::Reader;

/// The services that are configured.
pub(crate) struct Services {
    geolocation: GeolocationConfig,
    forwarder: Option<ForwarderConfig>,
    storage: Option<StorageConfig>,
}

impl Services {
    /// Gives the services to an engine.
    ///
    /// # Errors
    ///
    /// What keeps the storage from being used.
    pub(crate) fn install(&self, engine: EngineBuilder) -> anyhow::Result<EngineBuilder> {
        let http = HttpConfig::default().build_client().context("no HTTP client can be made")?;
        let storage = self.storage.as_ref().map(Storage::open).transpose();
        let storage = storage.context("the storage cannot be used")?;
        let geolocation = self.geolocation.build(&http);
        Ok(engine.http(http).geolocation(geolocation).forwarder(self.forwarder.clone()).storage(storage))
    }
}

impl Reader<'_> {
    pub(super) fn services(&mut self, public_url: Option<&Url>) -> Option<Services> {
        let given = self.given;
        let geolocation = GeolocationConfig::from_vars(|name| given.get(name));
        let forwarder = match ForwarderConfig::from_vars(|name| given.get(name)) {
            Ok(forwarder) => Some(forwarder),
            Err(errors) => {
                self.mistakes.extend(errors.iter().map(ToString::to_string));
                None
            }
        };
        let storage = self.storage(public_url);
        Some(Services { geolocation, forwarder: forwarder?, storage: storage? })
    }

    /// Where files are kept, if anywhere. `public_url` is where clients find files that this server serves itself, which
    /// does not matter to who only deletes them.
    pub(super) fn storage(&mut self, public_url: Option<&Url>) -> Option<Option<StorageConfig>> {
        let given = self.given;
        let nowhere = Url::parse("http://localhost").ok();
        match StorageConfig::from_vars(|name| given.get(name), public_url.or(nowhere.as_ref())?) {
            Ok(storage) => Some(storage),
            Err(error) => {
                let lines = error.mistakes().iter().map(|it| format!("{} {}", it.variable, it.problem));
                self.mistakes.extend(lines);
                None
            }
        }
    }
}
