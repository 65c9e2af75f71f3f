//! The server that the targets ask: in this process, with a PostgreSQL behind it and an Astarte of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use edgehog_engine::storage::{Storage, StorageConfig};
use edgehog_engine::{Engine, ForwarderConfig, Keyring, NewTenant, Store, StoreConfig, VerifyingKey};
use edgehog_server::Settings;
use poem::endpoint::BoxEndpoint;
use poem::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use poem::http::{HeaderName, HeaderValue, Method, Uri};
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, Request, Response, Server};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::answer::Answer;
use crate::fake_astarte;
use crate::keys::{HEADER, KeyPair};

/// The tags of the devices that there are from the start.
pub(crate) const DEVICES: [(&str, &[&str]); 4] = [
    ("2TBn-jNESuuHamE2Zo1anA", &[]),
    ("hzgHOjLJQLaK7_T6xSp0Jg", &["lift", "hall-1"]),
    ("2xGmXW0_Tg-2jIbpvT1aSw", &["camera", "hall-22", "a*b?", "ünïcode 雪"]),
    ("f0VMRgIBAQAAAAAAAAAAAA", &["0", "a\nb", "_-.", "%\\"]),
];

/// Long enough for a request on a machine that is busy; whatever takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct World {
    runtime: Runtime,
    endpoint: BoxEndpoint<'static, Response>,
    /// The same, behind a port.
    pub(crate) address: SocketAddr,
    pub(crate) keys: KeyPair,
    pub(crate) verifying_key: VerifyingKey,
    pub(crate) token: String,
    pub(crate) known: Known,
}

/// What names the records that there are from the start.
#[derive(Default)]
pub(crate) struct Known {
    /// What they are, in lower case, and their ids.
    pub(crate) ids: Vec<(String, String)>,
    pub(crate) cursors: Vec<String>,
}

/// The one of this process, made when it is first needed.
pub(crate) fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(World::new);
    &WORLD
}

impl World {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let keys = KeyPair::new();
        let verifying_key = VerifyingKey::from_pem(&keys.public_pem()).unwrap();
        let (endpoint, address) = runtime.block_on(serve(&keys, verifying_key.clone()));
        let token = keys.sign(HEADER.as_bytes(), br#"{"e_tga":"*","e_ara":"*"}"#);
        let mut world =
            Self { runtime, endpoint, address, keys, verifying_key, token, known: Known::default() };
        world.furnish();
        world
    }

    /// Runs what waits for the server to its end, which must not be long in coming.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let patient = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await });
        patient.unwrap_or_else(|_| panic!("no answer within {PATIENCE:?}"))
    }

    /// Sends a request. `None` where the URI is none.
    pub(crate) fn send(
        &self,
        method: &Method,
        uri: &str,
        headers: &[(HeaderName, &[u8])],
        body: Vec<u8>,
    ) -> Option<Answer> {
        let mut request = Request::builder().method(method.clone()).uri(uri.parse::<Uri>().ok()?).body(body);
        request.headers_mut().insert(HOST, HeaderValue::from_static("edgehog.example"));
        for (name, value) in headers {
            request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
        }
        Some(self.run(async { Answer::of(self.endpoint.get_response(request).await).await }))
    }

    /// Sends the same with a token that is good for everything.
    pub(crate) fn send_as_user(
        &self,
        method: &Method,
        uri: &str,
        media_type: &[u8],
        body: Vec<u8>,
    ) -> Option<Answer> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [(AUTHORIZATION, bearer.as_bytes()), (CONTENT_TYPE, media_type)];
        self.send(method, uri, &headers, body)
    }

    /// Asks for a document, which must be answered as GraphQL is.
    pub(crate) fn query(&self, document: &str, variables: &Value) -> Value {
        let body = json!({ "query": document, "variables": variables }).to_string();
        let answer = self.send_as_user(&Method::POST, API, b"application/json", body.into_bytes()).unwrap();
        answer.graphql()
    }

    /// Makes the devices with their tags, and a few records around them.
    fn furnish(&mut self) {
        for (device, tags) in DEVICES {
            let connected = json!({ "device_id": device, "timestamp": "2026-01-02T03:04:05.678Z",
                "event": { "type": "device_connected", "device_ip_address": "192.0.2.1" } });
            assert_eq!(self.deliver(connected.to_string().into_bytes()).status, 200);
            let found = self.query(DEVICE, &json!({ "id": device }));
            let id = &found["data"]["devices"]["edges"][0]["node"]["id"];
            if !tags.is_empty() {
                let answer = self.query(TAG, &json!({ "id": id, "tags": tags }));
                assert!(answer["data"]["addDeviceTags"]["result"].is_object(), "{answer}");
            }
        }
        let made = self.query(FURNITURE, &json!({}));
        let id = &made["data"]["createHardwareType"]["result"]["id"];
        self.query(MODEL, &json!({ "id": id }));
        let all = self.query(ALL, &json!({}));
        for list in all["data"].as_object().unwrap().values() {
            for edge in list["edges"].as_array().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let of = text(&edge["node"]["__typename"]).to_lowercase();
                self.known.ids.push((of, text(&edge["node"]["id"])));
                self.known.cursors.push(text(&edge["cursor"]));
            }
        }
    }

    /// Delivers an event as Astarte would.
    pub(crate) fn deliver(&self, body: Vec<u8>) -> Answer {
        let headers = [
            (HeaderName::from_static("astarte-realm"), REALM.as_bytes()),
            (CONTENT_TYPE, b"application/json".as_slice()),
        ];
        self.send(&Method::POST, "/tenants/plant-one/triggers", &headers, body).unwrap()
    }
}

pub(crate) const API: &str = "/tenants/plant-one/api";

const REALM: &str = "plantone";

const DEVICE: &str =
    "query ($id: String) { devices(filter: { deviceId: { eq: $id } }) { edges { node { id } } } }";

const TAG: &str = "mutation ($id: ID!, $tags: [String!]!) { addDeviceTags(id: $id, input: { tags: $tags }) { result { id } } }";

const FURNITURE: &str = r#"mutation {
    createHardwareType(input: { handle: "board", name: "Board", partNumbers: ["B"] }) { result { id } }
    createDeviceGroup(input: { handle: "lifts", name: "Lifts", selector: "\"lift\" in tags" }) { result { id } }
}"#;

const MODEL: &str = r#"mutation ($id: ID!) { createSystemModel(input: {
    handle: "model", name: "Model", partNumbers: ["M"], hardwareTypeId: $id
}) { result { id } } }"#;

const ALL: &str = "{
    devices { edges { cursor node { __typename id } } }
    deviceGroups { edges { cursor node { __typename id } } }
    hardwareTypes { edges { cursor node { __typename id } } }
    systemModels { edges { cursor node { __typename id } } }
}";

async fn serve(keys: &KeyPair, admin_key: VerifyingKey) -> (BoxEndpoint<'static, Response>, SocketAddr) {
    let database = edgehog_test_database::create().await;
    Store::migrate(&database).await.unwrap();
    let keyring = Keyring::derive(&"k".repeat(32).into()).unwrap();
    let store = Store::connect(StoreConfig::new(database, keyring).pool_size(4)).await.unwrap();
    // Below `target`, for nobody takes leave of a process that fuzzes.
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz/files");
    std::fs::create_dir_all(&files).unwrap();
    let base = "http://edgehog.example".parse().unwrap();
    let storage = Storage::open(&StorageConfig::local(&files, base)).unwrap();
    let engine = Engine::builder(store, "http://edgehog.example".parse().unwrap())
        .storage(Some(storage))
        .forwarder(Some(ForwarderConfig::new("forwarder.example", 4001, false).unwrap()))
        .build()
        .unwrap();
    let astarte = fake_astarte::start().await;
    let plant =
        NewTenant::new("Plant", "plant-one", keys.public_pem(), astarte, REALM, keys.private_pem().into());
    engine.provision_tenant(&plant.authenticate_triggers(false)).await.unwrap();
    // A fuzzer asks more often than a tenant may, and is to be heard each time.
    let settings = Settings::default()
        .admin_key(Some(admin_key))
        .upload_directory(&files)
        .tenant_requests_per_second(0)
        .tenant_events_per_second(0)
        .wrong_tokens_per_second(0);
    let endpoint = || edgehog_server::endpoint_with(engine.clone(), settings.clone());
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(endpoint()));
    (endpoint(), address)
}
