//! What the broker does with packets. Sockets and simulated devices both come through here.

use std::net::IpAddr;

use bytes::Bytes;
use chrono::Utc;
use mqttbytes::QoS;
use mqttbytes::v4::{
    ConnAck, ConnectReturnCode, Packet, PubAck, PubComp, PubRec, PubRel, Publish, SubAck, Subscribe,
    SubscribeReasonCode, UnsubAck,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::MAX_MESSAGE;
use super::session::{Connection, Session};
use crate::DeviceId;
use crate::ingest::{DeviceErrorName, Fault};
use crate::realm::RealmState;
use crate::triggers::Event;

/// Packets that may wait for one connection.
const OUTGOING: usize = 1024;

/// The broker's side of a connection that was let in.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) number: u64,
    pub(crate) session_present: bool,
    /// The first packet is the CONNACK.
    pub(crate) outgoing: mpsc::Receiver<Packet>,
    pub(crate) cut: CancellationToken,
}

/// The connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The device took its leave, broke the protocol, or was taken over.
    Closed,
    /// The device sent something that Astarte treats as an error.
    Fault(DeviceErrorName),
}

impl RealmState {
    /// The topic below which a device may speak and listen.
    pub(crate) fn base_topic(&self, id: DeviceId) -> String {
        format!("{}/{id}", self.name)
    }

    /// Lets a device in, taking its older connection over. `None` when the device is not known.
    pub(crate) fn connect(&mut self, id: DeviceId, peer: Option<IpAddr>, clean: bool) -> Option<Accepted> {
        let number = self.devices.get(&id)?.connection.as_ref().map(|connection| connection.number);
        if let Some(number) = number {
            self.disconnect(id, number);
        }
        self.last_connection += 1;
        let number = self.last_connection;
        let now = Utc::now();
        let (sender, outgoing) = mpsc::channel(OUTGOING);
        let cut = CancellationToken::new();

        let device = self.devices.get_mut(&id)?;
        let kept = device.session.take().filter(|_| !clean);
        let session_present = kept.is_some();
        let session = device.session.insert(kept.unwrap_or_default());
        session.persistent = !clean;
        let accepted = Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, session_present));
        sender.try_send(accepted).ok()?;
        session.resend(&sender);
        device.connection = Some(Connection { number, outgoing: sender, cut: cut.clone() });
        device.last_connection = Some(now);
        device.last_seen_ip = peer.or(device.last_seen_ip);
        self.emit(id, now, &Event::DeviceConnected { ip: peer });
        Some(Accepted { number, session_present, outgoing, cut })
    }

    /// Ends a connection. One that was taken over is left alone.
    pub(crate) fn disconnect(&mut self, id: DeviceId, number: u64) {
        let Some(device) = self.devices.get_mut(&id) else { return };
        let Some(connection) = device.connection.take_if(|connection| connection.number == number) else {
            return;
        };
        connection.cut.cancel();
        if device.session.as_ref().is_some_and(|session| !session.persistent) {
            device.session = None;
        }
        let now = Utc::now();
        device.last_disconnection = Some(now);
        self.emit(id, now, &Event::DeviceDisconnected);
    }

    /// Ends a device's connection and forgets its session.
    pub(crate) fn cut(&mut self, id: DeviceId) {
        let Some(device) = self.devices.get_mut(&id) else { return };
        device.session = None;
        if let Some(number) = device.connection.as_ref().map(|connection| connection.number) {
            self.disconnect(id, number);
        }
    }

    /// Takes a packet from a device.
    pub(crate) fn packet(&mut self, id: DeviceId, number: u64, packet: Packet) -> Result<(), Cut> {
        let result = self.handle(id, number, packet);
        if result == Err(Cut::Closed) {
            self.disconnect(id, number);
        }
        result
    }

    fn handle(&mut self, id: DeviceId, number: u64, packet: Packet) -> Result<(), Cut> {
        if let Packet::Publish(publish) = packet {
            self.link(id, number)?;
            return self.publish(id, number, &publish);
        }
        let base = self.base_topic(id);
        let (session, outgoing) = self.link(id, number)?;
        let reply = match packet {
            Packet::PubAck(PubAck { pkid }) => {
                session.complete(pkid, QoS::AtLeastOnce);
                session.send_queued(outgoing);
                return Ok(());
            }
            Packet::PubComp(PubComp { pkid }) => {
                session.complete(pkid, QoS::ExactlyOnce);
                session.send_queued(outgoing);
                return Ok(());
            }
            Packet::PubRec(PubRec { pkid }) => {
                session.received_by_device(pkid);
                Packet::PubRel(PubRel::new(pkid))
            }
            Packet::PubRel(PubRel { pkid }) => {
                session.release(pkid);
                Packet::PubComp(PubComp::new(pkid))
            }
            Packet::Subscribe(Subscribe { pkid, filters }) => {
                let codes = filters.into_iter().map(|filter| {
                    let allowed = mqttbytes::valid_filter(&filter.path) && is_below(&base, &filter.path);
                    if allowed && session.subscribe(filter.path, filter.qos) {
                        SubscribeReasonCode::Success(filter.qos)
                    } else {
                        SubscribeReasonCode::Failure
                    }
                });
                Packet::SubAck(SubAck::new(pkid, codes.collect()))
            }
            Packet::Unsubscribe(unsubscribe) => {
                for filter in &unsubscribe.topics {
                    session.unsubscribe(filter);
                }
                Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid))
            }
            Packet::PingReq => Packet::PingResp,
            // DISCONNECT, or what only a broker may send.
            _ => return Err(Cut::Closed),
        };
        outgoing.try_send(reply).map_err(|_| Cut::Closed)
    }

    fn publish(&mut self, id: DeviceId, number: u64, publish: &Publish) -> Result<(), Cut> {
        let base = self.base_topic(id);
        let allowed = mqttbytes::valid_topic(&publish.topic) && is_below(&base, &publish.topic);
        if !allowed || publish.payload.len() > MAX_MESSAGE {
            return Err(Cut::Closed);
        }
        let (session, _) = self.link(id, number)?;
        if publish.qos != QoS::ExactlyOnce || session.receive(publish.pkid) {
            let suffix = &publish.topic[base.len()..];
            if let Err(fault) = self.ingest(id, suffix, &publish.payload) {
                self.report(id, &fault);
                if fault.name.cuts() {
                    return Err(Cut::Fault(fault.name));
                }
            }
        }
        let reply = match publish.qos {
            QoS::AtMostOnce => return Ok(()),
            QoS::AtLeastOnce => Packet::PubAck(PubAck::new(publish.pkid)),
            QoS::ExactlyOnce => Packet::PubRec(PubRec::new(publish.pkid)),
        };
        let (_, outgoing) = self.link(id, number)?;
        outgoing.try_send(reply).map_err(|_| Cut::Closed)
    }

    /// A bad message: the device loses connection and session, then the error is told.
    fn report(&mut self, id: DeviceId, fault: &Fault) {
        tracing::debug!(device = %id, error = %fault.name, "bad message from a device");
        if fault.name.cuts() {
            self.cut(id);
        }
        let event = Event::DeviceError { name: fault.name.as_str(), metadata: fault.metadata.clone() };
        self.emit(id, Utc::now(), &event);
    }

    /// The session and the way back to the device, as long as the connection is its current one.
    fn link(&mut self, id: DeviceId, number: u64) -> Result<(&mut Session, &mpsc::Sender<Packet>), Cut> {
        let device = self.devices.get_mut(&id).ok_or(Cut::Closed)?;
        match (&mut device.session, &device.connection) {
            (Some(session), Some(connection)) if connection.number == number => {
                Ok((session, &connection.outgoing))
            }
            _ => Err(Cut::Closed),
        }
    }

    /// Sends a message to a device, now or when it is back. `false` when its session, if any, has no subscription
    /// for it.
    pub(crate) fn send(&mut self, id: DeviceId, suffix: &str, payload: Bytes, qos: QoS) -> bool {
        let topic = format!("{}{suffix}", self.base_topic(id));
        let Some(device) = self.devices.get_mut(&id) else { return false };
        let Some(session) = &mut device.session else { return false };
        let Some(subscribed) = session.subscribed(&topic) else { return false };
        let qos = if (subscribed as u8) < (qos as u8) { subscribed } else { qos };
        let outgoing = device.connection.as_ref().map(|connection| &connection.outgoing);
        if qos == QoS::AtMostOnce {
            if let Some(outgoing) = outgoing {
                // At most once: a device that does not keep up loses the message.
                let _ = outgoing.try_send(Packet::Publish(Publish::from_bytes(topic, qos, payload)));
            }
            return true;
        }
        session.queue(topic, payload, qos);
        if let Some(outgoing) = outgoing {
            session.send_queued(outgoing);
        }
        true
    }
}

fn is_below(base: &str, topic: &str) -> bool {
    topic.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
