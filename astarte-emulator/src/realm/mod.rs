//! The state of one realm.
//!
//! Everything a realm knows sits behind one lock, which is never held across an await. That makes the order of
//! things plain: messages of a device are taken one by one, and an event is in its delivery queue before whatever
//! caused it is acknowledged.

mod data;
mod device;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use secrecy::SecretString;

pub(crate) use self::data::{InterfaceData, Object, Sample};
pub(crate) use self::device::{Device, expiry};
use crate::DeviceId;
use crate::crypto::{self, Digest};
use crate::http::auth::PublicKey;
use crate::interfaces::Catalogue;
use crate::triggers::{DeliveryQueues, Event, Triggers};

/// A realm, shared by all who work on it.
#[derive(Debug)]
pub(crate) struct Realm(Mutex<RealmState>);

impl Realm {
    pub(crate) fn new(
        name: String,
        key: PublicKey,
        deliveries: DeliveryQueues,
        server_timestamps: bool,
    ) -> Self {
        Self(Mutex::new(RealmState {
            name,
            key,
            device_registration_limit: None,
            max_retention: None,
            interfaces: Catalogue::default(),
            triggers: Triggers::default(),
            devices: BTreeMap::new(),
            groups: BTreeMap::new(),
            deliveries,
            server_timestamps,
            last_connection: 0,
        }))
    }

    /// A panic while the lock was held is a bug of its own; the state is still the best there is.
    pub(crate) fn lock(&self) -> MutexGuard<'_, RealmState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a realm knows.
#[derive(Debug)]
pub(crate) struct RealmState {
    pub(crate) name: String,
    pub(crate) key: PublicKey,
    /// Devices that may be registered; `None` is no limit.
    pub(crate) device_registration_limit: Option<u64>,
    /// Seconds that samples are kept at most; `None` is for ever.
    pub(crate) max_retention: Option<u64>,
    pub(crate) interfaces: Catalogue,
    pub(crate) triggers: Triggers,
    pub(crate) devices: BTreeMap<DeviceId, Device>,
    pub(crate) groups: BTreeMap<String, BTreeSet<DeviceId>>,
    pub(crate) deliveries: DeliveryQueues,
    /// Whether the server's messages carry a timestamp where the mapping has an explicit one.
    pub(crate) server_timestamps: bool,
    /// Number of the connection made last, to tell a connection from the one that took it over.
    pub(crate) last_connection: u64,
}

/// Why a device is not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegisterError {
    HasCredentials,
    LimitReached,
}

impl RealmState {
    /// Registers a device, or registers it anew while it has not asked for credentials: the former secret is void.
    pub(crate) fn register(
        &mut self,
        id: DeviceId,
        introspection: BTreeMap<String, (i32, i32)>,
    ) -> Result<SecretString, RegisterError> {
        let registered = u64::try_from(self.devices.len()).unwrap_or(u64::MAX);
        match self.devices.get(&id) {
            Some(device) if device.first_credentials_request.is_some() => {
                return Err(RegisterError::HasCredentials);
            }
            None if self.device_registration_limit.is_some_and(|limit| registered >= limit) => {
                return Err(RegisterError::LimitReached);
            }
            _ => {}
        }
        let now = Utc::now();
        let (secret, digest) = crypto::new_secret();
        let device = self.devices.entry(id).or_insert_with(|| Device::new(id, now));
        device.secret = Some(digest);
        device.introspection = introspection;
        self.emit(id, now, &Event::DeviceRegistered);
        Ok(secret)
    }

    /// Takes the credentials of a device away; what it sent stays. Tells whether the device was there.
    pub(crate) fn unregister(&mut self, id: DeviceId) -> bool {
        let Some(device) = self.devices.get_mut(&id) else { return false };
        device.secret = None;
        device.first_credentials_request = None;
        true
    }

    /// Removes a device and all that belongs to it. Tells whether the device was there.
    pub(crate) fn delete(&mut self, id: DeviceId) -> bool {
        if !self.devices.contains_key(&id) {
            return false;
        }
        let now = Utc::now();
        self.emit(id, now, &Event::DeviceDeletionStarted);
        self.cut(id);
        // The groups are still known while the last event is matched.
        self.emit(id, now, &Event::DeviceDeletionFinished);
        self.devices.remove(&id);
        self.groups.retain(|_, members| {
            members.remove(&id);
            !members.is_empty()
        });
        true
    }

    pub(crate) fn device_by_alias(&self, alias: &str) -> Option<DeviceId> {
        self.devices
            .values()
            .find(|device| device.aliases.values().any(|other| other == alias))
            .map(|device| device.id)
    }

    pub(crate) fn groups_of(&self, id: DeviceId) -> Vec<&str> {
        self.groups
            .iter()
            .filter(|(_, members)| members.contains(&id))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// Devices in the order of listings, which is neither by id nor by time.
    pub(crate) fn listed(&self) -> Vec<(i64, &Device)> {
        let mut devices: Vec<_> = self.devices.values().map(|device| (device.token(), device)).collect();
        devices.sort_unstable_by_key(|(token, device)| (*token, device.id));
        devices
    }

    /// Puts an event into the queues of the triggers that match it.
    pub(crate) fn emit(&mut self, id: DeviceId, timestamp: DateTime<Utc>, event: &Event) {
        let deliveries: Vec<_> = self
            .triggers
            .matching(id, &self.groups_of(id), event)
            .map(|trigger| {
                (self.triggers.policy_of(trigger), trigger.delivery(&self.name, id, timestamp, event))
            })
            .collect();
        for (policy, delivery) in deliveries {
            self.deliveries.push(policy, delivery);
        }
    }
}

/// Tells whether `secret` is the one behind `digest`.
pub(crate) fn secret_matches(digest: Option<&Digest>, secret: &str) -> bool {
    digest.is_some_and(|digest| crypto::same(digest, &crypto::digest(secret.as_bytes())))
}
