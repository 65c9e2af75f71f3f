use std::io;

use crate::ingest::DeviceErrorName;

/// What can go wrong when a program uses the emulator through its library API.
///
/// Errors of HTTP and MQTT clients are not here: they get the statuses, packets and events that Astarte gives.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address could not be bound.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address asked for.
        addr: std::net::SocketAddr,
        /// Why the system refused.
        source: io::Error,
    },
    /// The certificate directory cannot be read or written.
    #[error("cannot use the certificate directory {}", path.display())]
    CaDir {
        /// The file or directory in question.
        path: std::path::PathBuf,
        /// Why the system refused.
        source: io::Error,
    },
    /// A key or a certificate could not be made or read.
    #[error("cannot make or read a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The TLS set-up was refused: usually a certificate directory with files that do not belong together.
    #[error("cannot set up TLS")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The HTTP client for trigger deliveries could not be made.
    #[error("cannot make the HTTP client for deliveries")]
    HttpClient(#[source] reqwest::Error),
    /// A host name that cannot be part of a URL.
    #[error("not a host name: {0:?}")]
    InvalidHostName(String),
    /// A public key that is not PEM, or of a kind that tokens cannot be checked with.
    #[error("not a usable PEM public key")]
    InvalidPublicKey,
    /// A token could not be signed.
    #[error("cannot sign a token")]
    Sign(#[source] jsonwebtoken::errors::Error),
    /// A realm name that Astarte would refuse.
    #[error("not a realm name: {0:?}")]
    InvalidRealmName(String),
    /// The realm exists already.
    #[error("realm {0} exists already")]
    RealmExists(String),
    /// No realm has this name.
    #[error("no realm {0}")]
    RealmNotFound(String),
    /// Not 128 bits of URL-safe base64 without padding.
    #[error("not a device id: {0:?}")]
    InvalidDeviceId(String),
    /// The device is not registered in the realm.
    #[error("device {0} is not registered")]
    DeviceNotFound(crate::DeviceId),
    /// The device has asked for a certificate already, so it cannot be registered again.
    #[error("device {0} has credentials already")]
    DeviceRegistered(crate::DeviceId),
    /// The realm's limit of registered devices is reached.
    #[error("the realm takes no more devices")]
    RegistrationLimit,
    /// An interface definition that Astarte would refuse, or that clashes with an installed one.
    #[error("the interface was refused")]
    InterfaceRefused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The emulator found a device's message bad and cut the connection.
    #[error("the message was refused: {0}")]
    Rejected(DeviceErrorName),
    /// The simulated device is not connected any more.
    #[error("the device is not connected")]
    Disconnected,
}
