//! Where devices are: positions by several providers in an order of preference, and the addresses of positions.

mod chain;
mod config;
mod device;
mod error;
mod geocoding;
mod google;
mod ipbase;
mod recent;
mod service;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use edgehog_sdk::Timestamp;

pub use self::chain::{Geolocation, GeolocationBuilder};
pub use self::config::GeolocationConfig;
pub use self::device::DeviceSensors;
pub use self::error::{GeolocationError, ServiceError};
pub use self::geocoding::GoogleGeocoding;
pub use self::google::GoogleWifi;
pub use self::ipbase::Ipbase;

/// The longest that a provider waits for one answer, of Astarte or of its service.
const PATIENCE: Duration = Duration::from_secs(5);

/// Finds out where devices are, in one way.
#[async_trait]
pub trait GeolocationProvider: Send + Sync + Debug {
    /// Its name in settings and in the log.
    fn name(&self) -> &'static str;

    /// Where the device is; `None` if this way leads nowhere.
    ///
    /// # Errors
    ///
    /// [`GeolocationError`]: the next provider is tried, and the log tells.
    async fn locate(&self, device: &edgehog_sdk::Device) -> Result<Option<Position>, GeolocationError>;
}

/// Finds the addresses of positions, in one way.
#[async_trait]
pub trait GeocodingProvider: Send + Sync + Debug {
    /// Its name in settings and in the log.
    fn name(&self) -> &'static str;

    /// The address of the position; `None` if it has none.
    ///
    /// # Errors
    ///
    /// [`GeolocationError`]: the next provider is tried, and the log tells.
    async fn geocode(&self, position: &Position) -> Result<Option<Location>, GeolocationError>;
}

/// Where a device was at some time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Position {
    /// Degrees, north is positive.
    pub latitude: f64,
    /// Degrees, east is positive.
    pub longitude: f64,
    /// Accuracy of latitude and longitude, metres.
    pub accuracy: Option<f64>,
    /// Metres.
    pub altitude: Option<f64>,
    /// Accuracy of the altitude, metres.
    pub altitude_accuracy: Option<f64>,
    /// Where the device faces, degrees.
    pub heading: Option<f64>,
    /// Metres per second.
    pub speed: Option<f64>,
    /// When it was there.
    pub timestamp: Timestamp,
    /// How that is known, for people to read.
    pub source: Option<String>,
}

impl Position {
    /// A position of which no more is known.
    #[must_use]
    pub const fn new(latitude: f64, longitude: f64, timestamp: Timestamp) -> Self {
        Self {
            latitude,
            longitude,
            accuracy: None,
            altitude: None,
            altitude_accuracy: None,
            heading: None,
            speed: None,
            timestamp,
            source: None,
        }
    }
}

/// The address of a [`Position`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location {
    /// The whole address in one text.
    pub formatted_address: String,
    /// When the device was there.
    pub timestamp: Timestamp,
    /// How that is known, for people to read.
    pub source: Option<String>,
}

impl Location {
    /// An address of which no more is known.
    #[must_use]
    pub fn new(formatted_address: impl Into<String>, timestamp: Timestamp) -> Self {
        Self { formatted_address: formatted_address.into(), timestamp, source: None }
    }
}

/// What a service knows: a place without a time, good for all who ask with the same facts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    latitude: f64,
    longitude: f64,
    accuracy: Option<f64>,
}

impl Place {
    fn at(self, timestamp: Timestamp, source: &str) -> Position {
        Position {
            accuracy: self.accuracy,
            source: Some(source.to_owned()),
            ..Position::new(self.latitude, self.longitude, timestamp)
        }
    }
}

/// Reads something of a device in time; `None` if the device does not have it.
async fn told<T>(
    read: impl Future<Output = Result<T, edgehog_sdk::Error>> + Send,
) -> Result<Option<T>, GeolocationError> {
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(told)) => Ok(Some(told)),
        Ok(Err(error)) if error.is_absent() => Ok(None),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(GeolocationError::TimedOut),
    }
}
