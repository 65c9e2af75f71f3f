use secrecy::SecretString;

use super::{DeviceSensors, Geolocation, GoogleGeocoding, GoogleWifi, Ipbase};

/// Which providers find positions and addresses, in which order, with which keys.
///
/// ```
/// use edgehog_engine::{GeolocationConfig, HttpConfig};
///
/// let config = GeolocationConfig::from_vars(|name| std::env::var(name).ok());
/// let geolocation = config.build(&HttpConfig::default().build_client()?);
/// # Ok::<(), edgehog_engine::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GeolocationConfig {
    geolocation: Vec<Locator>,
    geocoding: Vec<Geocoder>,
    ipbase_key: Option<SecretString>,
    google_geolocation_key: Option<SecretString>,
    google_geocoding_key: Option<SecretString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locator {
    Device,
    Google,
    Ipbase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Geocoder {
    Google,
}

/// All providers, and no keys: positions by the devices' own sensors.
impl Default for GeolocationConfig {
    fn default() -> Self {
        Self {
            geolocation: vec![Locator::Device, Locator::Google, Locator::Ipbase],
            geocoding: vec![Geocoder::Google],
            ipbase_key: None,
            google_geolocation_key: None,
            google_geocoding_key: None,
        }
    }
}

impl GeolocationConfig {
    /// Reads the settings, given how to look up an environment variable. Nothing in them can be wrong enough to stop:
    /// unknown providers are left out, and the log tells. `none` stands for no provider.
    #[must_use]
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let key = |name| var(name).filter(|key| !key.trim().is_empty()).map(SecretString::from);
        let default = Self::default();
        let locators = preferred(&var, "PREFERRED_GEOLOCATION_PROVIDERS", |name| match name {
            "device" => Some(Locator::Device),
            "google" => Some(Locator::Google),
            "ipbase" => Some(Locator::Ipbase),
            _ => None,
        });
        let geocoders = preferred(&var, "PREFERRED_GEOCODING_PROVIDERS", |name| match name {
            "google" => Some(Geocoder::Google),
            _ => None,
        });
        Self {
            geolocation: locators.unwrap_or(default.geolocation),
            geocoding: geocoders.unwrap_or(default.geocoding),
            ipbase_key: key("IPBASE_API_KEY"),
            google_geolocation_key: key("GOOGLE_GEOLOCATION_API_KEY"),
            google_geocoding_key: key("GOOGLE_GEOCODING_API_KEY"),
        }
    }

    /// The chain of those providers that have what they need. The client must not follow redirects, lest keys go where
    /// they lead: begin it with [`HttpConfig::client_builder`](crate::HttpConfig::client_builder).
    #[must_use]
    pub fn build(&self, http: &reqwest::Client) -> Geolocation {
        let mut chain = Geolocation::builder();
        for locator in &self.geolocation {
            chain = match (locator, &self.google_geolocation_key, &self.ipbase_key) {
                (Locator::Device, _, _) => chain.locate_with(DeviceSensors),
                (Locator::Google, Some(key), _) => {
                    chain.locate_with(GoogleWifi::new(http.clone(), key.clone()))
                }
                (Locator::Ipbase, _, Some(key)) => chain.locate_with(Ipbase::new(http.clone(), key.clone())),
                (Locator::Google, None, _) | (Locator::Ipbase, _, None) => chain,
            };
        }
        for geocoder in &self.geocoding {
            chain = match (geocoder, &self.google_geocoding_key) {
                (Geocoder::Google, Some(key)) => {
                    chain.geocode_with(GoogleGeocoding::new(http.clone(), key.clone()))
                }
                (Geocoder::Google, None) => chain,
            };
        }
        chain.build()
    }
}

/// A list of names, each once; `None` if the variable is not set. A variable set to nothing is an empty list.
fn preferred<T: PartialEq>(
    var: impl Fn(&str) -> Option<String>,
    variable: &'static str,
    known: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let text = var(variable)?.to_lowercase();
    let mut providers = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !matches!(*name, "" | "none")) {
        match known(name) {
            Some(provider) if providers.contains(&provider) => {}
            Some(provider) => providers.push(provider),
            None => tracing::warn!(variable, name, "there is no such provider; it is left out"),
        }
    }
    Some(providers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> GeolocationConfig {
        GeolocationConfig::from_vars(|name| {
            vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    /// Ordered, trimmed, lower-cased; unknown names are left out.
    #[test]
    fn preferences() {
        use Locator::{Device, Google, Ipbase};
        for (text, order) in [
            (None, &[Device, Google, Ipbase][..]),
            (Some("ipbase,device"), &[Ipbase, Device]),
            (Some(" Google ,\tDEVICE"), &[Google, Device]),
            (Some("galileo,device,,device"), &[Device]),
            (Some("galileo"), &[]),
            (Some("none"), &[]),
            (Some(""), &[]),
        ] {
            let vars = text.map(|text| ("PREFERRED_GEOLOCATION_PROVIDERS", text));
            assert_eq!(config(vars.as_slice()).geolocation, order, "{text:?}");
        }
        assert_eq!(config(&[]).geocoding, [Geocoder::Google]);
        assert_eq!(config(&[("PREFERRED_GEOCODING_PROVIDERS", "device")]).geocoding, []);
    }

    fn chain(vars: &[(&str, &str)]) -> String {
        format!("{:?}", config(vars).build(&reqwest::Client::new()))
    }

    /// A provider without a key is left out, and a blank key is none.
    #[test]
    fn providers_without_key_are_left_out() {
        let variables = [
            ("GOOGLE_GEOLOCATION_API_KEY", "GoogleWifi"),
            ("IPBASE_API_KEY", "Ipbase"),
            ("GOOGLE_GEOCODING_API_KEY", "GoogleGeocoding"),
        ];
        for (variable, provider) in variables {
            let shown = chain(&[(variable, "secret")]);
            assert!(shown.contains("DeviceSensors"), "{shown}");
            for (_, other) in variables {
                assert_eq!(shown.contains(other), other == provider, "{other} in {shown}");
            }
            for blank in ["", " \t"] {
                assert!(!chain(&[(variable, blank)]).contains(provider), "{variable}");
            }
        }
    }

    /// Keys are in the configuration and in the providers, and shown by neither.
    #[test]
    fn keys_are_not_shown() {
        let vars = ["GOOGLE_GEOLOCATION_API_KEY", "IPBASE_API_KEY", "GOOGLE_GEOCODING_API_KEY"]
            .map(|name| (name, "secret-key"));
        assert!(!format!("{:?}", config(&vars)).contains("secret-key"));
        assert!(!chain(&vars).contains("secret-key"));
    }
}
