//! What the check makes bears these names, so that it can be found again.

use anyhow::Result;
use serde_json::{Value, json};

use crate::client::Client;
use crate::{devices, groups, hardware_types, nodes, system_models, text};

/// What every handle begins with.
pub(crate) const HANDLE: &str = "console-check";
/// The tag that devices get.
pub(crate) const TAG: &str = "console-check";
/// What is put behind the names of devices.
pub(crate) const NAME: &str = " (console check)";

const QUERY: &str = "query Leftovers(
  $devices: DeviceFilterInput
  $groups: DeviceGroupFilterInput
  $models: SystemModelFilterInput
  $types: HardwareTypeFilterInput
) {
  devices(filter: $devices) { edges { node { id name } } }
  deviceGroups(filter: $groups) { edges { node { id } } }
  systemModels(filter: $models) { edges { node { id } } }
  hardwareTypes(filter: $types) { edges { node { id } } }
}";

/// Deletes whatever there is of ours.
pub(crate) async fn sweep(client: &Client) -> Result<()> {
    let ours = json!({ "handle": { "stringStartsWith": HANDLE } });
    let touched = json!({ "or": [{ "tags": { "name": { "eq": TAG } } }, { "name": { "stringEndsWith": NAME.trim() } }] });
    let variables = json!({ "devices": touched, "groups": ours, "models": ours, "types": ours });
    let data = client.data(QUERY, variables).await?;
    for device in nodes(&data["devices"])? {
        let variables = json!({ "deviceId": device["id"], "input": { "tags": [TAG] } });
        client.mutate("removeDeviceTags", devices::REMOVE_TAGS, variables).await?;
        if let Some(name) = text(&device["name"])?.strip_suffix(NAME) {
            let variables = json!({ "deviceId": device["id"], "input": { "name": name } });
            client.mutate("updateDevice", devices::UPDATE, variables).await?;
        }
    }
    for (list, mutation, query, variable) in [
        ("deviceGroups", "deleteDeviceGroup", groups::DELETE, "deviceGroupId"),
        ("systemModels", "deleteSystemModel", system_models::DELETE, "systemModelId"),
        ("hardwareTypes", "deleteHardwareType", hardware_types::DELETE, "hardwareTypeId"),
    ] {
        for node in nodes(&data[list])? {
            let mut variables = json!({});
            variables[variable] = Value::clone(&node["id"]);
            client.mutate(mutation, query, variables).await?;
        }
    }
    Ok(())
}
