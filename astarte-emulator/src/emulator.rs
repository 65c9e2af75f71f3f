//! The emulator as a whole: set-up, handles, end.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use poem::listener::TcpAcceptor;
use secrecy::SecretString;
use serde_json::Value as Json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::ca::CertificateAuthority;
use crate::faults::Faults;
use crate::http::{self, auth::PublicKey};
use crate::interfaces::InterfaceDef;
use crate::keys::RealmKey;
use crate::link::{DeviceLink, IntrospectionEntry};
use crate::mqtt::{Listener, Realms as _};
use crate::realm::{Realm, RegisterError};
use crate::shared::Shared;
use crate::tasks::Tasks;
use crate::triggers::{Deliverer, Deliveries};
use crate::{DeviceId, Error};

/// Settings of an emulator. Made by [`Emulator::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct EmulatorBuilder {
    http_addr: SocketAddr,
    mqtt_addr: SocketAddr,
    host_name: String,
    housekeeping_key: Option<String>,
    ca_dir: Option<PathBuf>,
    version: String,
    server_timestamps: bool,
}

impl EmulatorBuilder {
    /// Where the REST APIs listen. Default: `127.0.0.1`, any free port.
    pub fn http_addr(mut self, addr: SocketAddr) -> Self {
        self.http_addr = addr;
        self
    }

    /// Where the MQTT broker listens. Default: `127.0.0.1`, any free port.
    pub fn mqtt_addr(mut self, addr: SocketAddr) -> Self {
        self.mqtt_addr = addr;
        self
    }

    /// The name that devices reach the broker by: it is in the broker URL that Pairing gives out and in the broker's
    /// certificate, beside `127.0.0.1` and `::1`. Default: `localhost`.
    pub fn host_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.host_name);
        self
    }

    /// The public key that Housekeeping checks tokens with. By default a pair is generated, which
    /// [`Emulator::housekeeping_key`] gives out.
    pub fn housekeeping_key_pem(mut self, public_key_pem: impl Into<String>) -> Self {
        self.housekeeping_key = Some(public_key_pem.into());
        self
    }

    /// A directory for the certificate authority and the broker's key, so that devices keep trusting the emulator
    /// when it is started again: `ca.pem`, `ca.key` and `server.key`. By default both live in memory.
    pub fn ca_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_dir = Some(path.into());
        self
    }

    /// The version that the APIs report. The behaviour is that of 1.3.3, the default, whatever is set here.
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// Adds a timestamp to what the server sends on mappings with an explicit timestamp. Default: no, as Astarte.
    ///
    /// Debug builds of the official Rust SDK drop such messages when they come without one; release builds take the
    /// time of reception.
    pub fn server_timestamps(mut self, send: bool) -> Self {
        self.server_timestamps = send;
        self
    }

    /// Starts listening. All background work runs on the Tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] when an address is taken, [`Error::CaDir`] and [`Error::Tls`] when the certificate
    /// directory is of no use, [`Error::InvalidPublicKey`] and [`Error::InvalidHostName`] for bad settings.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub async fn start(self) -> Result<Emulator, Error> {
        let ca = match &self.ca_dir {
            Some(dir) => CertificateAuthority::in_dir(dir)?,
            None => CertificateAuthority::new()?,
        };
        let (housekeeping_pem, housekeeping_key) = match self.housekeeping_key {
            Some(pem) => (pem, None),
            None => {
                let key = RealmKey::generate()?;
                (key.public_key_pem().to_owned(), Some(key))
            }
        };
        let tls = TlsAcceptor::from(Arc::new(ca.server_config(&self.host_name)?));
        let (http, http_addr) = listen(self.http_addr).await?;
        let (mqtt, mqtt_addr) = listen(self.mqtt_addr).await?;
        let invalid_host = |_| Error::InvalidHostName(self.host_name.clone());
        let broker_url = format!("mqtts://{}:{}/", self.host_name, mqtt_addr.port());
        Url::parse(&broker_url).map_err(invalid_host)?;
        let base_url = match http_addr.ip() {
            ip if ip.is_unspecified() => format!("http://{}:{}", self.host_name, http_addr.port()),
            _ => format!("http://{http_addr}"),
        };
        let base_url = Url::parse(&base_url).map_err(invalid_host)?;

        let tasks = Tasks::new();
        let faults = Faults::default();
        let deliverer = Deliverer::new(tasks.clone(), faults.clone()).map_err(Error::HttpClient)?;
        let shared = Arc::new(Shared {
            realms: RwLock::default(),
            ca,
            housekeeping_key: PublicKey::from_pem(&housekeeping_pem)?,
            broker_url,
            version: self.version,
            server_timestamps: self.server_timestamps,
            faults,
            deliverer,
        });
        let acceptor =
            TcpAcceptor::from_tokio(http).map_err(|source| Error::Listen { addr: http_addr, source })?;
        tasks.spawn(http::serve(acceptor, Arc::clone(&shared)));
        let listener = Listener { socket: mqtt, tls, realms: Arc::clone(&shared), tasks: tasks.clone() };
        tasks.spawn(listener.run());
        Ok(Emulator { shared, tasks, base_url, mqtt_addr, housekeeping_key })
    }
}

async fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let listen = |source| Error::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    Ok((listener, addr))
}

/// A running emulator: all APIs of Astarte on one HTTP listener, and the MQTT broker.
///
/// It runs until [`shutdown`](Self::shutdown) or until it is dropped.
pub struct Emulator {
    shared: Arc<Shared>,
    tasks: Tasks,
    base_url: Url,
    mqtt_addr: SocketAddr,
    housekeeping_key: Option<RealmKey>,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("base_url", &self.base_url.as_str())
            .field("mqtt_addr", &self.mqtt_addr)
            .finish_non_exhaustive()
    }
}

impl Emulator {
    /// Begins the set-up of an emulator.
    pub fn builder() -> EmulatorBuilder {
        let any_port = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        EmulatorBuilder {
            http_addr: any_port,
            mqtt_addr: any_port,
            host_name: "localhost".to_owned(),
            housekeeping_key: None,
            ca_dir: None,
            version: "1.3.3".to_owned(),
            server_timestamps: false,
        }
    }

    /// The base URL of the APIs: `/appengine`, `/realmmanagement`, `/pairing` and `/housekeeping` are below it.
    #[must_use]
    pub fn base_url(&self) -> Url {
        self.base_url.clone()
    }

    /// Where the MQTT broker listens.
    #[must_use]
    pub fn mqtt_addr(&self) -> SocketAddr {
        self.mqtt_addr
    }

    /// The certificate that devices must trust.
    #[must_use]
    pub fn ca_certificate_pem(&self) -> &str {
        self.shared.ca.pem()
    }

    /// The key pair of Housekeeping, unless the builder was given a public key.
    #[must_use]
    pub fn housekeeping_key(&self) -> Option<&RealmKey> {
        self.housekeeping_key.as_ref()
    }

    /// Makes a realm whose tokens are checked with this public key (PEM; EC P-256, EC P-384 or RSA).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRealmName`], [`Error::InvalidPublicKey`], [`Error::RealmExists`].
    pub fn create_realm(&self, name: &str, public_key_pem: &str) -> Result<RealmHandle, Error> {
        let realm = self.shared.create_realm(name, PublicKey::from_pem(public_key_pem)?)?;
        Ok(RealmHandle { realm, tasks: self.tasks.clone() })
    }

    /// A handle on a realm that exists.
    ///
    /// # Errors
    ///
    /// [`Error::RealmNotFound`].
    pub fn realm(&self, name: &str) -> Result<RealmHandle, Error> {
        let realm = self.shared.realm(name).ok_or_else(|| Error::RealmNotFound(name.to_owned()))?;
        Ok(RealmHandle { realm, tasks: self.tasks.clone() })
    }

    /// The switches for misbehaviour.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// A view of the trigger deliveries, to wait for their end.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries {
        self.shared.deliverer.handle()
    }

    /// Ends all tasks and waits until they have ended: listeners are closed, connections are cut, events that still
    /// wait for delivery are lost.
    pub async fn shutdown(self) {
        self.tasks.cancel();
        self.tasks.join().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

/// A realm, without the detour over HTTP. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RealmHandle {
    realm: Arc<Realm>,
    tasks: Tasks,
}

impl RealmHandle {
    /// The name of the realm.
    #[must_use]
    pub fn name(&self) -> String {
        self.realm.lock().name.clone()
    }

    /// Installs an interface from its definition, or updates it when an older minor version is installed.
    ///
    /// # Errors
    ///
    /// [`Error::InterfaceRefused`] when Realm Management would refuse it.
    pub fn install_interface(&self, definition: &Json) -> Result<(), Error> {
        let interface =
            InterfaceDef::parse(definition).map_err(|error| Error::InterfaceRefused(error.into()))?;
        let mut realm = self.realm.lock();
        let realm = &mut *realm;
        let result = if realm.interfaces.get(interface.name(), interface.major()).is_some() {
            realm.interfaces.update(interface, realm.max_retention)
        } else {
            realm.interfaces.install(interface, realm.max_retention)
        };
        result.map_err(|error| Error::InterfaceRefused(error.into()))
    }

    /// Registers a device and returns its credentials secret.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidDeviceId`], [`Error::DeviceRegistered`] once the device has asked for a certificate,
    /// [`Error::RegistrationLimit`].
    pub fn register_device(&self, device_id: &str) -> Result<SecretString, Error> {
        let id: DeviceId = device_id.parse()?;
        self.realm.lock().register(id, BTreeMap::new()).map_err(|error| match error {
            RegisterError::HasCredentials => Error::DeviceRegistered(id),
            RegisterError::LimitReached => Error::RegistrationLimit,
        })
    }

    /// Cuts a device's connection as a broken network does: a session that the broker keeps stays. Tells whether the
    /// device was connected.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidDeviceId`].
    pub fn disconnect_device(&self, device_id: &str) -> Result<bool, Error> {
        let id: DeviceId = device_id.parse()?;
        let mut realm = self.realm.lock();
        let connection = realm.devices.get(&id).and_then(|device| device.connection.as_ref());
        let Some(number) = connection.map(|connection| connection.number) else { return Ok(false) };
        realm.disconnect(id, number);
        Ok(true)
    }

    /// Connects a simulated device with a session that ends with the connection.
    ///
    /// The device introduces itself as real ones do: it subscribes for what the server owns, sends its
    /// introspection and asks for the server's properties, which [`DeviceLink::received`] then gives out.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidDeviceId`], [`Error::DeviceNotFound`] when it is not registered, [`Error::Rejected`] with
    /// `interface_loading_failed` when the introspection names an interface that is not installed.
    pub async fn connect<I>(&self, device_id: &str, introspection: I) -> Result<DeviceLink, Error>
    where
        I: IntoIterator<Item: Into<IntrospectionEntry>>,
    {
        self.connect_with(device_id, introspection, true).await
    }

    /// Connects a simulated device with a session that the broker keeps: messages wait there while it is away.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_persistent<I>(&self, device_id: &str, introspection: I) -> Result<DeviceLink, Error>
    where
        I: IntoIterator<Item: Into<IntrospectionEntry>>,
    {
        self.connect_with(device_id, introspection, false).await
    }

    async fn connect_with<I>(
        &self,
        device_id: &str,
        introspection: I,
        clean: bool,
    ) -> Result<DeviceLink, Error>
    where
        I: IntoIterator<Item: Into<IntrospectionEntry>>,
    {
        let id = device_id.parse()?;
        let introspection = introspection.into_iter().map(Into::into).collect();
        DeviceLink::connect(Arc::clone(&self.realm), &self.tasks, id, introspection, clean).await
    }
}
