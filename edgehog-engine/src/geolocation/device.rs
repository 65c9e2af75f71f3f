use async_trait::async_trait;
use edgehog_sdk::interfaces::Geolocation;

use super::{GeolocationError, GeolocationProvider, Position, told};

/// The position that a device's own sensors tell.
#[derive(Debug, Clone, Copy)]
pub struct DeviceSensors;

#[async_trait]
impl GeolocationProvider for DeviceSensors {
    fn name(&self) -> &'static str {
        "device"
    }

    async fn locate(&self, device: &edgehog_sdk::Device) -> Result<Option<Position>, GeolocationError> {
        let sensors = told(device.geolocation()).await?.unwrap_or_default();
        Ok(best(sensors).map(Position::from))
    }
}

/// The most accurate of the sensors that spoke in the newest whole second; of several, the first by name.
fn best(mut sensors: Vec<Geolocation>) -> Option<Geolocation> {
    let second = |sensor: &Geolocation| sensor.timestamp.instant().timestamp();
    let newest = sensors.iter().map(second).max()?;
    sensors.retain(|sensor| second(sensor) == newest);
    let radius = |sensor: &Geolocation| sensor.accuracy.unwrap_or(f64::INFINITY);
    sensors.into_iter().min_by(|a, b| radius(a).total_cmp(&radius(b)).then_with(|| a.sensor.cmp(&b.sensor)))
}

impl From<Geolocation> for Position {
    fn from(sample: Geolocation) -> Self {
        Self {
            accuracy: sample.accuracy,
            altitude: sample.altitude,
            altitude_accuracy: sample.altitude_accuracy,
            heading: sample.heading,
            speed: sample.speed,
            source: Some(format!("Sensor {} of the device", sample.sensor)),
            ..Self::new(sample.latitude, sample.longitude, sample.timestamp)
        }
    }
}

#[cfg(test)]
mod tests {
    use edgehog_sdk::DeviceOwned;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    fn sensors<'a>(
        samples: impl IntoIterator<Item = &'a (&'a str, &'a str, Option<f64>)>,
    ) -> Vec<Geolocation> {
        let samples = samples.into_iter().map(|(sensor, second, accuracy)| {
            let timestamp = format!("2026-01-02T03:04:{second}Z");
            let sample = json!({"latitude": 1, "longitude": 2, "accuracy": accuracy, "timestamp": timestamp});
            ((*sensor).to_owned(), sample)
        });
        Geolocation::decode(&Value::Object(samples.collect::<Map<_, _>>())).unwrap()
    }

    fn best_sensor(samples: &[(&str, &str, Option<f64>)]) -> Option<String> {
        best(sensors(samples)).map(|sensor| sensor.sensor)
    }

    /// Newest whole second first, then accuracy, then the sensor's name.
    #[test]
    fn the_best_sensor_is_chosen() {
        for (samples, chosen) in [
            (&[][..], None),
            (&[("a", "05", None)], Some("a")),
            // Less accurate, but newer by a second.
            (&[("a", "05.999", Some(1.0)), ("b", "06.000", Some(9.0))], Some("b")),
            // The same second, whatever the fraction.
            (&[("a", "05.000", Some(1.0)), ("b", "05.999", Some(9.0))], Some("a")),
            (&[("a", "05.999", Some(9.0)), ("b", "05", Some(1.0))], Some("b")),
            // No accuracy is worse than any.
            (&[("a", "05", None), ("b", "05", Some(1e9))], Some("b")),
            (&[("b", "05", Some(3.0)), ("a", "05", Some(3.0))], Some("a")),
            (&[("b", "05", None), ("a", "05", None)], Some("a")),
        ] {
            assert_eq!(best_sensor(samples).as_deref(), chosen, "{samples:?}");
        }
    }

    proptest! {
        /// The choice does not depend on the order in which Astarte lists the sensors.
        #[test]
        fn order_does_not_matter(
            samples in proptest::collection::btree_map("[a-e]", (3_u8..6, proptest::option::of(0_u8..3)), 1..5)
                .prop_map(|samples| samples.into_iter().collect::<Vec<_>>()),
            turn: proptest::sample::Index,
        ) {
            let seconds: Vec<_> =
                samples.iter().map(|(sensor, (second, accuracy))| {
                    (sensor.as_str(), format!("0{second}.{second}"), accuracy.map(f64::from))
                }).collect();
            let samples: Vec<_> = seconds.iter().map(|(s, t, a)| (*s, t.as_str(), *a)).collect();
            let mut turned = sensors(&samples);
            let by = turn.index(turned.len());
            turned.rotate_left(by);
            prop_assert_eq!(best(turned).map(|sensor| sensor.sensor), best_sensor(&samples));
        }
    }
}
