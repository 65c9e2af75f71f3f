use async_trait::async_trait;
use secrecy::SecretString;
use url::Url;

use super::recent::Recent;
use super::service::{Answer, Service};
use super::{GeocodingProvider, GeolocationError, Location, Position, ServiceError};

/// Google's words for a request that it did not look at.
const REFUSALS: [&str; 5] =
    ["INVALID_REQUEST", "OVER_DAILY_LIMIT", "OVER_QUERY_LIMIT", "REQUEST_DENIED", "UNKNOWN_ERROR"];

/// The address that Google knows for a position.
#[derive(Debug)]
pub struct GoogleGeocoding {
    service: Service,
    recent: Recent<String>,
}

impl GoogleGeocoding {
    const ENDPOINT: &str = "https://maps.googleapis.com/maps/api/geocode/json";
    const SOURCE: &str = "Google Geocoding";

    /// Asks Google with this key. The client must not follow redirects: the key would go where they lead.
    #[must_use]
    pub fn new(http: reqwest::Client, key: SecretString) -> Self {
        Self { service: Service::new(http, Self::ENDPOINT, "key", key), recent: Recent::new() }
    }

    /// Asks another place than Google's.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Url) -> Self {
        self.service.set_endpoint(endpoint);
        self
    }

    async fn ask(&self, position: &Position) -> Result<Option<String>, ServiceError> {
        let answer = self.service.get("latlng", &coordinates(position)).await?;
        match answer.text("/results/0/formatted_address") {
            Some(address) => Ok(Some(address.to_owned())),
            None => refusal(&answer).map_or_else(|| answer.without_result(), Err),
        }
    }
}

#[async_trait]
impl GeocodingProvider for GoogleGeocoding {
    fn name(&self) -> &'static str {
        "google"
    }

    async fn geocode(&self, position: &Position) -> Result<Option<Location>, GeolocationError> {
        let address = self.recent.get(neighbourhood(position), self.ask(position)).await?;
        Ok(address.map(|address| Location {
            source: Some(Self::SOURCE.to_owned()),
            ..Location::new(address, position.timestamp)
        }))
    }
}

fn refusal(answer: &Answer) -> Option<ServiceError> {
    let status = answer.text("/status")?;
    REFUSALS.into_iter().find(|refusal| *refusal == status).map(ServiceError::Refused)
}

/// Rust prints the shortest decimals that mean the number, and never an exponent.
fn coordinates(position: &Position) -> String {
    format!("{},{}", position.latitude, position.longitude)
}

/// About a metre: no house is smaller, and no sensor that accurate.
fn neighbourhood(position: &Position) -> String {
    format!("{:.5},{:.5}", position.latitude, position.longitude)
}

#[cfg(test)]
mod tests {
    use edgehog_sdk::Timestamp;

    use super::*;

    fn position(latitude: f64, longitude: f64) -> Position {
        Position::new(latitude, longitude, Timestamp::parse("2026-01-02T03:04:05Z").unwrap())
    }

    /// Plain decimals, all of them and no more.
    #[test]
    fn coordinates_are_plain_decimals() {
        for (latitude, longitude, text) in [
            (45.409_528_5, -11.878_823_1, "45.4095285,-11.8788231"),
            (0.000_000_1, -1.5e-9, "0.0000001,-0.0000000015"),
            (90.0, 0.1 + 0.2, "90,0.30000000000000004"),
        ] {
            assert_eq!(coordinates(&position(latitude, longitude)), text);
        }
    }

    /// Positions within a metre share an address.
    #[test]
    fn neighbours_share_an_address() {
        let home = neighbourhood(&position(45.409_528_5, 11.878_823_1));
        assert_eq!(home, neighbourhood(&position(45.409_528_9, 11.878_822_9)));
        assert_ne!(home, neighbourhood(&position(45.409_548_5, 11.878_823_1)));
    }
}
