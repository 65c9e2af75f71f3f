mod requests;

use std::{fmt, sync::Arc};

use edgehog_astarte::{AppEngine, DataQuery, DeviceId, DeviceStatus};
use futures::future::try_join;

use crate::{
    Capability, DeviceOwned, Error, ServerOwned,
    definition::InterfaceType,
    interfaces::{
        BaseImage, BatteryStatus, CellularConnectionProperties, CellularConnectionStatus, Geolocation,
        HardwareInfo, NetworkInterfaceProperties, OsInfo, RuntimeInfo, StorageUsage, SystemInfo,
        SystemStatus, WiFiScanResult,
    },
};

/// A device of one realm: reads what it told Astarte, and sends it requests.
///
/// Cheap to clone. Nothing is cached: every method asks Astarte. Every read may end with
///
/// - [`Error::Astarte`], if Astarte gives no answer or an error; [`Error::is_absent`] tells the device that is unknown
///   or does not declare the interface from the failures that may pass;
/// - [`Error::Decode`], if the answer is not even a JSON object. A single odd value is no error, see
///   [`DeviceOwned::decode`].
///
/// ```
/// use std::sync::Arc;
///
/// use edgehog_astarte::{AppEngine, DeviceId};
/// use edgehog_sdk::{Device, Error, interfaces::AvailableImage};
///
/// async fn describe(app_engine: Arc<dyn AppEngine>, id: DeviceId) -> Result<(), Error> {
///     let device = Device::new(app_engine, id);
///     println!("runs {:?}", device.os_info().await?.name);
///     for battery in device.battery_status().await? {
///         println!("{} is at {:?} %", battery.slot, battery.level_percentage);
///     }
///     // Interfaces without a method of their own are read by their type.
///     for image in device.interface::<AvailableImage>().await? {
///         println!("{}: {:?}", image.id, image.pulled);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Device {
    app_engine: Arc<dyn AppEngine>,
    id: DeviceId,
}

impl Device {
    /// A handle to the device with this id; asks nothing yet.
    #[must_use]
    pub fn new(app_engine: Arc<dyn AppEngine>, id: DeviceId) -> Self {
        Self { app_engine, id }
    }

    /// The device's id.
    #[must_use]
    pub const fn id(&self) -> &DeviceId {
        &self.id
    }

    pub(crate) fn app_engine(&self) -> &dyn AppEngine {
        self.app_engine.as_ref()
    }

    /// Reads one interface whole.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn interface<T: DeviceOwned>(&self) -> Result<T::Data, Error> {
        let query = match T::DEFINITION.interface_type {
            InterfaceType::Datastream => DataQuery::new().limit(T::SAMPLES),
            InterfaceType::Properties => DataQuery::new(),
        };
        let data = self.app_engine.read(&self.id, T::NAME, None, &query).await?;
        T::decode(&data).map_err(|source| Error::Decode { interface: T::NAME, source })
    }

    /// Sends a request. For an interface of individual mappings the values go one after the other, and the first
    /// failure keeps the rest back.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn send<T: ServerOwned>(&self, request: &T) -> Result<(), Error> {
        for message in request.messages() {
            let (path, value) = (message.path.as_str(), &message.value);
            match T::DEFINITION.interface_type {
                InterfaceType::Datastream => {
                    self.app_engine.send_datastream(&self.id, T::NAME, path, value).await?;
                }
                InterfaceType::Properties => {
                    self.app_engine.set_property(&self.id, T::NAME, path, value).await?;
                }
            }
        }
        Ok(())
    }

    /// What Astarte knows of the device: connection, address, interfaces.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn status(&self) -> Result<DeviceStatus, Error> {
        Ok(self.app_engine.device_status(&self.id).await?)
    }

    /// What the device can do, in ascending order.
    ///
    /// # Errors
    ///
    /// [`Error::Astarte`].
    pub async fn capabilities(&self) -> Result<Vec<Capability>, Error> {
        Ok(Capability::of(&self.status().await?.introspection))
    }

    /// Serial number and part number.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn system_info(&self) -> Result<SystemInfo, Error> {
        self.interface::<SystemInfo>().await
    }

    /// Processor and memory.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn hardware_info(&self) -> Result<HardwareInfo, Error> {
        self.interface::<HardwareInfo>().await
    }

    /// Operating system.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn os_info(&self) -> Result<OsInfo, Error> {
        self.interface::<OsInfo>().await
    }

    /// Edgehog runtime.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn runtime_info(&self) -> Result<RuntimeInfo, Error> {
        self.interface::<RuntimeInfo>().await
    }

    /// System image.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn base_image(&self) -> Result<BaseImage, Error> {
        self.interface::<BaseImage>().await
    }

    /// Load; `None` if the device never sent it, or not in one readable sample.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn system_status(&self) -> Result<Option<SystemStatus>, Error> {
        let samples: Result<[SystemStatus; 1], _> = self.interface::<SystemStatus>().await?.try_into();
        Ok(samples.ok().map(|[newest]| newest))
    }

    /// Storage units, by label.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn storage_usage(&self) -> Result<Vec<StorageUsage>, Error> {
        self.interface::<StorageUsage>().await
    }

    /// Batteries, by slot.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn battery_status(&self) -> Result<Vec<BatteryStatus>, Error> {
        self.interface::<BatteryStatus>().await
    }

    /// Modems, by slot. Asks for properties and status at once; either failing fails the whole.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn cellular_connection(&self) -> Result<Vec<Modem>, Error> {
        let properties = self.interface::<CellularConnectionProperties>();
        let status = self.interface::<CellularConnectionStatus>();
        let (properties, status) = try_join(properties, status).await?;
        Ok(Modem::join(properties, status))
    }

    /// Network interfaces, by name.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn network_interfaces(&self) -> Result<Vec<NetworkInterfaceProperties>, Error> {
        self.interface::<NetworkInterfaceProperties>().await
    }

    /// Access points of the newest 1000 samples, newest first, past scans included.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn wifi_scan_results(&self) -> Result<Vec<WiFiScanResult>, Error> {
        self.interface::<WiFiScanResult>().await
    }

    /// Newest position of each sensor, by sensor.
    ///
    /// # Errors
    ///
    /// See [`Device`].
    pub async fn geolocation(&self) -> Result<Vec<Geolocation>, Error> {
        self.interface::<Geolocation>().await
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A modem: what it is, and the network that it sees.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Modem {
    /// The modem and its SIM card.
    pub properties: CellularConnectionProperties,
    /// The network; `None` if the device never told.
    pub status: Option<CellularConnectionStatus>,
}

impl Modem {
    /// Finds the status of each modem by its slot. A status without properties is dropped.
    fn join(
        properties: Vec<CellularConnectionProperties>,
        mut status: Vec<CellularConnectionStatus>,
    ) -> Vec<Self> {
        let join = |properties: CellularConnectionProperties| {
            let at = status.iter().position(|status| status.slot == properties.slot);
            Self { properties, status: at.map(|at| status.swap_remove(at)) }
        };
        properties.into_iter().map(join).collect()
    }
}
