//! What the paths and values of `incoming_data` events become.

use edgehog_sdk::{DecodeError, DeviceOwned, Interface, interfaces::*};
use serde_json::json;
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(0x7f3b);

#[test]
fn ota_event() {
    let value = json!({
        "requestUUID": ID, "status": "Downloading", "statusProgress": 40, "statusCode": "", "message": "",
    });
    let event = OtaEvent::from_event("/event", &value).unwrap();
    assert_eq!((event.request_uuid, event.status), (ID, OtaEventStatus::Downloading));
    assert_eq!((event.status_progress, event.status_code), (Some(40), None));
    // The path of an object without key is not looked at.
    assert_eq!(OtaEvent::from_event("/elsewhere", &value).unwrap(), event);
}

/// The stock runtime's word for a bad request, GraphQL names, any case; unknown codes do not lose the status.
#[test]
fn ota_status_codes() {
    for (text, code) in [
        ("RequestError", Some(OtaEventStatusCode::InvalidRequest)),
        ("IOError", Some(OtaEventStatusCode::IoError)),
        ("io_error", Some(OtaEventStatusCode::IoError)),
        ("Canceled", Some(OtaEventStatusCode::Canceled)),
        ("Strange", None),
    ] {
        let value = json!({"requestUUID": ID, "status": "failure", "statusCode": text});
        let event = OtaEvent::from_event("/event", &value).unwrap();
        assert_eq!((event.status, event.status_code), (OtaEventStatus::Failure, code), "{text}");
    }
}

/// An event without what it cannot do without names the member.
#[test]
fn incomplete_events() {
    let event = |value| OtaEvent::from_event("/event", &value).unwrap_err();
    assert_eq!(event(json!({"requestUUID": "x", "status": "Success"})), DecodeError::Member("requestUUID"));
    assert_eq!(event(json!({"requestUUID": ID})), DecodeError::Member("status"));
    assert_eq!(event(json!({"requestUUID": ID, "status": "Lost"})), DecodeError::Member("status"));
    assert_eq!(event(json!(null)), DecodeError::Member("requestUUID"));
}

/// Longintegers are numbers in events.
#[test]
fn file_transfer_progress() {
    let value = json!({"id": ID, "type": "server_to_device", "bytes": 5, "totalBytes": -1});
    let progress = FileTransferProgress::from_event("/request", &value).unwrap();
    assert_eq!(progress.direction, FileTransferDirection::ServerToDevice);
    assert_eq!((progress.bytes, progress.total_bytes), (5, -1));
}

/// The key of an object comes from the path.
#[test]
fn deployment_event() {
    let value = json!({"status": "error", "message": null});
    let event = DeploymentEvent::from_event(&format!("/{ID}"), &value).unwrap();
    assert_eq!((event.deployment_id, event.status), (ID, DeploymentEventStatus::Error));
    assert_eq!((event.message, event.add_info), (None, None));
    for path in ["/", "", &format!("/{ID}/status"), &format!("{ID}")] {
        assert_eq!(DeploymentEvent::from_event(path, &value), Err(DecodeError::Path), "{path}");
    }
    assert_eq!(DeploymentEvent::from_event("/no-uuid", &value), Err(DecodeError::Member("key")));
}

/// An event of a property carries this one member.
#[test]
fn properties() {
    let file = StoredFile::from_event("/f1/sizeBytes", &json!(12)).unwrap();
    assert_eq!((file.id.as_str(), file.size_bytes, file.path_on_device), ("f1", Some(12), None));

    let info = SystemInfo::from_event("/partNumber", &json!("AM-1")).unwrap();
    assert_eq!((info.part_number.as_deref(), info.serial_number), (Some("AM-1"), None));

    let capabilities =
        FileTransferCapabilities::from_event("/transfer/unixPermissions", &json!(true)).unwrap();
    assert_eq!(capabilities.unix_permissions, Some(true));

    for path in ["/f1", "/f1/", "/f1/colour", "/f1/sizeBytes/x", "//sizeBytes", "f1/sizeBytes"] {
        assert_eq!(StoredFile::from_event(path, &json!(12)), Err(DecodeError::Path), "{path}");
    }
}

/// A property that was unset is told apart by its path.
#[test]
fn unset_properties() {
    let file = StoredFile::from_event("/f1/sizeBytes", &json!(null)).unwrap();
    assert_eq!((file.size_bytes, file.path_on_device), (None, None));
    let path = StoredFile::DEFINITION.resolve("/f1/sizeBytes").unwrap();
    assert_eq!((path.key, path.member), (Some("f1"), Some("sizeBytes")));
}
