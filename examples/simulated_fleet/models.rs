//! The models of the fleet: what their devices are, and what they can tell.

use edgehog_sdk::interfaces::{
    self, BatteryStatus, CellularConnectionProperties, CellularConnectionStatus, Geolocation, StorageUsage,
    WiFiScanResult,
};
use edgehog_sdk::{Definition, Interface};

/// A kind of device.
pub(crate) struct Model {
    pub(crate) part_number: &'static str,
    pub(crate) cpu: Cpu,
    pub(crate) memory_bytes: i64,
    pub(crate) os: (&'static str, &'static str),
    pub(crate) image: (&'static str, &'static str),
    pub(crate) storage: &'static [(&'static str, i64)],
    pub(crate) network: &'static [(&'static str, &'static str)],
    pub(crate) battery: bool,
    pub(crate) modem: bool,
    pub(crate) position: bool,
    pub(crate) containers: bool,
}

impl Model {
    pub(crate) fn has_wifi(&self) -> bool {
        self.network.iter().any(|(_, technology)| *technology == "WiFi")
    }

    /// The interfaces that devices of the model announce.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &'static Definition> {
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

pub(crate) struct Cpu {
    pub(crate) architecture: &'static str,
    pub(crate) model: &'static str,
    pub(crate) name: &'static str,
    pub(crate) vendor: &'static str,
}

const MIB: i64 = 1 << 20;

pub(crate) const MODELS: [Model; 4] = [
    Model {
        part_number: "GW-100",
        cpu: Cpu { architecture: "aarch64", model: "0xd08", name: "Cortex-A72", vendor: "ARM" },
        memory_bytes: 4096 * MIB,
        os: ("Debian GNU/Linux", "13"),
        image: ("gateway", "4.2.0"),
        storage: &[("mmcblk0", 14_800 * MIB), ("sda", 120_000 * MIB)],
        network: &[("eth0", "Ethernet"), ("eth1", "Ethernet"), ("wlan0", "WiFi")],
        battery: false,
        modem: false,
        position: false,
        containers: true,
    },
    Model {
        part_number: "TRK-7",
        cpu: Cpu { architecture: "armv7l", model: "0xc07", name: "Cortex-A7", vendor: "ARM" },
        memory_bytes: 512 * MIB,
        os: ("Yocto", "5.0"),
        image: ("tracker", "1.9.3"),
        storage: &[("mmcblk0", 3_700 * MIB)],
        network: &[("wwan0", "Cellular")],
        battery: true,
        modem: true,
        position: true,
        containers: false,
    },
    Model {
        part_number: "HMI-21",
        cpu: Cpu {
            architecture: "x86_64",
            model: "122",
            name: "Intel Celeron N4100",
            vendor: "GenuineIntel",
        },
        memory_bytes: 8192 * MIB,
        os: ("Ubuntu", "24.04"),
        image: ("panel", "2.0.1"),
        storage: &[("nvme0n1", 240_000 * MIB)],
        network: &[("enp1s0", "Ethernet"), ("wlp2s0", "WiFi")],
        battery: false,
        modem: false,
        position: false,
        containers: true,
    },
    Model {
        part_number: "SN-3",
        cpu: Cpu { architecture: "xtensa", model: "esp32", name: "ESP32", vendor: "Espressif" },
        memory_bytes: 520 * 1024,
        os: ("esp-idf", "5.4"),
        image: ("sensor", "0.8.0"),
        storage: &[("nvs", 16_128)],
        network: &[("wifi_sta", "WiFi")],
        battery: true,
        modem: false,
        position: false,
        containers: false,
    },
];
