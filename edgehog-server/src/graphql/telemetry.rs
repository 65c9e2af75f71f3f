//! What devices tell of themselves: the SDK's types under the contract's names.

use async_graphql::{Enum, SimpleObject};
use edgehog_engine::sdk::{self, Timestamp, interfaces};

use super::scalars::DateTime;

/// Turns a value of the SDK into what the contract shows for it.
pub(super) trait Shown<T> {
    fn shown(self) -> T;
}

macro_rules! shown_as_is {
    ($($type:ty),+) => {
        $(impl Shown<Self> for $type {
            fn shown(self) -> Self {
                self
            }
        })+
    };
}

shown_as_is!(String, Option<String>, Option<bool>, Option<f64>, Option<i32>);

/// The largest magnitude of an integer that clients can read, whose numbers are doubles: 2^53 − 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Clients would read larger integers as others, so these are shown as null.
impl Shown<Self> for Option<i64> {
    fn shown(self) -> Self {
        self.filter(|number| number.unsigned_abs() <= MAX_SAFE_INTEGER)
    }
}

impl Shown<DateTime> for Timestamp {
    fn shown(self) -> DateTime {
        self.into()
    }
}

impl<A: Shown<B>, B> Shown<Vec<B>> for Vec<A> {
    fn shown(self) -> Vec<B> {
        self.into_iter().map(Shown::shown).collect()
    }
}

/// Declares object types by the SDK's types that they show, field by field under the same names.
macro_rules! objects {
    ($(
        $(#[$meta:meta])*
        $name:ident of $source:ty { $($(#[$field_meta:meta])* $field:ident: $type:ty,)+ }
    )+) => {
        $(
            $(#[$meta])*
            #[derive(SimpleObject)]
            pub(super) struct $name {
                $($(#[$field_meta])* $field: $type,)+
            }

            impl Shown<$name> for $source {
                fn shown(self) -> $name {
                    $name { $($field: self.$field.shown(),)+ }
                }
            }
        )+
    };
}

/// Declares enums by the SDK's enums that they show, variant by variant under the same names. A variant that the
/// contract has not got is shown as null.
macro_rules! enums {
    ($(
        $(#[$meta:meta])*
        $name:ident of $source:ty { $($(#[$variant_meta:meta])* $variant:ident,)+ }
    )+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Enum, PartialEq, Eq)]
            pub(super) enum $name {
                $($(#[$variant_meta])* $variant,)+
            }

            impl Shown<Option<$name>> for Option<$source> {
                fn shown(self) -> Option<$name> {
                    match self {
                        $(Some(<$source>::$variant) => Some($name::$variant),)+
                        _ => None,
                    }
                }
            }
        )+
    };
}

objects! {
    /// The first processor and the main memory of a device.
    HardwareInfo of interfaces::HardwareInfo {
        /// The instruction set, such as `x86_64`.
        cpu_architecture: Option<String>,
        /// The vendor's code of the processor model.
        cpu_model: Option<String>,
        /// The processor model as people read it.
        cpu_model_name: Option<String>,
        /// The vendor of the processor.
        cpu_vendor: Option<String>,
        /// The installed memory, in bytes.
        memory_total_bytes: Option<i64>,
    }

    /// The operating system of a device.
    OsInfo of interfaces::OsInfo {
        /// Its name.
        name: Option<String>,
        /// Its version.
        version: Option<String>,
    }

    /// The base image that a device runs.
    BaseImageInfo of interfaces::BaseImage {
        /// The image's name.
        name: Option<String>,
        /// The image's version.
        version: Option<String>,
        /// Which build of this version it is.
        build_id: Option<String>,
        /// What identifies the image, usually a hash.
        fingerprint: Option<String>,
    }

    /// The Edgehog runtime of a device.
    RuntimeInfo of interfaces::RuntimeInfo {
        /// Its name.
        name: Option<String>,
        /// Its version.
        version: Option<String>,
        /// The tool chain or platform that it was made with.
        environment: Option<String>,
        /// Where to learn about it.
        url: Option<String>,
    }

    /// A network interface of a device.
    NetworkInterface of interfaces::NetworkInterfaceProperties {
        /// Its name in the device's system.
        name: String,
        /// Its physical address.
        mac_address: Option<String>,
        /// How it connects.
        technology: Option<NetworkInterfaceTechnology>,
    }

    /// A battery of a device.
    BatterySlot of interfaces::BatteryStatus {
        /// Where it sits.
        slot: String,
        /// Its estimated charge, from 0 to 100 %.
        level_percentage: Option<f64>,
        /// The absolute error of the estimate, from 0 to 100.
        level_absolute_error: Option<f64>,
        /// What it does.
        status: Option<BatterySlotStatus>,
    }

    /// A storage unit of a device.
    StorageUnit of interfaces::StorageUsage {
        /// Its name.
        label: String,
        /// Its capacity, in bytes.
        total_bytes: Option<i64>,
        /// Its free space, in bytes.
        free_bytes: Option<i64>,
    }

    /// An access point that a device saw in a scan.
    WifiScanResult of interfaces::WiFiScanResult {
        /// Its channel, from 1 to 165.
        channel: Option<i32>,
        /// Whether the device was connected to it.
        connected: Option<bool>,
        /// The name of its network; empty if hidden.
        essid: Option<String>,
        /// Its physical address.
        mac_address: Option<String>,
        /// The strength of its signal, in dBm.
        rssi: Option<i32>,
        /// When it was seen.
        timestamp: DateTime,
    }

    /// The load of a device at one moment.
    SystemStatus of interfaces::SystemStatus {
        /// What changes with each boot.
        boot_id: Option<String>,
        /// The memory available to programs, in bytes.
        memory_free_bytes: Option<i64>,
        /// The number of running tasks.
        task_count: Option<i32>,
        /// The time since the boot, in milliseconds.
        uptime_milliseconds: Option<i64>,
        /// The moment.
        timestamp: DateTime,
    }
}

impl Shown<Option<SystemStatus>> for Option<interfaces::SystemStatus> {
    fn shown(self) -> Option<SystemStatus> {
        self.map(Shown::shown)
    }
}

/// A modem of a device, and the mobile network that it sees.
#[derive(SimpleObject)]
pub(super) struct Modem {
    /// Where it sits.
    slot: String,
    /// The access point name of its operator.
    apn: Option<String>,
    /// The number of the modem.
    imei: Option<String>,
    /// The number of its SIM card.
    imsi: Option<String>,
    /// The name of the operator.
    carrier: Option<String>,
    /// The number of the cell.
    cell_id: Option<i64>,
    /// The mobile country code.
    mobile_country_code: Option<i32>,
    /// The mobile network code.
    mobile_network_code: Option<i32>,
    /// The location area code.
    local_area_code: Option<i32>,
    /// How it stands with the network.
    registration_status: Option<ModemRegistrationStatus>,
    /// The strength of the signal, in dBm.
    rssi: Option<f64>,
    /// The radio technology in use.
    technology: Option<ModemTechnology>,
}

impl Shown<Modem> for sdk::Modem {
    fn shown(self) -> Modem {
        let (modem, network) = (self.properties, self.status);
        let network = network.as_ref();
        Modem {
            slot: modem.slot,
            apn: modem.apn,
            imei: modem.imei,
            imsi: modem.imsi,
            carrier: network.and_then(|it| it.carrier.clone()),
            cell_id: network.and_then(|it| it.cell_id).shown(),
            mobile_country_code: network.and_then(|it| it.mobile_country_code),
            mobile_network_code: network.and_then(|it| it.mobile_network_code),
            local_area_code: network.and_then(|it| it.local_area_code),
            registration_status: network.and_then(|it| it.registration_status).shown(),
            rssi: network.and_then(|it| it.rssi),
            technology: network.and_then(|it| it.technology).shown(),
        }
    }
}

enums! {
    /// How a network interface connects.
    NetworkInterfaceTechnology of interfaces::NetworkInterfaceTechnology {
        /// By Ethernet cable.
        Ethernet,
        /// By Bluetooth.
        Bluetooth,
        /// By a mobile network.
        Cellular,
        /// By WiFi.
        #[graphql(name = "WIFI")]
        WiFi,
    }

    /// What a battery does.
    BatterySlotStatus of interfaces::BatterySlotStatus {
        /// It is being charged.
        Charging,
        /// It gives power.
        Discharging,
        /// It is neither charged nor discharged.
        Idle,
        /// One of the two, the device cannot tell which.
        EitherIdleOrCharging,
        /// It is broken.
        Failure,
        /// Its slot is empty.
        Removed,
        /// The device does not know.
        Unknown,
    }

    /// How a modem stands with the network.
    ModemRegistrationStatus of interfaces::ModemRegistrationStatus {
        /// Not registered, and not looking for a network.
        NotRegistered,
        /// Registered with its home network.
        Registered,
        /// Looking for a network.
        SearchingOperator,
        /// Refused by the network.
        RegistrationDenied,
        /// The device does not know.
        Unknown,
        /// Registered with a foreign network.
        RegisteredRoaming,
    }

    /// The radio technology of a modem.
    ModemTechnology of interfaces::ModemTechnology {
        /// GSM.
        Gsm,
        /// GSM Compact.
        GsmCompact,
        /// UTRAN.
        Utran,
        /// GSM with EGPRS.
        GsmEgprs,
        /// UTRAN with HSDPA.
        UtranHsdpa,
        /// UTRAN with HSUPA.
        UtranHsupa,
        /// UTRAN with HSDPA and HSUPA.
        UtranHsdpaHsupa,
        /// E-UTRAN.
        Eutran,
    }

    /// Something that a device can do.
    DeviceCapability of sdk::Capability {
        /// Tells its base image.
        BaseImage,
        /// Tells the state of its batteries.
        BatteryStatus,
        /// Tells of its modems.
        CellularConnection,
        /// Takes commands, such as to reboot.
        Commands,
        /// Runs containers.
        ContainerManagement,
        /// Deletes files.
        FileTransferDelete,
        /// Sends files.
        FileTransferRead,
        /// Receives files and keeps them.
        FileTransferStorage,
        /// Receives files and passes them on.
        FileTransferStream,
        /// Can be located.
        Geolocation,
        /// Tells its hardware.
        HardwareInfo,
        /// Blinks when asked to.
        LedBehaviors,
        /// Tells its network interfaces.
        NetworkInterfaceInfo,
        /// Tells its operating system.
        OperatingSystem,
        /// Opens a remote terminal.
        RemoteTerminal,
        /// Tells its runtime.
        RuntimeInfo,
        /// Updates its software.
        SoftwareUpdates,
        /// Tells how full its storage is.
        Storage,
        /// Tells its serial and part number.
        SystemInfo,
        /// Tells its load.
        SystemStatus,
        /// Lets its telemetry be configured.
        TelemetryConfig,
        /// Scans for WiFi networks.
        Wifi,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients read numbers as doubles: what they would read as another number is shown as none.
    #[test]
    fn integers_that_clients_cannot_read_are_null() {
        let largest = (1 << 53) - 1;
        for (number, shown) in [
            (largest, Some(largest)),
            (-largest, Some(-largest)),
            (largest + 1, None),
            (-largest - 1, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            assert_eq!(Some(number).shown(), shown, "{number}");
        }
    }
}
