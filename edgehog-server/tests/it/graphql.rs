//! GraphQL over HTTP, and the shape of its errors.

use serde_json::{Value, json};

use crate::Server;

const INFO: &str = "query Info { tenantInfo { id name slug defaultLocale } }";

/// The document may come as JSON, as the body itself, or in the URL.
#[tokio::test]
async fn a_document_comes_in_several_ways() {
    let server = Server::start().await;
    let api = format!("{}/tenants/plant-one/api", server.url);
    let post = || server.http.post(&api).bearer_auth(&server.token);
    let in_url = reqwest::Url::parse_with_params(&api, [("query", INFO)]).unwrap();
    let named = "query A { tenantInfo { slug } } query Info { tenantInfo { id name slug defaultLocale } }";
    for (way, request) in [
        ("JSON", post().json(&json!({ "query": INFO }))),
        ("variables null", post().json(&json!({ "query": INFO, "variables": null, "operationName": "" }))),
        ("variables as text", post().json(&json!({ "query": INFO, "variables": "{}" }))),
        ("one of several", post().json(&json!({ "query": named, "operationName": "Info" }))),
        ("the body itself", post().header("Content-Type", "application/graphql").body(INFO)),
        ("the URL", server.http.get(in_url).bearer_auth(&server.token)),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{way}");
        assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8", "{way}");
        let answer: Value = answer.json().await.unwrap();
        let info = &answer["data"]["tenantInfo"];
        assert_eq!(
            (&info["slug"], &info["defaultLocale"]),
            (&json!("plant-one"), &json!("en-US")),
            "{way}: {answer}"
        );
    }
}

/// A request without a document that can be run is 400.
#[tokio::test]
async fn unusable_requests_are_400() {
    let server = Server::start().await;
    let api = format!("{}/tenants/plant-one/api", server.url);
    let post = || server.http.post(&api).bearer_auth(&server.token);
    for request in [
        post().json(&json!({})),
        post().json(&json!({ "query": " " })),
        post().json(&json!({ "query": INFO, "variables": "{" })),
        post().json(&json!({ "query": INFO, "variables": [1] })),
        post().json(&json!("query")),
        post().header("Content-Type", "application/json").body("{"),
        server.http.get(&api).bearer_auth(&server.token),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert!(!answer.json::<Value>().await.unwrap()["errors"].is_null());
    }
}

/// A document that is never run has no `data`; nesting without end is refused.
#[tokio::test]
async fn documents_that_cannot_run_say_why() {
    let server = Server::start().await;
    let nested = "{ fields { type ".repeat(20) + "{ name }" + &" } }".repeat(20);
    let endless = "{ a ".repeat(500_000);
    let lists = format!("{{ device(id: {}) {{ id }} }}", "[".repeat(500_000));
    for document in [
        endless,
        lists,
        "{".to_owned(),
        "{ nothing }".to_owned(),
        "{ device { id } }".to_owned(),
        format!("{{ __schema {{ types {nested} }} }}"),
    ] {
        let answer = server.query(&document).await;
        let shown = &document[..document.len().min(80)];
        assert!(answer["errors"][0]["message"].is_string(), "{shown}: {answer}");
        assert!(answer.get("data").is_none(), "{shown}: {answer}");
    }
}

/// Codes and fields stand beside the message, where clients look for them.
#[tokio::test]
async fn errors_have_the_contracts_shape() {
    let server = Server::start().await;
    insta::assert_json_snapshot!(server.query(r#"{ device(id: "garbage") { id } }"#).await);
    insta::assert_json_snapshot!(server.query(r#"{ devices(first: 1, last: 1) { count } }"#).await);
    insta::assert_json_snapshot!(server.query(r#"{ devices(after: "?") { count } }"#).await);
    insta::assert_json_snapshot!(server.query(r#"{ node(id: "ZGV2aWNlOjQy") { id } }"#).await);
}
