//! What server-owned values become on their way to AppEngine.

use edgehog_sdk::{Message, ServerOwned, interfaces::*};
use serde_json::{Value, json};
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn shown(messages: Vec<Message>) -> Value {
    let show = |m: Message| json!({"interface": m.interface, "path": m.path, "value": m.value});
    messages.into_iter().map(show).collect()
}

/// Individual mappings: bare values at full endpoints.
#[test]
fn individual_mappings() {
    let blink = LedBehavior { led: Led::Indicator, behavior: LedPattern::DoubleBlink };
    let reboot = Command { request: CommandRequest::Reboot };
    let stop = DeploymentCommand { deployment_id: ID, command: DeploymentCommandKind::Stop };
    let telemetry = TelemetryConfig {
        telemetry: TelemetryInterface::WiFiScanResults,
        enable: Some(true),
        period_seconds: Some(60),
    };
    let messages = [blink.messages(), reboot.messages(), stop.messages(), telemetry.messages()].concat();
    insta::assert_json_snapshot!(shown(messages));
}

/// What is not set is not sent.
#[test]
fn nothing_set() {
    let telemetry =
        TelemetryConfig { telemetry: TelemetryInterface::Geolocation, enable: None, period_seconds: None };
    assert_eq!(telemetry.messages(), []);
}

/// A file for a device's file system.
pub(crate) fn download(id: Uuid) -> ServerToDevice {
    ServerToDevice {
        id,
        url: "https://files.example/1".into(),
        http_header_keys: vec![],
        http_header_values: vec![],
        encoding: "tar.gz".to_owned(),
        file_size_bytes: 1024,
        progress: true,
        digest: "sha256:00".to_owned(),
        ttl_seconds: 0,
        file_mode: 0,
        user_id: -1,
        group_id: -1,
        destination_type: FileTarget::Filesystem,
        destination: "/tmp/x".to_owned(),
    }
}

/// Objects: one message at the common prefix, all members in the order of the definition.
#[test]
fn objects() {
    let cancel = OtaRequest { operation: OtaRequestOperation::Cancel, url: String::new(), uuid: ID };
    let update = DeploymentUpdate { from: ID, to: OTHER };
    let deployment = CreateDeploymentRequest { id: ID, containers: vec![OTHER, ID] };
    let delete = DeleteFile { id: ID, file_id: OTHER.to_string(), force: false };
    let session = ForwarderSessionRequest {
        session_token: "320ea261".into(),
        port: 443,
        host: "forwarder.example".to_owned(),
        secure: true,
    };
    let image = CreateImageRequest {
        id: ID,
        deployment_id: OTHER,
        reference: "postgres:15".to_owned(),
        registry_auth: "".into(),
    };
    let messages = [
        cancel.messages(),
        update.messages(),
        deployment.messages(),
        delete.messages(),
        session.messages(),
        image.messages(),
        download(ID).messages(),
    ];
    insta::assert_json_snapshot!(shown(messages.concat()));
}

fn container(device_request_ids: Option<Vec<Uuid>>) -> CreateContainerRequest {
    CreateContainerRequest {
        id: ID,
        deployment_id: OTHER,
        image_id: ID,
        network_ids: vec![OTHER],
        volume_ids: vec![],
        device_mapping_ids: vec![],
        device_request_ids,
        hostname: String::new(),
        restart_policy: "unless-stopped".to_owned(),
        env: vec!["A=1".to_owned()],
        binds: vec![],
        network_mode: "bridge".to_owned(),
        port_bindings: vec![],
        extra_hosts: vec![],
        cap_add: vec![],
        cap_drop: vec![],
        cpu_period: -1,
        cpu_quota: -1,
        cpu_realtime_period: -1,
        cpu_realtime_runtime: -1,
        memory: -1,
        memory_reservation: -1,
        memory_swap: -2,
        memory_swappiness: -1,
        volume_driver: String::new(),
        storage_opt: vec![],
        read_only_rootfs: false,
        tmpfs: vec![],
        privileged: false,
    }
}

#[test]
fn create_container_request() {
    insta::assert_json_snapshot!(shown(container(Some(vec![])).messages()));
}

/// Devices that declare version 0.1 do not know the member.
#[test]
fn create_container_request_for_version_0_1() {
    let [message] = <[Message; 1]>::try_from(container(None).messages()).unwrap();
    let [newer] = <[Message; 1]>::try_from(container(Some(vec![])).messages()).unwrap();
    assert_eq!(message.value.get("deviceRequestIds"), None);
    assert_eq!(message.value.as_object().unwrap().len() + 1, newer.value.as_object().unwrap().len());
}

/// Secrets show neither in requests nor in messages.
#[test]
fn secrets_are_not_shown() {
    let session = ForwarderSessionRequest {
        session_token: "hush".into(),
        port: 443,
        host: "forwarder.example".to_owned(),
        secure: true,
    };
    assert!(!format!("{session:?} {:?}", session.messages()).contains("hush"));
    assert_eq!(session.messages()[0].value["session_token"], "hush");
}
