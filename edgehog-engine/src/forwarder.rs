//! Sessions of the forwarder, through which people reach a device's terminal and web pages.

use std::time::Duration;

use edgehog_sdk::interfaces::{ForwarderSessionRequest, ForwarderSessionState, ForwarderSessionStatus};
use secrecy::{ExposeSecret, SecretString};
use url::Host;
use uuid::Uuid;

/// The longest that a request waits to hear of sessions that are there already.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the forwarder is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwarderConfig {
    /// Its host name.
    pub hostname: String,
    /// Its port.
    pub port: u16,
    /// Whether devices and people reach it over TLS.
    pub secure_sessions: bool,
}

/// A setting of the forwarder that cannot be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwarderConfigError {
    /// A URL where a host name belongs.
    #[error("EDGEHOG_FORWARDER_HOSTNAME is a host name; leave its scheme out")]
    Scheme,
    /// Something else that is no host name.
    #[error("EDGEHOG_FORWARDER_HOSTNAME is not a host name")]
    Hostname,
    /// No number, or one that no port has.
    #[error("EDGEHOG_FORWARDER_PORT is not a port number, from 1 to 65535")]
    Port,
}

impl ForwarderConfig {
    /// A forwarder at this place.
    ///
    /// # Errors
    ///
    /// [`ForwarderConfigError`], by the names of [`from_vars`](Self::from_vars).
    pub fn new(
        hostname: impl Into<String>,
        port: u16,
        secure_sessions: bool,
    ) -> Result<Self, ForwarderConfigError> {
        let hostname = hostname.into();
        if hostname.contains("://") {
            return Err(ForwarderConfigError::Scheme);
        }
        Host::parse(&hostname).map_err(|_| ForwarderConfigError::Hostname)?;
        if port == 0 {
            return Err(ForwarderConfigError::Port);
        }
        Ok(Self { hostname, port, secure_sessions })
    }

    /// Reads the settings, given how to look up an environment variable; `None` if there is no forwarder.
    ///
    /// # Errors
    ///
    /// All mistakes.
    pub fn from_vars(
        var: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Vec<ForwarderConfigError>> {
        let text = |name| var(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let Some(hostname) = text("EDGEHOG_FORWARDER_HOSTNAME") else { return Ok(None) };
        let secure_sessions = var("EDGEHOG_FORWARDER_SECURE_SESSIONS").is_none_or(|secure| secure == "true");
        let usual = if secure_sessions { 443 } else { 80 };
        let given = text("EDGEHOG_FORWARDER_PORT").map(|port| port.parse().ok().filter(|port| *port > 0));
        let port = given.unwrap_or(Some(usual)).ok_or(ForwarderConfigError::Port);
        match (Self::new(hostname, port.unwrap_or(usual), secure_sessions), port) {
            (Ok(config), Ok(_)) => Ok(Some(config)),
            (config, port) => Err(config.err().into_iter().chain(port.err()).collect()),
        }
    }
}

/// A session that a device keeps with the forwarder.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ForwarderSession {
    /// Who has it may use the session.
    pub token: SecretString,
    /// How far the session is.
    pub status: ForwarderSessionStatus,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwarderError {
    /// This server has no forwarder.
    #[error("the forwarder is disabled")]
    Disabled,
    /// A device that is not connected cannot be asked.
    #[error("the device is disconnected")]
    DeviceDisconnected,
    /// Astarte did not pass the request on.
    #[error(transparent)]
    Astarte(#[from] edgehog_sdk::Error),
}

/// The sessions of a device, in the order of their tokens. Those of unknown status are left out.
///
/// # Errors
///
/// See [`edgehog_sdk::Device`].
pub async fn sessions(device: &edgehog_sdk::Device) -> Result<Vec<ForwarderSession>, edgehog_sdk::Error> {
    let states = device.interface::<ForwarderSessionState>().await?;
    Ok(states
        .into_iter()
        .map(|state| ForwarderSession { token: state.session_token, status: state.status })
        .collect())
}

/// The session with this token, while it lasts.
///
/// `None` also without a forwarder, where a session leads nowhere; for a device that is not `online`, of which Astarte
/// is not asked; and where Astarte does not tell.
pub async fn session(
    device: &edgehog_sdk::Device,
    online: bool,
    token: &str,
    config: Option<&ForwarderConfig>,
) -> Option<ForwarderSession> {
    config?;
    let sessions = known_sessions(device, online).await;
    sessions.into_iter().find(|session| session.token.expose_secret() == token)
}

/// The token of a session with the device: of one that is there already, or of a new one, for which the device is asked
/// to connect to the forwarder. Nobody waits for the device: [`session`] tells how far it is.
///
/// # Errors
///
/// [`ForwarderError`], in the order of its variants; none of them while there is a session.
pub async fn request_session(
    device: &edgehog_sdk::Device,
    online: bool,
    config: Option<&ForwarderConfig>,
) -> Result<SecretString, ForwarderError> {
    let sessions = known_sessions(device, online).await;
    let with = |status| sessions.iter().find(move |session| session.status == status);
    let existing =
        with(ForwarderSessionStatus::Connected).or_else(|| with(ForwarderSessionStatus::Connecting));
    if let Some(session) = existing {
        return Ok(session.token.clone());
    }
    let config = config.ok_or(ForwarderError::Disabled)?;
    if !online {
        return Err(ForwarderError::DeviceDisconnected);
    }
    let token = SecretString::from(Uuid::new_v4().to_string());
    let request = ForwarderSessionRequest {
        session_token: token.clone(),
        port: config.port.into(),
        host: config.hostname.clone(),
        secure: config.secure_sessions,
    };
    device.open_forwarder_session(&request).await?;
    Ok(token)
}

/// The sessions as far as they can be known. A device that went offline leaves its last words in Astarte.
async fn known_sessions(device: &edgehog_sdk::Device, online: bool) -> Vec<ForwarderSession> {
    if !online {
        return Vec::new();
    }
    match tokio::time::timeout(PATIENCE, sessions(device)).await {
        Ok(Ok(sessions)) => sessions,
        Ok(Err(error)) if error.is_absent() => Vec::new(),
        Ok(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(device = %device.id(), error, "the device's forwarder sessions could not be read");
            Vec::new()
        }
        Err(_) => {
            tracing::warn!(
                device = %device.id(),
                "Astarte did not tell the device's forwarder sessions in time; look at the health of its AppEngine"
            );
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unset is off; the port follows the scheme; only `true` is secure; and mistakes are told by name.
    #[test]
    fn settings() {
        use ForwarderConfigError::{Hostname, Port, Scheme};
        for (hostname, port, secure, read) in [
            (None, None, None, Ok(None)),
            (Some(""), Some("80"), Some("true"), Ok(None)),
            (None, Some("no port"), None, Ok(None)),
            (Some("f.example"), None, None, Ok(Some(("f.example", 443, true)))),
            (Some("f.example"), None, Some("true"), Ok(Some(("f.example", 443, true)))),
            (Some("f.example"), None, Some("false"), Ok(Some(("f.example", 80, false)))),
            (Some("f.example"), None, Some("TRUE"), Ok(Some(("f.example", 80, false)))),
            (Some("f.example"), None, Some(""), Ok(Some(("f.example", 80, false)))),
            (Some("f.example"), Some(""), None, Ok(Some(("f.example", 443, true)))),
            (Some("localhost"), Some("4001"), Some("false"), Ok(Some(("localhost", 4001, false)))),
            (Some("10.0.0.1"), None, None, Ok(Some(("10.0.0.1", 443, true)))),
            (Some("http://f.example"), None, None, Err(vec![Scheme])),
            (Some("https://f.example"), Some("443"), None, Err(vec![Scheme])),
            (Some("f.example/path"), None, None, Err(vec![Hostname])),
            (Some("f.example:80"), None, None, Err(vec![Hostname])),
            (Some("f.example"), Some("https"), None, Err(vec![Port])),
            (Some("f.example"), Some("0"), None, Err(vec![Port])),
            (Some("f.example"), Some("65536"), None, Err(vec![Port])),
            (Some("http://f.example"), Some("https"), None, Err(vec![Scheme, Port])),
        ] {
            let config = ForwarderConfig::from_vars(|name| {
                let value = match name {
                    "EDGEHOG_FORWARDER_HOSTNAME" => hostname,
                    "EDGEHOG_FORWARDER_PORT" => port,
                    "EDGEHOG_FORWARDER_SECURE_SESSIONS" => secure,
                    _ => unreachable!("{name}"),
                };
                value.map(str::to_owned)
            });
            let expected = read.map(|read| {
                read.map(|(hostname, port, secure_sessions)| ForwarderConfig {
                    hostname: hostname.to_owned(),
                    port,
                    secure_sessions,
                })
            });
            assert_eq!(config, expected, "{hostname:?} {port:?} {secure:?}");
        }
    }
}
