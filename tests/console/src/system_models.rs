//! System models: list, forms with pictures, page, deletion.

use anyhow::{Context, Result, ensure};
use reqwest::multipart::Part;
use serde_json::{Value, json};

use crate::client::Client;
use crate::leftovers::HANDLE;
use crate::{Report, hardware_types, nodes, text};

const PICTURES: [(&str, &[u8]); 2] = [
    ("gateway.png", include_bytes!("../../../fixtures/pictures/gateway.png")),
    ("tracker.png", include_bytes!("../../../fixtures/pictures/tracker.png")),
];

const LIST: &str = "query SystemModels_getSystemModels_Query($first: Int, $after: String, $filter: SystemModelFilterInput = {}) {
  systemModels(first: $first, after: $after, filter: $filter) {
    edges {
      node {
        id handle name hardwareType { name id } partNumbers { edges { node { partNumber id } } } __typename
      }
      cursor
    }
    pageInfo { endCursor hasNextPage }
  }
}";

const PAGE: &str = "query SystemModel_getSystemModel_Query($systemModelId: ID!) {
  systemModel(id: $systemModelId) { ...SystemModel }
  tenantInfo { defaultLocale id }
}
fragment SystemModel on SystemModel {
  id name handle pictureUrl
  hardwareType { id name }
  partNumbers { edges { node { partNumber id } } }
  localizedDescriptions { languageTag value }
}";

const CREATE: &str =
    "mutation SystemModelCreate_createSystemModel_Mutation($input: CreateSystemModelInput!) {
  createSystemModel(input: $input) {
    result { id name handle pictureUrl localizedDescriptions { languageTag value } hardwareType { id } }
  }
}";

const UPDATE: &str =
    "mutation SystemModel_updateSystemModel_Mutation($systemModelId: ID!, $input: UpdateSystemModelInput!) {
  updateSystemModel(id: $systemModelId, input: $input) {
    result { id name handle pictureUrl localizedDescriptions { languageTag value } }
  }
}";

pub(crate) const DELETE: &str = "mutation SystemModel_deleteSystemModel_Mutation($systemModelId: ID!) {
  deleteSystemModel(id: $systemModelId) { result { id } }
}";

pub(crate) async fn check(client: &Client, report: &mut Report<'_>) -> Result<()> {
    let hardware_type = hardware_types::create(client, "-of-model").await?["id"].take();
    let locale = client.data("query { tenantInfo { defaultLocale id } }", json!({})).await?;
    let locale = locale["tenantInfo"]["defaultLocale"].clone();

    let made = create(client, &hardware_type, &locale).await.context("making one")?;
    report.passed("a system model is made with a picture, which its address gives");

    let search = json!({ "or": [
        { "name": { "ilike": "%CONSOLE CHECK%" } },
        { "hardwareType": { "name": { "ilike": "%no such name%" } } },
        { "partNumbers": { "partNumber": { "ilike": "%no such part%" } } },
    ] });
    let data = client.data(LIST, json!({ "first": 40, "after": null, "filter": search })).await?;
    ensure!(nodes(&data["systemModels"])?.iter().any(|it| it["id"] == made["id"]), "it is not listed");
    report.passed("system models are found by their own and by related attributes");

    refusals(client, &hardware_type).await.context("refusals")?;
    report.passed("refused system models are told field by field");

    update(client, &made, &locale).await.context("changing one")?;
    report.passed("name, description and picture of a system model are changed");

    delete(client, &made, &hardware_type).await.context("deleting one")?;
    report.passed("a hardware type in use stays; a system model is deleted");
    Ok(())
}

fn input(handle: &str, hardware_type: &Value) -> Value {
    json!({
        "name": format!("Console check {handle}"),
        "handle": handle,
        "hardwareTypeId": hardware_type,
        "partNumbers": [format!("MODEL-OF-{handle}")],
    })
}

fn picture(at: usize) -> Result<(&'static str, Part)> {
    let (name, bytes) = PICTURES[at];
    Ok(("pictureFile", Part::bytes(bytes).file_name(name).mime_str("image/png")?))
}

async fn create(client: &Client, hardware_type: &Value, locale: &Value) -> Result<Value> {
    let mut input = input(HANDLE, hardware_type);
    input["pictureFile"] = json!("pictureFile");
    input["localizedDescriptions"] = json!([{ "languageTag": locale, "value": "Made by a check." }]);
    let variables = json!({ "input": input });
    let made = client.mutate_with_file("createSystemModel", CREATE, &variables, picture(0)?).await?;
    ensure!(made["localizedDescriptions"] == input["localizedDescriptions"], "not described: {made}");
    ensure!(made["hardwareType"]["id"] == *hardware_type, "of another hardware type: {made}");
    loads(client, &made["pictureUrl"], 0).await?;
    Ok(made)
}

async fn loads(client: &Client, url: &Value, at: usize) -> Result<()> {
    let (kind, bytes) = client.image(text(url)?).await.context("the picture")?;
    ensure!(kind.as_deref() == Some("image/png"), "the picture is {kind:?}");
    ensure!(bytes == PICTURES[at].1, "the picture is another one");
    Ok(())
}

async fn refusals(client: &Client, hardware_type: &Value) -> Result<()> {
    let taken = input(HANDLE, hardware_type);
    let unknown = input("console-check-other", &json!("aGFyZHdhcmVfdHlwZTo5MDA3MTk5MjU0NzQwOTkx"));
    for (input, text, code) in [(taken, "handle ", "invalid_attribute"), (unknown, "id ", "not_found")] {
        let shown = client.refusal("createSystemModel", CREATE, json!({ "input": input })).await?;
        let right = shown[0].text.starts_with(text) && shown[0].code.as_deref() == Some(code);
        ensure!(right, "{input} is refused as {shown:?}");
    }
    Ok(())
}

async fn update(client: &Client, made: &Value, locale: &Value) -> Result<()> {
    let id = &made["id"];
    let variables = |input: Value| json!({ "systemModelId": id, "input": input });
    let description = json!([{ "languageTag": locale, "value": "Changed by a check." }]);
    let with_picture = variables(json!({
        "name": "Console check, renamed",
        "localizedDescriptions": description,
        "pictureFile": "pictureFile",
    }));
    let changed = client.mutate_with_file("updateSystemModel", UPDATE, &with_picture, picture(1)?).await?;
    ensure!(changed["localizedDescriptions"] == description, "not described: {changed}");
    loads(client, &changed["pictureUrl"], 1).await?;
    let shown = client.data(PAGE, json!({ "systemModelId": id })).await?;
    ensure!(shown["systemModel"]["name"] == "Console check, renamed", "not renamed: {shown}");

    let changed =
        client.mutate("updateSystemModel", UPDATE, variables(json!({ "pictureUrl": null }))).await?;
    ensure!(changed["pictureUrl"].is_null(), "the picture is still there: {changed}");
    Ok(())
}

async fn delete(client: &Client, made: &Value, hardware_type: &Value) -> Result<()> {
    let of_type = json!({ "hardwareTypeId": hardware_type });
    let shown = client.refusal("deleteHardwareType", hardware_types::DELETE, of_type.clone()).await?;
    ensure!(shown[0].code.as_deref() != Some("not_found"), "a hardware type in use is told to be gone");
    let variables = json!({ "systemModelId": made["id"] });
    client.mutate("deleteSystemModel", DELETE, variables.clone()).await?;
    let shown = client.data(PAGE, variables).await?;
    ensure!(shown["systemModel"].is_null(), "a deleted system model is still shown: {shown}");
    client.mutate("deleteHardwareType", hardware_types::DELETE, of_type).await?;
    Ok(())
}
