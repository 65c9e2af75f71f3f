use std::collections::BTreeMap;

use edgehog_astarte::{Error, InterfaceVersion, PairingAgent as _};
use secrecy::ExposeSecret as _;
use serde_json::json;
use wiremock::matchers::{any, body_json};
use wiremock::{Mock, ResponseTemplate};

use crate::harness::{DEVICE, count, device, error, request, server};

#[tokio::test]
async fn a_device_is_registered_and_forgotten() {
    let (server, client) = server().await;
    let created =
        ResponseTemplate::new(201).set_body_json(json!({"data": {"credentials_secret": "c2VjcmV0"}}));
    request("POST", "/pairing/v1/test/agent/devices", "a_pa")
        .and(body_json(json!({"data": {"hw_id": DEVICE}})))
        .respond_with(created.clone())
        .mount(&server)
        .await;
    request("POST", "/pairing/v1/test/agent/devices", "a_pa")
        .and(body_json(json!({
            "data": {"hw_id": DEVICE, "initial_introspection": {"a.B": {"major": 1, "minor": 2}}}
        })))
        .respond_with(created)
        .mount(&server)
        .await;
    request("DELETE", &format!("/pairing/v1/test/agent/devices/{DEVICE}"), "a_pa")
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let known = BTreeMap::from([("a.B".to_owned(), InterfaceVersion { major: 1, minor: 2 })]);
    for introspection in [BTreeMap::new(), known] {
        let secret = client.register(&device(), &introspection).await.unwrap();
        assert_eq!(secret.expose_secret(), "c2VjcmV0");
        assert!(!format!("{secret:?}").contains("c2VjcmV0"));
    }
    client.unregister(&device()).await.unwrap();
}

/// Each registration voids the secret of the one before.
#[tokio::test]
async fn a_registration_is_not_repeated() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(error(500, "Internal server error")).mount(&server).await;
    let result = client.register(&device(), &BTreeMap::new()).await;
    assert!(matches!(result, Err(Error::Unreachable { .. })));
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn a_device_in_use_is_a_conflict() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(error(422, "Device already registered")).mount(&server).await;
    let result = client.register(&device(), &BTreeMap::new()).await;
    assert!(matches!(result, Err(Error::Conflict(_))));
}
