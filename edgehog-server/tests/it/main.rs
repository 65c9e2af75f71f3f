//! The server, asked over HTTP, with a real PostgreSQL behind it.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a helper that cannot prepare a test has failed it")]

mod admin;
mod admin_bodies;
mod admin_description;
mod admin_lists;
mod admin_probe;
mod astarte;
mod auth;
mod bad_input;
mod commands;
mod deployment;
mod devices;
mod disks;
mod faults;
mod forwarder;
mod graphql;
mod groups;
mod hardware_types;
mod http;
mod ids;
mod isolation;
mod led;
mod lifecycle;
mod limits;
mod lists;
mod metrics;
#[cfg(feature = "otel")]
mod otel;
mod pages;
mod pictures;
mod processes;
mod records;
mod requests;
mod schema;
mod sockets;
mod statements;
mod subscriptions;
mod system_models;
mod tags;
mod telemetry;
mod tenants;
mod triggers;

use std::time::Duration;

use edgehog_engine::{
    Engine, EngineBuilder, Keyring, NewTenant, SigningKey, Store, StoreConfig, mint_tenant_token,
};
use edgehog_server::Settings;
use poem::Server as HttpServer;
use poem::listener::{Acceptor, Listener, TcpListener};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;

/// A server on a database and a port of its own, with one tenant, `plant-one`, whose realm is `plantone`.
struct Server {
    url: String,
    http: Client,
    engine: Engine,
    database: PgConnectOptions,
    tenant_key: KeyPair,
    /// The tenant that the requests below are for, and its token.
    slug: &'static str,
    token: String,
}

const DEVICE: &str = "2TBn-jNESuuHamE2Zo1anA";

impl Server {
    /// A server whose Astarte does not answer.
    async fn start() -> Self {
        Self::with_astarte("http://127.0.0.1:9").await
    }

    async fn with_astarte(astarte: &str) -> Self {
        Self::with_settings(astarte, Settings::default()).await
    }

    async fn with_settings(astarte: &str, settings: Settings) -> Self {
        Self::with(astarte, settings, |engine| engine).await
    }

    async fn with(
        astarte: &str,
        settings: Settings,
        set_up: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let database = edgehog_test_database::create().await;
        Store::migrate(&database).await.unwrap();
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let tenant_key = key_pair();
        let token = token(&tenant_key);
        let engine = set_up(engine(database.clone()).await).build().unwrap();
        let url = serve(acceptor, &engine, settings);
        let server =
            Self { url, http: Client::new(), engine, database, tenant_key, slug: "plant-one", token };
        server.provision("plant-one", &server.tenant_key.public_key_pem(), astarte).await;
        server
    }

    /// Another server on the same database, which it reaches in a way of its own.
    async fn twin(&self, database: PgConnectOptions) -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let engine = engine(database.clone()).await.build().unwrap();
        let url = serve(acceptor, &engine, Settings::default());
        Self { url, http: Client::new(), engine, database, ..self.again() }
    }

    /// The same server for another tenant, `plant-two`, which is made.
    async fn neighbour(&self) -> Self {
        self.neighbour_on("http://127.0.0.1:9").await
    }

    /// The same, with a realm on this Astarte.
    async fn neighbour_on(&self, astarte: &str) -> Self {
        let tenant_key = key_pair();
        self.provision("plant-two", &tenant_key.public_key_pem(), astarte).await;
        Self { token: token(&tenant_key), tenant_key, slug: "plant-two", ..self.again() }
    }

    /// The same server for the same tenant.
    fn again(&self) -> Self {
        Self {
            url: self.url.clone(),
            http: self.http.clone(),
            engine: self.engine.clone(),
            database: self.database.clone(),
            token: self.token.clone(),
            tenant_key: KeyPair::from_pem(&self.tenant_key.serialize_pem()).unwrap(),
            slug: self.slug,
        }
    }

    async fn provision(&self, slug: &str, public_key: &str, astarte: &str) {
        let realm = slug.replace('-', "");
        let realm_key = key_pair().serialize_pem().into();
        // Astarte is played by the test, whose triggers show no secret.
        let new =
            NewTenant::new(slug, slug, public_key, astarte, realm, realm_key).authenticate_triggers(false);
        self.engine.provision_tenant(&new).await.unwrap();
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    /// Posts an event as Astarte would.
    async fn event(&self, event: Value) -> StatusCode {
        let body = json!({
            "device_id": DEVICE,
            "timestamp": "2026-01-02T03:04:05.678Z",
            "trigger_name": "a-trigger",
            "event": event,
        });
        self.deliver(body.to_string()).await.status()
    }

    async fn deliver(&self, body: String) -> Response {
        let path = format!("/tenants/{}/triggers", self.slug);
        let request = self.post(&path).header("Astarte-Realm", self.slug.replace('-', ""));
        request.header("Content-Type", "application/json").body(body).send().await.unwrap()
    }

    async fn query(&self, document: &str) -> Value {
        self.query_with(document, json!({})).await
    }

    async fn query_with(&self, document: &str, variables: Value) -> Value {
        let request = self.post(&format!("/tenants/{}/api", self.slug)).bearer_auth(&self.token);
        let answer =
            request.json(&json!({ "query": document, "variables": variables })).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    async fn device_count(&self) -> i64 {
        let tenant = self.engine.tenant(self.slug).await.unwrap().unwrap();
        tenant.device_count().await.unwrap()
    }
}

async fn engine(database: PgConnectOptions) -> EngineBuilder {
    let store = Store::connect(StoreConfig::new(database, keyring()).pool_size(4)).await.unwrap();
    Engine::builder(store, "http://localhost:4000".parse().unwrap()).read_timeout(Duration::from_secs(2))
}

/// Serves the engine, and says at which URL.
fn serve(acceptor: impl Acceptor + 'static, engine: &Engine, settings: Settings) -> String {
    let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
    let endpoint = edgehog_server::endpoint_with(engine.clone(), settings);
    tokio::spawn(HttpServer::new_with_acceptor(acceptor).run(endpoint));
    format!("http://{address}")
}

fn token(tenant_key: &KeyPair) -> String {
    let signing_key = SigningKey::from_pem(tenant_key.serialize_pem().as_str()).unwrap();
    mint_tenant_token(&signing_key, None).unwrap().expose_secret().to_owned()
}

fn keyring() -> Keyring {
    Keyring::derive(&"k".repeat(32).into()).unwrap()
}

fn key_pair() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}
