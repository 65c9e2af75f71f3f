use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use edgehog_engine::sdk::interfaces;
use edgehog_engine::store::{DEVICE, DeviceKey, Value};
use edgehog_engine::{ForwarderConfig as Config, ForwarderSession as Session};
use secrecy::ExposeSecret;

use super::TenantContext;
use super::error::Failure;
use super::ids::{encode, key_or_raw};

/// Where devices meet people who want to use their terminals.
#[derive(SimpleObject)]
struct ForwarderConfig {
    /// The global id.
    id: ID,
    /// The host.
    hostname: String,
    /// The port.
    port: i64,
    /// Whether to use TLS.
    secure_sessions: bool,
}

impl From<&Config> for ForwarderConfig {
    fn from(config: &Config) -> Self {
        Self {
            id: encode("forwarder_config", &format_args!("{}~{}", config.hostname, config.port)),
            hostname: config.hostname.clone(),
            port: config.port.into(),
            secure_sessions: config.secure_sessions,
        }
    }
}

/// How far a session with a device is.
#[derive(Clone, Copy, Enum, PartialEq, Eq)]
enum ForwarderSessionStatus {
    /// The device is connected to the forwarder.
    Connected,
    /// The device took the request.
    Connecting,
}

/// A session with a device.
#[derive(SimpleObject)]
struct ForwarderSession {
    /// The global id.
    id: ID,
    /// Who has it may use the session.
    token: String,
    /// How far it is.
    status: ForwarderSessionStatus,
    /// The host of the forwarder.
    forwarder_hostname: String,
    /// The port of the forwarder.
    forwarder_port: i64,
    /// Whether to use TLS.
    secure: bool,
}

impl ForwarderSession {
    fn new(session: &Session, config: &Config) -> Self {
        let token = session.token.expose_secret();
        Self {
            id: encode("forwarder_session", &token),
            token: token.to_owned(),
            status: match session.status {
                interfaces::ForwarderSessionStatus::Connected => ForwarderSessionStatus::Connected,
                _ => ForwarderSessionStatus::Connecting,
            },
            forwarder_hostname: config.hostname.clone(),
            forwarder_port: config.port.into(),
            secure: config.secure_sessions,
        }
    }
}

fn device(id: &ID) -> Result<DeviceKey, Failure> {
    let key = key_or_raw(&DEVICE, id);
    key.as_ref().and_then(Value::as_integer).map(DeviceKey::from).ok_or_else(Failure::not_found)
}

#[derive(Default)]
pub(super) struct ForwarderQuery;

#[Object]
impl ForwarderQuery {
    /// Where devices meet people who want to use their terminals; null where that is not possible.
    async fn forwarder_config(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Option<ForwarderConfig>> {
        Ok(TenantContext::of(context)?.tenant.forwarder().map(ForwarderConfig::from))
    }

    /// A session with a device, while it lasts.
    async fn forwarder_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session's token.")] token: String,
        #[graphql(desc = "The device.")] device_id: ID,
    ) -> Option<ForwarderSession> {
        let find = async || {
            let tenant = &TenantContext::of(context)?.tenant;
            let session = tenant.forwarder_session(device(&device_id)?, &token).await?;
            let known = session.zip(tenant.forwarder());
            Ok::<_, Failure>(known.map(|(session, config)| ForwarderSession::new(&session, config)))
        };
        find().await.unwrap_or_else(|failure| {
            failure.report(context, context.item.pos);
            None
        })
    }
}

/// Which device to begin a session with.
#[derive(InputObject)]
struct RequestForwarderSessionInput {
    /// The device.
    device_id: ID,
}

#[derive(Default)]
pub(super) struct ForwarderMutation;

#[Object]
impl ForwarderMutation {
    /// Begins a session with a device, unless there is one. Gives its token.
    async fn request_forwarder_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The device.")] input: RequestForwarderSessionInput,
    ) -> async_graphql::Result<String> {
        let request = async || {
            let tenant = &TenantContext::of(context)?.tenant;
            let token = tenant.request_forwarder_session(device(&input.device_id)?).await?;
            Ok::<_, Failure>(token.expose_secret().to_owned())
        };
        request().await.map_err(|failure| failure.into_error(context))
    }
}
