//! The list of devices, its search, and the page of one device.

use std::collections::HashSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::client::Client;
use crate::leftovers::{NAME, TAG};
use crate::{Report, nodes, text};

const LIST: &str =
    "query DeviceList_PaginationQuery($after: String, $filter: DeviceFilterInput = {}, $first: Int) {
  ...DeviceList_Devices
}
fragment DeviceList_Devices on RootQueryType {
  devices(first: $first, after: $after, filter: $filter) {
    edges {
      node {
        id
        deviceId
        name
        online
        lastConnection
        lastDisconnection
        serialNumber
        partNumber
        systemModel { name hardwareType { name id } id }
        tags { edges { node { name id } } }
        __typename
      }
      cursor
    }
    pageInfo { endCursor hasNextPage }
    count
  }
}";

const PAGE: &str = "query Device_getDevice_Query($id: ID!) {
  forwarderConfig { __typename id }
  device(id: $id) {
    id
    deviceId
    name
    online
    lastConnection
    lastDisconnection
    lastSeenIp
    serialNumber
    partNumber
    capabilities
    systemModel { name pictureUrl hardwareType { name id } id }
    tags { edges { node { name id } } }
    deviceGroups { id name }
    ...Device_telemetry
  }
  existingDeviceTags { edges { node { name id } } }
}
fragment Device_telemetry on Device {
  hardwareInfo { cpuArchitecture cpuModel cpuModelName cpuVendor memoryTotalBytes }
  osInfo { name version }
  runtimeInfo { name version environment url }
  baseImage { name version buildId fingerprint }
  storageUsage { label totalBytes freeBytes }
  systemStatus { bootId memoryFreeBytes taskCount uptimeMilliseconds timestamp }
  batteryStatus { slot status levelPercentage levelAbsoluteError }
  wifiScanResults { channel connected essid macAddress rssi timestamp }
  networkInterfaces { name macAddress technology }
  cellularConnection {
    slot apn imei imsi carrier cellId mobileCountryCode mobileNetworkCode localAreaCode registrationStatus
    rssi technology
  }
  position { latitude longitude accuracy timestamp source }
  location { formattedAddress timestamp source }
}";

/// How many devices are looked at.
const PAGES: usize = 8;

/// What a device that can do this shows on its page.
const SECTIONS: [(&str, &str); 10] = [
    ("BASE_IMAGE", "baseImage"),
    ("BATTERY_STATUS", "batteryStatus"),
    ("CELLULAR_CONNECTION", "cellularConnection"),
    ("HARDWARE_INFO", "hardwareInfo"),
    ("NETWORK_INTERFACE_INFO", "networkInterfaces"),
    ("OPERATING_SYSTEM", "osInfo"),
    ("RUNTIME_INFO", "runtimeInfo"),
    ("STORAGE", "storageUsage"),
    ("SYSTEM_STATUS", "systemStatus"),
    ("WIFI", "wifiScanResults"),
];

pub(crate) const UPDATE: &str =
    "mutation Device_UpdateDevice_Mutation($deviceId: ID!, $input: UpdateDeviceInput!) {
  updateDevice(id: $deviceId, input: $input) { result { id name } }
}";

const ADD_TAGS: &str = "mutation Device_AddDeviceTags_Mutation($deviceId: ID!, $input: AddDeviceTagsInput!) {
  addDeviceTags(id: $deviceId, input: $input) {
    result { id tags { edges { node { name id } } } deviceGroups { id name } }
  }
}";

pub(crate) const REMOVE_TAGS: &str =
    "mutation Device_RemoveDeviceTags_Mutation($deviceId: ID!, $input: RemoveDeviceTagsInput!) {
  removeDeviceTags(id: $deviceId, input: $input) {
    result { id tags { edges { node { name id } } } deviceGroups { id name } }
  }
}";

/// Gives the device that the other pages may work with.
pub(crate) async fn check(client: &Client, report: &mut Report<'_>) -> Result<Value> {
    list(client).await.context("the list")?;
    report.passed("devices are listed, more of them loaded, all of them picked from");

    let online = online(client).await?;
    let device = online.first().cloned().context("no device is online")?;
    search(client, &device).await.context("the search")?;
    report.passed("devices are found by their own and by related attributes");

    for device in online.iter().take(PAGES) {
        page(client, device).await.context("the page of a device")?;
    }
    report.passed("devices' pages show them with everything they tell");

    edit(client, &device).await.context("editing a device")?;
    report.passed("a device is renamed, tagged and untagged; refusals are shown");
    Ok(device)
}

/// The devices that are online.
pub(crate) async fn online(client: &Client) -> Result<Vec<Value>> {
    let variables = json!({ "first": 10_000, "after": null, "filter": { "online": { "eq": true } } });
    let data = client.data(LIST, variables).await?;
    Ok(nodes(&data["devices"])?.into_iter().cloned().collect())
}

async fn list(client: &Client) -> Result<()> {
    let first_page = client.data(LIST, json!({ "first": 40, "after": null, "filter": null })).await?;
    let picker = client.data(LIST, json!({ "first": 10_000, "filter": {} })).await?;
    let picked = ids(&picker["devices"])?;
    ensure!(ids(&first_page["devices"])?.len() == picked.len().min(40), "the first page is no page of 40");

    let mut seen = Vec::new();
    let (mut page, mut size) = (json!(null), 2);
    loop {
        let variables = json!({ "first": size, "after": page["pageInfo"]["endCursor"], "filter": null });
        page = client.data(LIST, variables).await?["devices"].take();
        seen.extend(ids(&page)?);
        ensure!(page["count"].as_u64() >= Some(picked.len() as u64), "the count is not that of all pages");
        size = 10;
        if page["pageInfo"]["hasNextPage"] != true {
            break;
        }
    }
    let distinct: HashSet<_> = seen.iter().collect();
    ensure!(distinct.len() == seen.len(), "pages repeat devices");
    ensure!(seen.starts_with(&picked), "pages leave devices out, or have another order");
    Ok(())
}

fn ids(connection: &Value) -> Result<Vec<String>> {
    nodes(connection)?.into_iter().map(|node| Ok(text(&node["id"])?.to_owned())).collect()
}

async fn search(client: &Client, device: &Value) -> Result<()> {
    let related = [&device["systemModel"]["name"], &device["systemModel"]["hardwareType"]["name"]];
    let own = ["name", "deviceId", "serialNumber", "partNumber"].map(|name| &device[name]);
    let tags = nodes(&device["tags"])?.into_iter().map(|tag| &tag["name"]);
    for searched in own.into_iter().chain(related).chain(tags).filter_map(Value::as_str) {
        let found = ids(&find(client, searched).await?)?;
        ensure!(found.iter().any(|id| device["id"] == **id), "{searched:?} does not find {device}");
    }
    let found = ids(&find(client, "nothing is called like this").await?)?;
    ensure!(found.is_empty(), "too much is found");
    Ok(())
}

async fn find(client: &Client, searched: &str) -> Result<Value> {
    let like = json!({ "ilike": format!("%{}%", searched.to_uppercase()) });
    let filter = json!({ "or": [
        { "name": like },
        { "deviceId": like },
        { "serialNumber": like },
        { "partNumber": like },
        { "tags": { "name": like } },
        { "systemModel": { "name": like } },
        { "systemModel": { "hardwareType": { "name": like } } },
    ] });
    Ok(client.data(LIST, json!({ "first": 40, "after": null, "filter": filter })).await?["devices"].take())
}

async fn page(client: &Client, device: &Value) -> Result<()> {
    let data = client.data(PAGE, json!({ "id": device["id"] })).await?;
    let shown = &data["device"];
    ensure!(
        shown["id"] == device["id"] && shown["deviceId"] == device["deviceId"],
        "another device is shown"
    );
    ensure!(shown["deviceGroups"].is_array(), "the groups are missing: {shown}");
    let capabilities = shown["capabilities"].as_array();
    let capabilities = capabilities.with_context(|| format!("the capabilities are missing: {shown}"))?;
    for (capability, section) in SECTIONS {
        if capabilities.iter().any(|it| it == capability) {
            ensure!(!shown[section].is_null(), "{section} is missing: {shown}");
        }
    }
    Ok(())
}

async fn edit(client: &Client, device: &Value) -> Result<()> {
    let (id, name) = (&device["id"], text(&device["name"])?);
    let rename = |name: &str| json!({ "deviceId": id, "input": { "name": name } });
    let new_name = format!("{name}{NAME}");
    let renamed = client.mutate("updateDevice", UPDATE, rename(&new_name)).await?;
    ensure!(renamed["name"] == new_name.trim(), "the name is not the new one: {renamed}");
    let shown = client.refusal("updateDevice", UPDATE, rename(" ")).await?;
    ensure!(shown[0].text.starts_with("name "), "a blank name is refused as {shown:?}");
    client.mutate("updateDevice", UPDATE, rename(name)).await?;

    let variables = json!({ "deviceId": id, "input": { "tags": [TAG] } });
    let tagged = client.mutate("addDeviceTags", ADD_TAGS, variables.clone()).await?;
    ensure!(has_tag(&tagged)?, "the tag is not there: {tagged}");
    let data = client.data(PAGE, json!({ "id": id })).await?;
    let offered = nodes(&data["existingDeviceTags"])?;
    ensure!(offered.iter().any(|tag| tag["name"] == TAG), "a tag in use is not offered");
    let untagged = client.mutate("removeDeviceTags", REMOVE_TAGS, variables).await?;
    ensure!(!has_tag(&untagged)?, "the tag is still there: {untagged}");
    Ok(())
}

/// Tags the device, and gives it as it is then.
pub(crate) async fn tag(client: &Client, device: &Value) -> Result<Value> {
    let variables = json!({ "deviceId": device["id"], "input": { "tags": [TAG] } });
    client.mutate("addDeviceTags", ADD_TAGS, variables).await
}

fn has_tag(device: &Value) -> Result<bool> {
    Ok(nodes(&device["tags"])?.iter().any(|tag| tag["name"] == TAG))
}
