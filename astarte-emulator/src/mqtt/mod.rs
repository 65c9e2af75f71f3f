//! The MQTT 3.1.1 broker.
//!
//! Packets are read and written by the codec crate `mqttbytes`: it is small, depends on `bytes` only and has the
//! size check where it belongs. Weighed beside it: `mqtt-protocol-core` brings a protocol engine of its own, whose
//! session would have to be kept in step with ours (a device's session outlives its connections, and AppEngine
//! looks into it); `rmqtt-codec` carries a broker's whole vocabulary for versions 3 to 5 and a dozen dependencies.
//! `rumqttd`, a complete broker, has no access control by topic and brings a second TLS stack.
//!
//! Of `mqttbytes` only the packets are used. Its matching of topics cuts text between bytes, which panics for a topic
//! that begins with anything but ASCII; filters are matched by the session instead.

mod broker;
mod connection;
mod listener;
mod property_list;
mod session;

pub(crate) use self::broker::{Accepted, Cut};
pub(crate) use self::listener::{Listener, Realms};
pub(crate) use self::property_list::{decode as decode_property_list, encode as encode_property_list};
pub(crate) use self::session::{Connection, Session};

/// Largest message that a device may send, in bytes.
pub(crate) const MAX_MESSAGE: usize = 65_535;
