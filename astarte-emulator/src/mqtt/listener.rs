//! Accepts TLS connections and finds out which device is calling.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mqttbytes::v4::ConnectReturnCode;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::connection::{self, Packets};
use crate::DeviceId;
use crate::realm::Realm;
use crate::tasks::Tasks;

const HANDSHAKE: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: usize = 10_000;

/// Where the broker finds the realm that a certificate names.
pub(crate) trait Realms: Send + Sync + 'static {
    fn realm(&self, name: &str) -> Option<Arc<Realm>>;
}

/// The broker's listening socket.
pub(crate) struct Listener<R> {
    pub(crate) socket: TcpListener,
    pub(crate) tls: TlsAcceptor,
    pub(crate) realms: Arc<R>,
    pub(crate) tasks: Tasks,
}

impl<R: Realms> Listener<R> {
    pub(crate) async fn run(self) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (stream, peer) = match self.socket.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept an MQTT connection");
                    // Out of file descriptors, most likely: trying again at once would only burn time.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (tls, realms) = (self.tls.clone(), Arc::clone(&self.realms));
            self.tasks.spawn(async move {
                if let Err(error) = handle(stream, peer, tls, &*realms).await {
                    tracing::debug!(%error, %peer, "MQTT connection ended");
                }
                drop(place);
            });
        }
    }
}

async fn handle<R: Realms>(
    stream: TcpStream,
    peer: SocketAddr,
    tls: TlsAcceptor,
    realms: &R,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let stream = timeout(HANDSHAKE, tls.accept(stream)).await.map_err(io::Error::from)??;
    let identity = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).and_then(|certificate| {
        let (realm, id) = identity(certificate)?;
        Some((realms.realm(&realm)?, id))
    });
    let mut packets = Packets::new(stream);
    match identity {
        Some((realm, id)) => connection::serve(packets, realm, id, peer.ip()).await?,
        None => {
            packets.connect().await?;
            packets.refuse(ConnectReturnCode::NotAuthorized).await?;
        }
    }
    Ok(())
}

/// The realm and the device that a certificate was made for.
fn identity(certificate: &[u8]) -> Option<(String, DeviceId)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    let (realm, id) = name.split_once('/')?;
    Some((realm.to_owned(), id.parse().ok()?))
}
