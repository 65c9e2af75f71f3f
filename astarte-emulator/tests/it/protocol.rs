//! The broker against a peer that knows no manners: what a good SDK never does, byte by byte.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use astarte_emulator::DeviceId;
use bytes::BytesMut;
use mqttbytes::v4::{
    self, Connect, ConnectReturnCode, Disconnect, Packet, PubAck, PubComp, PubRec, PubRel, Publish,
    Subscribe, SubscribeFilter, SubscribeReasonCode,
};
use mqttbytes::{Protocol, QoS};
use reqwest::StatusCode;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::{REALM, World, within};

/// A certificate with its key.
struct Identity {
    certificate: CertificateDer<'static>,
    key: rcgen::KeyPair,
}

impl Identity {
    /// Registers a device and pairs it.
    async fn paired(world: &World) -> (String, Self) {
        let id = DeviceId::random().to_string();
        let secret = world.realm.register_device(&id).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let csr = rcgen::CertificateParams::new(Vec::new()).unwrap().serialize_request(&key).unwrap();
        let path = format!("pairing/v1/{REALM}/devices/{id}/protocols/astarte_mqtt_v1/credentials");
        let response = reqwest::Client::new()
            .post(format!("{}{path}", world.emulator.base_url()))
            .bearer_auth(secret.expose_secret())
            .json(&json!({"data": {"csr": csr.pem().unwrap()}}))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        let body: Json = response.json().await.unwrap();
        let pem = body["data"]["client_crt"].as_str().unwrap();
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        (id, Self { certificate, key })
    }

    fn client_config(&self, world: &World) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let ca = world.emulator.ca_certificate_pem();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![self.certificate.clone()], key)
            .unwrap()
    }
}

struct Peer {
    stream: TlsStream<TcpStream>,
    incoming: BytesMut,
    base: String,
}

impl Peer {
    async fn open(world: &World, id: &str, identity: &Identity) -> io::Result<Self> {
        let stream = TcpStream::connect(world.emulator.mqtt_addr()).await?;
        let connector = TlsConnector::from(Arc::new(identity.client_config(world)));
        let stream = connector.connect("localhost".try_into().unwrap(), stream).await?;
        Ok(Self { stream, incoming: BytesMut::new(), base: format!("{REALM}/{id}") })
    }

    /// Connects; the broker must let it in. Tells whether a session was there.
    async fn connect(world: &World, id: &str, identity: &Identity, clean: bool) -> (Self, bool) {
        let mut peer = Self::open(world, id, identity).await.unwrap();
        let mut connect = Connect::new("any");
        connect.clean_session = clean;
        peer.write(|buffer| connect.write(buffer)).await;
        match peer.read().await {
            Some(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => {
                (peer, ack.session_present)
            }
            other => panic!("not let in: {other:?}"),
        }
    }

    async fn write(&mut self, packet: impl FnOnce(&mut BytesMut) -> Result<usize, mqttbytes::Error>) {
        let mut buffer = BytesMut::new();
        packet(&mut buffer).unwrap();
        self.stream.write_all(&buffer).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    async fn publish(&mut self, suffix: &str, qos: QoS, pkid: u16, payload: &[u8]) {
        let mut publish = Publish::new(format!("{}{suffix}", self.base), qos, payload);
        publish.pkid = pkid;
        self.write(|buffer| publish.write(buffer)).await;
    }

    async fn introspect(&mut self, introspection: &str) {
        self.publish("", QoS::AtLeastOnce, 1, introspection.as_bytes()).await;
        assert_eq!(self.read().await, Some(Packet::PubAck(PubAck::new(1))));
    }

    async fn subscribe(&mut self, filter: &str, qos: QoS) -> Vec<SubscribeReasonCode> {
        let mut subscribe = Subscribe::new_many([SubscribeFilter::new(filter.to_owned(), qos)]);
        subscribe.pkid = 9;
        self.write(|buffer| subscribe.write(buffer)).await;
        match self.read().await {
            Some(Packet::SubAck(ack)) => ack.return_codes,
            other => panic!("no SUBACK: {other:?}"),
        }
    }

    /// The next packet; `None` once the broker has closed the connection.
    async fn read(&mut self) -> Option<Packet> {
        within("a packet or the end", async {
            loop {
                match v4::read(&mut self.incoming, 1 << 20) {
                    Ok(packet) => return Some(packet),
                    Err(mqttbytes::Error::InsufficientBytes(_)) => {}
                    Err(error) => panic!("{error}"),
                }
                match self.stream.read_buf(&mut self.incoming).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        })
        .await
    }

    async fn read_publish(&mut self) -> Publish {
        match self.read().await {
            Some(Packet::Publish(publish)) => publish,
            other => panic!("no PUBLISH: {other:?}"),
        }
    }
}

fn double(value: f64) -> Vec<u8> {
    bson::doc! { "v": value }.to_vec().unwrap()
}

#[tokio::test]
async fn a_topic_of_another_device_closes_the_connection() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    let other = world.device();
    for topic in [format!("{REALM}/{other}/control/emptyCache"), format!("{REALM}/{id}x/a"), "a/b".into()] {
        let (mut peer, _) = Peer::connect(&world, &id, &identity, true).await;
        let publish = Publish::new(topic.clone(), QoS::AtMostOnce, "1");
        peer.write(|buffer| publish.write(buffer)).await;
        assert_eq!(peer.read().await, None, "{topic}");
    }
}

#[tokio::test]
async fn a_subscription_elsewhere_is_refused() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    let (mut peer, _) = Peer::connect(&world, &id, &identity, true).await;
    for filter in ["#", "+/+/a", &format!("{REALM}/#"), &format!("{REALM}/{id}x/#")] {
        assert_eq!(
            peer.subscribe(filter, QoS::ExactlyOnce).await,
            [SubscribeReasonCode::Failure],
            "{filter}"
        );
    }
    let own = format!("{REALM}/{id}/a.B/#");
    let taken = SubscribeReasonCode::Success(QoS::AtLeastOnce);
    assert_eq!(peer.subscribe(&own, QoS::AtLeastOnce).await, [taken]);
}

// A bad message costs connection and session.
#[tokio::test]
async fn junk_instead_of_bson_cuts_the_device() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    let (mut peer, _) = Peer::connect(&world, &id, &identity, false).await;
    peer.introspect("org.example.Stream:1:0").await;
    peer.publish("/org.example.Stream/kitchen/temp", QoS::AtMostOnce, 0, b"junk").await;
    assert_eq!(peer.read().await, None);
    assert_eq!(world.data(&id, "org.example.Stream").await, json!({}));
    let (_, session_present) = Peer::connect(&world, &id, &identity, false).await;
    assert!(!session_present);
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let world = World::new().await;
    let (other_world, id) = (World::new().await, world.device());
    let (_, identity) = Identity::paired(&other_world).await;
    let Ok(mut peer) = Peer::open(&world, &id, &identity).await else { return };
    // With TLS 1.3 the client hears of the refusal at its first read only.
    let connect = Connect::new("any");
    let mut buffer = BytesMut::new();
    connect.write(&mut buffer).unwrap();
    let _ = peer.stream.write_all(&buffer).await;
    assert_eq!(peer.read().await, None);
}

#[tokio::test]
async fn a_device_that_is_gone_is_not_authorized() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    let (status, _) = world.delete(&format!("realmmanagement/v1/{REALM}/devices/{id}")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let mut peer = Peer::open(&world, &id, &identity).await.unwrap();
    peer.write(|buffer| Connect::new("any").write(buffer)).await;
    let Some(Packet::ConnAck(ack)) = peer.read().await else { panic!("no CONNACK") };
    assert_eq!(ack.code, ConnectReturnCode::NotAuthorized);
    assert_eq!(peer.read().await, None);
}

#[tokio::test]
async fn other_protocol_versions_are_refused() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    let mut peer = Peer::open(&world, &id, &identity).await.unwrap();
    let mut connect = Connect::new("any");
    connect.protocol = Protocol::V5;
    peer.write(|buffer| connect.write(buffer)).await;
    let Some(Packet::ConnAck(ack)) = peer.read().await else { panic!("no CONNACK") };
    assert_eq!(ack.code, ConnectReturnCode::RefusedProtocolVersion);
}

// A repetition before the release is answered and not taken again.
#[tokio::test]
async fn exactly_once_is_once() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    let (mut peer, _) = Peer::connect(&world, &id, &identity, true).await;
    peer.introspect("org.example.Stream:1:0").await;
    for _ in 0..2 {
        peer.publish("/org.example.Stream/kitchen/temp", QoS::ExactlyOnce, 7, &double(1.0)).await;
        assert_eq!(peer.read().await, Some(Packet::PubRec(PubRec::new(7))));
    }
    for _ in 0..2 {
        peer.write(|buffer| PubRel::new(7).write(buffer)).await;
        assert_eq!(peer.read().await, Some(Packet::PubComp(PubComp::new(7))));
    }
    let samples = world.data(&id, "org.example.Stream/kitchen/temp").await;
    assert_eq!(samples.as_array().unwrap().len(), 1);
    peer.publish("/org.example.Stream/kitchen/temp", QoS::ExactlyOnce, 7, &double(2.0)).await;
    assert_eq!(peer.read().await, Some(Packet::PubRec(PubRec::new(7))));
    let samples = world.data(&id, "org.example.Stream/kitchen/temp").await;
    assert_eq!(samples.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn silence_ends_the_connection() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    let mut peer = Peer::open(&world, &id, &identity).await.unwrap();
    let mut connect = Connect::new("any");
    connect.keep_alive = 1;
    peer.write(|buffer| connect.write(buffer)).await;
    assert!(matches!(peer.read().await, Some(Packet::ConnAck(_))));
    assert_eq!(peer.read().await, None);
    world.until_status(&id, |status| status["connected"] == false).await;
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_the_connection() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    let (mut peer, _) = Peer::connect(&world, &id, &identity, true).await;
    peer.introspect("org.example.Types:1:0").await;
    let payload = bson::doc! { "v": "x".repeat(65_536) }.to_vec().unwrap();
    peer.publish("/org.example.Types/string", QoS::AtMostOnce, 0, &payload).await;
    assert_eq!(peer.read().await, None);
}

#[tokio::test]
async fn session_present_is_honest() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    for (clean, expected) in [(false, false), (false, true), (true, false), (false, false), (false, true)] {
        let (mut peer, session_present) = Peer::connect(&world, &id, &identity, clean).await;
        assert_eq!(session_present, expected, "clean={clean}");
        peer.write(|buffer| Disconnect.write(buffer)).await;
        assert_eq!(peer.read().await, None);
    }
}

#[tokio::test]
async fn a_newer_connection_takes_over() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    let (mut older, _) = Peer::connect(&world, &id, &identity, false).await;
    let (mut newer, session_present) = Peer::connect(&world, &id, &identity, false).await;
    assert!(session_present);
    assert_eq!(older.read().await, None);
    newer.introspect("org.example.Stream:1:0").await;
    assert_eq!(world.status(&id).await["connected"], true);
}

// Offline with a session: the message waits, and comes again until it is acknowledged to the end.
#[tokio::test]
async fn messages_are_repeated_until_they_are_acknowledged() {
    let world = World::new().await;
    let (id, identity) = Identity::paired(&world).await;
    let (mut peer, _) = Peer::connect(&world, &id, &identity, false).await;
    peer.introspect("org.example.ServerStream:1:0").await;
    peer.subscribe(&format!("{REALM}/{id}/org.example.ServerStream/#"), QoS::ExactlyOnce).await;
    drop(peer);
    world.until_status(&id, |status| status["connected"] == false).await;
    let url = format!("appengine/v1/{REALM}/devices/{id}/interfaces/org.example.ServerStream");
    assert_eq!(world.post(&format!("{url}/unreliable"), json!(1)).await.0, StatusCode::OK);
    assert_eq!(world.post(&format!("{url}/unique"), json!(2)).await.0, StatusCode::OK);

    let (mut peer, _) = Peer::connect(&world, &id, &identity, false).await;
    let first = peer.read_publish().await;
    assert!(first.topic.ends_with("/unique") && !first.dup);
    drop(peer);

    let (mut peer, _) = Peer::connect(&world, &id, &identity, false).await;
    let again = peer.read_publish().await;
    assert!(again.dup);
    assert_eq!(again.pkid, first.pkid);
    peer.write(|buffer| PubRec::new(again.pkid).write(buffer)).await;
    assert_eq!(peer.read().await, Some(Packet::PubRel(PubRel::new(again.pkid))));
    drop(peer);

    let (mut peer, _) = Peer::connect(&world, &id, &identity, false).await;
    assert_eq!(peer.read().await, Some(Packet::PubRel(PubRel::new(again.pkid))));
    peer.write(|buffer| PubComp::new(again.pkid).write(buffer)).await;
    peer.write(|buffer| mqttbytes::v4::PingReq.write(buffer)).await;
    assert_eq!(peer.read().await, Some(Packet::PingResp));
    drop(peer);

    let (mut peer, _) = Peer::connect(&world, &id, &identity, false).await;
    peer.write(|buffer| mqttbytes::v4::PingReq.write(buffer)).await;
    assert_eq!(peer.read().await, Some(Packet::PingResp));
}

// A stranger who only opens a socket is not kept for ever, and does not disturb others.
#[tokio::test]
async fn strangers_do_no_harm() {
    let world = World::new().await;
    let mut stranger = TcpStream::connect(world.emulator.mqtt_addr()).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stranger.read_to_end(&mut answer)).await;
    assert!(read.is_ok());
    let (id, identity) = Identity::paired(&world).await;
    Peer::connect(&world, &id, &identity, true).await;
}
