//! One device: registration, status, introspection, data, session.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};

use super::data::{self, InterfaceData, Object, Sample};
use crate::DeviceId;
use crate::crypto::{self, Digest};
use crate::mqtt::{Connection, Session};
use crate::value::{Value, timestamp};

/// An interface version: name and major.
type Version = (String, i32);

/// Messages and bytes exchanged on one interface version.
#[derive(Debug, Clone, Copy, Default)]
struct Traffic {
    messages: u64,
    bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    /// Digest of the credentials secret; `None` once unregistered.
    pub(crate) secret: Option<Digest>,
    /// Fingerprint of the certificate given out last.
    pub(crate) certificate: Option<Digest>,
    pub(crate) first_registration: DateTime<Utc>,
    pub(crate) first_credentials_request: Option<DateTime<Utc>>,
    pub(crate) last_credentials_request_ip: Option<IpAddr>,
    pub(crate) credentials_inhibited: bool,
    pub(crate) last_connection: Option<DateTime<Utc>>,
    pub(crate) last_disconnection: Option<DateTime<Utc>>,
    pub(crate) last_seen_ip: Option<IpAddr>,
    pub(crate) aliases: BTreeMap<String, String>,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Interface name to major and minor.
    pub(crate) introspection: BTreeMap<String, (i32, i32)>,
    /// Versions that left the introspection, with their last minor.
    pub(crate) previous_interfaces: BTreeMap<Version, i32>,
    pub(crate) data: BTreeMap<Version, InterfaceData>,
    pub(crate) session: Option<Session>,
    pub(crate) connection: Option<Connection>,
    traffic: BTreeMap<Version, Traffic>,
    total: Traffic,
}

impl Device {
    pub(crate) fn new(id: DeviceId, now: DateTime<Utc>) -> Self {
        Self {
            id,
            secret: None,
            certificate: None,
            first_registration: now,
            first_credentials_request: None,
            last_credentials_request_ip: None,
            credentials_inhibited: false,
            last_connection: None,
            last_disconnection: None,
            last_seen_ip: None,
            aliases: BTreeMap::new(),
            attributes: BTreeMap::new(),
            introspection: BTreeMap::new(),
            previous_interfaces: BTreeMap::new(),
            data: BTreeMap::new(),
            session: None,
            connection: None,
            traffic: BTreeMap::new(),
            total: Traffic::default(),
        }
    }

    /// The number that listings are ordered and paged by.
    pub(crate) fn token(&self) -> i64 {
        let digest = crypto::digest(self.id.as_bytes());
        let mut head = [0; 8];
        head.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(head)
    }

    /// The major version of an interface in the introspection.
    pub(crate) fn major(&self, interface: &str) -> Option<i32> {
        self.introspection.get(interface).map(|(major, _)| *major)
    }

    pub(crate) fn data(&self, interface: &str, major: i32) -> Option<&InterfaceData> {
        self.data.get(&(interface.to_owned(), major))
    }

    pub(crate) fn data_mut(&mut self, interface: &str, major: i32) -> &mut InterfaceData {
        self.data.entry((interface.to_owned(), major)).or_default()
    }

    pub(crate) fn store_individual(
        &mut self,
        interface: &str,
        major: i32,
        path: &str,
        sample: Sample<Value>,
    ) {
        let paths = &mut self.data_mut(interface, major).individual;
        data::insert(paths.entry(path.to_owned()).or_default(), sample);
    }

    pub(crate) fn store_object(&mut self, interface: &str, major: i32, path: &str, sample: Sample<Object>) {
        let paths = &mut self.data_mut(interface, major).objects;
        data::insert(paths.entry(path.to_owned()).or_default(), sample);
    }

    /// Counts a message from the device; `interface` is `None` for control messages.
    pub(crate) fn count(&mut self, interface: Option<(&str, i32)>, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let add = |traffic: &mut Traffic| {
            traffic.messages += 1;
            traffic.bytes = traffic.bytes.saturating_add(bytes);
        };
        add(&mut self.total);
        if let Some((name, major)) = interface {
            add(self.traffic.entry((name.to_owned(), major)).or_default());
        }
    }

    /// The status object of AppEngine.
    pub(crate) fn status(&self, groups: &[&str]) -> Json {
        let time = |time: Option<DateTime<Utc>>| time.map(timestamp);
        let introspection: serde_json::Map<String, Json> = self
            .introspection
            .iter()
            .map(|(name, (major, minor))| {
                let Traffic { messages, bytes } = self.traffic(name, *major);
                let entry = json!({
                    "major": major, "minor": minor, "exchanged_msgs": messages, "exchanged_bytes": bytes,
                });
                (name.clone(), entry)
            })
            .collect();
        let previous: Vec<Json> = self
            .previous_interfaces
            .iter()
            .map(|((name, major), minor)| {
                let Traffic { messages, bytes } = self.traffic(name, *major);
                json!({
                    "name": name, "major": major, "minor": minor,
                    "exchanged_msgs": messages, "exchanged_bytes": bytes,
                })
            })
            .collect();
        json!({
            "id": self.id.to_string(),
            "connected": self.connection.is_some(),
            "introspection": introspection,
            "previous_interfaces": previous,
            "aliases": self.aliases,
            "attributes": self.attributes,
            "groups": groups,
            "first_registration": timestamp(self.first_registration),
            "first_credentials_request": time(self.first_credentials_request),
            "last_connection": time(self.last_connection),
            "last_disconnection": time(self.last_disconnection),
            "last_seen_ip": self.last_seen_ip,
            "last_credentials_request_ip": self.last_credentials_request_ip,
            "credentials_inhibited": self.credentials_inhibited,
            "total_received_msgs": self.total.messages,
            "total_received_bytes": self.total.bytes,
            "deletion_in_progress": false,
        })
    }

    fn traffic(&self, interface: &str, major: i32) -> Traffic {
        self.traffic.get(&(interface.to_owned(), major)).copied().unwrap_or_default()
    }
}

/// When a sample received at `reception` expires: the mapping's own life, cut to the realm's maximum.
pub(crate) fn expiry(
    reception: DateTime<Utc>,
    time_to_live: Option<Duration>,
    max_retention: Option<u64>,
) -> Option<DateTime<Utc>> {
    let seconds = match (time_to_live.map(|ttl| ttl.as_secs()), max_retention) {
        (Some(ttl), Some(max)) => Some(ttl.min(max)),
        (ttl, max) => ttl.or(max),
    }?;
    i64::try_from(seconds)
        .ok()
        .and_then(TimeDelta::try_seconds)
        .and_then(|life| reception.checked_add_signed(life))
}
