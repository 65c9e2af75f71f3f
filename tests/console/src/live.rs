//! What open pages are told while others edit.

use anyhow::{Context, Result, ensure};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::client::Client;
use crate::leftovers::NAME;
use crate::socket::{Subscription, refusal};
use crate::{Report, devices, groups, hardware_types, text};

const DEVICES: &str = "subscription Devices_deviceChanged_created_Subscription {
  deviceChanged { created { id name } updated { id name online tags { edges { node { name id } } } } }
}";

const GROUPS: &str = "subscription DeviceGroups_Subscription {
  deviceGroup { created { id name handle selector } updated { id name } destroyed }
}";

/// A page that shows changes of what is there, and nothing else.
const CHANGED_GROUPS: &str = "subscription DeviceGroup_updated_Subscription {
  deviceGroup { updated { id name devices { id } } }
}";

const HARDWARE_TYPES: &str = "subscription HardwareTypes_Subscription {
  hardwareType { created { id name partNumbers { edges { node { partNumber id } } } } updated { id } destroyed }
}";

pub(crate) async fn check(client: &Client, report: &mut Report<'_>, device: &Value) -> Result<()> {
    gate(client).await?;
    report.passed("sockets are refused to bad tokens and foreign pages");

    let mut changes = Subscription::open(client, DEVICES, json!({})).await?;
    changes.heartbeat().await.context("the heartbeat")?;
    let name = text(&device["name"])?;
    for name in [format!("{name}{NAME}"), name.to_owned()] {
        let variables = json!({ "deviceId": device["id"], "input": { "name": name } });
        client.mutate("updateDevice", devices::UPDATE, variables).await?;
        let is_it = |data: &Value| {
            let updated = &data["deviceChanged"]["updated"];
            updated["id"] == device["id"] && updated["name"] == name
        };
        let event = changes.event(is_it).await.context("a renamed device")?;
        ensure!(event["deviceChanged"].get("created") == Some(&Value::Null), "made, too: {event}");
    }
    report.passed("open pages see a device change");

    live_groups(client).await.context("groups")?;
    report.passed("open pages see groups come, change and go");
    live_hardware_types(client).await.context("hardware types")?;
    report.passed("open pages see hardware types come and go");
    Ok(())
}

async fn gate(client: &Client) -> Result<()> {
    let (tenant, token) = (&client.target().tenant, client.target().token.expose_secret());
    let origin = &client.target().origin;
    for (tenant, token, origin) in [
        (tenant.as_str(), "nonsense", origin.as_str()),
        ("nobody-has-this-slug", token, origin),
        (tenant, token, "https://foreign.example"),
    ] {
        let status = refusal(&client.logged_in(tenant, token), origin).await?;
        ensure!(status == Some(403), "a page of {origin} at {tenant} is answered with {status:?}");
    }
    Ok(())
}

async fn live_groups(client: &Client) -> Result<()> {
    let mut all = Subscription::open(client, GROUPS, json!({})).await?;
    let mut changed = Subscription::open(client, CHANGED_GROUPS, json!({})).await?;
    let made = groups::create(client, "-live").await?;
    let id = &made["id"];
    let event = all.event(|data| data["deviceGroup"]["created"]["id"] == *id).await?;
    ensure!(event["deviceGroup"]["created"]["handle"] == made["handle"], "not as made: {event}");
    let event = changed.event(|_| true).await?;
    ensure!(event == json!({ "deviceGroup": { "updated": null } }), "nothing has changed yet: {event}");

    let input = json!({ "name": "Console check, renamed" });
    client
        .mutate("updateDeviceGroup", groups::UPDATE, json!({ "deviceGroupId": id, "input": input }))
        .await?;
    let is_it = |data: &Value| {
        let updated = &data["deviceGroup"]["updated"];
        updated["id"] == *id && updated["name"] == input["name"]
    };
    all.event(is_it).await?;
    changed.event(is_it).await?;

    client.mutate("deleteDeviceGroup", groups::DELETE, json!({ "deviceGroupId": id })).await?;
    all.event(|data| data["deviceGroup"]["destroyed"] == *id).await?;
    Ok(())
}

async fn live_hardware_types(client: &Client) -> Result<()> {
    let mut live = Subscription::open(client, HARDWARE_TYPES, json!({})).await?;
    let made = hardware_types::create(client, "-live").await?;
    let event = live.event(|data| data["hardwareType"]["created"]["id"] == made["id"]).await?;
    ensure!(
        event["hardwareType"]["created"]["partNumbers"] == made["partNumbers"],
        "part numbers are missing: {event}"
    );
    let variables = json!({ "hardwareTypeId": made["id"] });
    client.mutate("deleteHardwareType", hardware_types::DELETE, variables).await?;
    live.event(|data| data["hardwareType"]["destroyed"] == made["id"]).await?;
    Ok(())
}
