//! Where the server is found, and by whom.

use std::path::PathBuf;

use edgehog_engine::VerifyingKey;
use edgehog_server::{AllowedOrigin, Settings};
use url::{Host, Url};

use super::Reader;

impl Reader<'_> {
    pub(super) fn public_url(&mut self) -> Option<Url> {
        let host = self.url_host();
        let port = self.number::<u16>("URL_PORT", 1..=u16::MAX);
        let scheme = self.text("URL_SCHEME").filter(|scheme| matches!(scheme.as_str(), "http" | "https"));
        let scheme = scheme.or_else(|| self.mistake("URL_SCHEME", "is neither https nor http"));
        let (scheme, host, port) = (scheme?, host?, port?);
        let url = Url::parse(&format!("{scheme}://{host}:{port}"));
        url.ok().or_else(|| self.mistake("URL_HOST", "is not a host name"))
    }

    fn url_host(&mut self) -> Option<Host> {
        const NAME: &str = "URL_HOST";
        match self.text(NAME) {
            None => self.mistake(
                NAME,
                "is not set; set it to the host name under which clients and Astarte reach this server",
            ),
            Some(host) if host.contains("://") => {
                self.mistake(NAME, "is a host name: leave the scheme out, it belongs into URL_SCHEME")
            }
            Some(host) => Host::parse(&host).ok().or_else(|| {
                self.mistake(NAME, "is not a host name; a port belongs into URL_PORT, and a path nowhere")
            }),
        }
    }

    pub(super) fn port(&mut self) -> Option<u16> {
        self.number("PORT", 1..=u16::MAX)
    }

    /// What the endpoint is told.
    pub(super) fn endpoint(&mut self, public_url: Option<&Url>) -> Option<Settings> {
        let max_upload = self.number("MAX_UPLOAD_SIZE_BYTES", 1..=u64::MAX);
        let requests = self.number("TENANT_REQUESTS_PER_SECOND", 0..=u32::MAX);
        let events = self.number("TENANT_EVENTS_PER_SECOND", 0..=u32::MAX);
        let origins = self.allowed_origins(public_url);
        let settings = Settings::default();
        let settings = match self.upload_directory() {
            Some(directory) => settings.upload_directory(directory),
            None => settings,
        };
        let settings = settings.tenant_requests_per_second(requests?).tenant_events_per_second(events?);
        Some(settings.max_upload_bytes(max_upload?).allowed_origins(origins))
    }

    fn allowed_origins(&mut self, public_url: Option<&Url>) -> Vec<AllowedOrigin> {
        const NAME: &str = "GQL_SUBSCRIPTIONS_ALLOWED_ORIGINS";
        let given = self.text(NAME).unwrap_or_default();
        let mut origins = Vec::new();
        for origin in given.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
            match origin.parse() {
                Ok(origin) => origins.push(origin),
                Err(error) => self.mistakes.push(format!("{NAME}: {error}")),
            }
        }
        if origins.is_empty() {
            origins.extend(public_url.and_then(|url| url.as_str().parse().ok()));
        }
        origins
    }

    /// Files that cannot be kept would be found out by those who upload them.
    fn upload_directory(&mut self) -> Option<PathBuf> {
        let given = self.text("UPLOAD_DIRECTORY").map(PathBuf::from);
        let directory = given.clone().unwrap_or_else(std::env::temp_dir);
        if let Err(error) = tempfile::tempfile_in(&directory) {
            let directory = directory.display();
            if given.is_some() {
                return self.mistake(
                    "UPLOAD_DIRECTORY",
                    format_args!("is no directory that can be written to: {directory}: {error}"),
                );
            }
            tracing::warn!(%directory, %error, "nobody can upload files; set UPLOAD_DIRECTORY");
        }
        given
    }

    /// The key that verifies tokens of administrators.
    pub(super) fn admin_key(&mut self) -> Option<VerifyingKey> {
        const NAME: &str = "ADMIN_JWT_PUBLIC_KEY_PATH";
        let value = self.text(NAME)?;
        let pem = if value.starts_with("-----BEGIN PUBLIC KEY-----") {
            Ok(value)
        } else {
            std::fs::read_to_string(value)
        };
        match pem.map(|pem| VerifyingKey::from_pem(&pem)) {
            Ok(Ok(key)) => Some(key),
            Ok(Err(_)) => self.mistake(NAME, "is no public key in PEM"),
            // What is no path may be a key that was pasted, so it is not shown.
            Err(error) => self.mistake(NAME, format_args!("names a file that cannot be read: {error}")),
        }
    }
}
