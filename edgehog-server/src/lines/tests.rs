use std::io;
use std::sync::Arc;

use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// What `work` logs.
fn logged(format: LogFormat, work: impl FnOnce()) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let writer = Arc::new(file.reopen().unwrap());
    let subscriber = tracing_subscriber::registry().with(Lines { format, writer });
    tracing::subscriber::with_default(subscriber, work);
    std::fs::read_to_string(file.path()).unwrap()
}

const FORMATS: [LogFormat; 4] = [
    LogFormat::Logfmt,
    LogFormat::Json,
    LogFormat::Pretty { colours: false },
    LogFormat::Pretty { colours: true },
];

/// A line tells the fields of all spans around its event, each once, and of two of a name the nearer one.
#[test]
fn the_spans_are_told() {
    let work = || {
        let request =
            tracing::info_span!("request", request_id = "an-id", path = "/a b", late = tracing::field::Empty);
        let _request = request.enter();
        request.record("late", 7);
        let _inner = tracing::info_span!("graphql", tenant = "plant-one", path = "/inner").entered();
        tracing::warn!(tenant = "plant-two", milliseconds = 1.5, done = true, "told");
    };
    let line = logged(LogFormat::Logfmt, work);
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.starts_with("time=20") && time.ends_with('Z'), "{line}");
    assert_eq!(
        rest,
        "level=warn message=told module=edgehog_server::lines::tests tenant=plant-two milliseconds=1.5 done=true \
         path=/inner late=7 request_id=an-id\n"
    );
    let object: Value = serde_json::from_str(&logged(LogFormat::Json, work)).unwrap();
    for (name, value) in [
        ("level", Value::from("warn")),
        ("message", "told".into()),
        ("tenant", "plant-two".into()),
        ("path", "/inner".into()),
        ("request_id", "an-id".into()),
        ("milliseconds", 1.5.into()),
        ("late", 7.into()),
    ] {
        assert_eq!(object[name], value, "{name}");
    }
    assert!(logged(LogFormat::Pretty { colours: true }, work).contains("told"));
}

/// What comes from outside stays within its place in its line, in all formats: in fields, messages, errors and spans.
#[test]
fn lines_cannot_be_forged() {
    const EVIL: &str = "x\" level=error\r\nlevel=error \u{1b}[2J\u{9b}2J \u{85}\u{2028}\u{7f}\\";
    for format in FORMATS {
        let line = logged(format, || {
            let _span = tracing::info_span!("request", path = EVIL, method = %EVIL).entered();
            let error = io::Error::other(EVIL);
            let error = &error as &dyn std::error::Error;
            tracing::info!(text = EVIL, shown = %EVIL, debugged = ?EVIL, error, "{EVIL}");
        });
        let mut own = line.strip_suffix('\n').unwrap().to_owned();
        if format == (LogFormat::Pretty { colours: true }) {
            own =
                ["0", "2", "32"].iter().fold(own, |text, code| text.replace(&format!("\u{1b}[{code}m"), ""));
        }
        let acted_on = |it: char| it.is_control() || matches!(it, '\u{2028}' | '\u{2029}');
        assert!(!own.contains(acted_on), "{format:?}: {line}");
    }
    let object: Value =
        serde_json::from_str(&logged(LogFormat::Json, || tracing::info!(text = EVIL, "{EVIL}"))).unwrap();
    assert_eq!((&object["text"], &object["message"]), (&EVIL.into(), &EVIL.into()));
}

/// A field cannot pass for what every line has.
#[test]
fn fields_do_not_replace_the_level() {
    let work = || tracing::info!(level = "error", time = 0, module = "else", "told");
    let object: Value = serde_json::from_str(&logged(LogFormat::Json, work)).unwrap();
    assert_eq!((&object["level"], &object["message"]), (&"info".into(), &"told".into()));
    assert!(logged(LogFormat::Logfmt, work).contains(" level=info message=told "));
}

#[derive(Debug, thiserror::Error)]
#[error("the shop is closed")]
struct Closed(#[source] io::Error);

/// An error is told with what caused it.
#[test]
fn causes_are_told() {
    for format in FORMATS {
        let line = logged(format, || {
            let error = Closed(io::Error::other("no bread"));
            tracing::warn!(error = &error as &dyn std::error::Error, "refused");
        });
        assert!(line.contains("the shop is closed: no bread"), "{format:?}: {line}");
    }
}
