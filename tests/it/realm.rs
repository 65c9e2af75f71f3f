//! What the engine makes of a realm.

use edgehog_astarte::{
    Action, DataTrigger, DeviceEvent, DeviceTrigger, ErrorHandler, HandledErrors, HttpAction, Policy,
    RealmManagement, Trigger,
};
use edgehog_engine::TRIGGER_SECRET_HEADER;
use edgehog_sdk::interfaces;
use secrecy::ExposeSecret;

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

/// Events come in with the realm's secret, which the triggers have, and not without it or with another one.
#[tokio::test]
async fn only_the_realm_sends_events() {
    let world = World::with_tenant().await;
    let Action::Http(action) = world.client.trigger("edgehog-connection").await.unwrap().unwrap().action
    else {
        panic!("the action is an HTTP request")
    };
    let secret = &action.static_headers[TRIGGER_SECRET_HEADER];
    let event = serde_json::json!({
        "device_id": "2TBn-jNESuuHamE2Zo1anA", "timestamp": "2026-01-02T03:04:05.678Z",
        "event": { "type": "device_connected", "device_ip_address": "198.51.100.7" },
    });
    let wrong = secret.to_uppercase();
    for (shown, status) in [
        (vec![], 401),
        (vec![wrong.as_str()], 403),
        (vec![secret, secret], 401),
        (vec![secret.as_str()], 200),
    ] {
        let mut request = world.http.post(&action.url).header("Astarte-Realm", "plantone").json(&event);
        for secret in shown {
            request = request.header(TRIGGER_SECRET_HEADER, secret);
        }
        assert_eq!(request.send().await.unwrap().status(), status);
        let seen = world.device("2TBn-jNESuuHamE2Zo1anA", "online").await;
        assert_eq!(seen.is_some(), status == 200, "{status}");
    }
}

/// A tenant whose events came in without a secret goes on without one until its triggers have it, and a header that
/// somebody added stays.
#[tokio::test]
async fn a_secret_can_be_asked_for_later() {
    let world = World::new().await;
    let open = world.tenant().authenticate_triggers(false);
    let tenant = world.engine.provision_tenant(&open).await.unwrap();
    world.until("the realm to be ready", async || world.is_ready().await.then_some(())).await;
    let action = async || match world.client.trigger("edgehog-connection").await.unwrap().unwrap().action {
        Action::Http(action) => action,
        other => panic!("{other:?}"),
    };
    let mut headed = world.client.trigger("edgehog-connection").await.unwrap().unwrap();
    assert!(action().await.static_headers.is_empty());
    headed.action = action().await.static_header("somebody", "else").into();
    world.client.delete_trigger("edgehog-connection").await.unwrap();
    world.client.install_trigger(&headed).await.unwrap();
    let done = async |requested| {
        let status = world.engine.reconciliation(tenant.tenant_id).await.unwrap().unwrap();
        (status.began_at > Some(requested) && !status.running).then_some(status)
    };
    let requested = world.engine.request_reconciliation(tenant.tenant_id).await.unwrap().unwrap();
    let status = world.until("the reconciliation", async || done(requested).await).await;
    assert_eq!((status.succeeded, status.mended), (Some(true), vec![]));
    assert_eq!(action().await.static_headers.len(), 1);

    let requested = chrono::Utc::now();
    world.engine.update_tenant(&world.tenant()).await.unwrap().unwrap();
    let status = world.until("the reconciliation", async || done(requested).await).await;
    assert_eq!((status.succeeded, status.mended.len()), (Some(true), TRIGGERS.len()), "{status:?}");
    let headers = action().await.static_headers;
    assert!(headers.contains_key(TRIGGER_SECRET_HEADER) && headers.len() == 1, "{headers:?}");
    let refused = async || {
        let request = world.http.post(action().await.url).header("Astarte-Realm", "plantone");
        (request.send().await.unwrap().status() == 401).then_some(())
    };
    world.until("the secret to be asked for", refused).await;
}

/// What keeps a realm from being reconciled is told, and it is tried again without being asked.
#[tokio::test]
async fn a_failure_is_told_and_tried_again() {
    let world = World::new().await;
    let mut wrong = world.tenant();
    wrong.base_api_url = "http://127.0.0.1:9".into();
    let tenant = world.engine.provision_tenant(&wrong).await.unwrap();
    let status = async || world.engine.reconciliation(tenant.tenant_id).await.unwrap().unwrap();
    let failed = async || Some(status().await).filter(|status| status.succeeded == Some(false));
    let failed = world.until("a failure", failed).await;
    assert!(
        failed.error.is_some() && failed.failures == 1 && failed.due_at > failed.ended_at.unwrap(),
        "{failed:?}"
    );
    world.engine.update_tenant(&world.tenant()).await.unwrap().unwrap();
    let mended = async || Some(status().await).filter(|status| status.succeeded == Some(true));
    let mended = world.until("success", mended).await;
    assert!(mended.error.is_none() && mended.failures == 0 && !mended.mended.is_empty(), "{mended:?}");
}

/// Whoever is connected to a tenant that is deleted is let go, and cannot come again.
#[tokio::test]
async fn a_deleted_tenants_users_are_let_go() {
    let world = World::with_tenant().await;
    let tenant = world.engine.tenants().await.unwrap().remove(0);
    let document = serde_json::json!({ "query": "subscription { deviceChanged { created { id } } }" });
    let subscribe = || {
        let request = world.http.post(format!("{}/tenants/plant-one/api", world.server_url));
        let request = request.bearer_auth(world.token.expose_secret()).header("Accept", "text/event-stream");
        request.json(&document).send()
    };
    let stream = subscribe().await.unwrap();
    assert_eq!(stream.status(), 200);
    // By another process: this one hears of it.
    world.delete_elsewhere(tenant.tenant_id).await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(60), stream.text()).await;
    assert!(ended.is_ok());
    assert_eq!(subscribe().await.unwrap().status(), 403);
    assert_eq!(world.engine.reconciliations().await.unwrap(), []);
}
