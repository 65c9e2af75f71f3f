use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use super::{GeocodingProvider, GeolocationProvider, Location, Position};
use crate::measures;

/// Where devices are, by the first provider that knows.
///
/// Cheap to clone; clones share what their providers remember. The default has no providers and knows nothing.
///
/// ```
/// use edgehog_engine::{DeviceSensors, Geolocation};
///
/// # async fn example(device: edgehog_engine::sdk::Device) {
/// let geolocation = Geolocation::builder().locate_with(DeviceSensors).build();
/// if let Some(position) = geolocation.position(&device).await {
///     println!("{}, {}", position.latitude, position.longitude);
/// }
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Geolocation(Arc<Providers>);

#[derive(Debug, Default)]
struct Providers {
    geolocation: Vec<Box<dyn GeolocationProvider>>,
    geocoding: Vec<Box<dyn GeocodingProvider>>,
}

/// The providers of a [`Geolocation`], the preferred ones first.
#[derive(Debug, Default)]
#[must_use]
pub struct GeolocationBuilder(Providers);

impl GeolocationBuilder {
    /// Asks this provider for positions that those before it do not know.
    pub fn locate_with(mut self, provider: impl GeolocationProvider + 'static) -> Self {
        self.0.geolocation.push(Box::new(provider));
        self
    }

    /// Asks this provider for addresses that those before it do not know.
    pub fn geocode_with(mut self, provider: impl GeocodingProvider + 'static) -> Self {
        self.0.geocoding.push(Box::new(provider));
        self
    }

    /// The chain of these providers.
    #[must_use]
    pub fn build(self) -> Geolocation {
        Geolocation(Arc::new(self.0))
    }
}

impl Geolocation {
    /// A chain without providers, to be given some.
    pub fn builder() -> GeolocationBuilder {
        GeolocationBuilder::default()
    }

    /// Where the device is. Providers that fail are passed over; the log tells.
    pub async fn position(&self, device: &edgehog_sdk::Device) -> Option<Position> {
        for provider in &self.0.geolocation {
            let since = Instant::now();
            let answer = provider.locate(device).await;
            measures::located("position", provider.name(), since, &answer);
            match answer {
                Ok(Some(position)) => return Some(position),
                Ok(None) => {}
                Err(error) => {
                    let (provider, error) = (provider.name(), &error as &dyn Error);
                    tracing::warn!(provider, device = %device.id(), error, "a device could not be located");
                }
            }
        }
        None
    }

    /// The address of a position. Providers that fail are passed over; the log tells.
    pub async fn location(&self, position: &Position) -> Option<Location> {
        for provider in &self.0.geocoding {
            let since = Instant::now();
            let answer = provider.geocode(position).await;
            measures::located("address", provider.name(), since, &answer);
            match answer {
                Ok(Some(location)) => return Some(location),
                Ok(None) => {}
                Err(error) => {
                    let (provider, error) = (provider.name(), &error as &dyn Error);
                    tracing::warn!(provider, error, "the address of a position could not be found");
                }
            }
        }
        None
    }
}
