//! What a person would tell a server about the fleet: which models there are, what they look like, which devices are
//! where. Told by the requests that any client makes.

use anyhow::{Context, Result, bail};
use reqwest::multipart::{Form, Part};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::device::{device_id, model_of};
use crate::models::{GATEWAY, MODELS, Model, TRACKER};

/// How many devices get tags. The others stay as they come, as most of a new fleet would.
const TAGGED: usize = 12;

const HARDWARE_TYPE: &str = "edge-board";

/// Two of the models; the part numbers of the others are unknown to the server.
const DESCRIBED: [Description; 2] = [
    Description {
        model: GATEWAY,
        handle: "gateway-100",
        name: "Gateway 100",
        text: "Stands in a plant and connects machines.",
        picture_name: "gateway.png",
        picture: include_bytes!("../../fixtures/pictures/gateway.png"),
    },
    Description {
        model: TRACKER,
        handle: "tracker-7",
        name: "Tracker 7",
        text: "Travels with a truck and tells where it is.",
        picture_name: "tracker.png",
        picture: include_bytes!("../../fixtures/pictures/tracker.png"),
    },
];

/// Handle, name and selector.
const GROUPS: [(&str, &str, &str); 2] = [
    ("plants", "Plants", r#""plant-*" ~= tags"#),
    ("northern-trucks", "Trucks in the north", r#""truck" in tags and "north" in tags"#),
];

struct Description {
    model: Model,
    handle: &'static str,
    name: &'static str,
    text: &'static str,
    picture_name: &'static str,
    picture: &'static [u8],
}

/// A tenant of a server, as one of its users reaches it.
#[derive(Debug)]
pub struct Server {
    api: String,
    token: SecretString,
    http: reqwest::Client,
}

impl Server {
    /// The tenant of this slug at a server's address.
    ///
    /// # Errors
    ///
    /// When there can be no HTTP client.
    pub fn new(url: &str, tenant: &str, token: SecretString) -> Result<Self> {
        let api = format!("{}/tenants/{tenant}/api", url.trim_end_matches('/'));
        let http = reqwest::Client::builder().build().context("no HTTP client can be made")?;
        Ok(Self { api, token, http })
    }

    async fn ask(&self, query: &str, variables: Value) -> Result<Value> {
        let request = self.http.post(&self.api).json(&json!({ "query": query, "variables": variables }));
        self.data(request).await
    }

    /// The same with a file, whose part in the request the variables name.
    async fn ask_with_file(
        &self,
        query: &'static str,
        variables: &Value,
        part: &'static str,
        file: Part,
    ) -> Result<Value> {
        let form = Form::new().part(part, file).text("query", query).text("variables", variables.to_string());
        self.data(self.http.post(&self.api).multipart(form)).await
    }

    async fn data(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let answer = request.bearer_auth(self.token.expose_secret()).send().await?;
        let mut answer: Value = answer.json().await.context("the answer is no JSON")?;
        match answer.get("errors") {
            Some(errors) => bail!("the server refused: {errors}"),
            None => Ok(answer["data"].take()),
        }
    }
}

/// Tells the server about the fleet. What has the handle of ours is left as it is, and so are tags once there are any.
///
/// # Errors
///
/// When the server does not answer, or refuses.
pub async fn describe(server: &Server) -> Result<()> {
    let known = server.ask(KNOWN, json!({})).await?;
    let hardware_type = match id_of(&known["hardwareTypes"], HARDWARE_TYPE) {
        Some(id) => id,
        None => create_hardware_type(server).await?,
    };
    for described in &DESCRIBED {
        if id_of(&known["systemModels"], described.handle).is_none() {
            create_system_model(server, described, &hardware_type).await?;
        }
    }
    if known["existingDeviceTags"]["count"] == 0 {
        add_tags(server, &known["devices"]).await?;
    }
    for (handle, name, selector) in GROUPS {
        if id_of(&known["deviceGroups"], handle).is_none() {
            let input = json!({ "handle": handle, "name": name, "selector": selector });
            server.ask(CREATE_GROUP, json!({ "input": input })).await?;
        }
    }
    Ok(())
}

const KNOWN: &str = "query {
    hardwareTypes { edges { node { id handle } } }
    systemModels { edges { node { id handle } } }
    deviceGroups { edges { node { id handle } } }
    existingDeviceTags { count }
    devices { edges { node { id deviceId } } }
}";

const CREATE_GROUP: &str = "mutation($input: CreateDeviceGroupInput!) {
    createDeviceGroup(input: $input) { result { id } }
}";

async fn create_hardware_type(server: &Server) -> Result<Value> {
    const CREATE: &str = "mutation($input: CreateHardwareTypeInput!) {
        createHardwareType(input: $input) { result { id } }
    }";
    let input = json!({ "handle": HARDWARE_TYPE, "name": "Edge board", "partNumbers": ["EB-1", "EB-2"] });
    let mut made = server.ask(CREATE, json!({ "input": input })).await?;
    Ok(made["createHardwareType"]["result"]["id"].take())
}

async fn create_system_model(server: &Server, described: &Description, hardware_type: &Value) -> Result<()> {
    const CREATE: &str = "mutation($input: CreateSystemModelInput!) {
        createSystemModel(input: $input) { result { id } }
    }";
    let input = json!({
        "handle": described.handle,
        "name": described.name,
        "hardwareTypeId": hardware_type,
        "partNumbers": [described.model.part_number],
        "localizedDescriptions": [{ "languageTag": "en-US", "value": described.text }],
        "pictureFile": "pictureFile",
    });
    let file = Part::bytes(described.picture).file_name(described.picture_name).mime_str("image/png")?;
    server.ask_with_file(CREATE, &json!({ "input": input }), "pictureFile", file).await?;
    Ok(())
}

async fn add_tags(server: &Server, devices: &Value) -> Result<()> {
    const ADD: &str = "mutation($id: ID!, $input: AddDeviceTagsInput!) {
        addDeviceTags(id: $id, input: $input) { result { id } }
    }";
    for (number, tags) in (0..TAGGED).map(|number| (number, tags_of(number))) {
        let Some(id) = node_with(devices, "deviceId", &device_id(number)) else { continue };
        if tags.is_empty() {
            continue;
        }
        server.ask(ADD, json!({ "id": id, "input": { "tags": tags } })).await?;
    }
    Ok(())
}

/// Where the device of this number is.
fn tags_of(number: usize) -> &'static [&'static str] {
    let first = (number / MODELS.len()).is_multiple_of(2);
    match model_of(number).part_number {
        it if it == TRACKER.part_number && first => &["truck", "north"],
        it if it == TRACKER.part_number => &["truck", "south"],
        it if it == GATEWAY.part_number && first => &["plant-1"],
        it if it == GATEWAY.part_number => &["plant-2", "spare"],
        _ => &[],
    }
}

fn id_of(connection: &Value, handle: &str) -> Option<Value> {
    node_with(connection, "handle", handle)
}

/// The id of the node that has this value in this member.
fn node_with(connection: &Value, member: &str, value: &str) -> Option<Value> {
    let mut nodes = connection["edges"].as_array()?.iter().map(|edge| &edge["node"]);
    nodes.find(|node| node[member] == value).map(|node| node["id"].clone())
}
