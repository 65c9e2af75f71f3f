//! The database: one URL, or its parts.

use std::path::{Path, PathBuf};

use edgehog_engine::{Keyring, PgConnectOptions, PgSslMode, StoreConfig};

use super::Reader;

/// Where the system keeps the authorities it trusts, by the names that distributions give to that file.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The key in the files of `deploy/`, for a first look.
const OF_THE_EXAMPLES: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

impl Reader<'_> {
    pub(super) fn database(&mut self) -> Option<StoreConfig> {
        let (options, keyring) = (self.database_options(), self.keyring());
        let pool_size = self.number("POOL_SIZE", 1..=10_000);
        Some(StoreConfig::new(options?, keyring?).pool_size(pool_size?))
    }

    /// What seals secrets in the database: keys that were made for it, or else one that follows from a secret which other
    /// Edgehog servers need. What that one sealed can be opened in any case.
    fn keyring(&mut self) -> Option<Keyring> {
        const KEYS: &str = "EDGEHOG_ENCRYPTION_KEYS";
        const BASE: &str = "SECRET_KEY_BASE";
        if self.text(KEYS).is_some_and(|keys| keys.contains(OF_THE_EXAMPLES)) {
            tracing::warn!(
                "EDGEHOG_ENCRYPTION_KEYS has the key of the examples, which everybody knows: exchange it"
            );
        }
        let derived = self.text(BASE).map(|base| Keyring::derive(&base.into()));
        match (self.text(KEYS).map(|keys| Keyring::from_base64(&keys.into())), derived) {
            (Some(Ok(keys)), Some(Ok(derived))) => Some(keys.and(derived)),
            (Some(Ok(keys)), _) => Some(keys),
            (Some(Err(error)), _) => self.mistake(KEYS, format_args!("cannot be used: {error}")),
            (None, Some(Ok(derived))) => Some(derived),
            (None, Some(Err(error))) => self.mistake(BASE, error),
            (None, None) => self.mistake(
                KEYS,
                "is not set; make a key with: head -c 32 /dev/urandom | base64, and keep it well",
            ),
        }
    }

    pub(super) fn database_options(&mut self) -> Option<PgConnectOptions> {
        let options = match self.text("DATABASE_URL") {
            Some(url) => self.database_url(&url),
            None => self.database_parts(),
        };
        let tls = self.database_tls();
        Some(tls?.apply(options?))
    }

    fn database_url(&mut self, url: &str) -> Option<PgConnectOptions> {
        let is_ours = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
        match url.parse() {
            Ok(options) if is_ours => Some(options),
            // What the parser says of a URL that it cannot read may hold the password.
            _ => self.mistake(
                "DATABASE_URL",
                "is not a PostgreSQL URL, such as postgres://user:password@host/database",
            ),
        }
    }

    fn database_parts(&mut self) -> Option<PgConnectOptions> {
        let mut part = |name| {
            let value = self.given.get(name);
            value.or_else(|| self.mistake(name, "is not set; set it, or DATABASE_URL in place of all parts"))
        };
        let host = part("DATABASE_HOSTNAME");
        let name = part("DATABASE_NAME");
        let user = part("DATABASE_USERNAME");
        let password = part("DATABASE_PASSWORD");
        let options = PgConnectOptions::new().host(host?.trim()).database(name?.trim());
        Some(options.username(user?.trim()).password(&password?).ssl_mode(PgSslMode::Disable))
    }

    fn database_tls(&mut self) -> Option<Tls> {
        let enabled = self.switch("DATABASE_ENABLE_SSL");
        let verify = self.switch("DATABASE_SSL_VERIFY");
        let system = self.switch("DATABASE_USE_OS_CERTS");
        match (enabled?, verify?) {
            (false, verify) => {
                if verify {
                    tracing::warn!(
                        "DATABASE_SSL_VERIFY is true, but DATABASE_ENABLE_SSL is not: nothing is verified"
                    );
                }
                Some(Tls::AsGiven)
            }
            (true, false) => Some(Tls::Unverified),
            (true, true) => self.authorities(system?).map(Tls::Verified),
        }
    }

    fn authorities(&mut self, system: bool) -> Option<PathBuf> {
        const FILE: &str = "DATABASE_SSL_CACERTFILE";
        if let Some(file) = self.text(FILE) {
            return match std::fs::read_to_string(&file) {
                Ok(pem) if pem.contains("-----BEGIN CERTIFICATE-----") => Some(file.into()),
                Ok(_) => self.mistake(FILE, format_args!("names a file without certificates: {file}")),
                Err(error) => {
                    self.mistake(FILE, format_args!("names a file that cannot be read: {file}: {error}"))
                }
            };
        }
        if !system {
            return self.mistake(
                "DATABASE_SSL_VERIFY",
                "is true: set DATABASE_SSL_CACERTFILE, or DATABASE_USE_OS_CERTS to true",
            );
        }
        let found = SYSTEM_AUTHORITIES.iter().map(Path::new).find(|file| file.exists());
        found.map(Path::to_owned).or_else(|| {
            self.mistake(
                "DATABASE_USE_OS_CERTS",
                "is true, but this system has no file of trusted authorities; set DATABASE_SSL_CACERTFILE",
            )
        })
    }
}

enum Tls {
    /// As a URL says, or none.
    AsGiven,
    Unverified,
    Verified(PathBuf),
}

impl Tls {
    fn apply(self, options: PgConnectOptions) -> PgConnectOptions {
        match self {
            Self::AsGiven => options,
            Self::Unverified => options.ssl_mode(PgSslMode::Require),
            Self::Verified(authorities) => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(authorities),
        }
    }
}
