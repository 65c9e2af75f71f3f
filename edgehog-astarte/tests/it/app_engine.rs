use edgehog_astarte::{
    AppEngine as _, AppEngineExt as _, Client, DataQuery, DeviceListQuery, DevicePatch, Error, PageToken,
    RealmName,
};
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use wiremock::matchers::{any, body_json, header, query_param};
use wiremock::{Mock, ResponseTemplate};

use crate::harness::{DEVICE, count, data, device, error, impatient, key, request, server};

const DEVICE_PATH: &str = "/appengine/v1/test/devices/2TBn-jNESuuHamE2Zo1anA";

#[tokio::test]
async fn device_status() {
    let (server, client) = server().await;
    let status = json!({"id": DEVICE, "connected": true, "last_connection": "2024-05-01T10:20:30.123Z"});
    request("GET", DEVICE_PATH, "a_aea").respond_with(data(status)).mount(&server).await;
    let status = client.device_status(&device()).await.unwrap();
    assert_eq!((status.id, status.connected), (device(), true));
}

#[tokio::test]
async fn device_page() {
    let (server, client) = server().await;
    request("GET", "/appengine/v1/test/devices", "a_aea")
        .and(query_param("details", "true"))
        .and(query_param("limit", "2"))
        .and(query_param("from_token", "-7"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "data": [{"id": "a"}, {"id": "b"}],
            "links": {"self": "/v1/test/devices", "next": "/v1/test/devices?details=true&limit=2&from_token=9"}
        })))
        .mount(&server)
        .await;
    let query = DeviceListQuery::new().details(true).limit(2).from(PageToken::new("-7"));
    let page = client.device_page(&query).await.unwrap();
    assert_eq!(page.devices.len(), 2);
    assert_eq!(page.next, Some(PageToken::new("9")));
}

/// The query goes as asked, the data comes as sent: long integers keep their digits.
#[tokio::test]
async fn raw_reads() {
    let (server, client) = server().await;
    request("GET", &format!("{DEVICE_PATH}/interfaces/a.B/x/y%20z"), "a_aea")
        .and(query_param("limit", "1"))
        .respond_with(data(json!([{"value": i64::MAX}])))
        .mount(&server)
        .await;
    request("GET", &format!("{DEVICE_PATH}/interfaces/a.B"), "a_aea")
        .respond_with(data(json!({"x": 1})))
        .mount(&server)
        .await;
    let newest = DataQuery::new().limit(1);
    for path in ["/x/y z", "x/y z"] {
        let value = client.read(&device(), "a.B", Some(path), &newest).await.unwrap();
        assert_eq!(value[0]["value"].as_i64(), Some(i64::MAX));
    }
    for path in [None, Some("/"), Some("")] {
        let value = client.read(&device(), "a.B", path, &DataQuery::new()).await.unwrap();
        assert_eq!(value, json!({"x": 1}));
    }
}

#[tokio::test]
async fn writes() {
    let (server, client) = server().await;
    let path = format!("{DEVICE_PATH}/interfaces/a.B/x");
    for verb in ["POST", "PUT"] {
        request(verb, &path, "a_aea")
            .and(header("content-type", "application/json"))
            .and(body_json(json!({"data": {"on": true}})))
            .respond_with(data(json!({"on": true})))
            .expect(1)
            .mount(&server)
            .await;
    }
    request("DELETE", &path, "a_aea").respond_with(ResponseTemplate::new(204)).expect(1).mount(&server).await;
    client.send_datastream(&device(), "a.B", "/x", &json!({"on": true})).await.unwrap();
    client.set_property(&device(), "a.B", "/x", &json!({"on": true})).await.unwrap();
    client.unset_property(&device(), "a.B", "/x").await.unwrap();
}

/// A path that would end up at another place is not sent at all.
#[tokio::test]
async fn senseless_paths_are_not_sent() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(data(json!(1))).mount(&server).await;
    for path in ["", "/", "/a//b", "/a/", "/a/../b", "/."] {
        let result = client.send_datastream(&device(), "a.B", path, &json!(1)).await;
        assert!(matches!(result, Err(Error::InvalidInput { .. })), "{path}");
    }
    let dots = "..".parse().unwrap();
    assert!(matches!(client.device_status(&dots).await, Err(Error::InvalidInput { .. })));
    assert_eq!(count(&server).await, 0);
}

/// AppEngine takes a patch only under exactly this media type.
#[tokio::test]
async fn patch() {
    let (server, client) = server().await;
    request("PATCH", DEVICE_PATH, "a_aea")
        .and(header("content-type", "application/merge-patch+json"))
        .and(body_json(json!({"data": {"aliases": {"name": "boiler", "old": null}}})))
        .respond_with(data(json!({"id": DEVICE, "aliases": {"name": "boiler"}})))
        .mount(&server)
        .await;
    let patch = DevicePatch::new().set_alias("name", "boiler").remove_alias("old");
    let status = client.patch_device(&device(), &patch).await.unwrap();
    assert_eq!(status.aliases["name"], "boiler");
}

#[tokio::test]
async fn interfaces_aliases_and_counts() {
    let (server, client) = server().await;
    request("GET", &format!("{DEVICE_PATH}/interfaces"), "a_aea")
        .respond_with(data(json!(["a.B"])))
        .mount(&server)
        .await;
    request("GET", "/appengine/v1/test/devices-by-alias/boiler%2F3", "a_aea")
        .respond_with(data(json!({"id": DEVICE})))
        .mount(&server)
        .await;
    request("GET", "/appengine/v1/test/stats/devices", "a_aea")
        .respond_with(data(json!({"total_devices": 5, "connected_devices": 2})))
        .mount(&server)
        .await;
    assert_eq!(client.device_interfaces(&device()).await.unwrap(), ["a.B"]);
    assert_eq!(client.device_by_alias("boiler/3").await.unwrap().id, device());
    let stats = client.device_stats().await.unwrap();
    assert_eq!((stats.total_devices, stats.connected_devices), (5, 2));
}

#[tokio::test]
async fn groups() {
    let (server, client) = server().await;
    let groups = "/appengine/v1/test/groups";
    request("GET", groups, "a_aea").respond_with(data(json!(["g/1"]))).mount(&server).await;
    request("POST", groups, "a_aea")
        .and(body_json(json!({"data": {"group_name": "g/1", "devices": [DEVICE]}})))
        .respond_with(ResponseTemplate::new(201))
        .mount(&server)
        .await;
    request("POST", &format!("{groups}/g%2F1/devices"), "a_aea")
        .and(body_json(json!({"data": {"device_id": DEVICE}})))
        .respond_with(ResponseTemplate::new(201))
        .mount(&server)
        .await;
    request("DELETE", &format!("{groups}/g%2F1/devices/{DEVICE}"), "a_aea")
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    client.create_group("g/1", &[device()]).await.unwrap();
    assert_eq!(client.groups().await.unwrap(), ["g/1"]);
    client.add_to_group("g/1", &device()).await.unwrap();
    client.remove_from_group("g/1", &device()).await.unwrap();
}

/// A group has no empty pages: past its end it is "not found".
#[tokio::test]
async fn members_of_a_group_end_with_not_found() {
    let (server, client) = server().await;
    let members = "/appengine/v1/test/groups/g/devices";
    request("GET", members, "a_aea")
        .and(query_param("from_token", "t"))
        .respond_with(error(404, "Group not found"))
        .mount(&server)
        .await;
    request("GET", members, "a_aea")
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "data": [DEVICE], "links": {"next": "/v1/test/groups/g/devices?from_token=t"}
        })))
        .mount(&server)
        .await;
    let found: Vec<_> = client.group_devices("g").map_ok(|d| d.into_id()).try_collect().await.unwrap();
    assert_eq!(found, [device()]);

    Mock::given(any()).respond_with(error(404, "Group not found")).mount(&server).await;
    let absent: Result<Vec<_>, _> = client.group_devices("other").try_collect().await;
    assert!(matches!(absent, Err(Error::NotFound(_))));
}

/// Typed reads know what AppEngine answers for nothing: `{}`, or "not found".
#[tokio::test]
async fn typed_reads_of_nothing() {
    let (server, client) = server().await;
    let interface = format!("{DEVICE_PATH}/interfaces/a.B");
    request("GET", &format!("{interface}/unset"), "a_aea").respond_with(data(json!({}))).mount(&server).await;
    request("GET", &format!("{interface}/empty"), "a_aea")
        .respond_with(error(404, "Path not found"))
        .mount(&server)
        .await;
    request("GET", &interface, "a_aea").respond_with(data(json!({}))).mount(&server).await;

    let (device, all) = (device(), DataQuery::new());
    assert_eq!(client.property::<i32>(&device, "a.B", "/unset").await.unwrap(), None);
    assert_eq!(client.individual::<f64>(&device, "a.B", "/empty", &all).await.unwrap(), []);
    assert_eq!(client.object::<Value>(&device, "a.B", "/empty", &all).await.unwrap(), []);
    assert!(client.individual_samples::<f64>(&device, "a.B", &all).await.unwrap().is_empty());
    assert!(client.object_samples::<Value>(&device, "a.B", &all).await.unwrap().is_empty());
}

#[tokio::test]
async fn typed_reads() {
    let (server, client) = server().await;
    let time = "2024-05-01T10:20:30.123Z";
    let root = format!("{DEVICE_PATH}/interfaces");
    let answers = [
        ("p.P", json!({"kitchen": {"temp": 21.5}})),
        ("p.P/kitchen/temp", json!(21.5)),
        ("i.I", json!({"temp": {"value": 1.5, "timestamp": time, "reception_timestamp": time}})),
        ("i.I/temp", json!([{"value": 1.5, "timestamp": time}, {"value": 2.5, "timestamp": time}])),
        ("o.O", json!({"a": {"x": 1, "timestamp": time}, "b": {"x": 2, "timestamp": time}})),
        ("o.O/a", json!([{"x": 1, "timestamp": time}])),
    ];
    for (path, answer) in answers {
        request("GET", &format!("{root}/{path}"), "a_aea").respond_with(data(answer)).mount(&server).await;
    }
    let (device, all) = (device(), DataQuery::new());
    let properties: Value = client.properties(&device, "p.P").await.unwrap();
    assert_eq!(properties["kitchen"]["temp"], 21.5);
    assert_eq!(client.property(&device, "p.P", "/kitchen/temp").await.unwrap(), Some(21.5));
    let samples = client.individual_samples::<f64>(&device, "i.I", &all).await.unwrap();
    assert_eq!(samples["/temp"].value, 1.5);
    let samples = client.individual::<f64>(&device, "i.I", "/temp", &all).await.unwrap();
    assert_eq!(samples.iter().map(|s| s.value).collect::<Vec<_>>(), [1.5, 2.5]);
    let samples = client.object_samples::<Value>(&device, "o.O", &all).await.unwrap();
    assert_eq!(samples["/b"][0].value["x"], 2);
    let samples = client.object::<Value>(&device, "o.O", "/a", &all).await.unwrap();
    assert_eq!(samples[0].value["x"], 1);
}

/// Typed reads work on a trait object, so that a test can put a fake in place.
#[tokio::test]
async fn typed_reads_of_a_trait_object() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(data(json!({"x": 1}))).mount(&server).await;
    let app_engine: &dyn edgehog_astarte::AppEngine = &client;
    let properties: Value = app_engine.properties(&device(), "a.B").await.unwrap();
    assert_eq!(properties, json!({"x": 1}));
}

/// An installation without ingress has a port for each service, and no prefixes.
#[tokio::test]
async fn services_at_their_own_urls() {
    let (server, _) = server().await;
    request("GET", &format!("/v1/test/devices/{DEVICE}"), "a_aea")
        .respond_with(data(json!({"id": DEVICE})))
        .mount(&server)
        .await;
    let unused = "http://127.0.0.1:9".parse().unwrap();
    let client = Client::builder(unused, RealmName::new("test").unwrap(), key())
        .http_config(impatient())
        .app_engine_url(server.uri().parse().unwrap())
        .build()
        .unwrap();
    client.device_status(&device()).await.unwrap();
}
