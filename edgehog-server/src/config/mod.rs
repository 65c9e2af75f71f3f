//! The configuration: read in one go, with all that is wrong with it told together.

mod database;
mod http;
mod process;
mod services;
mod settings;
mod unknown;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use edgehog_engine::storage::StorageConfig;
use edgehog_engine::{PgConnectOptions, StoreConfig};
use url::Url;

pub(crate) use process::{LogFormat, log_filter, log_format};
pub(crate) use services::Services;
pub(crate) use settings::Given;

/// What a server needs to know.
pub(crate) struct Config {
    pub(crate) store: StoreConfig,
    pub(crate) database_wait: Duration,
    pub(crate) reconcile_interval: Duration,
    pub(crate) public_url: Url,
    pub(crate) port: u16,
    pub(crate) endpoint: edgehog_server::Settings,
    pub(crate) services: Services,
    pub(crate) shutdown_delay: Duration,
    pub(crate) shutdown_grace: Duration,
}

impl Config {
    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// All mistakes.
    pub(crate) fn read(given: &Given) -> Result<Self, Mistakes> {
        unknown::tell(given);
        Reader::read(given, |reader| {
            // Each is read whatever is wrong with the ones before it.
            let store = reader.database();
            let public_url = reader.public_url();
            let endpoint = reader.endpoint(public_url.as_ref());
            let port = reader.port();
            let admin_key = reader.admin_key();
            let database_wait = reader.seconds("DATABASE_WAIT_SECONDS");
            let reconcile_interval = reader.number("RECONCILE_INTERVAL_SECONDS", 1..=86_400);
            let shutdown_delay = reader.seconds("SHUTDOWN_DELAY_SECONDS");
            let shutdown_grace = reader.seconds("SHUTDOWN_GRACE_SECONDS");
            reader.log();
            let services = reader.services(public_url.as_ref());
            Some(Self {
                store: store?,
                public_url: public_url?,
                port: port?,
                endpoint: endpoint?.admin_key(admin_key),
                database_wait: database_wait?,
                reconcile_interval: Duration::from_secs(reconcile_interval?),
                services: services?,
                shutdown_delay: shutdown_delay?,
                shutdown_grace: shutdown_grace?,
            })
        })
    }
}

/// Reads how to reach the database, for who does nothing else with it.
pub(crate) fn database_options(given: &Given) -> Result<PgConnectOptions, Mistakes> {
    Reader::read(given, Reader::database_options)
}

/// Reads the database alone, for commands that need no more.
pub(crate) fn database(given: &Given) -> Result<StoreConfig, Mistakes> {
    Reader::read(given, Reader::database)
}

/// Reads the database, and where files are kept.
pub(crate) fn database_and_files(given: &Given) -> Result<(StoreConfig, Option<StorageConfig>), Mistakes> {
    Reader::read(given, |reader| {
        let (store, storage) = (reader.database(), reader.storage(None));
        Some((store?, storage?))
    })
}

/// Reads the port alone.
pub(crate) fn port(given: &Given) -> Result<u16, Mistakes> {
    Reader::read(given, Reader::port)
}

/// All that is wrong with the settings, each a line that begins with the name of one.
#[derive(Debug)]
pub(crate) struct Mistakes(Vec<String>);

impl Mistakes {
    pub(crate) fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Mistakes {}

/// Reads on after a mistake. Whatever gives `None` without being optional has made one.
struct Reader<'a> {
    given: &'a Given,
    mistakes: Vec<String>,
}

impl<'a> Reader<'a> {
    fn read<T>(given: &'a Given, read: impl FnOnce(&mut Self) -> Option<T>) -> Result<T, Mistakes> {
        let unreadable = given.unreadable.iter();
        let mistakes = unreadable.map(|name| format!("{name} is not text: write it in UTF-8")).collect();
        let mut reader = Self { given, mistakes };
        match read(&mut reader) {
            Some(value) if reader.mistakes.is_empty() => Ok(value),
            _ => Err(Mistakes(reader.mistakes)),
        }
    }

    /// Notes what is wrong, as the end of a sentence that begins with the name.
    fn mistake<T>(&mut self, name: &str, problem: impl fmt::Display) -> Option<T> {
        self.mistakes.push(format!("{name} {problem}"));
        None
    }

    /// A value without the blanks and line ends that files and shells leave around it.
    fn text(&self, name: &str) -> Option<String> {
        self.given.get(name).map(|value| value.trim().to_owned())
    }

    fn number<T>(&mut self, name: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let number = self.text(name)?.parse().ok().filter(|number| range.contains(number));
        let problem = || format!("is not a whole number from {} to {}", range.start(), range.end());
        number.or_else(|| self.mistake(name, problem()))
    }

    fn seconds(&mut self, name: &str) -> Option<Duration> {
        self.number(name, 0..=3600).map(Duration::from_secs)
    }

    fn switch(&mut self, name: &str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.mistake(name, "is neither true nor false"),
        }
    }
}

#[cfg(test)]
mod tests;
