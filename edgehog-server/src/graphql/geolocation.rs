use async_graphql::SimpleObject;

use super::scalars::DateTime;

/// A place on Earth.
#[derive(SimpleObject)]
pub(super) struct Position {
    /// Degrees north of the equator.
    latitude: f64,
    /// Degrees east of Greenwich.
    longitude: f64,
    /// How far off latitude and longitude may be, in metres.
    accuracy: Option<f64>,
    /// Metres above the sea.
    altitude: Option<f64>,
    /// How far off the altitude may be, in metres.
    altitude_accuracy: Option<f64>,
    /// The direction that the device faces, in degrees from north.
    heading: Option<f64>,
    /// Metres per second.
    speed: Option<f64>,
    /// When it was there.
    timestamp: DateTime,
    /// Where this is known from.
    source: Option<String>,
}

impl From<edgehog_engine::Position> for Position {
    fn from(it: edgehog_engine::Position) -> Self {
        Self {
            latitude: it.latitude,
            longitude: it.longitude,
            accuracy: it.accuracy,
            altitude: it.altitude,
            altitude_accuracy: it.altitude_accuracy,
            heading: it.heading,
            speed: it.speed,
            timestamp: it.timestamp.into(),
            source: it.source,
        }
    }
}

/// What people call a place.
#[derive(SimpleObject)]
pub(super) struct Location {
    /// Its address.
    formatted_address: String,
    /// When the device was there.
    timestamp: DateTime,
    /// Where this is known from.
    source: Option<String>,
}

impl From<edgehog_engine::Location> for Location {
    fn from(it: edgehog_engine::Location) -> Self {
        Self { formatted_address: it.formatted_address, timestamp: it.timestamp.into(), source: it.source }
    }
}
