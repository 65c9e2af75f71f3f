//! The official device SDK as the peer: what it can do has to work.
//!
//! The SDK takes its trusted certificates from the environment of its process. So each test runs itself again in a
//! process of its own, with the emulator's certificate in `SSL_CERT_FILE`: TLS is verified in all of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use astarte_device_sdk::Value as EventValue;
use astarte_device_sdk::aggregate::AstarteObject;
use astarte_device_sdk::builder::DeviceBuilder;
use astarte_device_sdk::prelude::*;
use astarte_device_sdk::store::memory::MemoryStore;
use astarte_device_sdk::store::{SqliteStore, StoreCapabilities};
use astarte_device_sdk::transport::mqtt::{Credential, MqttArgs, MqttConfig};
use astarte_device_sdk::types::{AstarteData, Double};
use astarte_device_sdk::{DeviceEvent, IntoAstarteObject};
use astarte_emulator::{DeviceId, Emulator};
use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};

use crate::world::{REALM, World, eventually, interfaces, within};

const BACKOFF: Duration = Duration::from_millis(100);
const CA_DIR: &str = "ASTARTE_EMULATOR_TEST_CA_DIR";

/// Runs a test in a process that trusts the emulator's certificate.
fn trusting(test: &str, body: impl AsyncFnOnce(World)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(dir) = std::env::var_os(CA_DIR) {
        runtime.block_on(async {
            let world = World::with_ca_dir(Path::new(&dir)).await;
            within("the test", body(world)).await;
        });
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // Starting an emulator leaves its certificate in the directory.
    runtime.block_on(async {
        Emulator::builder().ca_dir(dir.path()).start().await.unwrap().shutdown().await;
    });
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&format!("sdk::{test}"), "--exact", "--nocapture"])
        .env(CA_DIR, dir.path())
        .env("SSL_CERT_FILE", dir.path().join("ca.pem"))
        .env_remove("IGNORE_SSL_ERRORS")
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// A device that the SDK drives in the background.
async fn start<S>(
    world: &World,
    id: &str,
    credential: Credential,
    store: S,
    names: &[&str],
) -> impl Client + ClientConnection + DynamicIntrospection + PropAccess + use<S>
where
    S: StoreCapabilities + Clone + Send + Sync + 'static,
{
    let args = MqttArgs {
        realm: REALM.to_owned(),
        device_id: id.to_owned(),
        credential,
        pairing_url: format!("{}pairing", world.emulator.base_url()).parse().unwrap(),
    };
    // These tests cut connections on purpose: the device is to come back at once.
    let mut builder = DeviceBuilder::new().store(store).exponential_backoff_max(BACKOFF);
    for name in names {
        builder = builder.interface_str(&definition(name)).unwrap();
    }
    let (client, connection) = builder.connection(MqttConfig::new(args)).build().await.unwrap();
    tokio::spawn(async move { connection.handle_events().await.unwrap() });
    client
}

/// A registered device with its properties in memory, connected and introduced.
async fn connected(
    world: &World,
    names: &[&str],
) -> (String, impl Client + ClientConnection + DynamicIntrospection + PropAccess + use<>) {
    let id = DeviceId::random().to_string();
    let secret = world.realm.register_device(&id).unwrap();
    let credential = Credential::secret(secret.expose_secret());
    let client = start(world, &id, credential, MemoryStore::new(), names).await;
    introduced(world, &id, names).await;
    (id, client)
}

async fn introduced(world: &World, id: &str, names: &[&str]) {
    world
        .until_status(id, |status| {
            status["connected"] == true && names.iter().all(|name| !status["introspection"][name].is_null())
        })
        .await;
}

fn definition(name: &str) -> String {
    interfaces().into_iter().find(|json| json["interface_name"] == name).unwrap().to_string()
}

fn data<T: TryInto<AstarteData, Error: std::fmt::Debug>>(value: T) -> AstarteData {
    value.try_into().unwrap()
}

async fn event(client: &impl Client) -> DeviceEvent {
    client.recv().await.unwrap()
}

fn values_url(id: &str, rest: &str) -> String {
    format!("appengine/v1/{REALM}/devices/{id}/interfaces/{rest}")
}

// Registering with a token, credentials, TLS: the SDK's way in from nothing.
#[test]
fn pairs_with_a_token() {
    trusting("pairs_with_a_token", async |world| {
        let id = DeviceId::random().to_string();
        let token = world.key.token(Duration::from_secs(60)).unwrap();
        // The SDK wants a place where it can keep the secret it is given.
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::options().with_writable_dir(dir.path()).await.unwrap();
        let args = MqttArgs {
            realm: REALM.to_owned(),
            device_id: id.clone(),
            credential: Credential::paring_token(token),
            pairing_url: format!("{}pairing", world.emulator.base_url()).parse().unwrap(),
        };
        let (mut client, connection) = DeviceBuilder::new()
            .writable_dir(dir.path())
            .store(store)
            .connection(MqttConfig::new(args))
            .build()
            .await
            .unwrap();
        tokio::spawn(async move { connection.handle_events().await.unwrap() });
        let path = format!("appengine/v1/{REALM}/devices/{id}");
        let status = eventually("registration", async || {
            let (_, body) = world.get(&path).await;
            (body["data"]["connected"] == true).then(|| body["data"].clone())
        })
        .await;
        assert!(status["first_credentials_request"].is_string());
        assert_eq!(status["last_credentials_request_ip"], "127.0.0.1");
        client.disconnect().await.unwrap();
        world.until_status(&id, |status| status["connected"] == false).await;
    });
}

// Key and certificate of an earlier run are verified and used again.
#[test]
fn keeps_its_certificate() {
    trusting("keeps_its_certificate", async |world| {
        let dir = tempfile::tempdir().unwrap();
        let id = DeviceId::random().to_string();
        let secret = world.realm.register_device(&id).unwrap();
        for _ in 0..2 {
            let credential = Credential::secret(secret.expose_secret());
            let args = MqttArgs {
                realm: REALM.to_owned(),
                device_id: id.clone(),
                credential,
                pairing_url: format!("{}pairing", world.emulator.base_url()).parse().unwrap(),
            };
            let (mut client, connection) = DeviceBuilder::new()
                .writable_dir(dir.path())
                .store(MemoryStore::new())
                .connection(MqttConfig::new(args))
                .build()
                .await
                .unwrap();
            let events = tokio::spawn(connection.handle_events());
            world.until_status(&id, |status| status["connected"] == true).await;
            client.disconnect().await.unwrap();
            events.await.unwrap().unwrap();
            world.until_status(&id, |status| status["connected"] == false).await;
        }
    });
}

#[test]
fn individual_datastreams() {
    trusting("individual_datastreams", async |world| {
        let (id, mut client) = connected(&world, &["org.example.Stream"]).await;
        let time: DateTime<Utc> = "2024-05-01T10:20:30.123Z".parse().unwrap();
        client.send_individual("org.example.Stream", "/kitchen/temp", data(21.5)).await.unwrap();
        client.send_individual("org.example.Stream", "/kitchen/count", data(1_i64 << 40)).await.unwrap();
        client
            .send_individual_with_timestamp("org.example.Stream", "/kitchen/at", data(7), time)
            .await
            .unwrap();
        let read = world
            .until(&id, "org.example.Stream", |data| {
                data["kitchen"].as_object().is_some_and(|o| o.len() == 3)
            })
            .await;
        assert_eq!(read["kitchen"]["temp"]["value"], json!(21.5));
        assert_eq!(read["kitchen"]["count"]["value"], json!(1_i64 << 40));
        assert_eq!(read["kitchen"]["at"]["timestamp"], "2024-05-01T10:20:30.123Z");
    });
}

#[derive(IntoAstarteObject)]
struct Reading {
    temp: Double,
    serial: i64,
}

#[test]
fn object_datastreams() {
    trusting("object_datastreams", async |world| {
        let (id, mut client) = connected(&world, &["org.example.Object"]).await;
        let object: AstarteObject = Reading { temp: 3.5.try_into().unwrap(), serial: 9 }.try_into().unwrap();
        client.send_object("org.example.Object", "/kitchen", object).await.unwrap();
        let read = world.until(&id, "org.example.Object/kitchen", Json::is_array).await;
        assert_eq!(read[0]["temp"], json!(3.5));
        assert_eq!(read[0]["serial"], "9");
    });
}

#[test]
fn device_properties() {
    trusting("device_properties", async |world| {
        let (id, mut client) = connected(&world, &["org.example.Props"]).await;
        client.set_property("org.example.Props", "/kitchen/label", data("stove".to_owned())).await.unwrap();
        client.set_property("org.example.Props", "/kitchen/size", data(4_i64)).await.unwrap();
        let both = json!({"kitchen": {"label": "stove", "size": 4}});
        world.until(&id, "org.example.Props", |data| *data == both).await;
        client.unset_property("org.example.Props", "/kitchen/label").await.unwrap();
        world.until(&id, "org.example.Props", |data| *data == json!({"kitchen": {"size": 4}})).await;
    });
}

#[test]
fn server_properties() {
    trusting("server_properties", async |world| {
        let (id, client) = connected(&world, &["org.example.ServerProps"]).await;
        let url = values_url(&id, "org.example.ServerProps/kitchen/label");
        assert_eq!(world.put(&url, json!("hot")).await.0, StatusCode::OK);
        let set = event(&client).await;
        assert_eq!(
            (set.interface.as_str(), set.path.as_str()),
            ("org.example.ServerProps", "/kitchen/label")
        );
        assert_eq!(set.data, EventValue::Property(Some(data("hot".to_owned()))));
        assert_eq!(world.delete(&url).await.0, StatusCode::NO_CONTENT);
        assert_eq!(event(&client).await.data, EventValue::Property(None));
    });
}

// Properties set while the device was away come with its next synchronisation; what was unset is purged.
#[test]
fn server_properties_are_synchronised() {
    trusting("server_properties_are_synchronised", async |world| {
        let (id, client) = connected(&world, &["org.example.ServerProps"]).await;
        let label = values_url(&id, "org.example.ServerProps/kitchen/label");
        assert_eq!(world.put(&label, json!("hot")).await.0, StatusCode::OK);
        event(&client).await;
        assert!(world.realm.disconnect_device(&id).unwrap());
        let fixed = values_url(&id, "org.example.ServerProps/kitchen/fixed");
        assert_eq!(world.put(&fixed, json!(5)).await.0, StatusCode::OK);
        assert_eq!(world.delete(&label).await.0, StatusCode::NO_CONTENT);
        within("synchronisation", async {
            loop {
                let label = client.property("org.example.ServerProps", "/kitchen/label").await.unwrap();
                let fixed = client.property("org.example.ServerProps", "/kitchen/fixed").await.unwrap();
                if label.is_none() && fixed == Some(data(5)) {
                    break;
                }
                event(&client).await;
            }
        })
        .await;
    });
}

// The stamped one is sent with a time that Astarte itself would leave out: this debug build of the SDK insists.
#[test]
fn server_datastreams() {
    trusting("server_datastreams", async |world| {
        let names = ["org.example.ServerStream", "org.example.ServerObject"];
        let (id, client) = connected(&world, &names).await;
        for (path, value) in [("unreliable", 1), ("guaranteed", 2), ("unique", 3), ("stamped", 4)] {
            let url = values_url(&id, &format!("org.example.ServerStream/{path}"));
            assert_eq!(world.post(&url, json!(value)).await.0, StatusCode::OK);
            let received = event(&client).await;
            assert_eq!(received.path, format!("/{path}"));
            assert_eq!(received.data.as_individual().unwrap().0, &AstarteData::Integer(value));
        }
        let url = values_url(&id, "org.example.ServerObject/kitchen");
        let object = json!({"temp": 20, "on": true});
        assert_eq!(world.post(&url, object).await.0, StatusCode::OK);
        let EventValue::Object { data: received, .. } = event(&client).await.data else {
            panic!("not an object");
        };
        assert_eq!(received.get("temp"), Some(&data(20.0)));
        assert_eq!(received.get("on"), Some(&AstarteData::Boolean(true)));
    });
}

fn all_types() -> BTreeMap<&'static str, (AstarteData, Json)> {
    let time: DateTime<Utc> = "2024-05-01T10:20:30.123Z".parse().unwrap();
    let (printed, big) = (json!("2024-05-01T10:20:30.123Z"), i64::MAX);
    BTreeMap::from([
        ("double", (data(1.0), json!(1.0))),
        ("integer", (data(-7), json!(-7))),
        ("boolean", (data(true), json!(true))),
        ("longinteger", (data(big), json!(big.to_string()))),
        ("string", (data("é".to_owned()), json!("é"))),
        ("binaryblob", (data(vec![0_u8, 255]), json!("AP8="))),
        ("datetime", (data(time), printed.clone())),
        ("doublearray", (data(vec![1.5, 2.0]), json!([1.5, 2.0]))),
        ("integerarray", (data(vec![1, 2]), json!([1, 2]))),
        ("booleanarray", (data(vec![true, false]), json!([true, false]))),
        ("longintegerarray", (data(vec![1_i64, big]), json!(["1", big.to_string()]))),
        ("stringarray", (data(vec!["a".to_owned(), String::new()]), json!(["a", ""]))),
        ("binaryblobarray", (data(vec![vec![1_u8], vec![]]), json!(["AQ==", ""]))),
        ("datetimearray", (data(vec![time]), json!([printed]))),
    ])
}

#[test]
fn all_types_from_the_device() {
    trusting("all_types_from_the_device", async |world| {
        let (id, mut client) = connected(&world, &["org.example.Types"]).await;
        for (name, (value, printed)) in all_types() {
            client.send_individual("org.example.Types", &format!("/{name}"), value).await.unwrap();
            let read = world.until(&id, &format!("org.example.Types/{name}"), Json::is_array).await;
            assert_eq!(read[0]["value"], printed, "{name}");
        }
    });
}

#[test]
fn all_types_to_the_device() {
    trusting("all_types_to_the_device", async |world| {
        let (id, client) = connected(&world, &["org.example.ServerTypes"]).await;
        for (name, (value, printed)) in all_types() {
            let url = values_url(&id, &format!("org.example.ServerTypes/{name}"));
            // A long integer may be written as text, the items of an array, too.
            assert_eq!(world.post(&url, printed).await.0, StatusCode::OK, "{name}");
            let received = event(&client).await;
            assert_eq!(received.data.as_individual().unwrap().0, &value, "{name}");
        }
    });
}

// What could not be acknowledged is sent again after the connection was lost.
#[test]
fn retention_over_reconnections() {
    trusting("retention_over_reconnections", async |world| {
        let names = ["org.example.Volatile", "org.example.Stored"];
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::options().with_writable_dir(dir.path()).await.unwrap();
        let id = DeviceId::random().to_string();
        let secret = world.realm.register_device(&id).unwrap();
        let mut client = start(&world, &id, Credential::secret(secret.expose_secret()), store, &names).await;
        introduced(&world, &id, &names).await;
        for round in 0..4 {
            world.until_status(&id, |status| status["connected"] == true).await;
            for interface in names {
                client.send_individual(interface, "/value", data(round)).await.unwrap();
            }
            world.realm.disconnect_device(&id).unwrap();
        }
        for interface in names {
            world
                .until(&id, &format!("{interface}/value"), |data| {
                    (0..4).all(|round| {
                        data.as_array().is_some_and(|all| all.iter().any(|sample| sample["value"] == round))
                    })
                })
                .await;
        }
    });
}

#[test]
fn dynamic_interfaces() {
    trusting("dynamic_interfaces", async |world| {
        let (id, mut client) = connected(&world, &["org.example.Stream"]).await;
        client.add_interface_from_str(&definition("org.example.ServerStream")).await.unwrap();
        introduced(&world, &id, &["org.example.Stream", "org.example.ServerStream"]).await;
        let url = values_url(&id, "org.example.ServerStream/unique");
        assert_eq!(world.post(&url, json!(1)).await.0, StatusCode::OK);
        assert_eq!(event(&client).await.path, "/unique");
        client.remove_interface("org.example.ServerStream").await.unwrap();
        let status = world
            .until_status(&id, |status| status["introspection"]["org.example.ServerStream"].is_null())
            .await;
        assert_eq!(status["previous_interfaces"][0]["name"], "org.example.ServerStream");
    });
}

// A property that the device has forgotten while it was away is forgotten here, too.
#[test]
fn purged_properties() {
    trusting("purged_properties", async |world| {
        let (id, mut client) = connected(&world, &["org.example.Props"]).await;
        client.set_property("org.example.Props", "/kitchen/size", data(4_i64)).await.unwrap();
        world.until(&id, "org.example.Props", |data| *data == json!({"kitchen": {"size": 4}})).await;
        client.disconnect().await.unwrap();
        world.until_status(&id, |status| status["connected"] == false).await;
        world.realm_unregister(&id).await;
        let secret = world.realm.register_device(&id).unwrap();
        let credential = Credential::secret(secret.expose_secret());
        let names = ["org.example.Props"];
        let _empty_handed = start(&world, &id, credential, MemoryStore::new(), &names).await;
        world.until(&id, "org.example.Props", |data| *data == json!({})).await;
    });
}

// While a persistent session is kept, messages that promise delivery wait in it.
#[test]
fn messages_wait_in_the_session() {
    trusting("messages_wait_in_the_session", async |world| {
        let (id, client) = connected(&world, &["org.example.ServerStream"]).await;
        // The first connection of the SDK has a clean session; from the second on the session is kept.
        world.realm.disconnect_device(&id).unwrap();
        introduced(&world, &id, &["org.example.ServerStream"]).await;
        let url = values_url(&id, "org.example.ServerStream/guaranteed");
        eventually("the subscription", async || {
            (world.post(&url, json!(0)).await.0 == StatusCode::OK).then_some(())
        })
        .await;
        world.realm.disconnect_device(&id).unwrap();
        for value in 1..=3 {
            assert_eq!(world.post(&url, json!(value)).await.0, StatusCode::OK);
        }
        within("delivery", async {
            loop {
                let received = event(&client).await;
                if received.data.as_individual().unwrap().0 == &AstarteData::Integer(3) {
                    break;
                }
            }
        })
        .await;
    });
}
