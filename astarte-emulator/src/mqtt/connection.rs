//! One socket: reads and writes packets, keeps the time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use mqttbytes::v4::{self, ConnAck, Connect, ConnectReturnCode, Packet, PingReq, PingResp};
use mqttbytes::{Error as CodecError, Protocol};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Accepted, MAX_MESSAGE};
use crate::DeviceId;
use crate::realm::Realm;

/// How long a peer may take for its CONNECT, and for taking what is written to it.
const PATIENCE: Duration = Duration::from_secs(10);
/// A message, its topic and the packet's own fields.
const MAX_PACKET: usize = MAX_MESSAGE + 4096;

/// Why a connection ends, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("the peer closed the connection or it broke")]
    Io(#[from] std::io::Error),
    #[error("the peer sent what is not MQTT 3.1.1: {0}")]
    Codec(CodecError),
    #[error("the peer was silent for too long")]
    Silent,
    #[error("the first packet is not CONNECT")]
    NoConnect,
}

/// A stream of packets.
pub(super) struct Packets<S> {
    stream: S,
    incoming: BytesMut,
    outgoing: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Packets<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, incoming: BytesMut::new(), outgoing: BytesMut::new() }
    }

    /// Reads one packet. Nothing is lost when the future is dropped.
    async fn read(&mut self) -> Result<Packet, ConnectionError> {
        loop {
            match v4::read(&mut self.incoming, MAX_PACKET) {
                Ok(packet) => return Ok(packet),
                Err(CodecError::InsufficientBytes(_)) => {}
                Err(error) => return Err(ConnectionError::Codec(error)),
            }
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    fn buffer(&mut self, packet: &Packet) -> Result<(), ConnectionError> {
        let buffer = &mut self.outgoing;
        let written = match packet {
            Packet::ConnAck(packet) => packet.write(buffer),
            Packet::Publish(packet) => packet.write(buffer),
            Packet::PubAck(packet) => packet.write(buffer),
            Packet::PubRec(packet) => packet.write(buffer),
            Packet::PubRel(packet) => packet.write(buffer),
            Packet::PubComp(packet) => packet.write(buffer),
            Packet::SubAck(packet) => packet.write(buffer),
            Packet::UnsubAck(packet) => packet.write(buffer),
            Packet::PingResp => PingResp.write(buffer),
            Packet::PingReq => PingReq.write(buffer),
            Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) | Packet::Disconnect => Ok(0),
        };
        written.map(drop).map_err(ConnectionError::Codec)
    }

    async fn flush(&mut self) -> Result<(), ConnectionError> {
        let write = async {
            self.stream.write_all_buf(&mut self.outgoing).await?;
            self.stream.flush().await
        };
        timeout(PATIENCE, write).await.map_err(|_| ConnectionError::Silent)??;
        Ok(())
    }

    /// Reads the CONNECT that every connection starts with.
    pub(super) async fn connect(&mut self) -> Result<Connect, ConnectionError> {
        let packet = timeout(PATIENCE, self.read()).await.map_err(|_| ConnectionError::Silent)?;
        match packet {
            Ok(Packet::Connect(connect)) if connect.protocol == Protocol::V4 => Ok(connect),
            Ok(Packet::Connect(_)) | Err(ConnectionError::Codec(CodecError::InvalidProtocolLevel(_))) => {
                self.refuse(ConnectReturnCode::RefusedProtocolVersion).await?;
                Err(ConnectionError::NoConnect)
            }
            Ok(_) => Err(ConnectionError::NoConnect),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn refuse(&mut self, code: ConnectReturnCode) -> Result<(), ConnectionError> {
        self.buffer(&Packet::ConnAck(ConnAck::new(code, false)))?;
        self.flush().await?;
        // The peer may be gone already.
        let _ = self.stream.shutdown().await;
        Ok(())
    }
}

/// Lets a device in and carries its packets until either side ends the connection.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut packets: Packets<S>,
    realm: Arc<Realm>,
    id: DeviceId,
    peer: IpAddr,
) -> Result<(), ConnectionError> {
    let connect = packets.connect().await?;
    let accepted = realm.lock().connect(id, Some(peer), connect.clean_session);
    let Some(accepted) = accepted else {
        return packets.refuse(ConnectReturnCode::NotAuthorized).await;
    };
    // Ends the session's connection however this future ends: by return, by error, or by being dropped.
    let live = Live { realm, id, number: accepted.number };
    let keep_alive = Duration::from_secs(connect.keep_alive.into()) * 3 / 2;
    let result = live.run(&mut packets, accepted, keep_alive).await;
    drop(live);
    let _ = packets.stream.shutdown().await;
    result
}

struct Live {
    realm: Arc<Realm>,
    id: DeviceId,
    number: u64,
}

impl Live {
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        packets: &mut Packets<S>,
        mut accepted: Accepted,
        keep_alive: Duration,
    ) -> Result<(), ConnectionError> {
        let mut heard = Instant::now();
        loop {
            while let Ok(packet) = accepted.outgoing.try_recv() {
                packets.buffer(&packet)?;
            }
            packets.flush().await?;
            tokio::select! {
                () = accepted.cut.cancelled() => return Ok(()),
                Some(packet) = accepted.outgoing.recv() => packets.buffer(&packet)?,
                packet = within(keep_alive, heard, packets.read()) => {
                    heard = Instant::now();
                    if self.realm.lock().packet(self.id, self.number, packet?).is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.realm.lock().disconnect(self.id, self.number);
    }
}

/// A keep-alive of zero switches the watch off.
async fn within(
    keep_alive: Duration,
    heard: Instant,
    read: impl Future<Output = Result<Packet, ConnectionError>>,
) -> Result<Packet, ConnectionError> {
    if keep_alive.is_zero() {
        return read.await;
    }
    timeout_at(heard + keep_alive, read).await.map_err(|_| ConnectionError::Silent)?
}
