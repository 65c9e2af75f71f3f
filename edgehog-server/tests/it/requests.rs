//! The forms in which documents may come, beyond plain JSON.

use edgehog_server::Settings;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Server;

const INFO: &str = "query Info { tenantInfo { slug } }";

/// Forms, batches and JSON by its other names are all understood.
#[tokio::test]
async fn documents_come_in_many_forms() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::default().upload_directory(directory.path());
    let server = Server::with_settings("http://127.0.0.1:9", settings).await;
    let post = || server.post("/tenants/plant-one/api").bearer_auth(&server.token);
    let body = json!({ "query": INFO, "variables": null, "operationName": null }).to_string();
    let typed = |name: &str| post().header("Content-Type", name).body(body.clone());
    let urlencoded = "operationName=Info&variables=%7B%7D&query=query+Info+%7B+tenantInfo+%7B+slug+%7D+%7D";
    let form = Form::new().part("file", Part::text("x").file_name("a")).text("query", INFO);
    let as_form = "application/x-www-form-urlencoded; charset=utf-8";
    for (way, request) in [
        ("JSON with a charset", typed("application/json; charset=utf-8")),
        ("JSON of another name", typed("Application/Graphql-Request+Json")),
        ("a form", post().header("Content-Type", as_form).body(urlencoded)),
        ("a form with a file", post().multipart(form)),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{way}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer, json!({ "data": { "tenantInfo": { "slug": "plant-one" } } }), "{way}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let batch = json!([{ "id": 1, "query": INFO }, { "id": 2, "query": "{" }]);
    let answer: Value = post().json(&batch).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer[0]["payload"]["data"]["tenantInfo"]["slug"], "plant-one");
    assert_eq!((&answer[0]["id"], &answer[1]["id"]), (&json!(1), &json!(2)));
    assert!(answer[1]["payload"]["errors"][0]["message"].is_string());
}

#[tokio::test]
async fn malformed_bodies_are_400() {
    let server = Server::start().await;
    let post = |name: &str, body: &str| {
        let request = server.post("/tenants/plant-one/api").bearer_auth(&server.token);
        request.header("Content-Type", name).body(body.to_owned()).send()
    };
    for (name, body) in [
        ("application/json", "[{]"),
        ("application/json", "7"),
        ("application/x-www-form-urlencoded", "query=%ff"),
        ("application/x-www-form-urlencoded", "other=1"),
        ("multipart/form-data", "--b--"),
        ("multipart/form-data; boundary=b", "--c--"),
        ("multipart/form-data; boundary=b", "--b--\r\n"),
    ] {
        assert_eq!(post(name, body).await.unwrap().status(), 400, "{name}: {body}");
    }
}

/// A URL has an end, for which HTTP has a status of its own.
#[tokio::test]
async fn long_urls_are_414() {
    let server = Server::start().await;
    let url = format!("{}/tenants/plant-one/api?query={}", server.url, "x".repeat(100_000));
    let mut connection = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    connection.write_all(format!("GET {url} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await.unwrap();
    let mut status = [0; 12];
    connection.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 414");
}

/// Nobody gets a byte onto the disk before it is known who he is.
#[tokio::test]
async fn strangers_are_refused_before_their_body_is_read() {
    let server = Server::start().await;
    for (authorization, status) in [("", 401), ("Authorization: Bearer nonsense\r\n", 403)] {
        let mut connection = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "POST /tenants/plant-one/api HTTP/1.1\r\nHost: h\r\n{authorization}Content-Length: 1000000\r\n\
             Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *format!("HTTP/1.1 {status}").as_bytes());
    }
}
