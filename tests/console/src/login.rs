//! How the console finds out whether a token is good.

use anyhow::{Context, Result, ensure};
use reqwest::Response;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::Report;
use crate::client::Client;

const QUESTION: &str = "query Auth_getTenantInfo_Query {\n  tenantInfo {\n    __typename\n  }\n}\n";

pub(crate) async fn check(client: &Client, report: &mut Report<'_>) -> Result<()> {
    preflight(&client.preflight().await.context("the server does not answer")?)?;
    report.passed("a page of another origin may ask");

    ensure!(is_logged_in(client).await?, "a good token is not let in");
    report.passed("a good token is let in");

    let (tenant, token) = (&client.target().tenant, client.target().token.expose_secret());
    // A sound token with another signature.
    let forged = token.rsplit_once('.').map(|(claims, _)| format!("{claims}.c2lnbmF0dXJl"));
    let forged = forged.context("the token is no JSON Web Token")?;
    for (tenant, token) in [(tenant.as_str(), "nonsense"), (tenant, &forged), ("nobody-has-this-slug", token)]
    {
        ensure!(!is_logged_in(&client.logged_in(tenant, token)).await?, "{token:?} is let in to {tenant}");
    }
    report.passed("bad tokens and unknown tenants are kept out");
    Ok(())
}

fn preflight(answer: &Response) -> Result<()> {
    ensure!(answer.status().is_success(), "the preflight is answered with {}", answer.status());
    let header = |name: &str| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.with_context(|| format!("{name} is missing")).map(str::to_ascii_lowercase)
    };
    let lists = |list: &str, wanted: &str| list.split(',').any(|item| item.trim() == wanted);
    ensure!(header("access-control-allow-origin")? == "*", "other origins are kept out");
    ensure!(lists(&header("access-control-allow-methods")?, "post"), "POST is not allowed");
    let headers = header("access-control-allow-headers")?;
    for wanted in ["authorization", "content-type"] {
        ensure!(lists(&headers, wanted), "the header {wanted} is not allowed");
    }
    Ok(())
}

/// As the console judges: by whether there are errors in the body.
async fn is_logged_in(client: &Client) -> Result<bool> {
    Ok(client.answer(QUESTION, &json!({})).await?.get("errors").is_none())
}
