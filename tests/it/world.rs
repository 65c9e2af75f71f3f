//! A server and the Astarte it works with, both listening on ports of their own.

use std::time::Duration;

use astarte_emulator::{Emulator, RealmHandle, RealmKey};
use edgehog_astarte::Client;
use edgehog_engine::storage::{LocalConfig, Storage};
use edgehog_engine::{
    DeviceSensors, Engine, ForwarderConfig, Geolocation, Keyring, NewTenant, PgConnectOptions, SigningKey,
    Store, StoreConfig, TenantId, mint_tenant_token,
};
use edgehog_sdk::interfaces;
use edgehog_server::Settings;
use poem::Server;
use poem::listener::{Acceptor, Listener, TcpListener};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const REALM: &str = "plantone";
pub(crate) const TENANT: &str = "plant-one";

/// Where the web pages are from that may open sockets.
pub(crate) const CONSOLE: &str = "http://console.example";

pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) realm: RealmHandle,
    pub(crate) realm_key: RealmKey,
    /// A client of our own for the realm.
    pub(crate) client: Client,
    pub(crate) engine: Engine,
    pub(crate) server_url: String,
    database: PgConnectOptions,
    pub(crate) token: SecretString,
    pub(crate) http: reqwest::Client,
    tenant_key: RealmKey,
    _files: TempDir,
    _stop: DropGuard,
}

impl World {
    /// Astarte and a server that knows no tenant yet.
    pub(crate) async fn new() -> Self {
        let emulator = Emulator::builder().start().await.unwrap();
        let realm_key = RealmKey::generate().unwrap();
        let realm = emulator.create_realm(REALM, realm_key.public_key_pem()).unwrap();
        let signing_key = SigningKey::from_pem(realm_key.private_key_pem()).unwrap();
        let client =
            Client::builder(emulator.base_url(), REALM.parse().unwrap(), signing_key).build().unwrap();

        let options = edgehog_test_database::create().await;
        Store::migrate(&options).await.unwrap();
        let store = connect(options.clone()).await;
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        let server_url = format!("http://{address}");
        let files = tempfile::tempdir().unwrap();
        let storage = LocalConfig::new(files.path().join("storage"), server_url.parse().unwrap());
        let engine = Engine::builder(store, server_url.parse().unwrap())
            .storage(Some(Storage::open(&storage.into()).unwrap()))
            .forwarder(Some(ForwarderConfig::new("forwarder.example", 443, true).unwrap()))
            .geolocation(Geolocation::builder().locate_with(DeviceSensors).build())
            .build()
            .unwrap();
        let settings = Settings::default()
            .upload_directory(files.path())
            .allowed_origins(vec![CONSOLE.parse().unwrap()]);
        let endpoint = edgehog_server::endpoint_with(engine.clone(), settings);
        tokio::spawn(Server::new_with_acceptor(acceptor).run(endpoint));
        let stop = CancellationToken::new();
        tokio::spawn(engine.clone().run(stop.clone()));

        let tenant_key = RealmKey::generate().unwrap();
        let signing_key = SigningKey::from_pem(tenant_key.private_key_pem()).unwrap();
        let token = mint_tenant_token(&signing_key, None).unwrap();
        let http = reqwest::Client::new();
        let _stop = stop.drop_guard();
        Self {
            emulator,
            realm,
            realm_key,
            client,
            engine,
            server_url,
            database: options,
            token,
            http,
            tenant_key,
            _files: files,
            _stop,
        }
    }

    /// The same, with the tenant `plant-one`, whose realm is ready.
    pub(crate) async fn with_tenant() -> Self {
        let world = Self::new().await;
        world.provision().await;
        world.until("the realm to be ready", async || world.is_ready().await.then_some(())).await;
        world
    }

    /// Another server on the same database, for as long as the guard lives.
    pub(crate) async fn replica(&self) -> DropGuard {
        let store = connect(self.database.clone()).await;
        let engine = Engine::builder(store, self.server_url.parse().unwrap()).build().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(engine.run(stop.clone()));
        stop.drop_guard()
    }

    /// Deletes a tenant by way of another server.
    pub(crate) async fn delete_elsewhere(&self, tenant: TenantId) {
        let store = connect(self.database.clone()).await;
        let engine = Engine::builder(store, self.server_url.parse().unwrap()).build().unwrap();
        engine.delete_tenant(tenant).await.unwrap().unwrap();
    }

    pub(crate) async fn provision(&self) {
        self.engine.provision_tenant(&self.tenant()).await.unwrap();
    }

    pub(crate) fn tenant(&self) -> NewTenant {
        NewTenant::new(
            "Plant One",
            TENANT,
            self.tenant_key.public_key_pem(),
            self.emulator.base_url(),
            REALM,
            self.realm_key.private_key_pem().clone(),
        )
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let all = self.engine.reconciliations().await.unwrap();
        all.iter().all(|reconciliation| reconciliation.succeeded == Some(true))
    }

    /// Asks again and again until there is an answer.
    pub(crate) async fn until<T>(&self, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
        match tokio::time::timeout(PATIENCE, ask_until(ask)).await {
            Ok(answer) => answer,
            Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
        }
    }

    pub(crate) async fn query(&self, document: &str) -> Value {
        let request = self.http.post(format!("{}/tenants/{TENANT}/api", self.server_url));
        let answer = request
            .bearer_auth(self.token.expose_secret())
            .json(&json!({ "query": document }))
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    /// What a client sees of one device, if there is one of this id.
    pub(crate) async fn device(&self, device_id: &str, selection: &str) -> Option<Value> {
        let document = format!("{{ devices {{ edges {{ node {{ deviceId {selection} }} }} }} }}");
        let mut answer = self.query(&document).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        let edges = answer["data"]["devices"]["edges"].as_array_mut().unwrap();
        edges.iter_mut().map(|edge| edge["node"].take()).find(|node| node["deviceId"] == device_id)
    }

    /// Waits until a client sees a device that passes `is_right`.
    pub(crate) async fn device_that(
        &self,
        device_id: &str,
        selection: &str,
        is_right: impl Fn(&Value) -> bool,
    ) -> Value {
        let last_seen = std::sync::Mutex::new(None);
        let seen = async || {
            let device = self.device(device_id, selection).await;
            *last_seen.lock().unwrap() = device.clone();
            device.filter(&is_right)
        };
        match tokio::time::timeout(PATIENCE, ask_until(seen)).await {
            Ok(device) => device,
            Err(_) => {
                panic!("waited {PATIENCE:?} in vain for the right {selection}; last seen: {last_seen:?}")
            }
        }
    }

    /// Connects a simulated device that announces the whole collection.
    pub(crate) async fn connect(&self, device_id: &str) -> astarte_emulator::DeviceLink {
        // Devices use one major of an interface.
        let collection = interfaces::all().filter(|it| it.major == 0 || it.name.ends_with(".OTARequest"));
        let announced = collection.map(|it| (it.name, it.major.cast_signed(), it.minor.cast_signed()));
        self.realm.connect(device_id, announced.collect::<Vec<_>>()).await.unwrap()
    }
}

async fn ask_until<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn connect(database: PgConnectOptions) -> Store {
    let keyring = Keyring::derive(&"k".repeat(32).into()).unwrap();
    Store::connect(StoreConfig::new(database, keyring).pool_size(4)).await.unwrap()
}
