//! The models of the fleet: what their devices are, and what they can tell.

use edgehog_sdk::interfaces::{
    self, BatteryStatus, CellularConnectionProperties, CellularConnectionStatus, Geolocation, StorageUsage,
    WiFiScanResult,
};
use edgehog_sdk::{Definition, Interface};

/// A kind of device.
pub struct Model {
    /// What its devices tell in `SystemInfo`.
    pub part_number: &'static str,
    /// Its processor.
    pub cpu: Cpu,
    /// Its memory.
    pub memory_bytes: i64,
    /// Name and version of the operating system.
    pub os: (&'static str, &'static str),
    /// Name, version and build of the base image.
    pub image: (&'static str, &'static str, &'static str),
    /// Labels and sizes of what it keeps data on.
    pub storage: &'static [(&'static str, i64)],
    /// Names and technologies of its network interfaces.
    pub network: &'static [(&'static str, &'static str)],
    /// Whether it has a battery.
    pub battery: bool,
    /// Whether it has a modem.
    pub modem: bool,
    /// Whether it knows where it is.
    pub position: bool,
    /// Whether it runs containers.
    pub containers: bool,
}

impl Model {
    /// Whether it sees wireless networks.
    #[must_use]
    pub fn has_wifi(&self) -> bool {
        self.network.iter().any(|(_, technology)| *technology == "WiFi")
    }

    /// The interfaces that devices of the model announce.
    pub fn interfaces(&self) -> impl Iterator<Item = &'static Definition> {
        interfaces::all().filter(|definition| match definition.name {
            BatteryStatus::NAME => self.battery,
            CellularConnectionProperties::NAME | CellularConnectionStatus::NAME => self.modem,
            Geolocation::NAME => self.position,
            WiFiScanResult::NAME => self.has_wifi(),
            StorageUsage::NAME => definition.major == StorageUsage::MAJOR,
            name if name.contains(".apps.") => self.containers,
            _ => true,
        })
    }
}

/// The processor of a model.
pub struct Cpu {
    /// Its architecture.
    pub architecture: &'static str,
    /// Its model, as the vendor numbers it.
    pub model: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// Who makes it.
    pub vendor: &'static str,
}

const MIB: i64 = 1 << 20;

/// All models; devices are of one after the other.
pub const MODELS: [Model; 4] = [GATEWAY, TRACKER, PANEL, SENSOR];

/// Stands in a plant and connects machines.
pub const GATEWAY: Model = Model {
    part_number: "GW-100",
    cpu: Cpu { architecture: "aarch64", model: "0xd08", name: "Cortex-A72", vendor: "ARM" },
    memory_bytes: 4096 * MIB,
    os: ("Debian GNU/Linux", "13"),
    image: ("gateway", "4.2.0", "20260914"),
    storage: &[("mmcblk0", 14_800 * MIB), ("sda", 120_000 * MIB)],
    network: &[("eth0", "Ethernet"), ("eth1", "Ethernet"), ("wlan0", "WiFi")],
    battery: false,
    modem: false,
    position: false,
    containers: true,
};

/// Travels, and runs on a battery.
pub const TRACKER: Model = Model {
    part_number: "TRK-7",
    cpu: Cpu { architecture: "armv7l", model: "0xc07", name: "Cortex-A7", vendor: "ARM" },
    memory_bytes: 512 * MIB,
    os: ("Yocto", "5.0"),
    image: ("tracker", "1.9.3", "20260802"),
    storage: &[("mmcblk0", 3_700 * MIB)],
    network: &[("wwan0", "Cellular")],
    battery: true,
    modem: true,
    position: true,
    containers: false,
};

/// Shows people in a plant what machines do.
pub const PANEL: Model = Model {
    part_number: "HMI-21",
    cpu: Cpu { architecture: "x86_64", model: "122", name: "Intel Celeron N4100", vendor: "GenuineIntel" },
    memory_bytes: 8192 * MIB,
    os: ("Ubuntu", "24.04"),
    image: ("panel", "2.0.1", "20260620"),
    storage: &[("nvme0n1", 240_000 * MIB)],
    network: &[("enp1s0", "Ethernet"), ("wlp2s0", "WiFi")],
    battery: false,
    modem: false,
    position: false,
    containers: true,
};

/// Small, with hardly any memory.
pub const SENSOR: Model = Model {
    part_number: "SN-3",
    cpu: Cpu { architecture: "xtensa", model: "esp32", name: "ESP32", vendor: "Espressif" },
    memory_bytes: 520 * 1024,
    os: ("esp-idf", "5.4"),
    image: ("sensor", "0.8.0", "20261003"),
    storage: &[("nvs", 16_128)],
    network: &[("wifi_sta", "WiFi")],
    battery: true,
    modem: false,
    position: false,
    containers: false,
};
