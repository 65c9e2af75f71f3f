use std::collections::BTreeSet;
use std::fmt::Write;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use edgehog_sdk::Timestamp;
use edgehog_sdk::interfaces::WiFiScanResult;
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use super::recent::Recent;
use super::service::{Answer, Service};
use super::{GeolocationError, GeolocationProvider, Place, Position, ServiceError, told};

/// Scans that are together no longer than this are of one moment.
const SCAN_SECONDS: i64 = 5;

/// The position that Google knows for the WiFi access points around a device.
///
/// Every access point that the device saw lately goes to Google.
#[derive(Debug)]
pub struct GoogleWifi {
    service: Service,
    recent: Recent<Place>,
}

impl GoogleWifi {
    const ENDPOINT: &str = "https://www.googleapis.com/geolocation/v1/geolocate";
    const SOURCE: &str = "Google Geolocation, by the WiFi access points around the device";

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

    async fn ask(&self, scan: &[WiFiScanResult]) -> Result<Option<Place>, ServiceError> {
        let answer = self.service.post(&Question::new(scan, Utc::now())).await?;
        place(&answer).map_or_else(|| answer.without_result(), |place| Ok(Some(place)))
    }
}

#[async_trait]
impl GeolocationProvider for GoogleWifi {
    fn name(&self) -> &'static str {
        "google"
    }

    async fn locate(&self, device: &edgehog_sdk::Device) -> Result<Option<Position>, GeolocationError> {
        let scans = told(device.wifi_scan_results()).await?.unwrap_or_default();
        let Some((scan, timestamp)) = newest_scan(scans) else { return Ok(None) };
        let place = self.recent.get(fingerprint(&scan), self.ask(&scan)).await?;
        Ok(place.map(|place| place.at(timestamp, Self::SOURCE)))
    }
}

fn place(answer: &Answer) -> Option<Place> {
    let latitude = answer.number("/location/lat")?;
    let longitude = answer.number("/location/lng")?;
    Some(Place { latitude, longitude, accuracy: answer.number("/accuracy") })
}

/// The access points seen in the seconds before the newest, and when that was. Those without an address are left out:
/// for them Google would refuse the rest as well.
fn newest_scan(mut scans: Vec<WiFiScanResult>) -> Option<(Vec<WiFiScanResult>, Timestamp)> {
    scans.retain(|scan| scan.mac_address.is_some());
    let newest = scans.iter().map(|scan| scan.timestamp).max()?;
    let second = |timestamp: Timestamp| timestamp.instant().timestamp();
    scans.retain(|scan| second(newest) - second(scan.timestamp) < SCAN_SECONDS);
    Some((scans, newest))
}

/// What the answer depends on: the access points as they were seen, but not how long ago.
fn fingerprint(scan: &[WiFiScanResult]) -> String {
    let seen: BTreeSet<_> = scan.iter().map(|seen| (&seen.mac_address, seen.channel, seen.rssi)).collect();
    seen.into_iter().fold(String::new(), |mut text, (mac_address, channel, rssi)| {
        // Writing to a string cannot fail. Quotes keep odd addresses from running into each other.
        let _ = write!(text, "{mac_address:?}{channel:?}{rssi:?}");
        text
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    /// The server's own address would only mislead.
    consider_ip: bool,
    wifi_access_points: Vec<AccessPoint<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessPoint<'a> {
    mac_address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal_strength: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<i32>,
    /// Milliseconds.
    age: i64,
}

impl<'a> Question<'a> {
    fn new(scan: &'a [WiFiScanResult], now: DateTime<Utc>) -> Self {
        let access_point = |seen: &'a WiFiScanResult| AccessPoint {
            mac_address: seen.mac_address.as_deref(),
            signal_strength: seen.rssi,
            channel: seen.channel,
            // A device's clock may be ahead of ours.
            age: (now - seen.timestamp.instant()).num_milliseconds().max(0),
        };
        Self { consider_ip: false, wifi_access_points: scan.iter().map(access_point).collect() }
    }
}

#[cfg(test)]
mod tests {
    use edgehog_sdk::DeviceOwned;
    use serde_json::json;

    use super::*;

    fn scans(seen: &[(&str, &str)]) -> Vec<WiFiScanResult> {
        let seen = seen.iter().map(|(mac_address, second)| {
            let timestamp = format!("2026-01-02T03:04:{second}Z");
            json!({"macAddress": mac_address, "channel": 11, "rssi": -43, "timestamp": timestamp})
        });
        WiFiScanResult::decode(&json!({"ap": seen.collect::<Vec<_>>()})).unwrap()
    }

    /// Five seconds, counted in whole ones; the time is that of the newest.
    #[test]
    fn the_newest_scan_is_kept() {
        for (seen, kept, newest) in [
            (&[("a", "09.999")][..], &["a"][..], "09.999"),
            // 9.000 to 5.999 are 4 whole seconds, 9.999 to 5.000 too.
            (&[("a", "09.000"), ("b", "05.999"), ("c", "05.000")], &["a", "b", "c"], "09.000"),
            (&[("a", "09.999"), ("b", "05.000")], &["a", "b"], "09.999"),
            // 10.000 to 5.999 are 5, though hardly more than 4.
            (&[("a", "10.000"), ("b", "05.999")], &["a"], "10.000"),
            // Repeated ones stay, and so does the order.
            (&[("b", "09"), ("a", "09"), ("b", "08"), ("a", "04")], &["b", "a", "b"], "09"),
        ] {
            let (scan, timestamp) = newest_scan(scans(seen)).unwrap();
            let addresses: Vec<_> = scan.iter().filter_map(|seen| seen.mac_address.as_deref()).collect();
            assert_eq!(addresses, kept, "{seen:?}");
            assert_eq!(timestamp.to_string(), format!("2026-01-02T03:04:{newest}Z"), "{seen:?}");
        }
        assert!(newest_scan(vec![]).is_none());
    }

    /// Without an address an access point says nothing.
    #[test]
    fn access_points_without_address_are_left_out() {
        let scan = json!({"ap": [{"rssi": -43, "timestamp": "2026-01-02T03:04:05Z"}]});
        assert!(newest_scan(WiFiScanResult::decode(&scan).unwrap()).is_none());
    }

    /// Milliseconds from the scan to now, and never from the future.
    #[test]
    fn ages() {
        let scan = scans(&[("a", "05.250"), ("b", "59")]);
        let now = Timestamp::parse("2026-01-02T03:04:06.500Z").unwrap().instant();
        let ages: Vec<_> = Question::new(&scan, now).wifi_access_points.iter().map(|ap| ap.age).collect();
        assert_eq!(ages, [1250, 0]);
    }

    /// The same surroundings are the same question, whenever and in whatever order they were seen.
    #[test]
    fn questions_repeat() {
        let first = fingerprint(&scans(&[("a", "05"), ("b", "05")]));
        assert_eq!(first, fingerprint(&scans(&[("b", "31"), ("a", "30"), ("a", "30")])));
        assert_ne!(first, fingerprint(&scans(&[("a", "05")])));
        assert_ne!(first, fingerprint(&scans(&[("ab", "05")])));
    }
}
