use std::{collections::BTreeMap, fmt};

use edgehog_astarte::InterfaceUse;

use crate::{Interface, interfaces::*};

/// An interface in a version that a device must at least declare.
#[derive(Debug, Clone, Copy)]
struct Requirement {
    name: &'static str,
    major: u32,
    minor: u32,
}

impl Requirement {
    fn is_met(&self, introspection: &BTreeMap<String, InterfaceUse>) -> bool {
        introspection
            .get(self.name)
            .is_some_and(|declared| declared.major == self.major && declared.minor >= self.minor)
    }
}

/// The interface in the first version of its present major.
const fn has<T: Interface>() -> Requirement {
    // Astarte has no version 0.0.
    let minor = if T::MAJOR == 0 { 1 } else { 0 };
    Requirement { name: T::NAME, major: T::MAJOR, minor }
}

/// How old devices are told about updates, with [`OLD_OTA_RESPONSE`].
const OLD_OTA_REQUEST: Requirement = Requirement { name: OtaRequest::NAME, major: 0, minor: 1 };
/// No longer in the collection, so there is no type for it.
const OLD_OTA_RESPONSE: Requirement =
    Requirement { name: "io.edgehog.devicemanager.OTAResponse", major: 0, minor: 1 };

/// Declares the capabilities: their names, and for each the alternatives of interfaces that make it up.
macro_rules! capabilities {
    ($($(#[$meta:meta])* $variant:ident = $name:literal if $([$($requirement:expr),*])or+,)+) => {
        /// Something that a device can do, told by the interfaces that it declares to Astarte.
        ///
        /// ```
        /// use std::collections::BTreeMap;
        ///
        /// use edgehog_astarte::InterfaceUse;
        /// use edgehog_sdk::Capability;
        ///
        /// let name = "io.edgehog.devicemanager.OSInfo".to_owned();
        /// let introspection = BTreeMap::from([(name, InterfaceUse::new(0, 1))]);
        /// assert_eq!(Capability::of(&introspection), [Capability::Geolocation, Capability::OperatingSystem]);
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Capability {
            $($(#[$meta])* $variant,)+
        }

        impl Capability {
            /// All capabilities in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that clients of Edgehog know, e.g. `BASE_IMAGE`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            const fn alternatives(self) -> &'static [&'static [Requirement]] {
                match self {
                    $(Self::$variant => const { &[$(&[$($requirement),*]),+] },)+
                }
            }
        }
    };
}

capabilities! {
    /// Tells which system image it runs.
    BaseImage = "BASE_IMAGE" if [has::<BaseImage>()],
    /// Tells the charge of its batteries.
    BatteryStatus = "BATTERY_STATUS" if [has::<BatteryStatus>()],
    /// Tells about its modems.
    CellularConnection = "CELLULAR_CONNECTION" if
        [has::<CellularConnectionProperties>(), has::<CellularConnectionStatus>()],
    /// Takes commands.
    Commands = "COMMANDS" if [has::<Command>()],
    /// Runs containers. Device mappings are not needed for it.
    ContainerManagement = "CONTAINER_MANAGEMENT" if [
        has::<AvailableContainer>(),
        has::<AvailableDeployment>(),
        has::<AvailableImage>(),
        has::<AvailableNetwork>(),
        has::<AvailableVolume>(),
        has::<CreateContainerRequest>(),
        has::<CreateDeploymentRequest>(),
        has::<CreateImageRequest>(),
        has::<CreateNetworkRequest>(),
        has::<CreateVolumeRequest>(),
        has::<DeploymentCommand>(),
        has::<DeploymentEvent>(),
        has::<DeploymentUpdate>()
    ],
    /// Deletes files of its storage.
    FileTransferDelete = "FILE_TRANSFER_DELETE" if [has::<DeleteFile>(), has::<StorageResponse>()],
    /// Uploads files.
    FileTransferRead = "FILE_TRANSFER_READ" if
        [has::<DeviceToServer>(), has::<FileTransferProgress>(), has::<FileTransferResponse>()],
    /// Downloads files into its storage.
    FileTransferStorage = "FILE_TRANSFER_STORAGE" if [
        has::<ServerToDevice>(),
        has::<FileTransferProgress>(),
        has::<FileTransferResponse>(),
        has::<StoredFile>()
    ],
    /// Downloads files.
    FileTransferStream = "FILE_TRANSFER_STREAM" if
        [has::<ServerToDevice>(), has::<FileTransferProgress>(), has::<FileTransferResponse>()],
    /// Can be located. Every device can, if only by its address.
    Geolocation = "GEOLOCATION" if [],
    /// Tells about its processor and memory.
    HardwareInfo = "HARDWARE_INFO" if [has::<HardwareInfo>()],
    /// Blinks.
    LedBehaviors = "LED_BEHAVIORS" if [has::<LedBehavior>()],
    /// Tells about its network interfaces.
    NetworkInterfaceInfo = "NETWORK_INTERFACE_INFO" if [has::<NetworkInterfaceProperties>()],
    /// Tells about its operating system.
    OperatingSystem = "OPERATING_SYSTEM" if [has::<OsInfo>()],
    /// Opens a terminal to people far away.
    RemoteTerminal = "REMOTE_TERMINAL" if [has::<ForwarderSessionRequest>(), has::<ForwarderSessionState>()],
    /// Tells about its runtime.
    RuntimeInfo = "RUNTIME_INFO" if [has::<RuntimeInfo>()],
    /// Updates its system image.
    SoftwareUpdates = "SOFTWARE_UPDATES" if
        [has::<OtaRequest>(), has::<OtaEvent>()] or [OLD_OTA_REQUEST, OLD_OTA_RESPONSE],
    /// Tells how full its storage is.
    Storage = "STORAGE" if [has::<StorageUsage>()] or [has::<StorageUsageV1>()],
    /// Tells its serial number and part number.
    SystemInfo = "SYSTEM_INFO" if [has::<SystemInfo>()],
    /// Tells its load.
    SystemStatus = "SYSTEM_STATUS" if [has::<SystemStatus>()],
    /// Can be told what to measure and how often.
    TelemetryConfig = "TELEMETRY_CONFIG" if [has::<TelemetryConfig>()],
    /// Tells which WiFi networks it sees.
    Wifi = "WIFI" if [has::<WiFiScanResult>()],
}

impl Capability {
    /// The capabilities of a device that declares these interfaces, in ascending order.
    ///
    /// For a device whose introspection cannot be read, Edgehog's clients expect no capability at all; that is not
    /// the same as the answer for an empty introspection, which is [`Geolocation`](Self::Geolocation).
    #[must_use]
    pub fn of(introspection: &BTreeMap<String, InterfaceUse>) -> Vec<Self> {
        let met = |all: &&[Requirement]| all.iter().all(|requirement| requirement.is_met(introspection));
        Self::ALL.iter().copied().filter(|capability| capability.alternatives().iter().any(met)).collect()
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "io.edgehog.devicemanager.";

    fn names(declared: &[(&str, u32, u32)]) -> Vec<&'static str> {
        let introspection = declared
            .iter()
            .map(|(name, major, minor)| (format!("{PREFIX}{name}"), InterfaceUse::new(*major, *minor)))
            .collect();
        Capability::of(&introspection).into_iter().map(Capability::as_str).collect()
    }

    /// Geolocation needs nothing; everything else needs every one of its interfaces.
    #[test]
    fn each_capability_has_its_interfaces() {
        let v01 = |names: &[&'static str]| names.iter().map(|name| (*name, 0, 1)).collect::<Vec<_>>();
        let containers = [
            "apps.AvailableContainers",
            "apps.AvailableDeployments",
            "apps.AvailableImages",
            "apps.AvailableNetworks",
            "apps.AvailableVolumes",
            "apps.CreateContainerRequest",
            "apps.CreateDeploymentRequest",
            "apps.CreateImageRequest",
            "apps.CreateNetworkRequest",
            "apps.CreateVolumeRequest",
            "apps.DeploymentCommand",
            "apps.DeploymentEvent",
            "apps.DeploymentUpdate",
        ];
        let table = [
            ("BASE_IMAGE", v01(&["BaseImage"])),
            ("BATTERY_STATUS", v01(&["BatteryStatus"])),
            ("CELLULAR_CONNECTION", v01(&["CellularConnectionProperties", "CellularConnectionStatus"])),
            ("COMMANDS", v01(&["Commands"])),
            ("CONTAINER_MANAGEMENT", v01(&containers)),
            ("FILE_TRANSFER_DELETE", v01(&["storage.DeleteFile", "storage.Response"])),
            (
                "FILE_TRANSFER_READ",
                v01(&["fileTransfer.DeviceToServer", "fileTransfer.Progress", "fileTransfer.Response"]),
            ),
            (
                "FILE_TRANSFER_STREAM",
                v01(&["fileTransfer.ServerToDevice", "fileTransfer.Progress", "fileTransfer.Response"]),
            ),
            ("HARDWARE_INFO", v01(&["HardwareInfo"])),
            ("LED_BEHAVIORS", v01(&["LedBehavior"])),
            ("NETWORK_INTERFACE_INFO", v01(&["NetworkInterfaceProperties"])),
            ("OPERATING_SYSTEM", v01(&["OSInfo"])),
            ("REMOTE_TERMINAL", v01(&["ForwarderSessionRequest", "ForwarderSessionState"])),
            ("RUNTIME_INFO", v01(&["RuntimeInfo"])),
            ("SOFTWARE_UPDATES", vec![("OTARequest", 1, 0), ("OTAEvent", 0, 1)]),
            ("SOFTWARE_UPDATES", v01(&["OTARequest", "OTAResponse"])),
            ("STORAGE", v01(&["StorageUsage"])),
            ("STORAGE", vec![("StorageUsage", 1, 0)]),
            ("SYSTEM_INFO", v01(&["SystemInfo"])),
            ("SYSTEM_STATUS", v01(&["SystemStatus"])),
            ("TELEMETRY_CONFIG", v01(&["config.Telemetry"])),
            ("WIFI", v01(&["WiFiScanResults"])),
        ];
        for (capability, interfaces) in table {
            let mut expected = vec![capability, "GEOLOCATION"];
            expected.sort_unstable();
            assert_eq!(names(&interfaces), expected);
            for left_out in 0..interfaces.len() {
                let mut rest = interfaces.clone();
                rest.remove(left_out);
                assert_eq!(names(&rest), ["GEOLOCATION"], "{capability} without {}", interfaces[left_out].0);
            }
        }
        assert_eq!(names(&[]), ["GEOLOCATION"]);
    }

    /// Storage needs one interface more than streaming, so it never comes alone.
    #[test]
    fn storage_includes_streaming() {
        let declared =
            ["fileTransfer.ServerToDevice", "fileTransfer.Progress", "fileTransfer.Response", "storage.File"];
        assert_eq!(
            names(&declared.map(|name| (name, 0, 1))),
            ["FILE_TRANSFER_STORAGE", "FILE_TRANSFER_STREAM", "GEOLOCATION"]
        );
    }

    /// The major must be the same, the minor at least the required one.
    #[test]
    fn versions() {
        for (name, major, minor, counts) in [
            ("WiFiScanResults", 0, 1, true),
            ("WiFiScanResults", 0, 2, true),
            ("WiFiScanResults", 0, 7, true),
            ("WiFiScanResults", 0, 0, false),
            ("WiFiScanResults", 1, 1, false),
            ("BaseImage", 1, 0, false),
        ] {
            assert_eq!(names(&[(name, major, minor)]).len() == 2, counts, "{name} {major}.{minor}");
        }
    }

    /// The two generations of update interfaces do not mix.
    #[test]
    fn update_interfaces_of_different_generations_are_no_capability() {
        assert_eq!(names(&[("OTARequest", 0, 1), ("OTAEvent", 0, 1)]), ["GEOLOCATION"]);
        assert_eq!(names(&[("OTARequest", 1, 0), ("OTAResponse", 0, 1)]), ["GEOLOCATION"]);
    }

    /// A device that declares the whole collection can do everything; the order is that of the names.
    #[test]
    fn a_stock_device_can_do_everything() {
        let introspection = all()
            .map(|definition| {
                (definition.name.to_owned(), InterfaceUse::new(definition.major, definition.minor))
            })
            .collect();
        let capabilities = Capability::of(&introspection);
        assert_eq!(capabilities, Capability::ALL);
        assert!(capabilities.is_sorted_by_key(|capability| capability.as_str()));
    }
}
