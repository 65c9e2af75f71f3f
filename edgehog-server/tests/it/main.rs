//! The server, asked over HTTP, with a real PostgreSQL behind it.

#![expect(clippy::unwrap_used, reason = "a helper that cannot prepare a test has failed it")]

mod astarte;
mod auth;
mod commands;
mod devices;
mod graphql;
mod http;
mod processes;
mod requests;
mod schema;
mod sockets;
mod triggers;

use std::time::Duration;

use edgehog_engine::{Engine, NewTenant, SigningKey, Store, StoreConfig, mint_tenant_token};
use edgehog_server::Settings;
use poem::Server as HttpServer;
use poem::listener::{Acceptor, Listener, TcpListener};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// A server on a database and a port of its own, with one tenant, `plant-one`, whose realm is `plantone`.
struct Server {
    url: String,
    http: Client,
    engine: Engine,
    tenant_key: KeyPair,
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
        let options = edgehog_test_database::create().await;
        Store::migrate(&options).await.unwrap();
        let store = Store::connect(StoreConfig::new(options).pool_size(4)).await.unwrap();
        let engine = Engine::builder(store, "http://localhost:4000".parse().unwrap())
            .read_timeout(Duration::from_secs(2))
            .build()
            .unwrap();
        let tenant_key = key_pair();
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
        let endpoint = edgehog_server::endpoint_with(engine.clone(), settings);
        tokio::spawn(HttpServer::new_with_acceptor(acceptor).run(endpoint));
        let signing_key = SigningKey::from_pem(tenant_key.serialize_pem().as_str()).unwrap();
        let token = mint_tenant_token(&signing_key, None).unwrap().expose_secret().to_owned();
        let server =
            Self { url: format!("http://{address}"), http: Client::new(), engine, tenant_key, token };
        server.provision("plant-one", &server.tenant_key.public_key_pem(), astarte).await;
        server
    }

    async fn provision(&self, slug: &str, public_key: &str, astarte: &str) {
        let realm = slug.replace('-', "");
        let realm_key = key_pair().serialize_pem().into();
        let new = NewTenant::new(slug, slug, public_key, astarte, realm, realm_key);
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
        let request = self.post("/tenants/plant-one/triggers").header("Astarte-Realm", "plantone");
        request.header("Content-Type", "application/json").body(body).send().await.unwrap()
    }

    async fn query(&self, document: &str) -> Value {
        self.query_with(document, json!({})).await
    }

    async fn query_with(&self, document: &str, variables: Value) -> Value {
        let request = self.post("/tenants/plant-one/api").bearer_auth(&self.token);
        let answer =
            request.json(&json!({ "query": document, "variables": variables })).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    async fn device_count(&self) -> i64 {
        let tenant = self.engine.tenant("plant-one").await.unwrap().unwrap();
        tenant.device_count().await.unwrap()
    }
}

fn key_pair() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}
