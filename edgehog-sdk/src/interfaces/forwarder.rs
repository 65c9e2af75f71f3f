//! Sessions of the forwarder, which connects people with a device's terminal and web pages.

use secrecy::SecretString;

use super::{ONE_YEAR, texts};
use crate::interface;

interface! {
    name: "io.edgehog.devicemanager.ForwarderSessionRequest",
    version: (0, 1),
    kind: server objects at "/request",
    flags: { database_retention_ttl: ONE_YEAR },

    /// Asks a device to connect to a forwarder. A running session ignores the same request.
    #[derive(Debug, Clone)]
    pub struct ForwarderSessionRequest {
        /// The session's token: who has it may use the session.
        pub session_token: SecretString = "session_token",
        /// Port of the forwarder.
        pub port: i32 = "port",
        /// Host name of the forwarder.
        pub host: String = "host",
        /// Whether to connect over TLS.
        pub secure: bool = "secure",
    }
}

interface! {
    name: "io.edgehog.devicemanager.ForwarderSessionState",
    version: (0, 1),
    kind: device properties at "/%{session_token}",
    flags: { allow_unset: true },

    /// A session that a device keeps; it is unset when the session ends. Sessions of unknown status are dropped.
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct ForwarderSessionState {
        /// The session's token: who has it may use the session.
        pub session_token: SecretString = key,
        /// How far it is.
        pub status: ForwarderSessionStatus = "status",
    }
}

texts! {
    /// How far a forwarder session is.
    pub enum ForwarderSessionStatus {
        /// The device took the request.
        Connecting = "Connecting",
        /// The device is connected to the forwarder.
        Connected = "Connected",
    }
}
