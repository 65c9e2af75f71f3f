//! Everything that the stock web console does with a server, request by request, in the very forms in which it does.
//!
//! What is made is deleted in the end, and what an earlier run left behind is deleted first.

mod client;
mod commands;
mod devices;
mod groups;
mod hardware_types;
mod leftovers;
mod live;
mod login;
mod socket;
mod system_models;

use anyhow::{Context, Result};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::client::Client;

/// A tenant of a server, and the page that wants to work with it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The base address of the server.
    pub url: Url,
    /// The slug of the tenant.
    pub tenant: String,
    /// A token of the tenant.
    pub token: SecretString,
    /// Where the console's page is from, as browsers say in `Origin`.
    pub origin: String,
}

/// Goes through it all, and calls `passed` with a line about each step that went well.
///
/// The tenant must have a device that is online and takes part in sessions of the forwarder.
///
/// # Errors
///
/// The first thing that the console would stumble over.
pub async fn check(target: &Target, passed: impl FnMut(&str) + Send) -> Result<()> {
    let client = Client::new(target)?;
    let mut report = Report(Box::new(passed));
    login::check(&client, &mut report).await.context("login")?;
    leftovers::sweep(&client).await.context("what an earlier run left")?;
    let result = pages(&client, &mut report).await;
    let swept = leftovers::sweep(&client).await.context("cleaning up");
    result.and(swept)?;
    report.passed("nothing is left behind");
    Ok(())
}

async fn pages(client: &Client, report: &mut Report<'_>) -> Result<()> {
    let device = devices::check(client, report).await.context("devices")?;
    hardware_types::check(client, report).await.context("hardware types")?;
    system_models::check(client, report).await.context("system models")?;
    groups::check(client, report, &device).await.context("groups")?;
    live::check(client, report, &device).await.context("live updates")?;
    commands::check(client, report).await.context("commands")
}

/// Where steps that went well are told.
struct Report<'a>(Box<dyn FnMut(&str) + Send + 'a>);

impl Report<'_> {
    fn passed(&mut self, step: &str) {
        (self.0)(step);
    }
}

/// The nodes of a connection.
fn nodes(connection: &Value) -> Result<Vec<&Value>> {
    let edges = connection["edges"].as_array().with_context(|| format!("no connection: {connection}"))?;
    Ok(edges.iter().map(|edge| &edge["node"]).collect())
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().with_context(|| format!("no text: {value}"))
}
