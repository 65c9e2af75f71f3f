//! Settings, by the environment names that Edgehog has always had.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{ArgAction, Args};
use edgehog_engine::{Keyring, PgConnectOptions, PgSslMode, StoreConfig, VerifyingKey};
use edgehog_server::{AllowedOrigin, Settings};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where the system keeps the authorities it trusts, by the names that distributions give to that file.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The database: one URL, or its parts.
#[derive(Args, Debug)]
pub(crate) struct Database {
    /// The whole address, as postgres://user:password@host:port/database; wins over the parts below.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<SecretString>,
    /// Database user.
    #[arg(long, env = "DATABASE_USERNAME")]
    database_username: Option<String>,
    /// Database password.
    #[arg(long, env = "DATABASE_PASSWORD", hide_env_values = true)]
    database_password: Option<SecretString>,
    /// Database host.
    #[arg(long, env = "DATABASE_HOSTNAME")]
    database_hostname: Option<String>,
    /// Database name.
    #[arg(long, env = "DATABASE_NAME")]
    database_name: Option<String>,
    /// Use TLS to the database.
    #[arg(long, env = "DATABASE_ENABLE_SSL", default_value_t = false, action = ArgAction::Set)]
    database_enable_ssl: bool,
    /// With TLS, verify the database's certificate.
    #[arg(long, env = "DATABASE_SSL_VERIFY", default_value_t = false, action = ArgAction::Set)]
    database_ssl_verify: bool,
    /// Authorities to verify it with.
    #[arg(long, env = "DATABASE_SSL_CACERTFILE")]
    database_ssl_cacertfile: Option<PathBuf>,
    /// Verify it with the authorities that this system trusts.
    #[arg(long, env = "DATABASE_USE_OS_CERTS", default_value_t = false, action = ArgAction::Set)]
    database_use_os_certs: bool,
    /// The keys that seal secrets in the database: 32 bytes in base64 each, with commas between them. The first one seals,
    /// all of them open. Where not given, a key is derived from SECRET_KEY_BASE.
    #[arg(long, env = "EDGEHOG_ENCRYPTION_KEYS", hide_env_values = true)]
    encryption_keys: Option<SecretString>,
    /// A long secret, as other Edgehog servers need it: what seals secrets in the database, where nothing else does.
    #[arg(long, env = "SECRET_KEY_BASE", hide_env_values = true)]
    secret_key_base: Option<SecretString>,
    /// Connections to keep at most.
    #[arg(long, env = "POOL_SIZE", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pool_size: u32,
}

impl Database {
    pub(crate) fn store(&self) -> anyhow::Result<StoreConfig> {
        Ok(StoreConfig::new(self.options()?, self.keyring()?).pool_size(self.pool_size))
    }

    fn keyring(&self) -> anyhow::Result<Keyring> {
        let derived = self.secret_key_base.as_ref().map(Keyring::derive);
        match (&self.encryption_keys, derived) {
            (Some(keys), derived) => {
                let keyring = Keyring::from_base64(keys).context("EDGEHOG_ENCRYPTION_KEYS")?;
                Ok(match derived {
                    Some(Ok(derived)) => keyring.and(derived),
                    _ => keyring,
                })
            }
            (None, Some(derived)) => derived.context("SECRET_KEY_BASE"),
            (None, None) => bail!(
                "EDGEHOG_ENCRYPTION_KEYS is not set, nor SECRET_KEY_BASE; make a key with: head -c 32 /dev/urandom | base64"
            ),
        }
    }

    pub(crate) fn options(&self) -> anyhow::Result<PgConnectOptions> {
        if let Some(url) = &self.database_url {
            let url = url.expose_secret();
            let is_ours = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
            // What the parser says of a URL that it cannot read may hold the password.
            return match url.parse() {
                Ok(options) if is_ours => Ok(options),
                _ => bail!(
                    "DATABASE_URL is not a PostgreSQL URL, such as postgres://user:password@host/database"
                ),
            };
        }
        let part = |value: &Option<String>, name| value.clone().with_context(|| format!("{name} is not set"));
        let password = self.database_password.as_ref().context("DATABASE_PASSWORD is not set")?;
        let options = PgConnectOptions::new()
            .host(&part(&self.database_hostname, "DATABASE_HOSTNAME")?)
            .username(&part(&self.database_username, "DATABASE_USERNAME")?)
            .password(password.expose_secret())
            .database(&part(&self.database_name, "DATABASE_NAME")?);
        self.with_tls(options)
    }

    fn with_tls(&self, options: PgConnectOptions) -> anyhow::Result<PgConnectOptions> {
        if !self.database_enable_ssl {
            return Ok(options.ssl_mode(PgSslMode::Disable));
        }
        if !self.database_ssl_verify {
            return Ok(options.ssl_mode(PgSslMode::Require));
        }
        let authorities = match &self.database_ssl_cacertfile {
            Some(file) if !file.as_os_str().is_empty() => file.clone(),
            _ if self.database_use_os_certs => {
                (SYSTEM_AUTHORITIES.iter().map(PathBuf::from)).find(|file| file.exists()).context(
                    "DATABASE_USE_OS_CERTS is true, but this system has no file of trusted authorities",
                )?
            }
            _ => bail!(
                "DATABASE_SSL_VERIFY is true: set DATABASE_SSL_CACERTFILE, or DATABASE_USE_OS_CERTS to true"
            ),
        };
        Ok(options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(authorities))
    }
}

/// Where the server is found.
#[derive(Args, Debug)]
pub(crate) struct Http {
    /// The host name under which clients and Astarte reach this server, without scheme.
    #[arg(long, env = "URL_HOST")]
    url_host: String,
    /// The port under which they do.
    #[arg(long, env = "URL_PORT", default_value_t = 443)]
    url_port: u16,
    /// The scheme with which they do.
    #[arg(long, env = "URL_SCHEME", default_value = "https", value_parser = ["http", "https"])]
    url_scheme: String,
    /// The port to listen on, on all addresses.
    #[arg(long, env = "PORT", default_value_t = 4000)]
    pub(crate) port: u16,
    /// How many seconds lie between two reconciliations of a realm.
    #[arg(long, env = "RECONCILE_INTERVAL_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    reconcile_interval_seconds: u64,
    /// The administrators' public key: a file, or the PEM itself. Without it nobody is an administrator.
    #[arg(long, env = "ADMIN_JWT_PUBLIC_KEY_PATH")]
    admin_jwt_public_key_path: Option<String>,
    /// The origins of web pages that may open sockets for subscriptions, such as https://console.example or
    /// //*.example.com, with commas between them; where not given, pages of this server's own address.
    #[arg(long, env = "GQL_SUBSCRIPTIONS_ALLOWED_ORIGINS")]
    gql_subscriptions_allowed_origins: Option<String>,
    /// The bytes that a request with files may have.
    #[arg(long, env = "MAX_UPLOAD_SIZE_BYTES", default_value_t = 4_000_000_000)]
    max_upload_size_bytes: u64,
    /// Where uploaded files are kept while a request is at work on them; the system's directory for temporary files
    /// where not given.
    #[arg(long, env = "UPLOAD_DIRECTORY")]
    upload_directory: Option<PathBuf>,
}

impl Http {
    pub(crate) fn public_url(&self) -> anyhow::Result<Url> {
        let Self { url_scheme, url_host, url_port, .. } = self;
        ensure!(!url_host.contains("://"), "URL_HOST is a host name; the scheme belongs into URL_SCHEME");
        Url::parse(&format!("{url_scheme}://{url_host}:{url_port}"))
            .with_context(|| format!("URL_HOST is not a host name: {url_host}"))
    }

    pub(crate) const fn reconcile_interval(&self) -> Duration {
        Duration::from_secs(self.reconcile_interval_seconds)
    }

    /// What the endpoint is told.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let settings = Settings::default()
            .max_upload_bytes(self.max_upload_size_bytes)
            .allowed_origins(self.allowed_origins()?);
        Ok(match self.upload_directory.as_ref().filter(|directory| !directory.as_os_str().is_empty()) {
            Some(directory) => {
                ensure!(directory.is_dir(), "UPLOAD_DIRECTORY is no directory: {}", directory.display());
                settings.upload_directory(directory)
            }
            None => settings,
        })
    }

    fn allowed_origins(&self) -> anyhow::Result<Vec<AllowedOrigin>> {
        let given = self.gql_subscriptions_allowed_origins.as_deref().unwrap_or_default();
        let mut origins = Vec::new();
        for origin in given.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
            origins.push(origin.parse().context("GQL_SUBSCRIPTIONS_ALLOWED_ORIGINS")?);
        }
        if origins.is_empty() {
            origins.push(self.public_url()?.as_str().parse()?);
        }
        Ok(origins)
    }

    pub(crate) fn admin_key(&self) -> anyhow::Result<Option<VerifyingKey>> {
        const NAME: &str = "ADMIN_JWT_PUBLIC_KEY_PATH";
        let Some(value) = &self.admin_jwt_public_key_path else { return Ok(None) };
        let pem = if value.starts_with("-----BEGIN PUBLIC KEY-----") {
            value.clone()
        } else {
            std::fs::read_to_string(value)
                .with_context(|| format!("{NAME} names a file that cannot be read"))?
        };
        VerifyingKey::from_pem(&pem).map(Some).with_context(|| format!("{NAME} is no public key"))
    }
}
