use async_trait::async_trait;
use chrono::{DateTime, Utc};
use edgehog_astarte::{DeviceStatus, time};
use edgehog_sdk::Timestamp;
use secrecy::SecretString;
use url::Url;

use super::recent::Recent;
use super::service::{Answer, Service};
use super::{GeolocationError, GeolocationProvider, Place, Position, ServiceError, told};

/// The position that ipbase.com knows for the address from which a device connected last.
#[derive(Debug)]
pub struct Ipbase {
    service: Service,
    recent: Recent<Place>,
}

impl Ipbase {
    const ENDPOINT: &str = "https://api.ipbase.com/v2/info";
    const SOURCE: &str = "ipbase.com, by the IP address of the device";

    /// Asks ipbase.com with this key. The client must not follow redirects: the key would go where they lead.
    #[must_use]
    pub fn new(http: reqwest::Client, key: SecretString) -> Self {
        Self { service: Service::new(http, Self::ENDPOINT, "apikey", key), recent: Recent::new() }
    }

    /// Asks another place than ipbase.com.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Url) -> Self {
        self.service.set_endpoint(endpoint);
        self
    }

    async fn ask(&self, ip: &str) -> Result<Option<Place>, ServiceError> {
        let answer = self.service.get("ip", ip).await?;
        place(&answer).map_or_else(|| answer.without_result(), |place| Ok(Some(place)))
    }
}

#[async_trait]
impl GeolocationProvider for Ipbase {
    fn name(&self) -> &'static str {
        "ipbase"
    }

    async fn locate(&self, device: &edgehog_sdk::Device) -> Result<Option<Position>, GeolocationError> {
        let Some(status) = told(device.status()).await? else { return Ok(None) };
        let Some(timestamp) = last_sign(&status, Utc::now()) else { return Ok(None) };
        let Some(ip) = status.last_seen_ip.filter(|ip| !ip.is_empty()) else { return Ok(None) };
        let place = self.recent.get(ip.clone(), self.ask(&ip)).await?;
        Ok(place.map(|place| place.at(timestamp, Self::SOURCE)))
    }
}

fn place(answer: &Answer) -> Option<Place> {
    let latitude = answer.number("/data/location/latitude")?;
    let longitude = answer.number("/data/location/longitude")?;
    Some(Place { latitude, longitude, accuracy: None })
}

/// When the device was last known to have its address, with milliseconds, as Astarte tells it.
fn last_sign(status: &DeviceStatus, now: DateTime<Utc>) -> Option<Timestamp> {
    let last = status.last_connection.max(status.last_disconnection);
    Timestamp::parse(&time::format(last.unwrap_or(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The later of the two times, else now.
    #[test]
    fn the_last_sign_of_a_device() {
        let [early, late, now] = ["05.120", "06.000", "07.891"]
            .map(|second| Timestamp::parse(&format!("2026-01-02T03:04:{second}Z")).unwrap());
        for (connected, disconnected, sign) in [
            (None, None, now),
            (Some(early), None, early),
            (None, Some(early), early),
            (Some(early), Some(late), late),
            (Some(late), Some(early), late),
        ] {
            let mut status = DeviceStatus::new("d1".parse().unwrap());
            status.last_connection = connected.map(DateTime::from);
            status.last_disconnection = disconnected.map(DateTime::from);
            assert_eq!(last_sign(&status, now.instant()), Some(sign));
        }
    }
}
