//! Where the log goes, and the traces with it.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Given, LogFormat, log_filter, log_format};
use crate::lines::Lines;

/// The log of a server, until it is finished.
pub(crate) struct Log {
    #[cfg(feature = "otel")]
    export: Option<edgehog_server::otel::Export>,
}

impl Log {
    #[cfg(not(feature = "otel"))]
    pub(crate) fn start(given: &Given) -> anyhow::Result<Self> {
        to_stdout(given);
        Ok(Self {})
    }

    #[cfg(feature = "otel")]
    pub(crate) fn start(given: &Given) -> anyhow::Result<Self> {
        use anyhow::Context;

        let export = edgehog_server::otel::Export::from_env().context("traces cannot be exported")?;
        let lines = subscriber(given, BoxMakeWriter::new(std::io::stdout));
        lines.with(export.as_ref().map(edgehog_server::otel::Export::layer)).init();
        Ok(Self { export })
    }

    /// Sends on what was traced last.
    pub(crate) async fn finish(self) {
        #[cfg(feature = "otel")]
        if let Some(export) = self.export
            && let Ok(Err(error)) = tokio::task::spawn_blocking(move || export.finish()).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the last traces were not exported");
        }
    }
}

/// Begins to log to the standard output.
pub(crate) fn to_stdout(given: &Given) {
    subscriber(given, BoxMakeWriter::new(std::io::stdout)).init();
}

/// Begins to log to the standard error, for commands whose output is something else.
pub(crate) fn to_stderr(given: &Given) {
    subscriber(given, BoxMakeWriter::new(std::io::stderr)).init();
}

/// Lines of what was asked for. What is wrong with that is told when all settings are read.
fn subscriber(
    given: &Given,
    writer: BoxMakeWriter,
) -> impl Subscriber + for<'span> LookupSpan<'span> + Send + Sync {
    let format = log_format(given).unwrap_or(LogFormat::Logfmt);
    let filter = log_filter(given).unwrap_or_else(|| EnvFilter::new("info"));
    tracing_subscriber::registry().with(filter).with(Lines { format, writer })
}
