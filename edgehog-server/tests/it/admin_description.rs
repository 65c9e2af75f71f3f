//! What the admin API says of itself.

use std::collections::BTreeSet;

use edgehog_server::{Access, routes};
use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::Administrator;

/// The OpenAPI document is for everyone; its title, version, paths and media type are what clients rely on.
#[tokio::test]
async fn the_api_is_described() {
    let admin = Administrator::start().await;
    let answer = admin.anonymous(Method::GET, "/open_api").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let document: Value = answer.json().await.unwrap();
    assert_eq!(
        (&document["info"]["title"], &document["info"]["version"]),
        (&json!("Edgehog Admin API"), &json!("1"))
    );
    insta::assert_json_snapshot!(document);
}

/// Each operation that the document describes is there, and in the table of routes, and lets nobody in who has no token.
#[tokio::test]
async fn described_operations_are_guarded() {
    let admin = Administrator::start().await;
    let document: Value =
        admin.anonymous(Method::GET, "/open_api").send().await.unwrap().json().await.unwrap();
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/admin-api/v1").unwrap().replace("{id}", "0");
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let request = || admin.anonymous(method.clone(), &path);
            assert_eq!(request().send().await.unwrap().status(), 401, "{method} {path}");
            let answer: Value =
                request().bearer_auth(&admin.token).send().await.unwrap().json().await.unwrap();
            assert_ne!(answer["errors"][0]["code"], "no_route_found", "{method} {path}");
            operations.insert((method.to_string(), path.clone()));
        }
    }
    let table = routes().into_iter().filter(|route| route.access == Access::AdminToken);
    let table = table.map(|route| {
        let path = route.path.strip_prefix("/admin-api/v1").unwrap().replace(":id", "0");
        (route.method.to_string(), path)
    });
    assert_eq!(operations, table.collect());
}

/// The page for people needs nothing from elsewhere: no script, style, picture or document of another host.
#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let admin = Administrator::start().await;
    let answer = admin.anonymous(Method::GET, "/swagger").send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("http"), "{policy}");
    let page = answer.text().await.unwrap();
    assert!(page.contains("SwaggerUIBundle({") && page.contains("\"title\":\"Edgehog Admin API\""));
    assert!(page.contains("\"additionalProperties\":false"), "the page shows another document");
    for loads in ["<script src", "<link ", "<img ", "<iframe ", "@import", "url(http", "url(\"http", "url(//"]
    {
        let markup = page.split_once("<script charset=\"UTF-8\">").unwrap();
        assert!(!markup.0.contains(loads), "{loads}");
        let rest = markup.1.rsplit_once("</script>\n</head>").unwrap().1;
        assert!(!rest.contains(loads), "{loads}");
    }
}
