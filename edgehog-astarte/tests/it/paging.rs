use edgehog_astarte::{AppEngineExt as _, DeviceListQuery, Error};
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use wiremock::matchers::{method, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{count, error, server};

async fn page(server: &MockServer, token: Option<&str>, devices: Value, next: Option<&str>) {
    let links = match next {
        Some(next) => {
            json!({"self": "/v1/test/devices", "next": format!("/v1/test/devices?limit=2&from_token={next}")})
        }
        None => json!({"self": "/v1/test/devices"}),
    };
    let mock = Mock::given(method("GET"));
    let mock = match token {
        Some(token) => mock.and(query_param("from_token", token)),
        None => mock.and(query_param_is_missing("from_token")),
    };
    mock.and(query_param("limit", "2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"data": devices, "links": links})))
        .mount(server)
        .await;
}

#[tokio::test]
async fn all_pages_are_read() {
    let (server, client) = server().await;
    page(&server, None, json!(["a", "b"]), Some("-5")).await;
    page(&server, Some("-5"), json!(["c", "d"]), Some("7")).await;
    page(&server, Some("7"), json!(["e"]), None).await;
    let devices = client.devices(DeviceListQuery::new().limit(2));
    let ids: Vec<_> = devices.map_ok(|device| device.into_id().to_string()).try_collect().await.unwrap();
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);
}

/// The number of devices is a multiple of the page size: the last page is empty.
#[tokio::test]
async fn an_empty_page_is_the_last() {
    let (server, client) = server().await;
    page(&server, None, json!(["a", "b"]), Some("1")).await;
    page(&server, Some("1"), json!([]), Some("2")).await;
    let devices: Vec<_> = client.devices(DeviceListQuery::new().limit(2)).try_collect().await.unwrap();
    assert_eq!((devices.len(), count(&server).await), (2, 2));
}

#[tokio::test]
async fn a_repeated_token_ends_the_list_with_an_error() {
    let (server, client) = server().await;
    page(&server, None, json!(["a", "b"]), Some("1")).await;
    page(&server, Some("1"), json!(["c", "d"]), Some("1")).await;
    let devices: Result<Vec<_>, _> = client.devices(DeviceListQuery::new().limit(2)).try_collect().await;
    assert!(matches!(devices, Err(Error::Malformed { .. })));
    assert_eq!(count(&server).await, 2);
}

#[tokio::test]
async fn an_error_ends_the_list() {
    let (server, client) = server().await;
    page(&server, None, json!(["a", "b"]), Some("1")).await;
    Mock::given(query_param("from_token", "1")).respond_with(error(400, "Bad request")).mount(&server).await;
    let mut devices = std::pin::pin!(client.devices(DeviceListQuery::new().limit(2)));
    let mut seen = 0;
    let end = loop {
        match devices.try_next().await {
            Ok(Some(_)) => seen += 1,
            end => break end,
        }
    };
    assert_eq!(seen, 2);
    assert!(matches!(end, Err(Error::Rejected(_))));
    assert!(matches!(devices.try_next().await, Ok(None)));
}

/// Who takes only the first devices reads only the first page.
#[tokio::test]
async fn pages_are_read_when_needed() {
    let (server, client) = server().await;
    page(&server, None, json!(["a", "b"]), Some("1")).await;
    let mut devices = std::pin::pin!(client.devices(DeviceListQuery::new().limit(2)));
    devices.try_next().await.unwrap();
    devices.try_next().await.unwrap();
    assert_eq!(count(&server).await, 1);
}
