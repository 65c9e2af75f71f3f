//! What holds for all routes.

use std::sync::atomic::Ordering;
use std::time::Instant;

use edgehog_engine::{Engine, Store, StoreConfig};
use edgehog_server::Settings;
use futures::future::join_all;
use poem::listener::{Listener, TcpListener};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tokio_util::sync::CancellationToken;

use crate::processes::PATIENCE;
use crate::statements::counted;
use crate::{Server, keyring, serve};

#[tokio::test]
async fn operators_see_life_and_version() {
    let server = Server::start().await;
    let get = async |path: &str| server.http.get(format!("{}{path}", server.url)).send().await.unwrap();
    let health = get("/health").await;
    assert_eq!((health.status().as_u16(), health.text().await.unwrap()), (200, "OK".to_owned()));
    let version: Value = get("/version").await.json().await.unwrap();
    assert_eq!(version, json!({ "version": env!("CARGO_PKG_VERSION") }));
}

/// Ready is who reaches the database and is not about to end; alive is who is there.
#[tokio::test]
async fn readiness_follows_the_database_and_the_end() {
    let draining = CancellationToken::new();
    let settings = Settings::default().draining(draining.clone());
    let server = Server::with_settings("http://127.0.0.1:9", settings).await;
    let get = async |path: &str| server.http.get(format!("{}{path}", server.url)).send().await.unwrap();
    let ready = get("/ready").await;
    assert_eq!((ready.status().as_u16(), ready.text().await.unwrap().as_str()), (200, "OK"));
    assert_eq!(server.http.head(format!("{}/ready", server.url)).send().await.unwrap().status(), 200);
    draining.cancel();
    let ending = get("/ready").await;
    assert_eq!(ending.status(), 503);
    let body: Value = ending.json().await.unwrap();
    assert_eq!(body, json!({ "errors": { "detail": "Service Unavailable" } }));
    assert_eq!(get("/health").await.status(), 200);
    assert_eq!(get("/version").await.status(), 200);
}

/// A server whose database cannot be used is alive and not ready, until it can again.
#[tokio::test]
async fn without_a_database_nobody_is_ready() {
    let server = Server::start().await;
    let get = async |path: &str| server.http.get(format!("{}{path}", server.url)).send().await.unwrap();
    let becomes = async |status: u16| {
        let asked = async { while get("/ready").await.status() != status {} };
        tokio::time::timeout(PATIENCE, asked).await.unwrap();
    };
    becomes(200).await;
    let name = server.database.get_database().unwrap();
    let elsewhere: PgConnectOptions = std::env::var("DATABASE_URL").unwrap().parse().unwrap();
    let mut admin = elsewhere.connect().await.unwrap();
    let mut tell = async |statement: String| admin.execute(AssertSqlSafe(statement)).await.unwrap();
    tell(format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false")).await;
    tell(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
    becomes(503).await;
    assert_eq!(get("/health").await.status(), 200);
    tell(format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS true")).await;
    becomes(200).await;
}

/// However often somebody asks, the database is asked twice in a second at most.
#[tokio::test]
async fn the_database_is_asked_seldom() {
    let server = Server::start().await;
    let (database, statements) = counted(&server).await;
    let twin = server.twin(database).await;
    let ask = async || {
        let answer = twin.http.get(format!("{}/ready", twin.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    };
    // The first one makes a connection ready too.
    ask().await;
    let (begun, before) = (Instant::now(), statements.load(Ordering::SeqCst));
    join_all((0..200).map(|_| ask())).await;
    let asked = statements.load(Ordering::SeqCst) - before;
    // However long it took: one check for each half second that passed, and one that may have begun it.
    let checks = usize::try_from(begun.elapsed().as_millis() / 500).unwrap() + 1;
    let each = ["BEGIN", "ROLLBACK"].len();
    assert!(asked <= checks * each, "{asked} statements in {:?}", begun.elapsed());
}

/// Unknown routes have the same shape as all refusals; a slash at the end makes no difference.
#[tokio::test]
async fn unknown_routes_are_404() {
    let server = Server::start().await;
    let get = async |path: &str| server.http.get(format!("{}{path}", server.url)).send().await.unwrap();
    for path in ["/", "/nowhere", "/tenants", "/tenants/plant-one", "/tenants/plant-one/nowhere"] {
        let answer = get(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "errors": { "detail": "Not Found" } }));
    }
    for path in ["/health", "/version", "/tenants/plant-one/api"] {
        let answer = server.http.delete(format!("{}{path}", server.url)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "DELETE {path}");
    }
    assert_eq!(get("/version/").await.status(), 200);
    assert_eq!(server.http.head(format!("{}/health", server.url)).send().await.unwrap().status(), 200);
}

/// Browsers of any origin may use the API, and every answer says which request it is for.
#[tokio::test]
async fn every_answer_has_its_headers() {
    let server = Server::start().await;
    let url = format!("{}/tenants/plant-one/api", server.url);
    let preflight =
        server.http.request(reqwest::Method::OPTIONS, &url).header("Access-Control-Request-Method", "POST");
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-max-age"], "1728000");
    let refused =
        server.http.post(&url).header("x-request-id", "an-id-of-twenty-chars").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
    assert_eq!(refused.headers()["x-request-id"], "an-id-of-twenty-chars");
    let short = server.http.post(&url).header("x-request-id", "short").send().await.unwrap();
    assert_ne!(short.headers()["x-request-id"], "short");
}

/// An id that could pass for something else in the log is replaced; each answer has one, refusals of sockets too.
#[tokio::test]
async fn every_answer_has_an_id() {
    let server = Server::start().await;
    for path in ["/version", "/nowhere", "/tenants/plant-one/api", "/tenants/nobody/api", "/socket/websocket"]
    {
        for id in ["status=200 path=/tenants/x", "\"0123456789012345678901\""] {
            let request = server.http.get(format!("{}{path}", server.url)).header("x-request-id", id);
            let answer = request.send().await.unwrap();
            let given = answer.headers()["x-request-id"].to_str().unwrap();
            assert!(given != id && given.len() >= 20, "{path}: {given}");
        }
    }
}

/// No answer of the API is a page, a script or a picture, whatever a browser is told that it is.
#[tokio::test]
async fn browsers_are_told_to_be_careful() {
    let server = Server::start().await;
    for path in ["/health", "/metrics", "/version", "/nowhere", "/tenants/plant-one/api", "/socket/websocket"]
    {
        let answer = server.http.get(format!("{}{path}", server.url)).send().await.unwrap();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers().get(name).map(|it| it.to_str().unwrap()), Some(value), "{path}");
        }
        assert!(!answer.headers().contains_key("strict-transport-security"), "{path}: it is not https");
    }
}

/// Whoever is reached by TLS is reached by nothing else.
#[tokio::test]
async fn https_is_for_good() {
    let server = Server::start().await;
    let store =
        Store::connect(StoreConfig::new(server.database.clone(), keyring()).pool_size(2)).await.unwrap();
    let engine = Engine::builder(store, "https://edgehog.example".parse().unwrap()).build().unwrap();
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let url = serve(acceptor, &engine, Settings::default());
    let answer = server.http.get(format!("{url}/version")).send().await.unwrap();
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
}

/// Whoever does not take JSON gets 406.
#[tokio::test]
async fn answers_are_json() {
    let server = Server::start().await;
    for path in ["/tenants/plant-one/api", "/tenants/plant-one/triggers"] {
        let answer =
            server.post(path).header("Accept", "text/html").bearer_auth(&server.token).send().await.unwrap();
        assert_eq!(answer.status(), 406, "{path}");
    }
}
