//! All settings: what is asked of the environment, as flags and in the documentation.

use std::collections::HashMap;
use std::ffi::OsString;

use clap::builder::OsStringValueParser;
use clap::{Arg, ArgMatches, Args, FromArgMatches};
use secrecy::{ExposeSecret, SecretString};

/// One setting, known by the environment name that Edgehog has always given it.
pub(super) struct Setting {
    pub(super) name: &'static str,
    default: Option<&'static str>,
    help: &'static str,
}

impl Setting {
    const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, default: None, help }
    }

    const fn or(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self { name, default: Some(default), help }
    }

    fn flag(&self) -> String {
        self.name.to_ascii_lowercase().replace('_', "-")
    }
}

/// The settings under the headings of `--help`.
pub(super) const SETTINGS: &[(&str, &[Setting])] = &[
    (
        "Database",
        &[
            Setting::new(
                "DATABASE_URL",
                "The whole address, as postgres://user:password@host:port/database; wins over the next four",
            ),
            Setting::new("DATABASE_HOSTNAME", "Database host"),
            Setting::new("DATABASE_NAME", "Database name"),
            Setting::new("DATABASE_USERNAME", "Database user"),
            Setting::new("DATABASE_PASSWORD", "Database password"),
            Setting::or("DATABASE_ENABLE_SSL", "false", "Use TLS to the database"),
            Setting::or("DATABASE_SSL_VERIFY", "false", "With TLS, verify the database's certificate"),
            Setting::new("DATABASE_SSL_CACERTFILE", "Authorities to verify it with: a PEM file"),
            Setting::or(
                "DATABASE_USE_OS_CERTS",
                "false",
                "Verify it with the authorities that this system trusts",
            ),
            Setting::or("POOL_SIZE", "10", "Connections to keep at most"),
            Setting::or(
                "DATABASE_WAIT_SECONDS",
                "60",
                "How long a starting server waits for a database that does not answer yet",
            ),
        ],
    ),
    (
        "HTTP",
        &[
            Setting::new(
                "URL_HOST",
                "The host name under which clients and Astarte reach this server, without scheme",
            ),
            Setting::or("URL_PORT", "443", "The port under which they do"),
            Setting::or("URL_SCHEME", "https", "The scheme with which they do: https or http"),
            Setting::or("PORT", "4000", "The port to listen on, on all addresses"),
            Setting::new(
                "ADMIN_JWT_PUBLIC_KEY_PATH",
                "The administrators' public key: a file, or the PEM itself. Without it nobody is an administrator",
            ),
            Setting::new(
                "SECRET_KEY_BASE",
                "A long secret, as other Edgehog servers need it: seals secrets where EDGEHOG_ENCRYPTION_KEYS is not given",
            ),
            Setting::new(
                "GQL_SUBSCRIPTIONS_ALLOWED_ORIGINS",
                "The origins of web pages that may open sockets for subscriptions, such as https://console.example \
                 or //*.example.com, with commas between them; where not given, pages of this server's own address",
            ),
            Setting::or(
                "TENANT_REQUESTS_PER_SECOND",
                "1000",
                "The GraphQL documents of a tenant that this server runs in a second, on average; 0 for as many as come",
            ),
            Setting::or(
                "TENANT_EVENTS_PER_SECOND",
                "5000",
                "Astarte's events for a tenant that this server takes in a second, on average; 0 for as many as come",
            ),
            Setting::or(
                "MAX_UPLOAD_SIZE_BYTES",
                "4000000000",
                "The bytes that a request with files may have",
            ),
            Setting::new(
                "UPLOAD_DIRECTORY",
                "Where uploaded files are kept while a request is at work on them; the system's directory for \
                 temporary files where not given",
            ),
        ],
    ),
    (
        "Process",
        &[
            Setting::or(
                "SHUTDOWN_DELAY_SECONDS",
                "0",
                "How long the server goes on serving after it was told to end, for load balancers to notice",
            ),
            Setting::or(
                "SHUTDOWN_GRACE_SECONDS",
                "10",
                "How long requests may go on after the server stopped listening",
            ),
            Setting::or(
                "RECONCILE_INTERVAL_SECONDS",
                "600",
                "How long it is from one look at a tenant's realm to the next",
            ),
            Setting::new(
                "LOG_FORMAT",
                "logfmt, json or pretty; where not given, pretty on a terminal and logfmt elsewhere",
            ),
            Setting::or("RUST_LOG", "info", "What is logged, such as info,edgehog_engine=debug"),
        ],
    ),
    (
        "Secrets",
        &[Setting::new(
            "EDGEHOG_ENCRYPTION_KEYS",
            "Keys that seal the realms' private keys in the database, each 32 bytes as base64, with commas between \
             them: the first one seals, all of them open; where not given, one follows from SECRET_KEY_BASE",
        )],
    ),
    (
        "Files",
        &[
            Setting::new("STORAGE_TYPE", "s3, azure or local; s3 where not given, if any S3_ setting is"),
            Setting::new("S3_BUCKET", "The bucket"),
            Setting::new("S3_ACCESS_KEY_ID", "The key's name"),
            Setting::new("S3_SECRET_ACCESS_KEY", "The key"),
            Setting::new("S3_REGION", "The region that requests are signed for; us-east-1 where not given"),
            Setting::new("S3_SCHEME", "https:// or http://, with which the store is reached"),
            Setting::new("S3_HOST", "Where the store is reached, if not at Amazon's"),
            Setting::new("S3_PORT", "The port there"),
            Setting::new("S3_ASSET_HOST", "What public URLs of files begin with"),
            Setting::new("S3_GCP_CREDENTIALS", "For Google Cloud Storage: the JSON of a service account"),
            Setting::new(
                "S3_OBJECT_ACL",
                "public-read or none, for buckets that refuse access lists for objects",
            ),
            Setting::new("AZURE_CONTAINER", "The container"),
            Setting::new(
                "AZURE_CONNECTION_STRING",
                "Account, key and endpoint in one; wins over the next four",
            ),
            Setting::new("AZURE_STORAGE_ACCOUNT_NAME", "The account"),
            Setting::new("AZURE_STORAGE_ACCOUNT_KEY", "Its key"),
            Setting::new("AZURE_BLOB_ENDPOINT", "Where the store is reached"),
            Setting::new("AZURE_REGION", "Part of that address, where it is not given"),
            Setting::new("STORAGE_LOCAL_DIRECTORY", "With local: the directory"),
        ],
    ),
    (
        "Positions",
        &[
            Setting::new(
                "PREFERRED_GEOLOCATION_PROVIDERS",
                "Who is asked where devices are, in this order, with commas between them: device, google, ipbase; \
                 none for nobody",
            ),
            Setting::new(
                "PREFERRED_GEOCODING_PROVIDERS",
                "Who is asked for the address of a position: google; none for nobody",
            ),
            Setting::new("GOOGLE_GEOLOCATION_API_KEY", "The key for positions by Google"),
            Setting::new("GOOGLE_GEOCODING_API_KEY", "The key for addresses by Google"),
            Setting::new("IPBASE_API_KEY", "The key for positions by ipbase"),
        ],
    ),
    (
        "Forwarder",
        &[
            Setting::new(
                "EDGEHOG_FORWARDER_HOSTNAME",
                "The forwarder's host name, without scheme; without it there are no terminals",
            ),
            Setting::new("EDGEHOG_FORWARDER_PORT", "Its port; 443, or 80 if not secure, where not given"),
            Setting::new(
                "EDGEHOG_FORWARDER_SECURE_SESSIONS",
                "Whether it is reached over TLS: true, which is so where not given, or anything else for no",
            ),
        ],
    ),
    ("Accepted, without effect", WITHOUT_EFFECT),
];

/// What other Edgehog servers ask an authorization service with.
pub(super) const WITHOUT_EFFECT: &[Setting] = &[
    Setting::new("EDGEHOG_AUTHZ_PROVIDER", "The authorization service, of which this server asks nothing"),
    Setting::new("EDGEHOG_OPENFGA_GRPC_ENDPOINT", "Where it is"),
    Setting::new("EDGEHOG_OPENFGA_STORE_ID", "Its store"),
    Setting::new("EDGEHOG_OPENFGA_AUTH_MODEL_ID", "Its model"),
];

pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().flat_map(|(_, settings)| *settings)
}

/// What was given, by flag or else by environment. Any of it may be a secret, so none of it is shown.
#[derive(Debug, Default)]
pub(crate) struct Given {
    values: HashMap<&'static str, SecretString>,
    pub(super) unreadable: Vec<&'static str>,
}

impl Given {
    /// The value of a setting: what was given, or its default. Nothing but blanks is as good as not given.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        debug_assert!(all().any(|setting| setting.name == name), "{name} is missing from the settings");
        self.values.get(name).map(|value| value.expose_secret().to_owned())
    }

    fn put(&mut self, setting: &'static Setting, value: Option<OsString>) {
        let Ok(value) = value.map(OsString::into_string).transpose() else {
            return self.unreadable.push(setting.name);
        };
        let value = value.filter(|value| !value.trim().is_empty());
        if let Some(value) = value.or_else(|| setting.default.map(str::to_owned)) {
            self.values.insert(setting.name, value.into());
        }
    }

    /// What would be given in an environment of these variables.
    #[cfg(test)]
    pub(super) fn of(variables: &[(&str, &str)]) -> Self {
        let mut given = Self::default();
        for setting in all() {
            let value = variables.iter().find(|(name, _)| *name == setting.name);
            given.put(setting, value.map(|(_, value)| OsString::from(value)));
        }
        given
    }
}

/// Takes every value as it is: what it must look like is looked at later, for all of them together.
impl Args for Given {
    fn augment_args(mut command: clap::Command) -> clap::Command {
        for (heading, settings) in SETTINGS {
            command = command.args(settings.iter().map(|setting| {
                let arg = Arg::new(setting.name)
                    .long(setting.flag())
                    .env(setting.name)
                    .hide_env_values(true)
                    .value_name("VALUE")
                    .value_parser(OsStringValueParser::new())
                    .help_heading(*heading)
                    .help(setting.help);
                match setting.default {
                    Some(default) => arg.default_value(default),
                    None => arg,
                }
            }));
        }
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in all() {
            self.put(setting, matches.get_one(setting.name).cloned());
        }
        Ok(())
    }
}
