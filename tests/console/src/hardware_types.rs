//! Hardware types: list, forms, page, deletion.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::client::Client;
use crate::leftovers::HANDLE;
use crate::{Report, nodes};

const LIST: &str = "query HardwareTypes_getHardwareTypes_Query($first: Int, $after: String, $filter: HardwareTypeFilterInput = {}) {
  hardwareTypes(first: $first, after: $after, filter: $filter) {
    edges { node { id handle name partNumbers { edges { node { partNumber id } } } __typename } cursor }
    pageInfo { endCursor hasNextPage }
  }
}";

const PAGE: &str = "query HardwareType_getHardwareType_Query($hardwareTypeId: ID!) {
  hardwareType(id: $hardwareTypeId) { id name handle partNumbers { edges { node { partNumber id } } } }
}";

const CREATE: &str = "mutation HardwareTypeCreate_createHardwareType_Mutation($input: CreateHardwareTypeInput!) {
  createHardwareType(input: $input) { result { id name handle partNumbers { edges { node { partNumber id } } } } }
}";

const UPDATE: &str = "mutation HardwareType_updateHardwareType_Mutation($hardwareTypeId: ID!, $input: UpdateHardwareTypeInput!) {
  updateHardwareType(id: $hardwareTypeId, input: $input) {
    result { id name handle partNumbers { edges { node { partNumber id } } } }
  }
}";

pub(crate) const DELETE: &str = "mutation HardwareType_deleteHardwareType_Mutation($hardwareTypeId: ID!) {
  deleteHardwareType(id: $hardwareTypeId) { result { id } }
}";

pub(crate) async fn check(client: &Client, report: &mut Report<'_>) -> Result<()> {
    let made = create(client, "").await?;
    let by_search = json!({ "or": [
        { "handle": { "ilike": format!("%{HANDLE}%") } },
        { "name": { "ilike": "%no such name%" } },
        { "partNumbers": { "partNumber": { "ilike": "%no such part%" } } },
    ] });
    for filter in [json!(null), by_search] {
        let data = client.data(LIST, json!({ "first": 10_000, "after": null, "filter": filter })).await?;
        ensure!(nodes(&data["hardwareTypes"])?.iter().any(|it| it["id"] == made["id"]), "it is not listed");
    }
    report.passed("a hardware type is made, listed and found");

    refusals(client).await.context("refusals")?;
    report.passed("refused hardware types are told field by field");

    let input = json!({ "name": "Console check, renamed", "partNumbers": ["CONSOLE-CHECK-3"] });
    let variables = json!({ "hardwareTypeId": made["id"], "input": input });
    client.mutate("updateHardwareType", UPDATE, variables).await?;
    let shown = page(client, &made["id"]).await?;
    let parts: Vec<_> = nodes(&shown["partNumbers"])?.iter().map(|part| &part["partNumber"]).collect();
    ensure!(shown["name"] == input["name"] && parts == ["CONSOLE-CHECK-3"], "not changed: {shown}");

    let variables = json!({ "hardwareTypeId": made["id"] });
    client.mutate("deleteHardwareType", DELETE, variables.clone()).await?;
    ensure!(page(client, &made["id"]).await?.is_null(), "a deleted hardware type is still shown");
    let shown = client.refusal("deleteHardwareType", DELETE, variables).await?;
    ensure!(shown[0].code.as_deref() == Some("not_found"), "it is gone, but the page is told {shown:?}");
    report.passed("a hardware type is changed, and deleted but once");
    Ok(())
}

/// Makes one, whose handle has this ending.
pub(crate) async fn create(client: &Client, ending: &str) -> Result<Value> {
    let part_numbers = [1, 2].map(|number| format!("CONSOLE-CHECK{ending}-{number}"));
    let variables = input(&format!("{HANDLE}{ending}"), &json!(part_numbers));
    let made = client.mutate("createHardwareType", CREATE, variables).await?;
    ensure!(nodes(&made["partNumbers"])?.len() == 2, "not all part numbers were taken: {made}");
    Ok(made)
}

fn input(handle: &str, part_numbers: &Value) -> Value {
    json!({ "input": { "name": format!("Console check {handle}"), "handle": handle, "partNumbers": part_numbers } })
}

async fn refusals(client: &Client) -> Result<()> {
    for (handle, part_numbers, field) in [
        (HANDLE, json!(["CONSOLE-CHECK-9"]), "handle"),
        ("Not A Handle", json!(["CONSOLE-CHECK-9"]), "handle"),
        ("", json!(["CONSOLE-CHECK-9"]), "handle"),
        ("console-check-other", json!([]), "part_numbers"),
    ] {
        let shown = client.refusal("createHardwareType", CREATE, input(handle, &part_numbers)).await?;
        let of_field = shown.iter().any(|shown| shown.text.starts_with(&format!("{field} ")));
        ensure!(of_field, "{handle:?} with {part_numbers} is refused as {shown:?}");
    }
    Ok(())
}

async fn page(client: &Client, id: &Value) -> Result<Value> {
    Ok(client.data(PAGE, json!({ "hardwareTypeId": id })).await?["hardwareType"].take())
}
