//! A database that goes away under load, and comes back.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;

use crate::processes::{GROUP, KEY, PATIENCE, Process, Site};

/// The longest that an answer may take: what one waits for a connection, and a statement of the greatest length.
const LIMIT: Duration = Duration::from_secs(45);

/// Those who send events at the same time.
const SENDERS: usize = 32;

/// What is acknowledged in each phase of the load, at least.
const ENOUGH: usize = 200;

/// A PostgreSQL server that may be stopped at any time.
struct Postgres(Url);

impl Postgres {
    /// Starts it, or finds it running.
    fn start() -> Self {
        Self(Self::ask(&[]).parse().unwrap())
    }

    fn stop(&self, how: &str) {
        Self::ask(&[how]);
    }

    fn ask(args: &[&str]) -> String {
        let Ok(program) = std::env::var("EDGEHOG_FAULTY_DATABASE") else {
            panic!(
                "EDGEHOG_FAULTY_DATABASE must name what starts and stops a database; `cargo xtask test` sets it"
            );
        };
        let output = Command::new(program).args(["postgres", "--faults"]).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    async fn connect(url: &Url) -> PgConnection {
        PgConnection::connect_with(&url.as_str().parse::<PgConnectOptions>().unwrap()).await.unwrap()
    }

    /// A new database on it.
    async fn database(&self, name: &str) -> Url {
        let mut connection = Self::connect(&self.0).await;
        connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let mut url = self.0.clone();
        url.set_path(name);
        url
    }
}

/// The answer, which must come in time: the server serves, whatever becomes of the database.
async fn in_time(request: RequestBuilder) -> Response {
    let answer = request.timeout(LIMIT).send().await;
    answer.unwrap_or_else(|error| panic!("the server must answer in time: {error}"))
}

/// What goes on while the database comes and goes.
struct Load {
    server: Process,
    goes_on: AtomicBool,
    /// How many requests were acknowledged, and how many were not.
    done: AtomicUsize,
    failed: AtomicUsize,
}

impl Load {
    async fn until(&self, count: &AtomicUsize, more: usize) {
        let goal = count.load(Ordering::Relaxed) + more;
        let reached = async {
            while count.load(Ordering::Relaxed) < goal {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .unwrap_or_else(|_| panic!("the server must go on answering, and recover"));
    }

    fn count(&self, done: bool) {
        let counter = if done { &self.done } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Sends one event after the other, each about a device of its own; gives the devices of those that were taken.
    async fn events(&self, sender: usize) -> Vec<String> {
        let mut taken = Vec::new();
        for number in 0.. {
            if !self.goes_on.load(Ordering::Relaxed) {
                break;
            }
            let device = format!("device-{sender}-{number}");
            let request = self.server.http.post(self.server.url("/tenants/plant-one/triggers"));
            let request = request.header("Astarte-Realm", "plantone").json(&json!({
                "device_id": device, "timestamp": "2026-01-02T03:04:05.678Z",
                "event": { "type": "device_connected" },
            }));
            let status = in_time(request).await.status();
            // Astarte sends again what failed with 5xx, and forgets about anything else.
            assert!(status == 200 || status.is_server_error(), "{status}");
            self.count(status == 200);
            if status == 200 {
                taken.push(device);
            }
        }
        taken
    }

    /// The data of an answer, or nothing where it tells of trouble as clients expect it.
    async fn ask(&self, document: &str, variables: Value) -> Option<Value> {
        let request = self.server.http.post(&self.server.api).bearer_auth(&self.server.token);
        let request = request.json(&json!({ "query": document, "variables": variables }));
        let answer = in_time(request).await;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        if status == 200 && body.get("errors").is_none() {
            return Some(body["data"].clone());
        }
        match status {
            StatusCode::OK => assert!(body["errors"][0]["message"].is_string(), "{body}"),
            _ => assert!(status.is_server_error() && body["errors"]["detail"].is_string(), "{status} {body}"),
        }
        None
    }

    /// Makes one group after the other; gives the names of those that were made.
    async fn mutations(&self, sender: usize) -> Vec<String> {
        let mut made = Vec::new();
        for number in 0.. {
            if !self.goes_on.load(Ordering::Relaxed) {
                break;
            }
            let name = (sender * 1_000_000 + number).to_string();
            let done = self.ask(CREATE, json!({ "n": name, "h": format!("group-{name}") })).await.is_some();
            self.count(done);
            if done {
                made.push(name);
            }
        }
        made
    }

    async fn reads(&self) {
        while self.goes_on.load(Ordering::Relaxed) {
            let read = self.ask(
                "{ tenantInfo { slug } devices(first: 5) { count edges { node { online } } } }",
                json!({}),
            );
            if let Some(data) = read.await {
                assert_eq!(data["tenantInfo"]["slug"], "plant-one");
            }
        }
    }

    /// A server that cannot work for a while must not be taken for dead, and restarted.
    async fn health(&self) {
        while self.goes_on.load(Ordering::Relaxed) {
            let request = self.server.http.get(self.server.url("/health"));
            assert_eq!(in_time(request).await.status(), 200);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

const CREATE: &str = "mutation ($n: String!, $h: String!) { createDeviceGroup(input: \
                      {name: $n, handle: $h, selector: \"\\\"a\\\" in tags\"}) { result { id } } }";

async fn column(url: &Url, sql: &'static str) -> Vec<String> {
    let mut connection = Postgres::connect(url).await;
    sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
}

/// The database is shut down and crashes in the middle of the work. Nothing that was acknowledged is lost or there twice,
/// what fails meanwhile fails in a way that is tried again, and the server recovers by itself, with its subscriptions. One
/// that finds no database at its start waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_comes_and_goes() {
    let postgres = Postgres::start();
    let database = postgres.database("edgehog_comes_and_goes").await;
    let site = Site::on(&database);
    let server = site.serve_after("", &[]).await;
    let mut events = server.watch(GROUP).await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            let name =
                event["data"]["deviceGroup"]["created"]["name"].as_str().unwrap_or_default().to_owned();
            tell.send(name).unwrap();
        }
    });
    let (goes_on, done, failed) = (AtomicBool::new(true), AtomicUsize::new(0), AtomicUsize::new(0));
    let load = Arc::new(Load { server, goes_on, done, failed });
    let senders = |count: usize| (0..count).map(|sender| (load.clone(), sender));
    let events: Vec<_> =
        senders(SENDERS).map(|(load, it)| tokio::spawn(async move { load.events(it).await })).collect();
    let mutations: Vec<_> =
        senders(2).map(|(load, it)| tokio::spawn(async move { load.mutations(it).await })).collect();
    let readers: Vec<_> =
        senders(2).map(|(load, _)| tokio::spawn(async move { load.reads().await })).collect();
    let doctor = tokio::spawn({
        let load = load.clone();
        async move { load.health().await }
    });

    load.until(&load.done, ENOUGH).await;
    for how in ["--stop", "--crash"] {
        postgres.stop(how);
        // Nobody waits for all the others to fail first.
        load.until(&load.failed, 2 * SENDERS).await;
        assert_eq!(Postgres::start().0, postgres.0);
        load.until(&load.done, ENOUGH).await;
    }
    load.goes_on.store(false, Ordering::Relaxed);
    let taken: Vec<_> = join_all(events).await.into_iter().flat_map(Result::unwrap).collect();
    let made: Vec<_> = join_all(mutations).await.into_iter().flat_map(Result::unwrap).collect();
    join_all(readers).await.into_iter().for_each(Result::unwrap);
    doctor.await.unwrap();

    for (acknowledged, sql) in
        [(&taken, "SELECT device_id FROM edgehog.devices"), (&made, "SELECT name FROM edgehog.device_groups")]
    {
        let kept = column(&database, sql).await;
        let unique: BTreeSet<_> = kept.iter().collect();
        assert_eq!(kept.len(), unique.len(), "{sql}");
        let lost: Vec<_> = acknowledged.iter().filter(|it| !unique.contains(it)).collect();
        assert!(lost.is_empty(), "{sql}: {lost:?}");
    }

    let mut untold: BTreeSet<_> = made.into_iter().collect();
    while !untold.is_empty() {
        let name = tokio::time::timeout(PATIENCE, told.recv()).await;
        untold.remove(&name.unwrap_or_else(|_| panic!("nobody told of {untold:?}")).unwrap());
    }

    postgres.stop("--stop");
    let log = tempfile::NamedTempFile::new().unwrap();
    let early = site.launch(&format!("exec >{}", log.path().display()), &[("RUST_LOG", "warn")]);
    let waits = async {
        while !std::fs::read_to_string(log.path()).unwrap().contains("the database does not answer yet") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.unwrap();
    assert_eq!(Postgres::start().0, postgres.0);
    early.lives().await;
    assert_eq!(early.run("{ tenantInfo { slug } }", json!({})).await["tenantInfo"]["slug"], "plant-one");
    drop(load);
}

/// A server without database does not stay half alive: it waits for a while and then says what is missing.
#[tokio::test]
async fn a_server_without_database_gives_up() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgehog-server"));
    command.arg("serve").env_clear().env("URL_HOST", "localhost").env("DATABASE_WAIT_SECONDS", "1");
    command.env("DATABASE_URL", "postgres://somebody:secret@127.0.0.1:9/nothing").env("PORT", "1");
    command.env("EDGEHOG_ENCRYPTION_KEYS", KEY);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let (said, logged) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(said.starts_with("edgehog-server: the database cannot be used: "), "{said}");
    assert_eq!(logged.matches("the database does not answer yet").count(), 1, "{logged}");
    assert!(!said.contains("secret") && !logged.contains("secret"), "{said}{logged}");
}
