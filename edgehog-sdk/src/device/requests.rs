//! What a device can be asked to do.

use uuid::Uuid;

use super::Device;
use crate::{
    Error, Interface as _,
    interfaces::{
        Command, CommandRequest, DeleteFile, DeploymentCommand, DeploymentCommandKind, DeviceToServer,
        ForwarderSessionRequest, Led, LedBehavior, LedPattern, OtaRequest, OtaRequestOperation,
        ServerToDevice, TelemetryConfig, TelemetryInterface,
    },
};

/// # Requests
///
/// Success means that Astarte took the request, not that the device carried it out. The interface decides what happens
/// while the device is offline: its request is refused, kept for it, or lost without an error; each method says which.
///
/// Every request may end with [`Error::Astarte`]: [`Error::is_unsupported`] tells devices that do not know the request,
/// [`Error::is_offline`] those that are not there to take it. Requests without a method of their own, such as those for
/// images and containers, are sent by their type with [`Self::send`].
///
/// ```
/// use edgehog_sdk::{Device, Error, interfaces::LedPattern};
///
/// async fn find(device: &Device) -> Result<&'static str, Error> {
///     match device.blink(LedPattern::Blink).await {
///         Ok(()) => Ok("look for the light"),
///         Err(error) if error.is_unsupported() => Ok("it has no light"),
///         Err(error) if error.is_offline() => Ok("it is offline"),
///         Err(error) => Err(error),
///     }
/// }
/// ```
impl Device {
    /// Starts an update of the system with the image at `url`. A device that is offline misses it.
    ///
    /// The device reports its steps under the id `operation`, see [`OtaEvent`](crate::interfaces::OtaEvent).
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn update_system(&self, operation: Uuid, url: impl Into<String> + Send) -> Result<(), Error> {
        let update = OtaRequestOperation::Update;
        self.send(&OtaRequest { operation: update, url: url.into(), uuid: operation }).await
    }

    /// Gives up the update that was started under the id `operation`. A device that is offline misses it.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn cancel_system_update(&self, operation: Uuid) -> Result<(), Error> {
        // Devices refuse a request that lacks one of the three members.
        let cancel = OtaRequestOperation::Cancel;
        self.send(&OtaRequest { operation: cancel, url: String::new(), uuid: operation }).await
    }

    /// Makes the device's light blink. Refused while the device is offline, unless the broker keeps its session.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn blink(&self, pattern: LedPattern) -> Result<(), Error> {
        self.send(&LedBehavior { led: Led::Indicator, behavior: pattern }).await
    }

    /// Boots the device again. Refused while the device is offline, unless the broker keeps its session.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn reboot(&self) -> Result<(), Error> {
        self.send(&Command { request: CommandRequest::Reboot }).await
    }

    /// Overrides whether and how often the device sends one kind of telemetry; `None` leaves a setting as it is.
    ///
    /// A device that is offline gets it when it connects.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`]; the settings go one after the other, so the first may have been set.
    pub async fn configure_telemetry(&self, config: &TelemetryConfig) -> Result<(), Error> {
        self.send(config).await
    }

    /// Takes back all overrides of one kind of telemetry: the device goes by its own configuration again.
    ///
    /// A device that is offline gets it when it connects.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`]; the settings go one after the other, so the first may have been unset.
    pub async fn reset_telemetry(&self, telemetry: TelemetryInterface) -> Result<(), Error> {
        for mapping in TelemetryConfig::DEFINITION.mappings() {
            let path = mapping.endpoint.replace("%{interface_name}", telemetry.as_str());
            self.app_engine.unset_property(&self.id, TelemetryConfig::NAME, &path).await?;
        }
        Ok(())
    }

    /// Asks the device to connect to a forwarder. A device that is offline misses it.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn open_forwarder_session(&self, session: &ForwarderSessionRequest) -> Result<(), Error> {
        self.send(session).await
    }

    /// Starts, stops or deletes a deployment that the device has. A device that is offline misses it.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn command_deployment(
        &self,
        deployment_id: Uuid,
        command: DeploymentCommandKind,
    ) -> Result<(), Error> {
        self.send(&DeploymentCommand { deployment_id, command }).await
    }

    /// Asks the device to download a file. Refused while the device is offline, unless the broker keeps its session.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn download_file(&self, request: &ServerToDevice) -> Result<(), Error> {
        self.send(request).await
    }

    /// Asks the device to upload a file. Refused while the device is offline, unless the broker keeps its session.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn upload_file(&self, request: &DeviceToServer) -> Result<(), Error> {
        self.send(request).await
    }

    /// Asks the device to delete a file of its storage. A device that is offline misses it.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn delete_file(&self, request: &DeleteFile) -> Result<(), Error> {
        self.send(request).await
    }
}
