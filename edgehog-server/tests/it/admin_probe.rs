//! Requests that nobody thought of: schemathesis makes them of the OpenAPI document.

use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::admin::{Administrator, plant};

/// Whatever is sent that the document allows or forbids, the server does not fail, and answers as the document says; what
/// the document forbids is refused, and nobody is let in without a token.
#[tokio::test]
async fn the_api_does_what_it_says() {
    const PROGRAM: &str = "EDGEHOG_SCHEMATHESIS";
    let program = std::env::var(PROGRAM).unwrap_or_else(|_| {
        panic!(
            "{PROGRAM} must name the program of schemathesis: cargo xtask test installs it below target/tools, \
             pip install schemathesis does elsewhere"
        )
    });
    let admin = Administrator::start().await;
    let mut document: Value =
        admin.anonymous(Method::GET, "/open_api").send().await.unwrap().json().await.unwrap();
    // Nobody guesses a key: one body is given that makes a tenant, for others to be made of it.
    let body = &mut document["paths"]["/admin-api/v1/tenants"]["post"]["requestBody"];
    body["content"]["application/vnd.api+json"]["example"] = plant("plant-two");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("open_api.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let mut probe = Command::new(program);
    probe.current_dir(directory.path()).arg("run").arg(&file).args(["--url", &admin.server.url]);
    probe.args(["--header", &format!("Authorization: Bearer {}", admin.token)]);
    probe.args(["--seed", "1", "--max-examples", "20", "--continue-on-failure", "--no-shrink"]);
    probe.args(["--generation-database", "none", "--no-color"]);
    // A good form does not make a key good, nor a name free. A method that a path does not have is told by 404.
    probe.args(["--exclude-checks", "positive_data_acceptance,unsupported_method"]);
    let output = tokio::task::spawn_blocking(move || probe.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
}
