//! Where the log goes.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Given, LogFormat, log_filter, log_format};
use crate::lines::Lines;

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
