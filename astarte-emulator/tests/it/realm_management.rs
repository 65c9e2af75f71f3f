//! Realm Management: interfaces, triggers and policies over REST.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::world::{REALM, World, interface};

fn path(rest: &str) -> String {
    format!("realmmanagement/v1/{REALM}/{rest}")
}

fn detail(body: &Json) -> &str {
    body["errors"]["detail"].as_str().unwrap_or_default()
}

fn example(minor: i32, endpoints: &[&str]) -> Json {
    let mappings = endpoints.iter().map(|endpoint| json!({"endpoint": endpoint, "type": "double"})).collect();
    let mut json = interface("org.example.New", "datastream", "device", "individual", mappings);
    json["version_major"] = json!(0);
    json["version_minor"] = json!(minor);
    json
}

#[tokio::test]
async fn the_life_of_an_interface() {
    let world = World::new().await;
    let response = world
        .request(Method::POST, &path("interfaces?async_operation=false"))
        .json(&json!({"data": example(1, &["/a"])}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["location"], format!("/v1/{REALM}/interfaces/org.example.New/0"));
    assert_eq!(response.text().await.unwrap(), "");
    assert_eq!(world.get(&path("interfaces/org.example.New")).await.1["data"], json!([0]));

    let one = path("interfaces/org.example.New/0");
    let cases = [
        (one.clone(), example(1, &["/a"]), 409, "Interface minor version was not increased"),
        (one.clone(), example(0, &["/a"]), 422, ""),
        (one.clone(), example(2, &["/b"]), 409, "Interface update has missing endpoints"),
        (
            path("interfaces/org.example.Other/0"),
            example(2, &["/a"]),
            409,
            "Interface name doesn't match the one in the interface json",
        ),
        (
            path("interfaces/org.example.New/1"),
            example(2, &["/a"]),
            409,
            "Interface major version doesn't match the one in the interface json",
        ),
        (one.clone(), example(2, &["/a", "/b"]), 204, ""),
    ];
    for (path, definition, status, text) in cases {
        let (answer, body) = world.put(&path, definition).await;
        assert_eq!((answer.as_u16(), detail(&body)), (status, text), "{path}");
    }
    let (_, read) = world.get(&one).await;
    assert_eq!(read["data"]["version_minor"], 2);
    assert_eq!(read["data"]["mappings"][0], json!({"endpoint": "/a", "type": "double"}));

    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.New", 0, 2)]).await.unwrap();
    let (status, body) = world.delete(&one).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(detail(&body), "Interface can't be deleted since it's currently used");
    device.introspect([] as [(&str, i32, i32); 0]).await.unwrap();
    assert_eq!(world.delete(&one).await.0, StatusCode::NO_CONTENT);
    assert_eq!(world.delete(&one).await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.delete(&path("interfaces/org.example.Stream/1")).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn refused_installations() {
    let world = World::new().await;
    let stream = interface(
        "org.example.Stream",
        "datastream",
        "device",
        "individual",
        json!([{"endpoint": "/a", "type": "double"}]),
    );
    let mut collision = stream.clone();
    collision["interface_name"] = json!("org.exam-ple.Stream");
    let cases = [
        (stream, 409, "Interface already exists"),
        (collision, 409, "Interface name collision detected"),
        (example(1, &["/a", "/a/b"]), 422, "Overlapping endpoints in interface mappings"),
        (example(1, &[]), 422, ""),
    ];
    for (definition, status, text) in cases {
        let (answer, body) = world.post(&path("interfaces"), definition).await;
        assert_eq!(answer.as_u16(), status, "{body}");
        assert!(detail(&body).starts_with(text), "{body}");
    }
    assert_eq!(world.get(&path("interfaces/org.example.None")).await.0, StatusCode::NOT_FOUND);
    let (status, body) = world.get(&path("interfaces/org.example.Stream/x")).await;
    assert_eq!((status, detail(&body)), (StatusCode::NOT_FOUND, "Invalid major version"));
}

#[tokio::test]
async fn triggers_and_policies() {
    let world = World::new().await;
    let policy = json!({
        "name": "p", "maximum_capacity": 10,
        "error_handlers": [{"on": "any_error", "strategy": "discard"}],
    });
    let trigger = json!({
        "name": "t", "policy": "p", "action": {"http_url": "http://localhost/", "http_method": "put"},
        "simple_triggers": [{"type": "device_trigger", "on": "device_connected", "device_id": "*"}],
    });
    let (status, body) = world.post(&path("triggers"), trigger.clone()).await;
    assert_eq!((status, detail(&body)), (StatusCode::NOT_FOUND, "Trigger policy not found"));
    assert_eq!(world.post(&path("policies"), json!({"name": "p"})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, created) = world.post(&path("policies"), policy.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(created["data"]["error_handlers"][0]["on"], json!({"keyword": "any_error"}));
    assert_eq!(world.post(&path("policies"), policy).await.0, StatusCode::CONFLICT);
    let (_, read) = world.get(&path("policies/p")).await;
    assert_eq!(read["data"]["error_handlers"][0]["on"], "any_error");

    let (status, created) = world.post(&path("triggers"), trigger.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(created["data"]["action"]["ignore_ssl_errors"], false);
    assert_eq!(created["data"]["simple_triggers"][0]["device_id"], "*");
    assert_eq!(world.post(&path("triggers"), trigger).await.0, StatusCode::CONFLICT);
    assert_eq!(world.get(&path("triggers/t")).await.1, created);
    assert_eq!(world.put(&path("triggers/t"), json!({})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.delete(&path("policies/p")).await.0, StatusCode::CONFLICT);
    assert_eq!(world.delete(&path("triggers/t")).await.0, StatusCode::NO_CONTENT);
    assert_eq!(world.delete(&path("triggers/t")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.delete(&path("policies/p")).await.0, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&path("policies")).await.1["data"], json!([]));
}

#[tokio::test]
async fn deletion_of_a_device() {
    let world = World::new().await;
    let id = world.device();
    let device = world.realm.connect(&id, [("org.example.Stream", 1, 0)]).await.unwrap();
    assert_eq!(world.delete(&path(&format!("devices/{id}"))).await.0, StatusCode::NO_CONTENT);
    assert!(!device.is_connected());
    let (status, _) = world.get(&format!("appengine/v1/{REALM}/devices/{id}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(world.delete(&path(&format!("devices/{id}"))).await.0, StatusCode::NOT_FOUND);
    let (status, body) = world.delete(&path("devices/short")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(detail(&body), "The provided id is not a valid device id");
    // The id may be used anew.
    world.realm.register_device(&id).unwrap();
}

#[tokio::test]
async fn bodies_that_make_no_sense() {
    let world = World::new().await;
    for body in ["", "junk", "[]", "{}", r#"{"data": 1}"#] {
        let response = world.request(Method::POST, &path("interfaces")).body(body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
    }
    let large = "x".repeat(8 * 1024 * 1024 + 1);
    let response = world.request(Method::POST, &path("interfaces")).body(large).send().await;
    // The emulator may answer before all is sent, and the client may then fail to send the rest.
    if let Ok(response) = response {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    let response = world.request(Method::GET, &path("interfaces")).header("accept", "text/html").send();
    assert_eq!(response.await.unwrap().status(), StatusCode::NOT_ACCEPTABLE);
}
