//! What the server uses beside its database and Astarte, by the environment names that Edgehog has always had.

use anyhow::Context;
use edgehog_engine::storage::{Storage, StorageConfig};
use edgehog_engine::{EngineBuilder, ForwarderConfig, Geolocation, GeolocationConfig, HttpConfig};
use url::Url;

/// The services that are configured.
pub(crate) struct Services {
    http: reqwest::Client,
    geolocation: Geolocation,
    forwarder: Option<ForwarderConfig>,
    storage: Option<Storage>,
}

impl Services {
    /// Reads the settings of all services. `public_url` is where clients find this server.
    pub(crate) fn from_environment(public_url: &Url) -> anyhow::Result<Self> {
        let var = |name: &str| std::env::var(name).ok();
        let http = HttpConfig::default().build_client().context("no HTTP client can be made")?;
        let storage = StorageConfig::from_vars(var, public_url).context("the storage is not set up right")?;
        let storage = storage.map(|config| Storage::open(&config)).transpose();
        Ok(Self {
            geolocation: GeolocationConfig::from_vars(var).build(&http),
            forwarder: ForwarderConfig::from_vars(var).context("the forwarder is not set up right")?,
            storage: storage.context("the storage cannot be used")?,
            http,
        })
    }

    /// Gives the services to an engine.
    pub(crate) fn install(self, engine: EngineBuilder) -> EngineBuilder {
        engine.http(self.http).geolocation(self.geolocation).forwarder(self.forwarder).storage(self.storage)
    }
}
