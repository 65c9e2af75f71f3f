use edgehog_astarte::{
    Client, DataTrigger, Error, ErrorHandler, HandledErrors, HttpAction, Interface, Policy,
    RealmManagement as _, Trigger,
};
use serde_json::{Value, json};
use wiremock::matchers::{any, body_json, method, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{count, data, device, error, request, server};

const ROOT: &str = "/realmmanagement/v1/test";

async fn answer(server: &MockServer, verb: &str, path: &str, response: ResponseTemplate) {
    request(verb, &format!("{ROOT}/{path}"), "a_rma").respond_with(response).mount(server).await;
}

fn definition(minor: u32) -> Value {
    json!({
        "interface_name": "org.example.Sensors", "version_major": 1, "version_minor": minor,
        "type": "datastream", "ownership": "device",
        "mappings": [{"endpoint": "/temp", "type": "double"}]
    })
}

fn interface(minor: u32) -> Interface {
    serde_json::from_value(definition(minor)).unwrap()
}

fn trigger() -> Trigger {
    let action = HttpAction::post("https://example.com/triggers");
    Trigger::new("readings", action, DataTrigger::any_value("org.example.Sensors", 1))
}

fn policy() -> Policy {
    Policy::new("retry", 100).handler(ErrorHandler::retry(HandledErrors::ServerError)).retry_times(3)
}

#[tokio::test]
async fn version() {
    let (server, client) = server().await;
    answer(&server, "GET", "version", data(json!("1.3.0-rc.1"))).await;
    let version = client.version().await.unwrap();
    assert!(version < semver::Version::new(1, 3, 0) && version > semver::Version::new(1, 2, 9));
}

#[tokio::test]
async fn a_version_that_is_none_is_malformed() {
    let (server, client) = server().await;
    answer(&server, "GET", "version", data(json!("latest"))).await;
    assert!(matches!(client.version().await, Err(Error::Malformed { path, .. }) if path == "data"));
}

#[tokio::test]
async fn interfaces_are_read() {
    let (server, client) = server().await;
    answer(&server, "GET", "interfaces", data(json!(["org.example.Sensors"]))).await;
    answer(&server, "GET", "interfaces/org.example.Sensors", data(json!([0, 1]))).await;
    answer(&server, "GET", "interfaces/org.example.Sensors/1", data(definition(2))).await;
    assert_eq!(client.interfaces().await.unwrap(), ["org.example.Sensors"]);
    assert_eq!(client.interface_majors("org.example.Sensors").await.unwrap(), [0, 1]);
    assert_eq!(client.interface("org.example.Sensors", 1).await.unwrap(), Some(interface(2)));
    assert_eq!(client.interface_json("org.example.Sensors", 1).await.unwrap(), Some(definition(2)));

    Mock::given(any()).respond_with(error(404, "Interface not found")).mount(&server).await;
    assert_eq!(client.interface("org.example.Other", 1).await.unwrap(), None);
    assert!(client.interface_majors("org.example.Other").await.unwrap().is_empty());
}

/// All three wait until the work is done, and the answers have no body.
#[tokio::test]
async fn interfaces_are_installed_updated_and_deleted() {
    let (server, client) = server().await;
    let one = format!("{ROOT}/interfaces/org.example.Sensors/1");
    request("POST", &format!("{ROOT}/interfaces"), "a_rma")
        .and(query_param("async_operation", "false"))
        .and(body_json(json!({"data": definition(1)})))
        .respond_with(ResponseTemplate::new(201))
        .expect(1)
        .mount(&server)
        .await;
    request("PUT", &one, "a_rma")
        .and(query_param("async_operation", "false"))
        .and(body_json(json!({"data": definition(2)})))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    request("DELETE", &format!("{ROOT}/interfaces/org.example.Sensors/0"), "a_rma")
        .and(query_param("async_operation", "false"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    client.install_interface(&interface(1)).await.unwrap();
    client.update_interface(&interface(2)).await.unwrap();
    client.delete_interface("org.example.Sensors", 0).await.unwrap();
}

/// Astarte tells the use of an interface by the status of a bad token; that must not cost a new token.
#[tokio::test]
async fn an_interface_in_use_is_a_conflict() {
    let (server, client) = server().await;
    let in_use = error(403, "Interface can't be deleted since it's currently used");
    answer(&server, "DELETE", "interfaces/org.example.Sensors/0", in_use).await;
    let result = client.delete_interface("org.example.Sensors", 0).await;
    assert!(matches!(result, Err(Error::Conflict(_))));
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn triggers() {
    let (server, client) = server().await;
    let mut installed = serde_json::to_value(trigger()).unwrap();
    installed["action"]["ignore_ssl_errors"] = json!(false);
    request("POST", &format!("{ROOT}/triggers"), "a_rma")
        .and(body_json(json!({"data": trigger()})))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"data": installed})))
        .mount(&server)
        .await;
    answer(&server, "GET", "triggers", data(json!(["readings"]))).await;
    answer(&server, "GET", "triggers/readings", data(installed)).await;
    answer(&server, "DELETE", "triggers/readings", ResponseTemplate::new(204)).await;
    client.install_trigger(&trigger()).await.unwrap();
    assert_eq!(client.triggers().await.unwrap(), ["readings"]);
    assert_eq!(client.trigger("readings").await.unwrap(), Some(trigger()));
    client.delete_trigger("readings").await.unwrap();

    Mock::given(any()).respond_with(error(404, "Trigger not found")).mount(&server).await;
    assert_eq!(client.trigger("other").await.unwrap(), None);
    assert!(matches!(client.delete_trigger("other").await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn policies() {
    let (server, client) = server().await;
    let mut installed = serde_json::to_value(policy()).unwrap();
    installed["event_ttl"] = json!(null);
    request("POST", &format!("{ROOT}/policies"), "a_rma")
        .and(body_json(json!({"data": policy()})))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"data": {"not": "looked at"}})))
        .mount(&server)
        .await;
    answer(&server, "GET", "policies", data(json!(["retry"]))).await;
    answer(&server, "GET", "policies/retry", data(installed)).await;
    answer(&server, "DELETE", "policies/retry", error(409, "Cannot delete policy")).await;
    client.install_policy(&policy()).await.unwrap();
    assert_eq!(client.policies().await.unwrap(), ["retry"]);
    assert_eq!(client.policy("retry").await.unwrap(), Some(policy()));
    assert!(matches!(client.delete_policy("retry").await, Err(Error::Conflict(_))));

    Mock::given(any()).respond_with(error(404, "Trigger policy not found")).mount(&server).await;
    assert_eq!(client.policy("other").await.unwrap(), None);
}

/// The first attempt did the work but its answer was lost; the second is told that the thing exists.
async fn after_a_lost_answer(verb: &str, installed: Value) -> (MockServer, Client) {
    let (server, client) = server().await;
    Mock::given(method(verb)).respond_with(error(502, "")).up_to_n_times(1).mount(&server).await;
    Mock::given(method(verb)).respond_with(error(409, "already exists")).mount(&server).await;
    Mock::given(method("GET")).respond_with(data(installed)).mount(&server).await;
    (server, client)
}

#[tokio::test]
async fn a_repeat_that_finds_its_own_work_has_succeeded() {
    let (_server, client) = after_a_lost_answer("POST", json!(trigger())).await;
    client.install_trigger(&trigger()).await.unwrap();
    let (_server, client) = after_a_lost_answer("POST", json!(policy())).await;
    client.install_policy(&policy()).await.unwrap();
    let (_server, client) = after_a_lost_answer("POST", definition(1)).await;
    client.install_interface(&interface(1)).await.unwrap();
    let (_server, client) = after_a_lost_answer("PUT", definition(2)).await;
    client.update_interface(&interface(2)).await.unwrap();
}

#[tokio::test]
async fn a_repeat_that_finds_other_work_is_a_conflict() {
    let (_server, client) = after_a_lost_answer("POST", json!(trigger().policy("other"))).await;
    assert!(matches!(client.install_trigger(&trigger()).await, Err(Error::Conflict(_))));
    let (_server, client) = after_a_lost_answer("POST", json!(policy().event_ttl(5))).await;
    assert!(matches!(client.install_policy(&policy()).await, Err(Error::Conflict(_))));
    let (_server, client) = after_a_lost_answer("POST", definition(2)).await;
    assert!(matches!(client.install_interface(&interface(1)).await, Err(Error::Conflict(_))));
}

/// A conflict at the first attempt is one, even with an equal thing.
#[tokio::test]
async fn what_existed_before_is_a_conflict() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(error(409, "Trigger already exists")).mount(&server).await;
    assert!(matches!(client.install_trigger(&trigger()).await, Err(Error::Conflict(_))));
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn a_repeated_deletion_that_finds_nothing_has_succeeded() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(error(504, "")).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(error(404, "Trigger not found")).mount(&server).await;
    client.delete_trigger("readings").await.unwrap();
}

#[tokio::test]
async fn realm_configuration_and_device_deletion() {
    let (server, client) = server().await;
    answer(&server, "GET", "config/auth", data(json!({"jwt_public_key_pem": "PEM"}))).await;
    answer(&server, "GET", "config/device_registration_limit", data(json!(null))).await;
    answer(&server, "GET", "config/datastream_maximum_storage_retention", data(json!(0))).await;
    answer(&server, "DELETE", &format!("devices/{}", device()), ResponseTemplate::new(204)).await;
    request("PUT", &format!("{ROOT}/config/auth"), "a_rma")
        .and(body_json(json!({"data": {"jwt_public_key_pem": "NEW"}})))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    assert_eq!(client.realm_public_key().await.unwrap(), "PEM");
    client.set_realm_public_key("NEW").await.unwrap();
    assert_eq!(client.device_registration_limit().await.unwrap(), None);
    assert_eq!(client.datastream_maximum_storage_retention().await.unwrap(), None);
    client.delete_device(&device()).await.unwrap();
}
