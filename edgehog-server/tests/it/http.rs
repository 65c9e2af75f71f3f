//! What holds for all routes.

use serde_json::{Value, json};

use crate::Server;

#[tokio::test]
async fn operators_see_life_and_version() {
    let server = Server::start().await;
    let get = async |path: &str| server.http.get(format!("{}{path}", server.url)).send().await.unwrap();
    let health = get("/health").await;
    assert_eq!((health.status().as_u16(), health.text().await.unwrap()), (200, "OK".to_owned()));
    let version: Value = get("/version").await.json().await.unwrap();
    assert_eq!(version, json!({ "version": env!("CARGO_PKG_VERSION") }));
}

/// Unknown routes have the same shape as all refusals; a slash at the end makes no difference.
#[tokio::test]
async fn unknown_routes_are_404() {
    let server = Server::start().await;
    let get = async |path: &str| server.http.get(format!("{}{path}", server.url)).send().await.unwrap();
    for path in ["/", "/nowhere", "/tenants", "/tenants/plant-one", "/tenants/plant-one/nowhere"] {
        let answer = get(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "errors": { "detail": "Not Found" } }));
    }
    for path in ["/health", "/version", "/tenants/plant-one/api"] {
        let answer = server.http.delete(format!("{}{path}", server.url)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "DELETE {path}");
    }
    assert_eq!(get("/version/").await.status(), 200);
    assert_eq!(server.http.head(format!("{}/health", server.url)).send().await.unwrap().status(), 200);
}

/// Browsers of any origin may use the API, and every answer says which request it is for.
#[tokio::test]
async fn every_answer_has_its_headers() {
    let server = Server::start().await;
    let url = format!("{}/tenants/plant-one/api", server.url);
    let preflight =
        server.http.request(reqwest::Method::OPTIONS, &url).header("Access-Control-Request-Method", "POST");
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-max-age"], "1728000");
    let refused =
        server.http.post(&url).header("x-request-id", "an-id-of-twenty-chars").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
    assert_eq!(refused.headers()["x-request-id"], "an-id-of-twenty-chars");
    let short = server.http.post(&url).header("x-request-id", "short").send().await.unwrap();
    assert_ne!(short.headers()["x-request-id"], "short");
}

/// Whoever does not take JSON gets 406.
#[tokio::test]
async fn answers_are_json() {
    let server = Server::start().await;
    for path in ["/tenants/plant-one/api", "/tenants/plant-one/triggers"] {
        let answer =
            server.post(path).header("Accept", "text/html").bearer_auth(&server.token).send().await.unwrap();
        assert_eq!(answer.status(), 406, "{path}");
    }
}
