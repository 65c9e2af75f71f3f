//! What devices measure: memory and tasks, storage, batteries, WiFi and position; and when they send it.
//!
//! Samples that the stock runtime sends when it starts and, if told so, periodically.

use super::{SIXTY_DAYS, texts};
use crate::{Timestamp, interface};

interface! {
    name: "io.edgehog.devicemanager.SystemStatus",
    version: (0, 1),
    kind: device objects at "/systemStatus",
    flags: { explicit_timestamp: true, database_retention_ttl: SIXTY_DAYS },

    /// Load of a device at one moment. Samples without time are dropped.
    ///
    /// The stock runtime sends 0 or an empty text for what it cannot find out.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct SystemStatus {
        /// When it was sampled.
        pub timestamp: Timestamp = timestamp,
        /// Memory available to programs, bytes.
        pub memory_free_bytes: Option<i64> = "availMemoryBytes",
        /// UUID that changes with each boot.
        pub boot_id: Option<String> = "bootId",
        /// Number of running tasks.
        pub task_count: Option<i32> = "taskCount",
        /// Time since the boot, milliseconds.
        pub uptime_milliseconds: Option<i64> = "uptimeMillis",
    }
}

interface! {
    name: "io.edgehog.devicemanager.StorageUsage",
    version: (0, 1),
    kind: device objects at "/%{label}",
    flags: { explicit_timestamp: true, database_retention_ttl: SIXTY_DAYS },

    /// How full one storage unit of a device is.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct StorageUsage {
        /// Name of the unit.
        pub label: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// Capacity, bytes.
        pub total_bytes: Option<i64> = "totalBytes",
        /// Free space, bytes.
        pub free_bytes: Option<i64> = "freeBytes",
    }
}

interface! {
    name: "io.edgehog.devicemanager.StorageUsage",
    version: (1, 0),
    kind: device objects at "/%{storageId}",
    flags: { explicit_timestamp: true, database_retention_ttl: SIXTY_DAYS },

    /// How full one storage unit of a device is, as runtimes since 0.13 tell it.
    ///
    /// A read names no version, so [`StorageUsage`] reads these samples as well: it has the members that both share.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct StorageUsageV1 {
        /// Id of the unit.
        pub storage_id: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// Where it is mounted.
        pub mounts: Option<Vec<String>> = "mounts",
        /// Name of the unit in the device's system.
        pub name: Option<String> = "name",
        /// Its file system.
        pub file_system: Option<String> = "fstype",
        /// What kind of storage it is.
        pub kind: Option<String> = "kind",
        /// Capacity, bytes.
        pub total_bytes: Option<i64> = "totalBytes",
        /// Free space, bytes.
        pub free_bytes: Option<i64> = "freeBytes",
    }
}

interface! {
    name: "io.edgehog.devicemanager.BatteryStatus",
    version: (0, 1),
    kind: device objects at "/%{battery_slot}",
    flags: { explicit_timestamp: true, database_retention_ttl: SIXTY_DAYS },

    /// Charge of one battery of a device.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct BatteryStatus {
        /// The slot; the stock runtime takes the battery's serial number.
        pub slot: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// Estimated charge, 0 to 100 %.
        pub level_percentage: Option<f64> = "levelPercentage",
        /// Absolute error of the estimate, 0 to 100.
        pub level_absolute_error: Option<f64> = "levelAbsoluteError",
        /// What the battery does.
        pub status: Option<BatterySlotStatus> = "status",
    }
}

texts! {
    /// What a battery does.
    pub enum BatterySlotStatus {
        /// It is being charged.
        Charging = "Charging",
        /// It gives power.
        Discharging = "Discharging",
        /// Neither charged nor discharged.
        Idle = "Idle",
        /// The device cannot tell the two apart.
        EitherIdleOrCharging = "EitherIdleOrCharging" | "EITHER_IDLE_OR_CHARGING",
        /// It is broken.
        Failure = "Failure",
        /// The slot is empty.
        Removed = "Removed",
        /// The device does not know.
        Unknown = "Unknown",
    }
}

interface! {
    name: "io.edgehog.devicemanager.WiFiScanResults",
    version: (0, 2),
    kind: device objects at "/ap",
    flags: { explicit_timestamp: true, database_retention_ttl: SIXTY_DAYS },
    samples: 1000,

    /// One access point, as one scan saw it. Samples without time are dropped.
    ///
    /// A read gives the newest first, past scans included.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct WiFiScanResult {
        /// When it was seen.
        pub timestamp: Timestamp = timestamp,
        /// Channel, 1 to 165.
        pub channel: Option<i32> = "channel",
        /// Whether the device is connected to it; devices before version 0.2 do not say.
        pub connected: Option<bool> = "connected",
        /// Name of the network; empty if hidden.
        pub essid: Option<String> = "essid",
        /// Address of the access point, lower case, separated by colons.
        pub mac_address: Option<String> = "macAddress",
        /// Signal strength, dBm.
        pub rssi: Option<i32> = "rssi",
    }
}

interface! {
    name: "io.edgehog.devicemanager.Geolocation",
    version: (0, 1),
    kind: device objects at "/%{id}",
    flags: { explicit_timestamp: true, database_retention_ttl: SIXTY_DAYS },
    refine: Geolocation::without_sentinels,

    /// Position by one sensor of a device. Samples without time, latitude or longitude are dropped.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct Geolocation {
        /// The sensor.
        pub sensor: String = key,
        /// When the position was taken.
        pub timestamp: Timestamp = timestamp,
        /// Degrees, north is positive.
        pub latitude: f64 = "latitude",
        /// Degrees, east is positive.
        pub longitude: f64 = "longitude",
        /// Metres.
        pub altitude: Option<f64> = "altitude",
        /// Accuracy of latitude and longitude, metres.
        pub accuracy: Option<f64> = "accuracy",
        /// Accuracy of the altitude, metres.
        pub altitude_accuracy: Option<f64> = "altitudeAccuracy",
        /// Where the device faces, degrees.
        pub heading: Option<f64> = "heading",
        /// Metres per second.
        pub speed: Option<f64> = "speed",
    }
}

impl Geolocation {
    /// Forgets the numbers that GeoClue uses for "unknown" and the stock runtime passes through.
    fn without_sentinels(self) -> Self {
        const UNKNOWN_DIRECTION_OR_SPEED: f64 = -1.0;
        const UNKNOWN_ALTITUDE: f64 = f64::MIN;
        Self {
            altitude: self.altitude.filter(|altitude| *altitude != UNKNOWN_ALTITUDE),
            heading: self.heading.filter(|heading| *heading != UNKNOWN_DIRECTION_OR_SPEED),
            speed: self.speed.filter(|speed| *speed != UNKNOWN_DIRECTION_OR_SPEED),
            ..self
        }
    }
}

interface! {
    name: "io.edgehog.devicemanager.config.Telemetry",
    version: (0, 1),
    kind: server properties at "/request/%{interface_name}",
    flags: { allow_unset: true },

    /// Whether and how often a device sends one kind of telemetry; overrides the device's own configuration.
    #[derive(Debug, Clone, PartialEq)]
    pub struct TelemetryConfig {
        /// The telemetry.
        pub telemetry: TelemetryInterface = key,
        /// Turns periodic sending on or off; `None` leaves it as it is.
        pub enable: Option<bool> = "enable",
        /// Pause between two samples, seconds; `None` leaves it as it is.
        pub period_seconds: Option<i64> = "periodSeconds",
    }
}

texts! {
    /// The interfaces that the stock runtime sends periodically.
    pub enum TelemetryInterface {
        /// [`SystemStatus`].
        SystemStatus = "io.edgehog.devicemanager.SystemStatus",
        /// [`StorageUsage`].
        StorageUsage = "io.edgehog.devicemanager.StorageUsage",
        /// [`BatteryStatus`].
        BatteryStatus = "io.edgehog.devicemanager.BatteryStatus",
        /// [`WiFiScanResult`].
        WiFiScanResults = "io.edgehog.devicemanager.WiFiScanResults",
        /// [`Geolocation`].
        Geolocation = "io.edgehog.devicemanager.Geolocation",
        /// [`ContainerBlkio`](super::ContainerBlkio).
        ContainerBlkio = "io.edgehog.devicemanager.apps.stats.ContainerBlkio",
        /// [`ContainerCpu`](super::ContainerCpu).
        ContainerCpu = "io.edgehog.devicemanager.apps.stats.ContainerCpu",
        /// [`ContainerMemory`](super::ContainerMemory).
        ContainerMemory = "io.edgehog.devicemanager.apps.stats.ContainerMemory",
        /// [`ContainerMemoryStats`](super::ContainerMemoryStats).
        ContainerMemoryStats = "io.edgehog.devicemanager.apps.stats.ContainerMemoryStats",
        /// [`ContainerNetwork`](super::ContainerNetwork).
        ContainerNetworks = "io.edgehog.devicemanager.apps.stats.ContainerNetworks",
        /// [`ContainerProcesses`](super::ContainerProcesses).
        ContainerProcesses = "io.edgehog.devicemanager.apps.stats.ContainerProcesses",
        /// [`VolumeUsage`](super::VolumeUsage).
        VolumeUsage = "io.edgehog.devicemanager.apps.stats.VolumeUsage",
    }
}
