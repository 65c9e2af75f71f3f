//! The stock web console, as far as its requests go.

use edgehog_console_check::{Target, check};
use serde_json::Value;
use simulated_fleet::{MODELS, Server, describe, device_id, spawn};

use crate::world::{CONSOLE, TENANT, World};

/// A server with a fleet of each model, which is online and described.
async fn world_with_fleet() -> World {
    let world = World::with_tenant().await;
    for number in 0..MODELS.len() {
        spawn(&world.realm, number).unwrap();
    }
    for number in 0..MODELS.len() {
        let told = |device: &Value| device["online"] == true && device["partNumber"].is_string();
        world.device_that(&device_id(number), "online partNumber", told).await;
    }
    let server = Server::new(&world.server_url, TENANT, world.token.clone()).unwrap();
    describe(&server).await.unwrap();
    world
}

/// Everything the console does goes well, twice: the first run leaves nothing in the way of the second.
#[tokio::test]
async fn the_console_finds_what_it_needs() {
    let world = world_with_fleet().await;
    let target = Target {
        url: world.server_url.parse().unwrap(),
        tenant: TENANT.to_owned(),
        token: world.token.clone(),
        origin: CONSOLE.to_owned(),
    };
    for run in 1..=2 {
        let mut passed = Vec::new();
        let result = check(&target, |step| passed.push(step.to_owned())).await;
        if let Err(error) = result {
            panic!("run {run}, after {passed:#?}: {error:#}");
        }
    }
}

/// Who describes the fleet again changes nothing, not even what somebody has edited meanwhile.
#[tokio::test]
async fn a_described_fleet_stays_as_it_is() {
    const EVERYTHING: &str = "{
        hardwareTypes { edges { node { id name handle partNumbers { edges { node { id partNumber } } } } } }
        systemModels { edges { node { id name handle pictureUrl partNumbers { edges { node { id partNumber } } } } } }
        deviceGroups { edges { node { id name handle selector devices { id } } } }
        devices { edges { node { id tags { edges { node { id name } } } systemModel { id } deviceGroups { id } } } }
    }";
    let world = world_with_fleet().await;
    let group =
        &world.query("{ deviceGroups { edges { node { id } } } }").await["data"]["deviceGroups"]["edges"][0];
    let rename = format!(
        "mutation {{ updateDeviceGroup(id: {}, input: {{ name: \"Ours\" }}) {{ result {{ id }} }} }}",
        group["node"]["id"]
    );
    let renamed = world.query(&rename).await;
    assert!(renamed.get("errors").is_none(), "{renamed}");

    let before = world.query(EVERYTHING).await;
    assert_eq!(before["data"]["systemModels"]["edges"].as_array().unwrap().len(), 2, "{before}");
    assert_eq!(before["data"]["deviceGroups"]["edges"].as_array().unwrap().len(), 2, "{before}");
    let server = Server::new(&world.server_url, TENANT, world.token.clone()).unwrap();
    describe(&server).await.unwrap();
    assert_eq!(world.query(EVERYTHING).await, before);
}
