//! Simulated devices: the device's side of the protocol without TLS and socket.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use astarte_interfaces::Interface;
use bson::{Bson, Document};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use mqttbytes::QoS;
use mqttbytes::v4::{Packet, PubAck, PubComp, PubRec, PubRel, Publish, Subscribe, SubscribeFilter};
use serde_json::Value as Json;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::ingest::value_payload;
use crate::interfaces::InterfaceDef;
use crate::mqtt::{Accepted, Cut, decode_property_list, encode_property_list};
use crate::realm::Realm;
use crate::tasks::Tasks;
use crate::value::Value;
use crate::{DeviceId, Error};

/// One interface of an introspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntrospectionEntry {
    name: String,
    major: i32,
    minor: i32,
}

impl From<(&str, i32, i32)> for IntrospectionEntry {
    fn from((name, major, minor): (&str, i32, i32)) -> Self {
        Self { name: name.to_owned(), major, minor }
    }
}

impl From<&(&str, i32, i32)> for IntrospectionEntry {
    fn from(entry: &(&str, i32, i32)) -> Self {
        (*entry).into()
    }
}

impl From<&Interface> for IntrospectionEntry {
    fn from(interface: &Interface) -> Self {
        (interface.interface_name(), interface.version_major(), interface.version_minor()).into()
    }
}

/// A value on its way from a simulated device.
///
/// JSON is turned into the type of the mapping, so that `json!(21)` is a double where the mapping says so; where
/// no mapping fits, it is sent as it is, for Astarte to refuse. BSON is always sent as it is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Payload {
    /// A value in the spelling of AppEngine's JSON.
    Json(Json),
    /// A value exactly as it is to go over the wire.
    Bson(Bson),
}

impl From<Json> for Payload {
    fn from(json: Json) -> Self {
        Self::Json(json)
    }
}

impl From<Bson> for Payload {
    fn from(bson: Bson) -> Self {
        Self::Bson(bson)
    }
}

/// What the server sends to a device.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage {
    /// A value was set or sent. Objects arrive as a document.
    Value {
        /// Name of the interface.
        interface: String,
        /// Path with its leading slash.
        path: String,
        /// The value as it came over the wire.
        value: Bson,
    },
    /// A property was unset.
    Unset {
        /// Name of the interface.
        interface: String,
        /// Path with its leading slash.
        path: String,
    },
    /// The server's properties that exist, as `interface/path`: all others are to be forgotten.
    ConsumerProperties(Vec<String>),
}

/// A simulated device that is connected.
///
/// It speaks the device's side of MQTT to the very code that serves sockets: sessions, validation, storage and
/// triggers are the same. Dropping it is a lost connection; [`disconnect`](Self::disconnect) is a proper leave.
#[derive(Debug)]
pub struct DeviceLink {
    realm: Arc<Realm>,
    id: DeviceId,
    base: String,
    number: u64,
    session_present: bool,
    cut: CancellationToken,
    publishing: Mutex<Publishing>,
    inbox: Mutex<mpsc::UnboundedReceiver<ServerMessage>>,
}

/// One message at a time is under way.
#[derive(Debug)]
struct Publishing {
    last_id: u16,
    /// Ids of messages that the broker has acknowledged to the end.
    acknowledged: mpsc::UnboundedReceiver<u16>,
}

impl DeviceLink {
    pub(crate) async fn connect(
        realm: Arc<Realm>,
        tasks: &Tasks,
        id: DeviceId,
        introspection: Vec<IntrospectionEntry>,
        clean: bool,
    ) -> Result<Self, Error> {
        let (accepted, base) = {
            let mut state = realm.lock();
            let accepted = state.connect(id, None, clean).ok_or(Error::DeviceNotFound(id))?;
            (accepted, state.base_topic(id))
        };
        let Accepted { number, session_present, outgoing, cut } = accepted;
        let (acknowledge, acknowledged) = mpsc::unbounded_channel();
        let (forward, inbox) = mpsc::unbounded_channel();
        let pump = Pump {
            realm: Arc::clone(&realm),
            id,
            base: base.clone(),
            number,
            unreleased: BTreeSet::new(),
            acknowledge,
            forward,
        };
        tasks.spawn(pump.run(outgoing, cut.clone()));
        let link = Self {
            realm,
            id,
            base,
            number,
            session_present,
            cut,
            publishing: Mutex::new(Publishing { last_id: 0, acknowledged }),
            inbox: Mutex::new(inbox),
        };
        link.introduce(&introspection).await?;
        Ok(link)
    }

    /// Announces other interfaces: subscribes for what the server owns, sends the introspection, and asks for the
    /// server's properties.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when the realm lacks an interface, [`Error::Disconnected`] when the connection is over.
    pub async fn introspect<I>(&self, introspection: I) -> Result<(), Error>
    where
        I: IntoIterator<Item: Into<IntrospectionEntry>>,
    {
        let entries: Vec<_> = introspection.into_iter().map(Into::into).collect();
        self.introduce(&entries).await
    }

    async fn introduce(&self, introspection: &[IntrospectionEntry]) -> Result<(), Error> {
        let filter = |suffix: &str| SubscribeFilter::new(format!("{}{suffix}", self.base), QoS::ExactlyOnce);
        let mut filters = vec![filter("/control/consumer/properties")];
        for entry in introspection {
            let interface = self.interface(&entry.name, Some(entry.major));
            if interface.is_some_and(|interface| interface.is_server_owned()) {
                filters.push(filter(&format!("/{}/#", entry.name)));
            }
        }
        let mut subscribe = Subscribe::new_many(filters);
        subscribe.pkid = 1;
        self.packet(Packet::Subscribe(subscribe))?;
        let text: Vec<_> = introspection
            .iter()
            .map(|IntrospectionEntry { name, major, minor }| format!("{name}:{major}:{minor}"))
            .collect();
        self.send("", text.join(";").into(), QoS::ExactlyOnce).await?;
        self.send("/control/emptyCache", Bytes::from_static(b"1"), QoS::ExactlyOnce).await
    }

    /// The id of the device.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        self.id
    }

    /// Whether the broker had kept a session for the device.
    #[must_use]
    pub fn session_present(&self) -> bool {
        self.session_present
    }

    /// Whether the connection still stands.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.cut.is_cancelled()
    }

    /// Sends a value: a datum of an individual datastream, or a property.
    ///
    /// Returns once the broker has taken the message, with the storage done and the triggers' events queued.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when Astarte finds the message bad and cuts the device, [`Error::Disconnected`] when the
    /// connection was over before.
    pub async fn publish(
        &self,
        interface: &str,
        path: &str,
        value: impl Into<Payload>,
        timestamp: Option<DateTime<Utc>>,
    ) -> Result<(), Error> {
        let definition = self.interface(interface, None);
        let mapping = definition.as_ref().and_then(|definition| definition.resolve(path).ok());
        let value = match value.into() {
            Payload::Bson(value) => value,
            Payload::Json(json) => mapping
                .and_then(|mapping| Value::from_json(mapping.mapping_type(), &json).ok())
                .map_or_else(|| plain_bson(&json), |value| value.to_bson()),
        };
        self.publish_value(definition.as_deref(), interface, path, value, timestamp).await
    }

    /// Sends an object on its base path. Keys that are left out are not sent.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn publish_object(
        &self,
        interface: &str,
        path: &str,
        value: impl Into<Payload>,
        timestamp: Option<DateTime<Utc>>,
    ) -> Result<(), Error> {
        let definition = self.interface(interface, None);
        let value = match value.into() {
            Payload::Json(Json::Object(members)) => {
                let member = |(key, json): (&String, &Json)| {
                    let mapping = definition.as_ref().and_then(|definition| definition.object_key(key));
                    let value = mapping
                        .and_then(|mapping| Value::from_json(mapping.mapping_type(), json).ok())
                        .map_or_else(|| plain_bson(json), |value| value.to_bson());
                    (key.clone(), value)
                };
                Bson::Document(members.iter().map(member).collect::<Document>())
            }
            Payload::Json(json) => plain_bson(&json),
            Payload::Bson(value) => value,
        };
        self.publish_value(definition.as_deref(), interface, path, value, timestamp).await
    }

    /// Unsets a property.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn unset(&self, interface: &str, path: &str) -> Result<(), Error> {
        self.send(&format!("/{interface}{path}"), Bytes::new(), QoS::ExactlyOnce).await
    }

    /// Tells which of the device's properties exist, as `interface/path`. The server forgets all others.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn producer_properties(&self, existing: &[&str]) -> Result<(), Error> {
        let entries: Vec<_> = existing.iter().map(|entry| (*entry).to_owned()).collect();
        // Writing to memory does not fail, and no list in memory is too long for its length field.
        let list = encode_property_list(&entries).unwrap_or_default();
        self.send("/control/producer/properties", list.into(), QoS::ExactlyOnce).await
    }

    /// Waits for the next message from the server; `None` once the connection is over and all are taken.
    pub async fn received(&self) -> Option<ServerMessage> {
        self.inbox.lock().await.recv().await
    }

    /// Takes a proper leave.
    pub fn disconnect(self) {
        // What comes back is that the connection is over.
        let _ = self.packet(Packet::Disconnect);
    }

    /// The interface as the realm has it, in the version given or in that of the introspection.
    fn interface(&self, name: &str, major: Option<i32>) -> Option<Arc<InterfaceDef>> {
        let realm = self.realm.lock();
        let major = major.or_else(|| realm.devices.get(&self.id)?.major(name))?;
        realm.interfaces.get(name, major).cloned()
    }

    async fn publish_value(
        &self,
        definition: Option<&InterfaceDef>,
        interface: &str,
        path: &str,
        value: Bson,
        timestamp: Option<DateTime<Utc>>,
    ) -> Result<(), Error> {
        let qos = definition.map_or(QoS::ExactlyOnce, |definition| {
            let mapping = definition.resolve(path).ok().or_else(|| definition.mappings().first());
            mapping.map_or(QoS::ExactlyOnce, |mapping| definition.qos(mapping))
        });
        let payload = value_payload(value, timestamp);
        self.send(&format!("/{interface}{path}"), payload.into(), qos).await
    }

    /// Publishes and waits for the acknowledgement that the quality of service promises.
    async fn send(&self, suffix: &str, payload: Bytes, qos: QoS) -> Result<(), Error> {
        let mut publishing = self.publishing.lock().await;
        publishing.last_id = publishing.last_id.checked_add(1).unwrap_or(1);
        let mut publish = Publish::from_bytes(format!("{}{suffix}", self.base), qos, payload);
        publish.pkid = if qos == QoS::AtMostOnce { 0 } else { publishing.last_id };
        self.packet(Packet::Publish(publish))?;
        if qos == QoS::AtMostOnce {
            return Ok(());
        }
        while let Some(id) = publishing.acknowledged.recv().await {
            if id == publishing.last_id {
                return Ok(());
            }
        }
        Err(Error::Disconnected)
    }

    fn packet(&self, packet: Packet) -> Result<(), Error> {
        self.realm.lock().packet(self.id, self.number, packet).map_err(|cut| match cut {
            Cut::Closed => Error::Disconnected,
            Cut::Fault(name) => Error::Rejected(name),
        })
    }
}

impl Drop for DeviceLink {
    fn drop(&mut self) {
        self.realm.lock().disconnect(self.id, self.number);
    }
}

/// Answers the broker's packets on behalf of the device.
struct Pump {
    realm: Arc<Realm>,
    id: DeviceId,
    base: String,
    number: u64,
    /// Exactly-once messages taken and not yet released.
    unreleased: BTreeSet<u16>,
    acknowledge: mpsc::UnboundedSender<u16>,
    forward: mpsc::UnboundedSender<ServerMessage>,
}

impl Pump {
    async fn run(mut self, mut outgoing: mpsc::Receiver<Packet>, cut: CancellationToken) {
        loop {
            let packet = tokio::select! {
                // What was sent before the cut is still to be read.
                biased;
                packet = outgoing.recv() => packet,
                () = cut.cancelled() => None,
            };
            let Some(packet) = packet else { return };
            let Some(reply) = self.reply(packet) else { continue };
            if self.realm.lock().packet(self.id, self.number, reply).is_err() {
                return;
            }
        }
    }

    /// What the device answers. The receiving halves may be gone, when nobody is interested any more.
    fn reply(&mut self, packet: Packet) -> Option<Packet> {
        match packet {
            Packet::Publish(publish) => {
                let repeated = publish.qos == QoS::ExactlyOnce && !self.unreleased.insert(publish.pkid);
                if !repeated && let Some(message) = self.message(&publish) {
                    let _ = self.forward.send(message);
                }
                match publish.qos {
                    QoS::AtMostOnce => None,
                    QoS::AtLeastOnce => Some(Packet::PubAck(PubAck::new(publish.pkid))),
                    QoS::ExactlyOnce => Some(Packet::PubRec(PubRec::new(publish.pkid))),
                }
            }
            Packet::PubRel(PubRel { pkid }) => {
                self.unreleased.remove(&pkid);
                Some(Packet::PubComp(PubComp::new(pkid)))
            }
            Packet::PubRec(PubRec { pkid }) => Some(Packet::PubRel(PubRel::new(pkid))),
            Packet::PubAck(PubAck { pkid }) | Packet::PubComp(PubComp { pkid }) => {
                let _ = self.acknowledge.send(pkid);
                None
            }
            _ => None,
        }
    }

    fn message(&self, publish: &Publish) -> Option<ServerMessage> {
        let topic = publish.topic.strip_prefix(&self.base)?.strip_prefix('/')?;
        if topic == "control/consumer/properties" {
            return decode_property_list(&publish.payload).map(ServerMessage::ConsumerProperties);
        }
        let (interface, path) = topic.split_at(topic.find('/')?);
        let (interface, path) = (interface.to_owned(), path.to_owned());
        if publish.payload.is_empty() {
            return Some(ServerMessage::Unset { interface, path });
        }
        let mut document = Document::from_reader(publish.payload.as_ref()).ok()?;
        let value = document.remove("v")?;
        Some(ServerMessage::Value { interface, path, value })
    }
}

/// JSON without the help of a mapping.
fn plain_bson(json: &Json) -> Bson {
    match json {
        Json::Null => Bson::Null,
        Json::Bool(value) => Bson::Boolean(*value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => i32::try_from(value).map_or(Bson::Int64(value), Bson::Int32),
            None => Bson::Double(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Bson::String(text.clone()),
        Json::Array(items) => Bson::Array(items.iter().map(plain_bson).collect()),
        Json::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            Bson::Document(sorted.into_iter().map(|(key, value)| (key.clone(), plain_bson(value))).collect())
        }
    }
}
