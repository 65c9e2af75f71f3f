use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{DeviceId, time};

/// What Astarte knows about a device.
///
/// `last_connection` and `last_disconnection` both stay set; only `connected` tells the state. Counters reach the
/// database when the device disconnects, so they lag behind.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// The id.
    pub id: DeviceId,
    /// Whether the broker holds a connection.
    #[serde(default)]
    pub connected: bool,
    /// The interfaces the device announced last, by name.
    #[serde(default)]
    pub introspection: BTreeMap<String, InterfaceUse>,
    /// Other names of the device, by tag.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// Free texts, by key.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The groups the device is in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Interfaces it announced earlier.
    #[serde(default)]
    pub previous_interfaces: Vec<PreviousInterface>,
    /// When the device was registered first.
    #[serde(default, with = "time::lenient_option")]
    pub first_registration: Option<DateTime<Utc>>,
    /// When the device asked for a certificate first; `None` for a device that was only registered.
    #[serde(default, with = "time::lenient_option")]
    pub first_credentials_request: Option<DateTime<Utc>>,
    /// When the device connected last.
    #[serde(default, with = "time::lenient_option")]
    pub last_connection: Option<DateTime<Utc>>,
    /// When the device disconnected last.
    #[serde(default, with = "time::lenient_option")]
    pub last_disconnection: Option<DateTime<Utc>>,
    /// The address it connected from last.
    #[serde(default)]
    pub last_seen_ip: Option<String>,
    /// The address it asked for a certificate from last.
    #[serde(default)]
    pub last_credentials_request_ip: Option<String>,
    /// Whether new certificates are refused.
    #[serde(default)]
    pub credentials_inhibited: bool,
    /// Messages received from the device.
    #[serde(default)]
    pub total_received_msgs: u64,
    /// Bytes received from the device.
    #[serde(default)]
    pub total_received_bytes: u64,
    /// Whether the device is being deleted; such a device cannot connect any more.
    #[serde(default)]
    pub deletion_in_progress: bool,
}

impl DeviceStatus {
    /// The status of a device of which nothing is known but its id.
    #[must_use]
    pub fn new(id: DeviceId) -> Self {
        Self {
            id,
            connected: false,
            introspection: BTreeMap::new(),
            aliases: BTreeMap::new(),
            attributes: BTreeMap::new(),
            groups: Vec::new(),
            previous_interfaces: Vec::new(),
            first_registration: None,
            first_credentials_request: None,
            last_connection: None,
            last_disconnection: None,
            last_seen_ip: None,
            last_credentials_request_ip: None,
            credentials_inhibited: false,
            total_received_msgs: 0,
            total_received_bytes: 0,
            deletion_in_progress: false,
        }
    }
}

/// An announced interface and its traffic.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct InterfaceUse {
    /// Major version.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
    /// Messages exchanged.
    #[serde(default)]
    pub exchanged_msgs: u64,
    /// Bytes exchanged.
    #[serde(default)]
    pub exchanged_bytes: u64,
}

impl InterfaceUse {
    /// An interface of this version, without traffic.
    #[must_use]
    pub fn new(major: u32, minor: u32) -> Self {
        Self { major, minor, exchanged_msgs: 0, exchanged_bytes: 0 }
    }
}

/// An interface announced earlier and its traffic.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PreviousInterface {
    /// Name of the interface.
    pub name: String,
    /// Version and traffic.
    #[serde(flatten)]
    pub usage: InterfaceUse,
}

/// How to list devices.
///
/// ```
/// use edgehog_astarte::DeviceListQuery;
///
/// let query = DeviceListQuery::new().details(true).limit(200);
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DeviceListQuery {
    /// Whole status objects instead of ids.
    pub details: bool,
    /// Devices in a page, above zero; the server's default is 1000.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub from: Option<PageToken>,
}

impl DeviceListQuery {
    /// The first page, of ids.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for whole status objects. Pages of at most 100 to 500 devices are advisable then.
    #[must_use]
    pub fn details(mut self, details: bool) -> Self {
        self.details = details;
        self
    }

    /// Sets the page size.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Begins where an earlier page ended.
    #[must_use]
    pub fn from(mut self, token: PageToken) -> Self {
        self.from = Some(token);
        self
    }

    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        let details = self.details.then(|| ("details", "true".to_owned()));
        let limit = self.limit.map(|limit| ("limit", limit.to_string()));
        let from = self.from.as_ref().map(|token| ("from_token", token.0.clone()));
        [details, limit, from].into_iter().flatten().collect()
    }
}

/// Where a page of a listing begins; opaque, and good for the same listing only.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PageToken(String);

impl PageToken {
    /// A token as it is written.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// Finds the token in a `links.next`, which is relative and lacks the prefix of the ingress: only its query
    /// counts.
    pub(crate) fn from_link(link: &str) -> Option<Self> {
        let (_, query) = link.split_once('?')?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == "from_token").map(|(_, token)| Self(token.into_owned()))
    }
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A page of a device list, in no useful order.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DevicePage {
    /// The devices; may be empty on the last page.
    pub devices: Vec<DeviceEntry>,
    /// The next page, if there may be one.
    pub next: Option<PageToken>,
}

impl DevicePage {
    /// A page of these devices.
    #[must_use]
    pub fn new(devices: Vec<DeviceEntry>, next: Option<PageToken>) -> Self {
        Self { devices, next }
    }
}

impl<'de> Deserialize<'de> for DevicePage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Reply {
            data: Vec<DeviceEntry>,
            #[serde(default)]
            links: Links,
        }
        #[derive(Default, Deserialize)]
        struct Links {
            next: Option<String>,
        }
        let reply = Reply::deserialize(deserializer)?;
        let next = reply.links.next.as_deref().and_then(PageToken::from_link);
        Ok(Self { devices: reply.data, next })
    }
}

/// An item of a device list.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged)]
pub enum DeviceEntry {
    /// The id, in a list without details.
    Id(DeviceId),
    /// The whole status, in a list with details.
    Status(Box<DeviceStatus>),
}

impl DeviceEntry {
    /// The id of the device.
    #[must_use]
    pub fn id(&self) -> &DeviceId {
        match self {
            Self::Id(id) => id,
            Self::Status(status) => &status.id,
        }
    }

    /// The status of the device, in a list with details.
    #[must_use]
    pub fn status(&self) -> Option<&DeviceStatus> {
        match self {
            Self::Id(_) => None,
            Self::Status(status) => Some(status),
        }
    }

    /// The id of the device.
    #[must_use]
    pub fn into_id(self) -> DeviceId {
        match self {
            Self::Id(id) => id,
            Self::Status(status) => status.id,
        }
    }
}

/// A change of a device: aliases, attributes, permission to get certificates. Applied as a whole or not at all.
///
/// ```
/// use edgehog_astarte::DevicePatch;
///
/// let patch = DevicePatch::new()
///     .set_alias("name", "boiler 3")
///     .remove_attribute("room")
///     .inhibit_credentials(true);
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct DevicePatch {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    aliases: BTreeMap<String, Option<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_inhibited: Option<bool>,
}

impl DevicePatch {
    /// No change yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the alias under a tag. An alias belongs to one device of the realm only.
    #[must_use]
    pub fn set_alias(mut self, tag: impl Into<String>, alias: impl Into<String>) -> Self {
        self.aliases.insert(tag.into(), Some(alias.into()));
        self
    }

    /// Removes the alias under a tag, which must be there.
    #[must_use]
    pub fn remove_alias(mut self, tag: impl Into<String>) -> Self {
        self.aliases.insert(tag.into(), None);
        self
    }

    /// Sets an attribute.
    #[must_use]
    pub fn set_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(key.into(), Some(value.into()));
        self
    }

    /// Removes an attribute, which must be there.
    #[must_use]
    pub fn remove_attribute(mut self, key: impl Into<String>) -> Self {
        self.attributes.insert(key.into(), None);
        self
    }

    /// Refuses new certificates to the device, or permits them again. A certificate it has already stays good.
    #[must_use]
    pub fn inhibit_credentials(mut self, inhibited: bool) -> Self {
        self.credentials_inhibited = Some(inhibited);
        self
    }
}

/// Device counts of a realm.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
pub struct DeviceStats {
    /// Registered devices.
    pub total_devices: u64,
    /// Devices with a connection.
    pub connected_devices: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_token_is_taken_from_the_query_of_the_link() {
        let table = [
            ("/v1/test/devices?limit=2&from_token=-4711", Some("-4711")),
            ("/v1/test/devices?from_token=a%2Bb", Some("a+b")),
            ("/v1/test/devices?limit=2", None),
            ("/v1/test/devices", None),
        ];
        for (link, token) in table {
            assert_eq!(PageToken::from_link(link), token.map(PageToken::new), "{link}");
        }
    }

    #[test]
    fn a_page_holds_ids_or_status_objects() {
        let page: DevicePage = serde_json::from_value(json!({
            "data": ["2TBn-jNESuuHamE2Zo1anA", {"id": "xyz", "connected": true}],
            "links": {"self": "/v1/test/devices", "next": "/v1/test/devices?from_token=7"}
        }))
        .unwrap();
        assert_eq!(page.devices[0].id().as_str(), "2TBn-jNESuuHamE2Zo1anA");
        assert!(page.devices[0].status().is_none());
        assert!(page.devices[1].status().unwrap().connected);
        assert_eq!(page.next, Some(PageToken::new("7")));
    }

    /// Members come and go between versions; null, absent and unknown ones do no harm.
    #[test]
    fn status_of_a_fresh_device_and_of_a_full_one() {
        let fresh: DeviceStatus = serde_json::from_value(
            json!({"id": "x", "last_seen_ip": null, "last_connection": null, "new": 1}),
        )
        .unwrap();
        assert_eq!(fresh, DeviceStatus::new(DeviceId::new("x").unwrap()));

        let full: DeviceStatus = serde_json::from_value(json!({
            "id": "x", "connected": true,
            "introspection": {"a.B": {"major": 1, "minor": 2, "exchanged_msgs": 3, "exchanged_bytes": 4}},
            "previous_interfaces": [{"name": "a.B", "major": 0, "minor": 2}],
            "last_connection": "2024-05-01 10:20:30.123Z"
        }))
        .unwrap();
        assert_eq!((full.introspection["a.B"].major, full.introspection["a.B"].minor), (1, 2));
        assert_eq!(full.previous_interfaces[0].usage, InterfaceUse::new(0, 2));
        assert_eq!(full.last_connection, time::parse("2024-05-01T10:20:30.123Z"));

        let json = serde_json::to_value(&full).unwrap();
        assert_eq!(serde_json::from_value::<DeviceStatus>(json).unwrap(), full);
    }

    #[test]
    fn null_removes_in_a_patch() {
        let patch = DevicePatch::new().set_alias("name", "boiler").remove_attribute("room");
        assert_eq!(
            serde_json::to_value(patch).unwrap(),
            json!({"aliases": {"name": "boiler"}, "attributes": {"room": null}})
        );
        assert_eq!(serde_json::to_value(DevicePatch::new()).unwrap(), json!({}));
    }
}
