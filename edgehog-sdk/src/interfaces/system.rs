//! What a device is: identity, hardware, operating system, runtime, network interfaces.
//!
//! Properties that the stock runtime sets once when it starts.

use super::texts;
use crate::interface;

interface! {
    name: "io.edgehog.devicemanager.SystemInfo",
    version: (0, 1),
    kind: device properties,

    /// Serial number and part number of a device.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct SystemInfo {
        /// Serial number of the single device.
        pub serial_number: Option<String> = "serialNumber",
        /// Part number, which names the system model.
        pub part_number: Option<String> = "partNumber",
    }
}

interface! {
    name: "io.edgehog.devicemanager.HardwareInfo",
    version: (0, 1),
    kind: device properties,

    /// First processor and main memory of a device.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct HardwareInfo {
        /// Instruction set, e.g. `x86_64`.
        pub cpu_architecture: Option<String> = "cpu/architecture",
        /// Vendor's code of the processor model.
        pub cpu_model: Option<String> = "cpu/model",
        /// Processor model as people read it.
        pub cpu_model_name: Option<String> = "cpu/modelName",
        /// Vendor of the processor.
        pub cpu_vendor: Option<String> = "cpu/vendor",
        /// Installed memory, bytes.
        pub memory_total_bytes: Option<i64> = "mem/totalBytes",
    }
}

interface! {
    name: "io.edgehog.devicemanager.OSInfo",
    version: (0, 1),
    kind: device properties,

    /// Operating system of a device.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct OsInfo {
        /// Name of the operating system.
        pub name: Option<String> = "osName",
        /// Its version.
        pub version: Option<String> = "osVersion",
    }
}

interface! {
    name: "io.edgehog.devicemanager.BaseImage",
    version: (0, 1),
    kind: device properties,

    /// The system image that a device runs.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct BaseImage {
        /// Identifies the very build, usually a hash.
        pub fingerprint: Option<String> = "fingerprint",
        /// Name of the image.
        pub name: Option<String> = "name",
        /// Version of the image.
        pub version: Option<String> = "version",
        /// Build of that version.
        pub build_id: Option<String> = "buildId",
    }
}

interface! {
    name: "io.edgehog.devicemanager.RuntimeInfo",
    version: (0, 1),
    kind: device properties,

    /// The Edgehog runtime of a device.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct RuntimeInfo {
        /// Name of the runtime.
        pub name: Option<String> = "name",
        /// Where the runtime's implementation is found.
        pub url: Option<String> = "url",
        /// Version of the runtime.
        pub version: Option<String> = "version",
        /// Tool chain or platform it was built with.
        pub environment: Option<String> = "environment",
    }
}

interface! {
    name: "io.edgehog.devicemanager.NetworkInterfaceProperties",
    version: (0, 1),
    kind: device properties at "/%{iface_name}",
    flags: { allow_unset: true },

    /// One network interface of a device.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct NetworkInterfaceProperties {
        /// The system's name of it, e.g. `eth0`.
        pub name: String = key,
        /// Physical address, lower case, separated by colons.
        pub mac_address: Option<String> = "macAddress",
        /// What it connects to.
        pub technology: Option<NetworkInterfaceTechnology> = "technologyType",
    }
}

texts! {
    /// Kind of a network interface.
    pub enum NetworkInterfaceTechnology {
        /// Wired network.
        Ethernet = "Ethernet",
        /// Bluetooth.
        Bluetooth = "Bluetooth",
        /// Modem.
        Cellular = "Cellular",
        /// Wireless network.
        WiFi = "WiFi",
    }
}
