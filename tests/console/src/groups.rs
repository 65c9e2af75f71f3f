//! Groups of devices: list, forms, page, deletion.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::client::Client;
use crate::leftovers::{HANDLE, TAG};
use crate::{Report, devices, nodes};

const LIST: &str = "query DeviceGroups_getDeviceGroups_Query($first: Int, $after: String, $filter: DeviceGroupFilterInput = {}) {
  deviceGroups(first: $first, after: $after, filter: $filter) {
    edges { node { id name handle selector __typename } cursor }
    pageInfo { endCursor hasNextPage }
  }
}";

const PAGE: &str = "query DeviceGroup_getDeviceGroup_Query($deviceGroupId: ID!) {
  deviceGroup(id: $deviceGroupId) {
    id name handle selector
    devices { id deviceId name online systemModel { name hardwareType { name id } id } tags { edges { node { name id } } } }
  }
}";

pub(crate) const CREATE: &str =
    "mutation DeviceGroupCreate_createDeviceGroup_Mutation($input: CreateDeviceGroupInput!) {
  createDeviceGroup(input: $input) { result { id name handle selector devices { id } } }
}";

pub(crate) const UPDATE: &str =
    "mutation DeviceGroup_updateDeviceGroup_Mutation($deviceGroupId: ID!, $input: UpdateDeviceGroupInput!) {
  updateDeviceGroup(id: $deviceGroupId, input: $input) { result { id name handle selector devices { id } } }
}";

pub(crate) const DELETE: &str = "mutation DeviceGroup_deleteDeviceGroup_Mutation($deviceGroupId: ID!) {
  deleteDeviceGroup(id: $deviceGroupId) { result { id } }
}";

pub(crate) async fn check(client: &Client, report: &mut Report<'_>, device: &Value) -> Result<()> {
    let made = create(client, "").await?;
    let tagged = devices::tag(client, device).await?;
    let groups = tagged["deviceGroups"].as_array();
    let joined = groups.is_some_and(|groups| groups.iter().any(|group| group["id"] == made["id"]));
    ensure!(joined, "the tagged device is not in the group: {tagged}");
    let shown = client.data(PAGE, json!({ "deviceGroupId": made["id"] })).await?;
    let members = shown["deviceGroup"]["devices"].as_array();
    ensure!(members.is_some_and(|all| all.len() == 1 && all[0]["id"] == device["id"]), "not its: {shown}");
    let filter = json!({ "or": [{ "name": { "ilike": "%console CHECK%" } }] });
    let listed = client.data(LIST, json!({ "first": 40, "after": null, "filter": filter })).await?;
    ensure!(nodes(&listed["deviceGroups"])?.iter().any(|it| it["id"] == made["id"]), "it is not listed");
    report.passed("a group is made, and gathers the devices of its selector");

    for (handle, selector, field) in [
        (HANDLE, "\"a\" in tags", "handle"),
        ("Not A Handle", "\"a\" in tags", "handle"),
        ("console-check-other", "tags, please", "selector"),
    ] {
        let shown = client.refusal("createDeviceGroup", CREATE, input(handle, selector)).await?;
        let of_field = shown.iter().any(|shown| shown.text.starts_with(&format!("{field} ")));
        ensure!(of_field, "{handle:?} with {selector:?} is refused as {shown:?}");
    }
    report.passed("refused groups are told field by field");

    let input = json!({ "name": "Console check, renamed", "selector": "\"nobody\" in tags" });
    let variables = json!({ "deviceGroupId": made["id"], "input": input });
    let changed = client.mutate("updateDeviceGroup", UPDATE, variables).await?;
    ensure!(changed["name"] == input["name"] && changed["devices"] == json!([]), "not changed: {changed}");
    let variables = json!({ "deviceGroupId": made["id"] });
    client.mutate("deleteDeviceGroup", DELETE, variables.clone()).await?;
    let shown = client.data(PAGE, variables.clone()).await?;
    ensure!(shown["deviceGroup"].is_null(), "a deleted group is still shown: {shown}");
    let shown = client.refusal("deleteDeviceGroup", DELETE, variables).await?;
    ensure!(shown[0].code.as_deref() == Some("not_found"), "it is gone, but the page is told {shown:?}");
    report.passed("a group is changed, and deleted but once");
    Ok(())
}

/// Makes one of the devices with the tag, whose handle has this ending.
pub(crate) async fn create(client: &Client, ending: &str) -> Result<Value> {
    let variables = input(&format!("{HANDLE}{ending}"), &format!("\"{TAG}\" in tags"));
    client.mutate("createDeviceGroup", CREATE, variables).await
}

fn input(handle: &str, selector: &str) -> Value {
    json!({ "input": { "name": format!("Console check {handle}"), "handle": handle, "selector": selector } })
}
