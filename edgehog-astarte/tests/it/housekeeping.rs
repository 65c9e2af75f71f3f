use edgehog_astarte::{Error, Housekeeping, Realm, RealmName, RealmPatch};
use serde_json::json;
use wiremock::matchers::{any, body_json, header, method, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{data, error, impatient, key, request};

async fn server() -> (MockServer, Housekeeping) {
    let server = MockServer::start().await;
    let housekeeping = Housekeeping::new(&server.uri().parse().unwrap(), key(), impatient()).unwrap();
    (server, housekeeping)
}

fn name() -> RealmName {
    RealmName::new("test").unwrap()
}

#[tokio::test]
async fn realms() {
    let (server, housekeeping) = server().await;
    let realm = Realm::new(name(), key().public_key_pem());
    let (all, one) = ("/housekeeping/v1/realms", "/housekeeping/v1/realms/test");
    request("GET", all, "a_ha").respond_with(data(json!(["test"]))).mount(&server).await;
    request("POST", all, "a_ha")
        .and(query_param("async_operation", "false"))
        .and(body_json(json!({"data": realm})))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"data": realm})))
        .mount(&server)
        .await;
    request("GET", one, "a_ha").respond_with(data(json!(realm))).mount(&server).await;
    request("PATCH", one, "a_ha")
        .and(header("content-type", "application/merge-patch+json"))
        .and(body_json(json!({"data": {"device_registration_limit": 5}})))
        .respond_with(data(json!(realm.clone().device_registration_limit(5))))
        .mount(&server)
        .await;
    request("DELETE", one, "a_ha").respond_with(error(405, "Realm deletion disabled")).mount(&server).await;

    housekeeping.create_realm(&realm).await.unwrap();
    assert_eq!(housekeeping.realms().await.unwrap(), [name()]);
    assert_eq!(housekeeping.realm(&name()).await.unwrap(), Some(realm));
    let patch = RealmPatch::new().device_registration_limit(Some(5));
    let patched = housekeeping.patch_realm(&name(), &patch).await.unwrap();
    assert_eq!(patched.device_registration_limit, Some(5));
    assert!(matches!(housekeeping.delete_realm(&name()).await, Err(Error::Rejected(_))));

    Mock::given(any()).respond_with(error(404, "realm not found")).mount(&server).await;
    assert_eq!(housekeeping.realm(&RealmName::new("other").unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn a_realm_made_by_a_lost_attempt_is_made() {
    let realm = Realm::new(name(), "PEM");
    for (existing, made) in [("PEM", true), ("OTHER", false)] {
        let (server, housekeeping) = server().await;
        Mock::given(method("POST")).respond_with(error(504, "")).up_to_n_times(1).mount(&server).await;
        Mock::given(method("POST")).respond_with(error(409, "Realm already exists")).mount(&server).await;
        Mock::given(method("GET"))
            .respond_with(data(json!(Realm::new(name(), existing))))
            .mount(&server)
            .await;
        assert_eq!(housekeeping.create_realm(&realm).await.is_ok(), made);
    }
}
