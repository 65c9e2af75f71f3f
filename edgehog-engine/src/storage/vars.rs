//! The configuration, read by the environment names that Edgehog has always had.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::SecretString;
use url::Url;

use super::config::{AzureConfig, GcsConfig, LocalConfig, S3Config, StorageConfig, is_google_host};

const S3_VARS: [&str; 10] = [
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
    "S3_REGION",
    "S3_BUCKET",
    "S3_SCHEME",
    "S3_HOST",
    "S3_PORT",
    "S3_ASSET_HOST",
    "S3_GCP_CREDENTIALS",
    "S3_OBJECT_ACL",
];

/// What is wrong with the variables of the storage: all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct StorageConfigError {
    mistakes: Vec<StorageConfigMistake>,
}

impl StorageConfigError {
    /// What is wrong, in the order of the variables' reading.
    #[must_use]
    pub fn mistakes(&self) -> &[StorageConfigMistake] {
        &self.mistakes
    }
}

impl fmt::Display for StorageConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, StorageConfigMistake { variable, problem }) in self.mistakes.iter().enumerate() {
            write!(f, "{}{variable} {problem}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// One variable that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageConfigMistake {
    /// Its name.
    pub variable: &'static str,
    /// What is wrong with it, as the end of a sentence that begins with the name. Never tells the value.
    pub problem: &'static str,
}

impl StorageConfig {
    /// Reads the variables that `get` knows, as in `|name| std::env::var(name).ok()`. `None` where nothing is
    /// configured. `base_url` is where clients and devices reach the server, for files that it serves itself.
    ///
    /// # Errors
    ///
    /// All mistakes, by the names of the variables.
    pub fn from_vars(
        get: impl Fn(&str) -> Option<String>,
        base_url: &Url,
    ) -> Result<Option<Self>, StorageConfigError> {
        let mut vars = Vars { get, mistakes: Vec::new() };
        let kind = vars.get("STORAGE_TYPE").map(|kind| kind.to_ascii_lowercase());
        let config = match kind.as_deref() {
            None | Some("s3") if !vars.any(&S3_VARS) => return Ok(None),
            None | Some("s3") => vars.s3_or_gcs(),
            Some("azure") => vars.azure().map(Self::from),
            Some("local") => {
                let directory = vars.required("STORAGE_LOCAL_DIRECTORY");
                directory.map(|directory| LocalConfig::new(directory, base_url.clone()).into())
            }
            Some(_) => vars.mistake("STORAGE_TYPE", "is none of s3, azure and local"),
        };
        match config {
            Some(config) if vars.mistakes.is_empty() => Ok(Some(config)),
            _ => Err(StorageConfigError { mistakes: vars.mistakes }),
        }
    }
}

/// Reads on after a mistake, so that all of them are told. Whatever gives `None` without being optional has made one.
struct Vars<F> {
    get: F,
    mistakes: Vec<StorageConfigMistake>,
}

impl<F: Fn(&str) -> Option<String>> Vars<F> {
    /// An empty variable is as good as none.
    fn get(&self, name: &str) -> Option<String> {
        (self.get)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name).is_some())
    }

    fn mistake<T>(&mut self, variable: &'static str, problem: &'static str) -> Option<T> {
        self.mistakes.push(StorageConfigMistake { variable, problem });
        None
    }

    fn required(&mut self, name: &'static str) -> Option<String> {
        self.get(name).or_else(|| self.mistake(name, "is not set"))
    }

    fn s3_or_gcs(&mut self) -> Option<StorageConfig> {
        let host = self.get("S3_HOST");
        if host.as_deref().is_some_and(is_google_host) {
            self.gcs().map(StorageConfig::from)
        } else {
            self.s3(host).map(StorageConfig::from)
        }
    }

    fn s3(&mut self, host: Option<String>) -> Option<S3Config> {
        let bucket = self.required("S3_BUCKET");
        let id = self.required("S3_ACCESS_KEY_ID");
        let secret = self.required("S3_SECRET_ACCESS_KEY");
        let region = self.get("S3_REGION");
        let scheme = self.scheme();
        let endpoint = self.endpoint(scheme, host, region.as_deref());
        let public_url = self.asset_host(scheme);
        let acl = self.acl();
        let mut config = S3Config::new(bucket?, SecretString::from(id?), SecretString::from(secret?));
        if let Some(region) = region {
            config = config.region(region);
        }
        config.endpoint = endpoint;
        config.public_url = public_url;
        Some(config.public_read_acl(acl))
    }

    fn gcs(&mut self) -> Option<GcsConfig> {
        let bucket = self.required("S3_BUCKET");
        let credentials = self.required("S3_GCP_CREDENTIALS");
        if credentials.as_deref().is_some_and(|json| !is_service_account(json)) {
            self.mistake::<()>("S3_GCP_CREDENTIALS", "is not the JSON of a service account");
        }
        let public_url = self.asset_host("https");
        let acl = self.acl();
        let mut config = GcsConfig::new(bucket?, SecretString::from(credentials?));
        config.public_url = public_url;
        Some(config.public_read_acl(acl))
    }

    /// With or without the separator. What is wrong reads as the default.
    fn scheme(&mut self) -> &'static str {
        match self.get("S3_SCHEME").as_deref() {
            None | Some("https" | "https://") => "https",
            Some("http" | "http://") => "http",
            Some(_) => {
                self.mistake::<()>("S3_SCHEME", "is neither https:// nor http://");
                "https"
            }
        }
    }

    /// `None` for Amazon's own.
    fn endpoint(&mut self, scheme: &str, host: Option<String>, region: Option<&str>) -> Option<Url> {
        let port = match self.get("S3_PORT").map(|port| port.parse::<u16>()) {
            Some(Ok(0) | Err(_)) => return self.mistake("S3_PORT", "is not a port"),
            port => port.and_then(Result::ok),
        };
        if host.is_none() && port.is_none() && scheme == "https" {
            return None;
        }
        let region = region.unwrap_or("us-east-1");
        let host = host.unwrap_or_else(|| format!("s3.{region}.amazonaws.com"));
        let url = Url::parse(&format!("{scheme}://{host}")).ok();
        let bare = url.filter(|url| {
            let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            plain && url.username().is_empty() && url.port().is_none()
        });
        let Some(mut url) = bare else {
            return self
                .mistake("S3_HOST", "is not a host name; its scheme and port have variables of their own");
        };
        // Fails for URLs without a host alone.
        let _ = url.set_port(port);
        Some(url)
    }

    fn asset_host(&mut self, scheme: &str) -> Option<Url> {
        let text = self.get("S3_ASSET_HOST")?;
        let text = if text.contains("://") { text } else { format!("{scheme}://{text}") };
        let url = Url::parse(&text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
        });
        url.or_else(|| self.mistake("S3_ASSET_HOST", "is not a URL that others could begin with"))
    }

    /// Whether objects are made readable one by one.
    fn acl(&mut self) -> bool {
        match self.get("S3_OBJECT_ACL").as_deref() {
            None | Some("public-read") => true,
            Some("none") => false,
            Some(_) => self.mistake("S3_OBJECT_ACL", "is neither public-read nor none").unwrap_or(false),
        }
    }

    fn azure(&mut self) -> Option<AzureConfig> {
        let container = self.required("AZURE_CONTAINER");
        let parts = match self.get("AZURE_CONNECTION_STRING") {
            Some(text) => self.azure_connection(&text),
            None => self.azure_parts(),
        };
        let (account, key, endpoint) = parts?;
        Some(AzureConfig::new(account, key, container?, endpoint))
    }

    fn azure_connection(&mut self, text: &str) -> Option<(String, SecretString, Url)> {
        const NAME: &str = "AZURE_CONNECTION_STRING";
        let part = |name: &str| {
            let mut parts = text.split(';').filter_map(|part| part.split_once('='));
            parts
                .find(|(key, value)| key.trim() == name && !value.is_empty())
                .map(|(_, value)| value.trim().to_owned())
        };
        let (account, key, endpoint) = (part("AccountName"), part("AccountKey"), part("BlobEndpoint"));
        if account.is_none() {
            self.mistake::<()>(NAME, "has no AccountName");
        }
        let key = match key {
            Some(key) if BASE64.decode(&key).is_ok() => Some(SecretString::from(key)),
            Some(_) => self.mistake(NAME, "has an AccountKey that is not base64"),
            None => self.mistake(NAME, "has no AccountKey"),
        };
        let endpoint = match (endpoint, &account) {
            (Some(text), _) => {
                blob_endpoint(&text).or_else(|| self.mistake(NAME, "has a BlobEndpoint that is not a URL"))
            }
            (None, Some(account)) => blob_endpoint(&format!("https://{account}.blob.core.windows.net"))
                .or_else(|| self.mistake(NAME, "has an AccountName that is no name")),
            (None, None) => None,
        };
        Some((account?, key?, endpoint?))
    }

    fn azure_parts(&mut self) -> Option<(String, SecretString, Url)> {
        let account = self.required("AZURE_STORAGE_ACCOUNT_NAME");
        let key = self.required("AZURE_STORAGE_ACCOUNT_KEY");
        if key.as_deref().is_some_and(|key| BASE64.decode(key).is_err()) {
            self.mistake::<()>("AZURE_STORAGE_ACCOUNT_KEY", "is not base64");
        }
        let endpoint = match (self.get("AZURE_BLOB_ENDPOINT"), &account) {
            (Some(text), _) => {
                blob_endpoint(&text).or_else(|| self.mistake("AZURE_BLOB_ENDPOINT", "is not a URL"))
            }
            (None, Some(account)) => {
                let region = self.get("AZURE_REGION").map(|region| format!(".{region}")).unwrap_or_default();
                blob_endpoint(&format!("https://{account}{region}.blob.core.windows.net")).or_else(|| {
                    self.mistake("AZURE_STORAGE_ACCOUNT_NAME", "and AZURE_REGION do not make a host name")
                })
            }
            (None, None) => None,
        };
        Some((account?, SecretString::from(key?), endpoint?))
    }
}

fn blob_endpoint(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none())
}

/// The parts that are needed; what else it says is read by the store's client.
fn is_service_account(json: &str) -> bool {
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    ["client_email", "private_key"].iter().all(|name| value[name].is_string())
}

#[cfg(test)]
mod tests;
