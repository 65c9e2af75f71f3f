//! A device's MQTT session: what the broker remembers between packets, and between connections.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use mqttbytes::QoS;
use mqttbytes::v4::{Packet, PubRel, Publish};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Messages sent and not yet acknowledged.
const MAX_IN_FLIGHT: usize = 100;
/// Messages that wait for the device.
const MAX_QUEUED: usize = 1000;
const MAX_SUBSCRIPTIONS: usize = 2048;

/// A live connection of a device. What drives it may be a socket or a simulated device.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) outgoing: mpsc::Sender<Packet>,
    /// Cancelled by the broker to end the connection.
    pub(crate) cut: CancellationToken,
}

#[derive(Debug, Clone)]
struct Message {
    topic: String,
    payload: Bytes,
    qos: QoS,
}

/// A message that the device has not acknowledged to the end.
#[derive(Debug)]
struct InFlight {
    id: u16,
    message: Message,
    /// The device has the message; only the release is still to be completed.
    released: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Whether the session outlives its connection.
    pub(crate) persistent: bool,
    subscriptions: BTreeMap<String, QoS>,
    /// Exactly-once messages taken and not yet released: a repetition is not taken again.
    received: BTreeSet<u16>,
    in_flight: VecDeque<InFlight>,
    queue: VecDeque<Message>,
    last_id: u16,
}

impl Session {
    /// Tells whether the subscription was taken.
    pub(crate) fn subscribe(&mut self, filter: String, qos: QoS) -> bool {
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS && !self.subscriptions.contains_key(&filter) {
            return false;
        }
        self.subscriptions.insert(filter, qos);
        true
    }

    pub(crate) fn unsubscribe(&mut self, filter: &str) {
        self.subscriptions.remove(filter);
    }

    /// The quality of service that the device subscribed `topic` with; `None` without a subscription.
    pub(crate) fn subscribed(&self, topic: &str) -> Option<QoS> {
        let matching = self.subscriptions.iter().filter(|(filter, _)| filter_matches(filter, topic));
        matching.map(|(_, qos)| *qos).max_by_key(|qos| *qos as u8)
    }

    /// Notes an exactly-once message from the device; `false` when it is a repetition.
    pub(crate) fn receive(&mut self, id: u16) -> bool {
        self.received.insert(id)
    }

    pub(crate) fn release(&mut self, id: u16) {
        self.received.remove(&id);
    }

    /// Queues a message that is to be acknowledged. Beyond the limit the oldest one gives way.
    pub(crate) fn queue(&mut self, topic: String, payload: Bytes, qos: QoS) {
        if self.queue.len() >= MAX_QUEUED {
            tracing::warn!(%topic, "session queue is full: its oldest message is dropped");
            self.queue.pop_front();
        }
        self.queue.push_back(Message { topic, payload, qos });
    }

    /// Sends what the window allows.
    pub(crate) fn send_queued(&mut self, outgoing: &mpsc::Sender<Packet>) {
        while self.in_flight.len() < MAX_IN_FLIGHT {
            let Ok(permit) = outgoing.try_reserve() else { return };
            let Some(message) = self.queue.pop_front() else { return };
            let id = self.next_id();
            permit.send(publish(&message, id, false));
            self.in_flight.push_back(InFlight { id, message, released: false });
        }
    }

    /// Sends again what the device did not acknowledge on its former connection.
    pub(crate) fn resend(&mut self, outgoing: &mpsc::Sender<Packet>) {
        for InFlight { id, message, released } in &self.in_flight {
            let packet =
                if *released { Packet::PubRel(PubRel::new(*id)) } else { publish(message, *id, true) };
            if outgoing.try_send(packet).is_err() {
                return;
            }
        }
        self.send_queued(outgoing);
    }

    /// The device has the message for good: PUBACK or PUBCOMP.
    pub(crate) fn complete(&mut self, id: u16, qos: QoS) {
        self.in_flight.retain(|entry| entry.id != id || entry.message.qos != qos);
    }

    /// The device has the message and waits for the release: PUBREC. An unknown id is released, too, as the
    /// device would otherwise wait for ever.
    pub(crate) fn received_by_device(&mut self, id: u16) {
        for entry in self.in_flight.iter_mut().filter(|entry| entry.id == id) {
            entry.released = true;
        }
    }

    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.in_flight.iter().all(|entry| entry.id != self.last_id) {
                return self.last_id;
            }
        }
    }
}

fn publish(message: &Message, id: u16, dup: bool) -> Packet {
    let mut publish = Publish::from_bytes(&message.topic, message.qos, message.payload.clone());
    publish.pkid = id;
    publish.dup = dup;
    Packet::Publish(publish)
}

/// Matches a topic against a filter; `a/#` matches `a`, too.
fn filter_matches(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    for part in filter.split('/') {
        match (part, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (part, Some(level)) if part == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn filters() {
        for (filter, topic, expected) in [
            ("r/d/a.B/#", "r/d/a.B/x/y", true),
            ("r/d/a.B/#", "r/d/a.B", true),
            ("r/d/a.B/#", "r/d/a.BC/x", false),
            ("r/d/+/x", "r/d/é/x", true),
            ("r/d/x", "r/d/x/y", false),
            ("r/d/x/y", "r/d/x", false),
        ] {
            assert_eq!(filter_matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    fn sent(receiver: &mut mpsc::Receiver<Packet>) -> Vec<Packet> {
        std::iter::from_fn(|| receiver.try_recv().ok()).collect()
    }

    // An unacknowledged message comes again as a duplicate; a released one only has its release repeated.
    #[test]
    fn reconnection_repeats_what_was_not_acknowledged() {
        let (sender, mut receiver) = mpsc::channel(16);
        let mut session = Session::default();
        for topic in ["a", "b", "c"] {
            session.queue(topic.into(), Bytes::new(), QoS::ExactlyOnce);
        }
        session.send_queued(&sender);
        assert_eq!(sent(&mut receiver).len(), 3);
        session.received_by_device(1);
        session.received_by_device(2);
        session.complete(2, QoS::ExactlyOnce);
        session.resend(&sender);
        let packets = sent(&mut receiver);
        assert_eq!(packets[0], Packet::PubRel(PubRel::new(1)));
        assert!(matches!(&packets[1], Packet::Publish(publish) if publish.dup && publish.pkid == 3));
        assert_eq!(packets.len(), 2);
    }

    #[test]
    fn the_window_is_limited() {
        let (sender, mut receiver) = mpsc::channel(1024);
        let mut session = Session::default();
        for _ in 0..150 {
            session.queue("a".into(), Bytes::new(), QoS::AtLeastOnce);
        }
        session.send_queued(&sender);
        assert_eq!(sent(&mut receiver).len(), MAX_IN_FLIGHT);
        session.complete(1, QoS::AtLeastOnce);
        session.send_queued(&sender);
        assert_eq!(sent(&mut receiver).len(), 1);
    }

    #[test]
    fn a_repetition_is_taken_once() {
        let mut session = Session::default();
        assert!(session.receive(7));
        assert!(!session.receive(7));
        session.release(7);
        assert!(session.receive(7));
    }

    /// A device that acknowledges as it should and loses its connection now and then.
    #[derive(Default)]
    struct Device {
        unreleased: BTreeSet<u16>,
        taken: Vec<String>,
    }

    impl Device {
        fn answer(&mut self, packet: Packet, session: &mut Session, outgoing: &mpsc::Sender<Packet>) {
            match packet {
                Packet::Publish(publish) => {
                    if self.unreleased.insert(publish.pkid) {
                        self.taken.push(publish.topic);
                    }
                    session.received_by_device(publish.pkid);
                    outgoing.try_send(Packet::PubRel(PubRel::new(publish.pkid))).unwrap();
                }
                Packet::PubRel(PubRel { pkid }) => {
                    self.unreleased.remove(&pkid);
                    session.complete(pkid, QoS::ExactlyOnce);
                    session.send_queued(outgoing);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    proptest! {
        // However often the connection breaks, and wherever: each message once, all in order.
        #[test]
        fn exactly_once_survives_broken_connections(
            messages in 1_usize..200,
            connections in proptest::collection::vec(0_usize..60, 0..20),
        ) {
            let mut session = Session::default();
            let mut device = Device::default();
            let expected: Vec<_> = (0..messages).map(|number| number.to_string()).collect();
            for topic in &expected {
                session.queue(topic.clone(), Bytes::new(), QoS::ExactlyOnce);
            }
            // The last connection holds as long as there is anything to say.
            for packets in connections.into_iter().chain([usize::MAX]) {
                let (outgoing, mut incoming) = mpsc::channel(1024);
                session.resend(&outgoing);
                for _ in 0..packets {
                    let Ok(packet) = incoming.try_recv() else { break };
                    device.answer(packet, &mut session, &outgoing);
                }
            }
            prop_assert_eq!(device.taken, expected);
        }
    }
}
