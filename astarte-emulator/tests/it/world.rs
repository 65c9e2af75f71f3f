//! An emulator with one realm, and a client for its APIs.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use astarte_emulator::{DeviceId, Emulator, RealmHandle, RealmKey};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value as Json, json};

pub(crate) const REALM: &str = "test";

pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) realm: RealmHandle,
    pub(crate) key: RealmKey,
    client: reqwest::Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::start(None).await
    }

    pub(crate) async fn with_ca_dir(dir: &Path) -> Self {
        Self::start(Some(dir)).await
    }

    async fn start(ca_dir: Option<&Path>) -> Self {
        let mut builder = Emulator::builder().server_timestamps(true);
        if let Some(dir) = ca_dir {
            builder = builder.ca_dir(dir);
        }
        let emulator = builder.start().await.unwrap();
        let key = RealmKey::generate().unwrap();
        let realm = emulator.create_realm(REALM, key.public_key_pem()).unwrap();
        for definition in interfaces() {
            realm.install_interface(&definition).unwrap();
        }
        Self { emulator, realm, key, client: reqwest::Client::new() }
    }

    /// A registered device.
    pub(crate) fn device(&self) -> String {
        let id = DeviceId::random().to_string();
        self.realm.register_device(&id).unwrap();
        id
    }

    /// Takes a device's credentials away, so that it can be registered anew.
    pub(crate) async fn realm_unregister(&self, id: &str) {
        let (status, body) = self.delete(&format!("pairing/v1/{REALM}/agent/devices/{id}")).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let token = self.key.token(Duration::from_secs(60)).unwrap();
        let url = format!("{}{path}", self.emulator.base_url());
        self.client.request(method, url).bearer_auth(token)
    }

    pub(crate) async fn send(&self, method: Method, path: &str, data: Option<Json>) -> (StatusCode, Json) {
        let mut request = self.request(method, path);
        if let Some(data) = data {
            request = request.json(&json!({"data": data}));
        }
        body(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Json) {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, data: Json) -> (StatusCode, Json) {
        self.send(Method::POST, path, Some(data)).await
    }

    pub(crate) async fn put(&self, path: &str, data: Json) -> (StatusCode, Json) {
        self.send(Method::PUT, path, Some(data)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (StatusCode, Json) {
        self.send(Method::DELETE, path, None).await
    }

    /// Reads values of a device.
    pub(crate) async fn values(&self, id: &str, rest: &str) -> (StatusCode, Json) {
        self.get(&format!("appengine/v1/{REALM}/devices/{id}/interfaces/{rest}")).await
    }

    /// The `data` of a read that must succeed.
    pub(crate) async fn data(&self, id: &str, rest: &str) -> Json {
        let (status, body) = self.values(id, rest).await;
        assert_eq!(status, StatusCode::OK, "{rest}: {body}");
        body["data"].clone()
    }

    pub(crate) async fn status(&self, id: &str) -> Json {
        let (status, body) = self.get(&format!("appengine/v1/{REALM}/devices/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["data"].clone()
    }

    /// Reads values until they are as expected: for devices that work on their own.
    pub(crate) async fn until(&self, id: &str, rest: &str, expected: impl Fn(&Json) -> bool) -> Json {
        eventually(rest, async || {
            let (status, body) = self.values(id, rest).await;
            (status == StatusCode::OK && expected(&body["data"])).then(|| body["data"].clone())
        })
        .await
    }

    /// Reads a device's status until it is as expected.
    pub(crate) async fn until_status(&self, id: &str, expected: impl Fn(&Json) -> bool) -> Json {
        eventually("status", async || Some(self.status(id).await).filter(&expected)).await
    }
}

pub(crate) async fn body(response: Response) -> (StatusCode, Json) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (
        status,
        if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap_or(Json::String(text)) },
    )
}

/// Waits for an event with a bound.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(60), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen"),
    }
}

/// Asks again until there is an answer, with a bound.
pub(crate) async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    within(what, async {
        let mut interval = tokio::time::interval(Duration::from_millis(20));
        loop {
            interval.tick().await;
            if let Some(value) = ask().await {
                return value;
            }
        }
    })
    .await
}

pub(crate) fn interface(name: &str, kind: &str, owner: &str, aggregation: &str, mappings: Json) -> Json {
    json!({
        "interface_name": name, "version_major": 1, "version_minor": 0,
        "type": kind, "ownership": owner, "aggregation": aggregation, "mappings": mappings,
    })
}

pub(crate) const TYPES: [&str; 14] = [
    "double",
    "integer",
    "boolean",
    "longinteger",
    "string",
    "binaryblob",
    "datetime",
    "doublearray",
    "integerarray",
    "booleanarray",
    "longintegerarray",
    "stringarray",
    "binaryblobarray",
    "datetimearray",
];

/// One interface of every kind.
pub(crate) fn interfaces() -> Vec<Json> {
    let all_types: Vec<Json> =
        TYPES.iter().map(|name| json!({"endpoint": format!("/{name}"), "type": name})).collect();
    let reliability = |reliability: &str| json!({"reliability": reliability});
    let with = |mut mapping: Json, extra: &Json| {
        mapping.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        mapping
    };
    vec![
        interface(
            "org.example.Stream",
            "datastream",
            "device",
            "individual",
            json!([
                {"endpoint": "/%{room}/temp", "type": "double"},
                {"endpoint": "/%{room}/count", "type": "longinteger", "reliability": "guaranteed"},
                {"endpoint": "/%{room}/at", "type": "integer", "explicit_timestamp": true, "reliability": "unique"},
            ]),
        ),
        interface("org.example.Types", "datastream", "device", "individual", all_types.clone().into()),
        interface(
            "org.example.ServerTypes",
            "datastream",
            "server",
            "individual",
            all_types.iter().map(|mapping| with(mapping.clone(), &reliability("unique"))).collect(),
        ),
        interface(
            "org.example.Props",
            "properties",
            "device",
            "individual",
            json!([
                {"endpoint": "/%{room}/label", "type": "string", "allow_unset": true},
                {"endpoint": "/%{room}/size", "type": "longinteger"},
            ]),
        ),
        interface(
            "org.example.ServerProps",
            "properties",
            "server",
            "individual",
            json!([
                {"endpoint": "/%{room}/label", "type": "string", "allow_unset": true},
                {"endpoint": "/%{room}/fixed", "type": "integer"},
            ]),
        ),
        interface(
            "org.example.Object",
            "datastream",
            "device",
            "object",
            json!([
                {"endpoint": "/%{room}/temp", "type": "double"},
                {"endpoint": "/%{room}/serial", "type": "longinteger"},
            ]),
        ),
        interface(
            "org.example.ServerObject",
            "datastream",
            "server",
            "object",
            json!([
                {"endpoint": "/%{room}/temp", "type": "double", "reliability": "guaranteed"},
                {"endpoint": "/%{room}/on", "type": "boolean", "reliability": "guaranteed"},
            ]),
        ),
        interface(
            "org.example.ServerStream",
            "datastream",
            "server",
            "individual",
            json!([
                {"endpoint": "/unreliable", "type": "integer"},
                {"endpoint": "/guaranteed", "type": "integer", "reliability": "guaranteed"},
                {"endpoint": "/unique", "type": "integer", "reliability": "unique"},
            {"endpoint": "/stamped", "type": "integer", "explicit_timestamp": true},
            ]),
        ),
        interface(
            "org.example.Volatile",
            "datastream",
            "device",
            "individual",
            json!([
                {"endpoint": "/value", "type": "integer", "reliability": "guaranteed", "retention": "volatile"},
            ]),
        ),
        interface(
            "org.example.Stored",
            "datastream",
            "device",
            "individual",
            json!([
                {"endpoint": "/value", "type": "integer", "reliability": "unique", "retention": "stored"},
            ]),
        ),
    ]
}
