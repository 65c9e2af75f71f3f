//! What strangers and greedy tenants can do to a server, and that the others do not feel it.

use std::time::Duration;

use edgehog_engine::{Store, StoreConfig};
use edgehog_server::Settings;
use futures::future::join_all;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, PgConnection, Row};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Server;
use crate::records::connect;

const PATIENCE: Duration = Duration::from_secs(60);
const INFO: &str = "{ tenantInfo { slug } }";

fn ask(server: &Server, document: &str) -> reqwest::RequestBuilder {
    let request = server.post(&format!("/tenants/{}/api", server.slug)).bearer_auth(&server.token);
    request.json(&json!({ "query": document }))
}

/// The first answer that is another one than it is at first.
async fn refusal(send: impl AsyncFn() -> Response, at_first: StatusCode) -> Response {
    for _ in 0..10_000 {
        let answer = send().await;
        if answer.status() != at_first {
            return answer;
        }
    }
    panic!("nothing was ever too much");
}

/// A lock on a device, as a slow statement of somebody else would hold it.
async fn lock(server: &Server) -> PgConnection {
    let mut connection = server.database.connect().await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT * FROM edgehog.devices FOR UPDATE").execute(&mut connection).await.unwrap();
    connection
}

/// Returns once statements of the server wait for a lock.
async fn somebody_waits(observer: &mut PgConnection) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let wait = async {
        while sqlx::query(waiting).fetch_one(&mut *observer).await.unwrap().get::<i64, _>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

fn rename(device: &str) -> String {
    format!(r#"mutation {{ updateDevice(id: "{device}", input: {{ name: "x" }}) {{ result {{ id }} }} }}"#)
}

/// A tenant that fills the database with slow statements waits for itself, while another one is answered.
#[tokio::test]
async fn one_tenants_flood_leaves_connections_to_others() {
    let server = Server::start().await;
    let neighbour = server.neighbour().await;
    let device = connect(&server, 1).await.remove(0);
    let mut lock = lock(&server).await;
    let mut observer = server.database.connect().await.unwrap();
    let flood: Vec<_> = (0..16).map(|_| tokio::spawn(ask(&server, &rename(&device)).send())).collect();
    somebody_waits(&mut observer).await;
    for _ in 0..20 {
        let answer = ask(&neighbour, "{ devices { count } }").send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer, json!({ "data": { "devices": { "count": 0 } } }));
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.unwrap();
    for answer in join_all(flood).await {
        assert_eq!(answer.unwrap().unwrap().status(), 200);
    }
}

/// A request that takes too long is given up, and what it held is free again.
#[tokio::test]
async fn requests_have_an_end() {
    let settings = Settings::default().request_timeout(Duration::from_secs(1));
    let server = Server::with_settings("http://127.0.0.1:9", settings).await;
    let device = connect(&server, 1).await.remove(0);
    let mut lock = lock(&server).await;
    let rename = rename(&device);
    let answers = join_all((0..3).map(|_| ask(&server, &rename).send())).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 504);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer, json!({ "errors": { "detail": "Gateway Timeout" } }));
    }
    let batch = server.post("/tenants/plant-one/api").bearer_auth(&server.token);
    let batch = batch.json(&json!([{ "query": rename }, { "query": rename }])).send().await.unwrap();
    assert_eq!(batch.status(), 504);
    sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.unwrap();
    let again = async { while ask(&server, &rename).send().await.unwrap().status() != 200 {} };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
    assert_eq!(server.query("{ devices { count } }").await["data"]["devices"]["count"], 1);
}

/// A client that goes away in the middle of a mutation leaves it to be done, not half done.
#[tokio::test]
async fn work_is_done_without_its_client() {
    let server = Server::start().await;
    let device = connect(&server, 1).await.remove(0);
    let mut lock = lock(&server).await;
    let mut observer = server.database.connect().await.unwrap();
    let client = tokio::spawn(ask(&server, &rename(&device)).send());
    somebody_waits(&mut observer).await;
    client.abort();
    sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.unwrap();
    let renamed = async {
        let names = "{ devices { edges { node { name } } } }";
        while server.query(names).await["data"]["devices"]["edges"][0]["node"]["name"] != "x" {}
    };
    tokio::time::timeout(PATIENCE, renamed).await.unwrap();
}

/// A tenant that asks for too much is told to wait; its neighbour is not.
#[tokio::test]
async fn tenants_have_rates() {
    let settings = Settings::default().tenant_requests_per_second(1).tenant_events_per_second(1);
    let server = Server::with_settings("http://127.0.0.1:9", settings).await;
    let neighbour = server.neighbour().await;
    let answer = refusal(async || ask(&server, INFO).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer, json!({ "errors": { "detail": "Too Many Requests" } }));
    assert_eq!(ask(&neighbour, INFO).send().await.unwrap().status(), 200);
    let batch = vec![json!({ "query": INFO }); 50];
    let batch = server.post("/tenants/plant-one/api").bearer_auth(&server.token).json(&batch);
    let batch: Value = batch.send().await.unwrap().json().await.unwrap();
    let refused = |answer: &Value| answer["payload"]["errors"][0]["message"].is_string();
    assert!(batch.as_array().unwrap().iter().any(refused), "{batch}");

    let event = json!({
        "device_id": crate::DEVICE, "timestamp": "2026-01-02T03:04:05.678Z", "event": { "type": "device_connected" },
    });
    let answer = refusal(async || server.deliver(event.to_string()).await, StatusCode::OK).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    let event = neighbour.deliver(event.to_string()).await;
    assert_eq!(event.status(), 200);
}

/// Whoever tries tokens is not listened to for long, and those who have one do not notice.
#[tokio::test]
async fn guessing_at_tokens_has_an_end() {
    let settings = Settings::default().wrong_tokens_per_second(1);
    let server = Server::with_settings("http://127.0.0.1:9", settings).await;
    let neighbour = server.neighbour().await;
    assert_eq!(ask(&server, INFO).send().await.unwrap().status(), 200);
    let guess = format!("{}.e30.AAAA", server.token.split('.').next().unwrap());
    let guess = async || server.post("/tenants/plant-one/api").bearer_auth(&guess).send().await.unwrap();
    let answer = refusal(guess, StatusCode::FORBIDDEN).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(ask(&server, INFO).send().await.unwrap().status(), 200);
    assert_eq!(ask(&neighbour, INFO).send().await.unwrap().status(), 200);
}

/// A name that nobody had a moment ago may be somebody's now; what can be no name is nobody's.
#[tokio::test]
async fn unknown_tenants_are_forbidden_until_they_are_made() {
    let server = Server::start().await;
    let status = async |slug: &str| {
        server.http.get(format!("{}/tenants/{slug}/api", server.url)).send().await.unwrap().status()
    };
    for slug in ["plant-two", "plant-two", "Plant-One", "plant%20one", "%00"] {
        assert_eq!(status(slug).await, 403, "{slug}");
    }
    let _neighbour = server.neighbour().await;
    assert_eq!(status("plant-two").await, 401);
}

/// The database that is gone does not make unknown names cost more than known ones: what can be no name is refused as ever.
#[tokio::test]
async fn what_is_no_name_is_not_looked_up() {
    let server = Server::start().await;
    let store = Store::connect(StoreConfig::new(server.database.clone(), crate::keyring()).pool_size(1))
        .await
        .unwrap();
    let engine = edgehog_engine::Engine::builder(store.clone(), "http://localhost".parse().unwrap());
    let engine = engine.build().unwrap();
    store.close().await;
    assert!(engine.tenant("a-name").await.is_err());
    assert!(engine.tenant("No Name").await.unwrap().is_none());
}

/// The head of a request has an end, in number as in length.
#[tokio::test]
async fn heads_have_an_end() {
    let server = Server::start().await;
    let many: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
    let long = format!("x-long: {}\r\n", "y".repeat(1_000_000));
    for headers in [many, long] {
        let mut connection = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        let head = format!("GET /version HTTP/1.1\r\nHost: h\r\n{headers}\r\n");
        // It may be refused before all of it is written.
        let _ = connection.write_all(head.as_bytes()).await;
        let mut status = [0; 12];
        connection.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 431");
    }
}

/// Documents and variables that are all mass are refused before they are run.
#[tokio::test]
async fn mass_is_refused() {
    let server = Server::start().await;
    let aliases: String = (0..501).map(|number| format!("a{number}: tenantInfo {{ slug }} ")).collect();
    let long = format!("{{ tenantInfo {{ slug }} }} #{}", "x".repeat(300_000));
    let directives = format!("{{ tenantInfo {} {{ slug }} }}", "@include(if: true) ".repeat(9));
    for document in [format!("{{ {aliases} }}"), long, directives] {
        let answer = server.query(&document).await;
        assert!(answer.get("data").is_none() && answer["errors"][0]["message"].is_string(), "{answer}");
    }
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let wide = format!("[{}0]", "0,".repeat(100_000));
    for value in [deep, wide] {
        let request = server.post("/tenants/plant-one/api").bearer_auth(&server.token);
        let body = format!(r#"{{"query": "{INFO}", "variables": {{"x": {value}}}}}"#);
        let answer = request.header("Content-Type", "application/json").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400);
    }
}
