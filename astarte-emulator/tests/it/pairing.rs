//! Housekeeping and Pairing: realms, registration, certificates.

use std::time::Duration;

use astarte_emulator::{DeviceId, Error, RealmKey};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};

use crate::world::{REALM, World, body};

async fn as_device(world: &World, secret: &str, path: &str, data: Option<Json>) -> (StatusCode, Json) {
    let method = if data.is_some() { Method::POST } else { Method::GET };
    let url = format!("{}pairing/v1/{REALM}/devices/{path}", world.emulator.base_url());
    let mut request = reqwest::Client::new().request(method, url).bearer_auth(secret);
    if let Some(data) = data {
        request = request.json(&json!({"data": data}));
    }
    body(request.send().await.unwrap()).await
}

fn csr() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    rcgen::CertificateParams::new(Vec::new()).unwrap().serialize_request(&key).unwrap().pem().unwrap()
}

// Until it asks for a certificate a device may be registered again, each time with a new secret.
#[tokio::test]
async fn registration_and_certificates() {
    let world = World::new().await;
    let agent = format!("pairing/v1/{REALM}/agent/devices");
    let id = DeviceId::random().to_string();
    let register = async || world.post(&agent, json!({"hw_id": id})).await;
    let (status, first) = register().await;
    assert_eq!(status, StatusCode::CREATED);
    let (_, second) = register().await;
    let secret = second["data"]["credentials_secret"].as_str().unwrap();
    let void = first["data"]["credentials_secret"].as_str().unwrap();
    assert_ne!(secret, void);
    assert_eq!(as_device(&world, void, &id, None).await.0, StatusCode::FORBIDDEN);

    let (status, info) = as_device(&world, secret, &id, None).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(info["data"]["status"], "pending");
    let broker = info["data"]["protocols"]["astarte_mqtt_v1"]["broker_url"].as_str().unwrap();
    assert_eq!(broker, format!("mqtts://localhost:{}/", world.emulator.mqtt_addr().port()));

    let credentials = format!("{id}/protocols/astarte_mqtt_v1/credentials");
    for (data, message) in [(json!({}), "can't be blank"), (json!({"csr": "junk"}), "is not a valid PEM CSR")]
    {
        let (status, body) = as_device(&world, secret, &credentials, Some(data)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(body["errors"]["csr"], json!([message]));
    }
    let (status, issued) = as_device(&world, secret, &credentials, Some(json!({"csr": csr()}))).await;
    assert_eq!(status, StatusCode::CREATED);
    let certificate = issued["data"]["client_crt"].clone();
    let verify = async || {
        let path = format!("{credentials}/verify");
        as_device(&world, secret, &path, Some(json!({"client_crt": certificate}))).await
    };
    let (status, verdict) = verify().await;
    assert_eq!((status, &verdict["data"]["valid"]), (StatusCode::OK, &json!(true)));
    assert_eq!(&verdict["data"]["until"].as_str().unwrap()[10..11], " ");
    // A newer certificate takes the place of the older one.
    as_device(&world, secret, &credentials, Some(json!({"csr": csr()}))).await;
    assert_eq!(verify().await.1["data"]["cause"], "REVOKED");

    let (status, taken) = register().await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(taken["errors"]["detail"], "Device already registered");
    assert_eq!(world.delete(&format!("{agent}/{id}")).await.0, StatusCode::NO_CONTENT);
    assert_eq!(as_device(&world, secret, &id, None).await.0, StatusCode::FORBIDDEN);
    assert_eq!(register().await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn refusals() {
    let world = World::new().await;
    let agent = format!("pairing/v1/{REALM}/agent/devices");
    let (status, body) = world.post(&agent, json!({"hw_id": "short"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["errors"]["hw_id"], json!(["is not a valid base64 encoded 128 bits id"]));
    let unknown = DeviceId::random().to_string();
    assert_eq!(as_device(&world, "x", &unknown, None).await.0, StatusCode::NOT_FOUND);
    let id = DeviceId::random().to_string();
    let secret = world.realm.register_device(&id).unwrap();
    let media = "application/merge-patch+json";
    let patch = world
        .request(Method::PATCH, &format!("appengine/v1/{REALM}/devices/{id}"))
        .header("content-type", media)
        .body(json!({"data": {"credentials_inhibited": true}}).to_string());
    assert_eq!(patch.send().await.unwrap().status(), StatusCode::OK);
    let path = format!("{id}/protocols/astarte_mqtt_v1/credentials");
    let (status, _) = as_device(&world, secret.expose_secret(), &path, Some(json!({"csr": csr()}))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn realms_by_housekeeping() {
    let world = World::new().await;
    let token = world.emulator.housekeeping_key().unwrap().token(Duration::from_secs(60)).unwrap();
    let send = async |method: Method, path: &str, data: Option<Json>| {
        let url = format!("{}housekeeping/v1/{path}", world.emulator.base_url());
        let mut request = reqwest::Client::new().request(method, url).bearer_auth(&token);
        if let Some(data) = data {
            request = request.json(&json!({"data": data}));
        }
        body(request.send().await.unwrap()).await
    };
    let key = RealmKey::generate().unwrap();
    let realm = |name: &str| json!({"realm_name": name, "jwt_public_key_pem": key.public_key_pem()});
    assert_eq!(send(Method::POST, "realms", Some(realm("other"))).await.0, StatusCode::CREATED);
    assert_eq!(send(Method::POST, "realms", Some(realm("other"))).await.0, StatusCode::CONFLICT);
    for name in ["Bad", "astarte", ""] {
        let (status, body) = send(Method::POST, "realms", Some(realm(name))).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(body["errors"]["realm_name"].is_array());
    }
    assert_eq!(send(Method::GET, "realms", None).await.1["data"], json!(["other", REALM]));
    let limit = json!({"device_registration_limit": 1});
    let (status, changed) = send(Method::PATCH, "realms/other", Some(limit)).await;
    assert_eq!((status, &changed["data"]["device_registration_limit"]), (StatusCode::OK, &json!(1)));
    assert_eq!(send(Method::GET, "realms/none", None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(send(Method::DELETE, "realms/other", None).await.0, StatusCode::METHOD_NOT_ALLOWED);

    let other = world.emulator.realm("other").unwrap();
    other.register_device(&DeviceId::random().to_string()).unwrap();
    let second = other.register_device(&DeviceId::random().to_string());
    assert!(matches!(second, Err(Error::RegistrationLimit)));
    // A realm's key does not open Housekeeping.
    assert_eq!(world.get("housekeeping/v1/realms").await.0, StatusCode::FORBIDDEN);
}
