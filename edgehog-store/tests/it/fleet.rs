//! A tenant with one of everything, made by the store's own methods.

use chrono::{DateTime, Utc};
use edgehog_store::{
    DeviceGroupKey, DeviceKey, DeviceObservation, HardwareTypeKey, NewDeviceGroup, NewHardwareType,
    NewSystemModel, RealmKey, Store, SystemModelKey, TagPattern, TagPredicate, TenantScope,
};

use crate::tenant;

pub(crate) struct Fleet {
    pub(crate) scope: TenantScope,
    pub(crate) realm: RealmKey,
    pub(crate) device: DeviceKey,
    pub(crate) group: DeviceGroupKey,
    pub(crate) hardware_type: HardwareTypeKey,
    pub(crate) system_model: SystemModelKey,
}

pub(crate) fn group(handle: &str) -> NewDeviceGroup {
    NewDeviceGroup {
        name: handle.to_uppercase(),
        handle: handle.to_owned(),
        selector: "\"lift\" in tags".to_owned(),
        predicate: TagPredicate::Some(TagPattern::Is("lift".to_owned())),
    }
}

pub(crate) fn hardware_type(handle: &str, part_numbers: &[&str]) -> NewHardwareType {
    NewHardwareType {
        handle: handle.to_owned(),
        name: handle.to_uppercase(),
        part_numbers: part_numbers.iter().map(|it| (*it).to_owned()).collect(),
    }
}

pub(crate) fn system_model(handle: &str, of: HardwareTypeKey, part_numbers: &[&str]) -> NewSystemModel {
    NewSystemModel {
        handle: handle.to_owned(),
        name: handle.to_uppercase(),
        picture_url: None,
        description: [("en".to_owned(), "A lift".to_owned())].into(),
        hardware_type: of,
        part_numbers: part_numbers.iter().map(|it| (*it).to_owned()).collect(),
    }
}

/// A device with the tag `lift` in the group `group`, of the system model `model` of the hardware type `type`.
pub(crate) async fn fleet(store: &Store, slug: &str) -> Fleet {
    let (scope, realm) = tenant(store, slug).await;
    let mut tx = scope.begin().await.unwrap();
    let at = DateTime::<Utc>::UNIX_EPOCH;
    let seen = DeviceObservation::new(realm, "device").part_number(at, Some("system-1".to_owned()));
    let device = tx.device_record(&[seen]).await.unwrap()[0].id;
    tx.device_tags_add(device, &["lift".to_owned()]).await.unwrap();
    let group = tx.device_group_create(&group("group")).await.unwrap();
    let hardware_type = tx.hardware_type_create(&hardware_type("type", &["hardware-1"])).await.unwrap();
    let system_model =
        tx.system_model_create(&system_model("model", hardware_type, &["system-1"])).await.unwrap();
    tx.commit().await.unwrap();
    Fleet { scope, realm, device, group, hardware_type, system_model }
}
