//! Lines of the log: one for each event, whatever its texts hold.
//!
//! The formats of `tracing-subscriber` and of crates beside it leave out what caused an error, and write characters that
//! a terminal or a reader of lines takes for its own.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use chrono::{SecondsFormat, Utc};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;

/// Writes each event with the fields of the spans that it happened in.
pub(crate) struct Lines<W> {
    pub(crate) format: LogFormat,
    pub(crate) writer: W,
}

/// Fields by their names. The first one of a name stands when a line is written.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut later = Fields::default();
        values.record(&mut later);
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            fields.0.splice(0..0, later.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // The innermost span first: what it says is nearer to the event.
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.0.extend_from_slice(&outer.0);
            }
        }
        let metadata = event.metadata();
        let line = line(self.format, *metadata.level(), metadata.target(), fields);
        // Nobody can be told that nothing can be told.
        let _ = self.writer.make_writer_for(metadata).write_all(line.as_bytes());
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.push((field.name(), value));
    }

    /// Takes a field out.
    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    /// All that are left, each name once.
    fn once(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        (self.0.iter().enumerate())
            .filter(|(at, (name, _))| !self.0.iter().take(*at).any(|(earlier, _)| earlier == name))
            .map(|(_, field)| field)
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    /// With all that caused it.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.put(field, text.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

/// One line, with its end.
fn line(format: LogFormat, level: Level, module: &str, mut fields: Fields) -> String {
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let message = fields.take("message").unwrap_or_default();
    // Lines of crates that know only the elder way to log say where they come from as a field.
    let module = fields.take("log.target").unwrap_or_else(|| module.into());
    fields.0.retain(|(name, _)| !name.starts_with("log."));
    let mut line = match format {
        LogFormat::Logfmt => logfmt(&time, level, &message, &module, &fields),
        LogFormat::Json => json(time, level, message, module, &fields),
        LogFormat::Pretty { colours } => pretty(&time, level, &message, &fields, colours),
    };
    line.push('\n');
    line
}

fn logfmt(time: &str, level: Level, message: &Value, module: &Value, fields: &Fields) -> String {
    let (level, message, module) = (name(level), Shown(message), Shown(module));
    let mut line = format!("time={time} level={level} message={message} module={module}");
    for (name, value) in fields.once() {
        let _ = write!(line, " {name}={}", Shown(value));
    }
    line
}

fn json(time: String, level: Level, message: Value, module: Value, fields: &Fields) -> String {
    let mut object: serde_json::Map<_, _> =
        fields.once().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    // Last, so that no field can take their places.
    for (name, value) in
        [("time", time.into()), ("level", name(level).into()), ("message", message), ("module", module)]
    {
        object.insert(name.to_owned(), value);
    }
    let text = Value::Object(object).to_string();
    // JSON allows these within texts; terminals and readers of lines act on them.
    let acted_on = |it: char| it.is_control() || matches!(it, '\u{2028}' | '\u{2029}');
    let mut line = String::with_capacity(text.len());
    for it in text.chars() {
        let _ = if acted_on(it) { write!(line, "\\u{:04x}", u32::from(it)) } else { line.write_char(it) };
    }
    line
}

fn pretty(time: &str, level: Level, message: &Value, fields: &Fields, colours: bool) -> String {
    let paint = |code: u8, text: &str| {
        if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let code = match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        _ => 34,
    };
    let mut line = format!("{} {} ", paint(2, time), paint(code, &format!("{level:>5}")));
    for it in message.as_str().unwrap_or_default().chars() {
        match it {
            '"' | '\'' | '\\' => line.push(it),
            _ => line.extend(it.escape_debug()),
        }
    }
    for (name, value) in fields.once() {
        let _ = write!(line, " {}{}", paint(2, &format!("{name}=")), Shown(value));
    }
    line
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        _ => "trace",
    }
}

/// A value behind its name: bare where that is plain, else quoted, with everything escaped that is not to be seen.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Value::String(text) = self.0 else { return write!(f, "{}", self.0) };
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'=' | b'"' | b'\\');
        if !text.is_empty() && text.bytes().all(plain) { f.write_str(text) } else { write!(f, "{text:?}") }
    }
}

#[cfg(test)]
mod tests;
