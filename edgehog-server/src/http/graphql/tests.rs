//! Requests of all forms, with a schema of their own behind them.

use std::io;
use std::path::Path as FilePath;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use multer::bytes::Bytes;
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{EndpointExt, Route, Server, get};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::documents::parrot::Parrot;
use crate::settings::Limits;
use crate::subscriptions::Hub;

#[derive(Clone)]
struct Nest {
    parrot: Parrot,
    session: Session,
    settings: Arc<Settings>,
    address: String,
    http: reqwest::Client,
}

#[handler]
async fn serve_nest(request: &Request, body: Body, Data(nest): Data<&Nest>) -> Result<Response, Refusal> {
    let wish = auth::wish(request.headers())?;
    let door = Door { session: nest.session.clone(), settings: nest.settings.clone(), wish };
    if request.method() == Method::POST { door.post(request, body).await } else { door.get(request).await }
}

impl Nest {
    async fn new(settings: Settings) -> Self {
        let (parrot, hub) = (Parrot::new(1), Hub::new(&settings.limits));
        let session = Session { documents: Arc::new(parrot.clone()), hub, gone: CancellationToken::new() };
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap().to_string();
        let (settings, http) = (Arc::new(settings), reqwest::Client::new());
        let nest = Self { parrot, session, settings, address, http };
        let route = Route::new().at("/", get(serve_nest).post(serve_nest));
        tokio::spawn(Server::new_with_acceptor(acceptor).run(route.data(nest.clone())));
        nest
    }

    fn post(&self) -> reqwest::RequestBuilder {
        self.http.post(format!("http://{}/", self.address))
    }

    fn get(&self, query: &str) -> reqwest::RequestBuilder {
        self.get_named(query, "")
    }

    fn get_named(&self, query: &str, name: &str) -> reqwest::RequestBuilder {
        let (url, parameters) =
            (format!("http://{}/", self.address), [("query", query), ("operationName", name)]);
        self.http.get(reqwest::Url::parse_with_params(&url, parameters).unwrap())
    }
}

/// Settings with a directory for uploads that can be looked into.
fn settings() -> (TempDir, Settings) {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::default().upload_directory(directory.path());
    (directory, settings)
}

fn files_in(directory: &FilePath) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

/// A part of a form with the boundary `b`.
fn part(name: &str, file: Option<&str>, content: &str) -> String {
    let file =
        file.map(|file| format!("; filename=\"{file}\"\r\nContent-Type: text/plain")).unwrap_or_default();
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n")
}

fn form(parts: &[String]) -> String {
    parts.concat() + "--b--\r\n"
}

async fn read(body: impl Into<Body>, settings: &Settings) -> Result<(Parameters, Uploads), StatusCode> {
    multipart::read(body.into(), "b".to_owned(), settings).await.map_err(|Refusal(status)| status)
}

/// The console's order: files first, then the document that names them. Nothing of them is left behind.
#[tokio::test]
async fn files_come_before_their_document() {
    let (directory, settings) = settings();
    let nest = Nest::new(settings).await;
    let document = "query($it: String!) { file(name: $it) other: file(name: \"other\") }";
    let file =
        reqwest::multipart::Part::text("content\r\n--").file_name("a.txt").mime_str("text/plain").unwrap();
    let form = reqwest::multipart::Form::new()
        .part("file", file)
        .text("query", document)
        .text("variables", r#"{"it":"file"}"#)
        .text("operationName", "");
    let answer = nest.post().multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let told = "a.txt Some(\"text/plain\") 11 content\r\n--";
    let answer: Json = answer.json().await.unwrap();
    assert_eq!(answer, json!({ "data": { "file": told, "other": null } }));
    assert_eq!(files_in(directory.path()), 0);
}

/// A file is there as long as anybody has the uploads it came with.
#[tokio::test]
async fn files_live_as_long_as_their_uploads() {
    let (directory, settings) = settings();
    let body =
        form(&[part("a", Some("a.bin"), "1"), part("empty", Some(""), ""), part("b", Some("b.bin"), "22")]);
    let (_, uploads) = read(body, &settings).await.unwrap();
    assert!(uploads.get("empty").is_none());
    let clone = uploads.clone();
    drop(uploads);
    let upload = clone.get("b").unwrap().clone();
    assert_eq!((files_in(directory.path()), upload.size()), (2, 2));
    drop(clone);
    assert_eq!(std::fs::read(upload.path()).unwrap(), b"22");
    drop(upload);
    assert_eq!(files_in(directory.path()), 0);
}

/// Forms that break the rules are refused with a status that says which, and leave no file.
#[tokio::test]
async fn bad_forms_are_refused() {
    let (directory, settings) = settings();
    let settings = settings.max_upload_bytes(20_000_000);
    let file = || part("file", Some("a"), "content");
    let many = |count, file: Option<&str>| -> Vec<_> {
        (0..count).map(|number| part(&number.to_string(), file, "x")).collect()
    };
    for (rule, body, status) in [
        ("a name twice", form(&[file(), file()]), 400),
        ("a text twice", form(&[part("query", None, "a"), part("query", None, "b")]), 400),
        ("too many files", form(&many(17, Some("a"))), 400),
        ("too many parts", form(&many(65, None)), 400),
        ("no end", file() + "--b\r\nContent-Disp", 400),
        ("cut off in a file", part("file", Some("a"), "content"), 400),
        ("no form", "content".to_owned(), 400),
        ("too much text", form(&[file(), part("query", None, &"x".repeat(8_000_001))]), 413),
        ("too much text in two", form(&["a", "b"].map(|it| part(it, None, &"x".repeat(4_000_001)))), 413),
        ("too much of all", form(&[part("file", Some("a"), &"x".repeat(20_000_001))]), 413),
    ] {
        let refused = read(body, &settings).await.err().map(|status| status.as_u16());
        assert_eq!(refused, Some(status), "{rule}");
        assert_eq!(files_in(directory.path()), 0, "{rule}");
    }
    assert!(read(form(&many(16, Some("a"))), &settings).await.is_ok());
}

/// What belongs to no part is not collected without end.
#[tokio::test]
async fn headers_have_an_end() {
    let (_directory, settings) = settings();
    for begin in ["", "--b\r\nX: "] {
        let endless =
            stream::once(async move { begin.into() }).chain(stream::repeat(Bytes::from("x".repeat(50_000))));
        let body = Body::from_bytes_stream(endless.map(io::Result::Ok));
        assert_eq!(read(body, &settings).await.err(), Some(StatusCode::PAYLOAD_TOO_LARGE));
    }
}

/// Files go to the disk piece by piece: while one piece is written, no other is taken from the client.
#[tokio::test]
async fn files_are_not_collected_in_memory() {
    let (directory, settings) = settings();
    let path = directory.path().to_owned();
    let pieces = stream::iter(0..100_u64).map(move |number| {
        let on_disk: u64 =
            std::fs::read_dir(&path).unwrap().map(|it| it.unwrap().metadata().unwrap().len()).sum();
        // The piece before this one may still be on its way.
        assert!(on_disk + 2 * 100_000 >= number * 100_000, "{on_disk} {number}");
        Bytes::from("x".repeat(100_000))
    });
    let head = part("file", Some("a"), "").trim_end_matches("\r\n").to_owned() + "\r\n\r\n";
    let body = stream::once(async { head.into() })
        .chain(pieces)
        .chain(stream::once(async { "\r\n--b--\r\n".into() }));
    let (_, uploads) = read(Body::from_bytes_stream(body.map(io::Result::Ok)), &settings).await.unwrap();
    assert_eq!(uploads.get("file").unwrap().size(), 10_000_000);
}

/// A client that falls silent, or whose connection breaks, leaves no file.
#[tokio::test]
async fn broken_uploads_leave_nothing() {
    let (directory, mut settings) = settings();
    settings.limits = Limits { upload: Duration::from_millis(50), ..Limits::default() };
    let begin = || stream::once(async { io::Result::Ok(Bytes::from(part("file", Some("a"), "content"))) });
    let silent = Body::from_bytes_stream(begin().chain(stream::pending()));
    assert_eq!(read(silent, &settings).await.err(), Some(StatusCode::REQUEST_TIMEOUT));
    let broken = stream::once(async { Err(io::ErrorKind::ConnectionReset.into()) });
    let broken = Body::from_bytes_stream(begin().chain(broken));
    assert_eq!(read(broken, &settings).await.err(), Some(StatusCode::BAD_REQUEST));
    assert_eq!(files_in(directory.path()), 0);
}

/// The same over a real connection, which ends midway.
#[tokio::test]
async fn uploads_that_are_cut_off_leave_nothing() {
    let (directory, settings) = settings();
    let nest = Nest::new(settings).await;
    let mut connection = TcpStream::connect(&nest.address).await.unwrap();
    let begin = part("file", Some("a"), &"x".repeat(100_000));
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n";
    connection.write_all(format!("{head}{begin}").as_bytes()).await.unwrap();
    while files_in(directory.path()) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(connection);
    while files_in(directory.path()) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What is too large by its own word is refused before it is read.
#[tokio::test]
async fn large_uploads_are_refused_at_once() {
    let (_directory, settings) = settings();
    let nest = Nest::new(settings.max_upload_bytes(1000)).await;
    let mut connection = TcpStream::connect(&nest.address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1001\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    connection.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
}

/// What changes something, or goes on and on, is not for a method that browsers call by themselves.
#[tokio::test]
async fn only_queries_are_run_by_get() {
    let nest = Nest::new(Settings::default()).await;
    let named = "query A { hello } mutation B { say(word: \"a\") }";
    for (request, status) in [
        (nest.get("{ hello }"), 200),
        (nest.get("{ goodbye }"), 200),
        (nest.get("mutation { say(word: \"a\") }"), 405),
        (nest.get("subscription { once }"), 405),
        (nest.get_named(named, "A"), 200),
        (nest.get_named(named, "B"), 405),
        (nest.post().json(&json!({ "query": "mutation { say(word: \"a\") }" })), 200),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        let answer: Json = answer.json().await.unwrap();
        assert!(status != 405 || answer["errors"][0]["message"].is_string(), "{answer}");
    }
}

/// Subscriptions come as streams of events; so do other answers, for those who take nothing else.
#[tokio::test]
async fn subscriptions_are_streams_of_events() {
    let nest = Nest::new(Settings::default()).await;
    let complete = "event: complete\ndata: \n\n";
    let once = format!("event: next\ndata: {{\"data\":{{\"once\":1}}}}\n\n{complete}");
    let hello = format!("event: next\ndata: {{\"data\":{{\"hello\":\"hello\"}}}}\n\n{complete}");
    let events = |request: reqwest::RequestBuilder| request.header("Accept", "text/event-stream");
    let subscription = json!({ "query": "subscription { once }" });
    for (request, told) in [
        (nest.post().json(&subscription), &once),
        (events(nest.post().json(&subscription)), &once),
        (events(nest.get("subscription { once }")), &once),
        (events(nest.post().json(&json!({ "query": "{ hello }" }))), &hello),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.text().await.unwrap(), *told);
    }
}

/// A subscription that does not begin is told as any other answer.
#[tokio::test]
async fn refused_subscriptions_are_answered() {
    let nest = Nest::new(Settings::default()).await;
    let subscription = json!({ "query": "subscription { nothing }" });
    let answer = nest.post().json(&subscription).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.json::<Json>().await.unwrap()["errors"][0]["message"].is_string());
    let events = nest.post().json(&subscription).header("Accept", "text/event-stream");
    let events = events.send().await.unwrap().text().await.unwrap();
    assert!(events.starts_with("event: next\ndata: {\"errors\":["), "{events}");
    assert!(events.ends_with("event: complete\ndata: \n\n"), "{events}");
}

/// A stream goes on until its client leaves, and ends when the server does.
#[tokio::test]
async fn streams_end_with_either_side() {
    let nest = Nest::new(Settings::default()).await;
    let heard = json!({ "query": "subscription { heard { word } }" });
    let mut first = nest.post().json(&heard).send().await.unwrap();
    for word in ["a", "b"] {
        nest.parrot.say(word);
        let told = format!("event: next\ndata: {{\"data\":{{\"heard\":{{\"word\":\"{word}\"}}}}}}\n\n");
        assert_eq!(first.chunk().await.unwrap().unwrap(), told);
    }
    drop(first);
    while nest.parrot.running() > 0 {
        nest.parrot.say("c");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let second = nest.post().json(&heard).send().await.unwrap();
    nest.settings.shutdown.cancel();
    assert_eq!(second.text().await.unwrap(), "");
}

/// An answer to each document, in their order, with what the client sent beside it.
#[tokio::test]
async fn batches_are_answered_one_by_one() {
    let nest = Nest::new(Settings::default()).await;
    let hello = json!({ "data": { "hello": "hello" } });
    let batch = json!([
        { "id": "q1", "query": "{ hello }", "variables": null },
        { "id": 2, "query": "query A { hello } query B { x: hello }", "operationName": "B", "variables": {} },
        { "query": "{ goodbye }", "more": { "a": [1] } },
        { "query": "subscription { once }" },
    ]);
    let answer = nest.post().json(&batch).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8");
    let answer: Json = answer.json().await.unwrap();
    assert_eq!(answer[0], json!({ "id": "q1", "payload": hello }));
    assert_eq!(answer[1], json!({ "id": 2, "operationName": "B", "payload": { "data": { "x": "hello" } } }));
    assert_eq!(answer[2]["more"], json!({ "a": [1] }));
    for refused in [&answer[2], &answer[3]] {
        assert!(refused["payload"]["errors"][0]["message"].is_string(), "{refused}");
        assert!(refused["payload"].get("data").is_none(), "{refused}");
    }
    assert_eq!(answer.as_array().unwrap().len(), 4);
}

/// All of a batch is run, or nothing; mutations in their order.
#[tokio::test]
async fn batches_have_their_rules() {
    let nest = Nest::new(Settings::default()).await;
    let say = json!({ "query": "mutation { say(word: \"a\") }" });
    let mut heard =
        nest.session.hub.subscribe(&nest.parrot, "subscription { heard { word } }".into()).await.unwrap();
    for other in
        [json!("x"), json!({}), json!({ "query": "{ hello }", "variables": [] }), json!([]), Json::Null]
    {
        let answer = nest.post().json(&json!([say, other])).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{other}");
        assert!(answer.json::<Json>().await.unwrap()["errors"][0]["message"].is_string());
    }
    assert_eq!(nest.post().json(&vec![&say; 51]).send().await.unwrap().status(), 400);
    let words: Vec<_> =
        (0..20).map(|it| json!({ "query": format!("mutation {{ say(word: \"{it}\") }}") })).collect();
    assert_eq!(nest.post().json(&words).send().await.unwrap().status(), 200);
    for word in 0..20 {
        let told = format!("{{\"data\":{{\"heard\":{{\"word\":\"{word}\"}}}}}}");
        assert_eq!(&*heard.next().await.unwrap().unwrap(), told);
    }
}
