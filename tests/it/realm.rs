//! What the engine makes of a realm.

use edgehog_astarte::{
    DataTrigger, DeviceEvent, DeviceTrigger, ErrorHandler, HandledErrors, HttpAction, Policy,
    RealmManagement, Trigger,
};
use edgehog_sdk::interfaces;

use crate::world::World;

const TRIGGERS: [&str; 17] = [
    "edgehog-available-containers",
    "edgehog-available-deployments",
    "edgehog-available-device-mappings",
    "edgehog-available-images",
    "edgehog-available-networks",
    "edgehog-available-volumes",
    "edgehog-connection",
    "edgehog-deletion-finished",
    "edgehog-deployment-event",
    "edgehog-disconnection",
    "edgehog-file-transfer-progress",
    "edgehog-file-transfer-response",
    "edgehog-ota-event",
    "edgehog-registration",
    "edgehog-storage-file",
    "edgehog-storage-response",
    "edgehog-system-info",
];

async fn triggers(world: &World) -> Vec<String> {
    let mut names = world.client.triggers().await.unwrap();
    names.sort();
    names
}

/// A new tenant's realm gets all interfaces, the policy and the triggers, which point to this server.
#[tokio::test]
async fn a_new_realm_is_made_ready() {
    let world = World::with_tenant().await;
    for definition in interfaces::all() {
        let installed = world.client.interface(definition.name, definition.major).await.unwrap();
        assert!(installed.is_some(), "{} {}", definition.name, definition.major);
    }
    assert_eq!(triggers(&world).await, TRIGGERS);
    let trigger = world.client.trigger("edgehog-connection").await.unwrap().unwrap();
    let url = format!("{}/tenants/plant-one/triggers", world.server_url);
    let wanted =
        Trigger::new("edgehog-connection", HttpAction::post(url), DeviceTrigger::new(DeviceEvent::Connected))
            .policy("edgehog-retry-on-server-error");
    assert!(wanted.is_met_by(&trigger), "{trigger:?}");
    let policy = world.client.policy("edgehog-retry-on-server-error").await.unwrap().unwrap();
    assert_eq!((policy.retry_times, policy.event_ttl, policy.maximum_capacity), (Some(3), Some(30), 100));
}

/// A realm in which somebody changed the policy and a trigger of ours, and has a trigger of his own.
async fn stray(world: &World) -> (Trigger, Trigger) {
    let (realm, elsewhere) = (&world.client, HttpAction::post("https://elsewhere.example"));
    let policy = Policy::new("edgehog-retry-on-server-error", 7)
        .handler(ErrorHandler::retry(HandledErrors::Any))
        .retry_times(1);
    realm.install_policy(&policy).await.unwrap();
    let ours =
        Trigger::new("edgehog-connection", elsewhere.clone(), DeviceTrigger::new(DeviceEvent::Connected))
            .policy("edgehog-retry-on-server-error");
    realm.install_trigger(&ours).await.unwrap();
    let foreign = Trigger::new("somebody-elses", elsewhere, DeviceTrigger::new(DeviceEvent::Connected));
    realm.install_trigger(&foreign).await.unwrap();
    (ours, foreign)
}

/// What differs is replaced, what is somebody else's is left alone; two servers that do it at once do not fall out.
#[tokio::test]
async fn a_realm_that_strayed_is_mended() {
    for replicas in [0, 2] {
        let world = World::new().await;
        let (stale, foreign) = stray(&world).await;
        let mut others = Vec::new();
        for _ in 0..replicas {
            others.push(world.replica().await);
        }
        world.provision().await;
        let realm = &world.client;
        let is_mended = async || {
            let mended = realm.trigger("edgehog-connection").await.unwrap();
            let policy = realm.policy("edgehog-retry-on-server-error").await.unwrap();
            let right = mended.is_some_and(|it| !it.is_equivalent(&stale))
                && policy.is_some_and(|it| it.maximum_capacity == 100)
                && triggers(&world).await.len() == TRIGGERS.len() + 1;
            right.then_some(())
        };
        world.until("the realm to be mended", is_mended).await;
        assert!(foreign.is_equivalent(&realm.trigger("somebody-elses").await.unwrap().unwrap()));
    }
}

/// A later minor version in the realm is left as it is.
#[tokio::test]
async fn a_newer_interface_is_left_alone() {
    let world = World::new().await;
    let newer = serde_json::json!({
        "interface_name": "io.edgehog.devicemanager.OSInfo", "version_major": 0, "version_minor": 9,
        "type": "properties", "ownership": "device",
        "mappings": [
            { "endpoint": "/osName", "type": "string" },
            { "endpoint": "/osVersion", "type": "string" },
            { "endpoint": "/kernel", "type": "string" },
        ],
    });
    world.realm.install_interface(&newer).unwrap();
    world.provision().await;
    world.until("all triggers", async || (triggers(&world).await == TRIGGERS).then_some(())).await;
    let kept = world.client.interface("io.edgehog.devicemanager.OSInfo", 0).await.unwrap().unwrap();
    assert_eq!(kept.version_minor(), 9);
}

/// A data trigger for the wanted interface, as the server needs it.
#[tokio::test]
async fn system_info_is_told() {
    let world = World::with_tenant().await;
    let installed = world.client.trigger("edgehog-system-info").await.unwrap().unwrap();
    let wanted = DataTrigger::any_value("io.edgehog.devicemanager.SystemInfo", 0);
    assert_eq!(installed.simple_triggers, [wanted.into()]);
}
