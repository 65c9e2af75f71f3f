//! The history of a device, by way of an Astarte.

use std::sync::Arc;

use astarte_emulator::{Emulator, RealmKey};
use chrono::{DateTime, TimeDelta, Utc};
use edgehog_astarte::{Client, SigningKey};
use edgehog_sdk::interfaces::StorageUsage;
use edgehog_sdk::{Device, History, Interface};
use futures::TryStreamExt as _;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::world::REALM;

const ID: &str = "2TBn-jNESuuHamE2Zo1anA";
const SAMPLES: i64 = 100;

/// When a sample was taken: three of them share each millisecond, so that pages end within one.
fn taken_at(sample: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::milliseconds(sample / 3)
}

async fn read(device: &Device, history: History) -> Vec<i64> {
    let samples = device.history::<StorageUsage>("/disk", history);
    samples.map_ok(|sample| sample.free_bytes.unwrap()).try_collect().await.unwrap()
}

/// Each sample comes once and in its turn, wherever pages end; what a range leaves out is not there.
#[tokio::test]
async fn every_sample_comes_once() {
    let emulator = Emulator::builder().start().await.unwrap();
    let key = RealmKey::generate().unwrap();
    let realm = emulator.create_realm(REALM, key.public_key_pem()).unwrap();
    realm.install_interface(&serde_json::to_value(StorageUsage::DEFINITION).unwrap()).unwrap();
    realm.register_device(ID).unwrap();
    let link = realm.connect(ID, [(StorageUsage::NAME, 0, 1)]).await.unwrap();
    for sample in 0..SAMPLES {
        let usage = json!({ "totalBytes": i64::MAX, "freeBytes": sample });
        link.publish_object(StorageUsage::NAME, "/disk", usage, Some(taken_at(sample))).await.unwrap();
    }
    let key = SigningKey::from_pem(key.private_key_pem().expose_secret()).unwrap();
    let client = Client::builder(emulator.base_url(), REALM.parse().unwrap(), key).build().unwrap();
    let device = Device::new(Arc::new(client), ID.parse().unwrap());

    let all: Vec<_> = (0..SAMPLES).collect();
    let mut times = Vec::new();
    for page in [1, 2, 7, 1000] {
        assert_eq!(read(&device, History::oldest_first().page(page)).await, all, "pages of {page}");
        let mut newest_first = read(&device, History::newest_first().page(page)).await;
        // Astarte does not say in which order those of one millisecond come.
        times = newest_first.iter().map(|sample| taken_at(*sample)).collect();
        newest_first.sort_unstable();
        assert_eq!(newest_first, all, "pages of {page}, newest first");
    }
    assert!(times.is_sorted_by(|later, earlier| later >= earlier));

    let range = History::oldest_first().since(taken_at(30)).until(taken_at(60)).page(4);
    assert_eq!(read(&device, range).await, (30..60).collect::<Vec<_>>());
    assert_eq!(read(&device, range.limit(5)).await, [30, 31, 32, 33, 34]);
    assert_eq!(read(&device, History::oldest_first().since(Utc::now())).await, [0_i64; 0]);
    emulator.shutdown().await;
}
