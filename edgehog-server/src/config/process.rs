//! How the process speaks.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::{Given, Reader};

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// `key=value`, for machines and people.
    Logfmt,
    /// An object.
    Json,
    /// For people.
    Pretty {
        /// Whether they sit at a terminal.
        colours: bool,
    },
}

/// The format that was asked for, or the one that suits where the log goes. A mistake is told when all settings are read.
pub(crate) fn log_format(given: &Given) -> Option<LogFormat> {
    let terminal = std::io::stdout().is_terminal();
    match given.get("LOG_FORMAT").as_deref().map(str::trim) {
        Some("logfmt") => Some(LogFormat::Logfmt),
        Some("json") => Some(LogFormat::Json),
        Some("pretty") => Some(LogFormat::Pretty { colours: terminal }),
        Some(_) => None,
        None if terminal => Some(LogFormat::Pretty { colours: true }),
        None => Some(LogFormat::Logfmt),
    }
}

/// What is logged. A mistake is told when all settings are read.
pub(crate) fn log_filter(given: &Given) -> Option<EnvFilter> {
    EnvFilter::try_new(given.get("RUST_LOG").as_deref().unwrap_or("info").trim()).ok()
}

impl Reader<'_> {
    pub(super) fn log(&mut self) {
        if log_format(self.given).is_none() {
            self.mistake::<()>("LOG_FORMAT", "is none of logfmt, json and pretty");
        }
        if log_filter(self.given).is_none() {
            self.mistake::<()>("RUST_LOG", "is not a filter, such as info or info,edgehog_engine=debug");
        }
    }
}
