//! What containers and volumes use. Sizes in bytes, times in nanoseconds.

use crate::{Timestamp, interface};

interface! {
    name: "io.edgehog.devicemanager.apps.stats.ContainerBlkio",
    version: (0, 1),
    kind: device objects at "/%{container_id}",
    flags: { explicit_timestamp: true },

    /// One counter of a container's block device traffic: one sample for each statistic, device and operation.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct ContainerBlkio {
        /// The container.
        pub container_id: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// Name of the statistic.
        pub name: Option<String> = "name",
        /// Major number of the block device.
        pub major: Option<i64> = "major",
        /// Minor number of the block device.
        pub minor: Option<i64> = "minor",
        /// The operation.
        pub op: Option<String> = "op",
        /// The counter.
        pub value: Option<i64> = "value",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.stats.ContainerCpu",
    version: (0, 1),
    kind: device objects at "/%{container_id}",
    flags: { explicit_timestamp: true },

    /// Processor time of a container.
    ///
    /// The `pre_` fields are the reading before this one, so that one sample tells the usage in between.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct ContainerCpu {
        /// The container.
        pub container_id: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// Time used.
        pub total_usage: Option<i64> = "cpuUsageTotalUsage",
        /// Time used on each core; only with version 1 of cgroups.
        pub percpu_usage: Option<Vec<i64>> = "cpuUsagePercpuUsage",
        /// Time used in the kernel.
        pub usage_in_kernelmode: Option<i64> = "cpuUsageUsageInKernelmode",
        /// Time used outside the kernel.
        pub usage_in_usermode: Option<i64> = "cpuUsageUsageInUsermode",
        /// Time that the whole host used.
        pub system_usage: Option<i64> = "systemCpuUsage",
        /// Cores in use.
        pub online_cpus: Option<i32> = "onlineCpus",
        /// Periods in which a limit was in force.
        pub throttling_periods: Option<i64> = "throttlingDataPeriods",
        /// Periods in which the limit was hit.
        pub throttled_periods: Option<i64> = "throttlingDataThrottledPeriods",
        /// Time that the container waited because of the limit.
        pub throttled_time: Option<i64> = "throttlingDataThrottledTime",
        /// `total_usage` before.
        pub pre_total_usage: Option<i64> = "preCpuUsageTotalUsage",
        /// `percpu_usage` before.
        pub pre_percpu_usage: Option<Vec<i64>> = "preCpuUsagePercpuUsage",
        /// `usage_in_kernelmode` before.
        pub pre_usage_in_kernelmode: Option<i64> = "preCpuUsageUsageInKernelmode",
        /// `usage_in_usermode` before.
        pub pre_usage_in_usermode: Option<i64> = "preCpuUsageUsageInUsermode",
        /// `system_usage` before.
        pub pre_system_usage: Option<i64> = "preSystemCpuUsage",
        /// `online_cpus` before.
        pub pre_online_cpus: Option<i32> = "preOnlineCpus",
        /// `throttling_periods` before.
        pub pre_throttling_periods: Option<i64> = "preThrottlingDataPeriods",
        /// `throttled_periods` before.
        pub pre_throttled_periods: Option<i64> = "preThrottlingDataThrottledPeriods",
        /// `throttled_time` before.
        pub pre_throttled_time: Option<i64> = "preThrottlingDataThrottledTime",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.stats.ContainerMemory",
    version: (0, 1),
    kind: device objects at "/%{container_id}",
    flags: { explicit_timestamp: true },

    /// Memory of a container.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct ContainerMemory {
        /// The container.
        pub container_id: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// Memory and swap in use.
        pub usage: Option<i64> = "usage",
        /// The most that was in use since the container started.
        pub max_usage: Option<i64> = "maxUsage",
        /// How often the limit was hit.
        pub failcnt: Option<i64> = "failcnt",
        /// The limit.
        pub limit: Option<i64> = "limit",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.stats.ContainerMemoryStats",
    version: (0, 1),
    kind: device objects at "/%{container_id}",
    flags: { explicit_timestamp: true },

    /// One line of the kernel's memory statistics of a container.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct ContainerMemoryStats {
        /// The container.
        pub container_id: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// Name of the line in `memory.stat`.
        pub name: Option<String> = "name",
        /// Its value.
        pub value: Option<i64> = "value",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.stats.ContainerNetworks",
    version: (0, 1),
    kind: device objects at "/%{container_id}",
    flags: { explicit_timestamp: true },

    /// Traffic of a container on one network.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct ContainerNetwork {
        /// The container.
        pub container_id: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// The network.
        pub interface: Option<String> = "interface",
        /// Bytes received.
        pub rx_bytes: Option<i64> = "rxBytes",
        /// Packets received.
        pub rx_packets: Option<i64> = "rxPackets",
        /// Packets dropped on receipt.
        pub rx_dropped: Option<i64> = "rxDropped",
        /// Errors on receipt.
        pub rx_errors: Option<i64> = "rxErrors",
        /// Bytes sent.
        pub tx_bytes: Option<i64> = "txBytes",
        /// Packets sent.
        pub tx_packets: Option<i64> = "txPackets",
        /// Errors on sending.
        pub tx_errors: Option<i64> = "txErrors",
        /// Packets dropped on sending.
        pub tx_dropped: Option<i64> = "txDropped",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.stats.ContainerProcesses",
    version: (0, 1),
    kind: device objects at "/%{container_id}",
    flags: { explicit_timestamp: true },

    /// Processes of a container.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct ContainerProcesses {
        /// The container.
        pub container_id: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// How many there are.
        pub current: Option<i64> = "current",
        /// How many there may be.
        pub limit: Option<i64> = "limit",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.stats.VolumeUsage",
    version: (0, 1),
    kind: device objects at "/%{volume_id}",
    flags: { explicit_timestamp: true },

    /// Use of a volume.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct VolumeUsage {
        /// The volume.
        pub volume_id: String = key,
        /// When it was sampled.
        pub timestamp: Option<Timestamp> = timestamp,
        /// Volume driver.
        pub driver: Option<String> = "driver",
        /// Where the host mounts it.
        pub mountpoint: Option<String> = "mountpoint",
        /// When it was created.
        pub created_at: Option<Timestamp> = "createdAt",
        /// Space used.
        pub size: Option<i64> = "usageDataSize",
        /// How many containers refer to it.
        pub ref_count: Option<i64> = "usageDataRefCount",
    }
}
