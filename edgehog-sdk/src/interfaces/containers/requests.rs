//! Requests to create the resources of a deployment.
//!
//! Each names the deployment that needs the resource, so that the device can say whom its events concern.

use secrecy::SecretString;
use uuid::Uuid;

use crate::interfaces::ONE_YEAR;
use crate::{definition::Reliability, interface};

/// Short, since image requests carry credentials.
const TEN_MINUTES: Option<u32> = Some(10 * 60);

interface! {
    name: "io.edgehog.devicemanager.apps.CreateImageRequest",
    version: (0, 1),
    kind: server objects at "/image",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: TEN_MINUTES },

    /// Asks a device to pull an image.
    #[derive(Debug, Clone)]
    pub struct CreateImageRequest {
        /// The image.
        pub id: Uuid = "id",
        /// The deployment that needs it.
        pub deployment_id: Uuid = "deploymentId",
        /// Where it is: `[host[:port]/][repository/]name[:tag or @digest]`.
        pub reference: String = "reference",
        /// URL-safe base64, with padding, of `{"username":…,"password":…}`; empty for public images.
        pub registry_auth: SecretString = "registryAuth",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.CreateVolumeRequest",
    version: (0, 1),
    kind: server objects at "/volume",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: ONE_YEAR },

    /// Asks a device to create a volume.
    #[derive(Debug, Clone, PartialEq)]
    pub struct CreateVolumeRequest {
        /// The volume.
        pub id: Uuid = "id",
        /// The deployment that needs it.
        pub deployment_id: Uuid = "deploymentId",
        /// Volume driver.
        pub driver: String = "driver",
        /// Options for the driver, each `key=value`.
        pub options: Vec<String> = "options",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.CreateNetworkRequest",
    version: (0, 1),
    kind: server objects at "/network",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: ONE_YEAR },

    /// Asks a device to create a container network.
    #[derive(Debug, Clone, PartialEq)]
    pub struct CreateNetworkRequest {
        /// The network.
        pub id: Uuid = "id",
        /// The deployment that needs it.
        pub deployment_id: Uuid = "deploymentId",
        /// Network driver.
        pub driver: String = "driver",
        /// Whether it is cut off from other networks.
        pub internal: bool = "internal",
        /// Whether it has IPv6 addresses.
        pub enable_ipv6: bool = "enableIpv6",
        /// Options for the driver, each `key=value`.
        pub options: Vec<String> = "options",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.CreateDeviceMappingRequest",
    version: (0, 1),
    kind: server objects at "/deviceMapping",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: ONE_YEAR },

    /// Asks a device to prepare a device mapping: a host device that a container sees.
    #[derive(Debug, Clone, PartialEq)]
    pub struct CreateDeviceMappingRequest {
        /// The device mapping.
        pub id: Uuid = "id",
        /// The deployment that needs it.
        pub deployment_id: Uuid = "deploymentId",
        /// Path of the device on the host.
        pub path_on_host: String = "pathOnHost",
        /// Path of the device in the container.
        pub path_in_container: String = "pathInContainer",
        /// What the container may do with it, e.g. `mrw`.
        pub cgroup_permissions: String = "cGroupPermissions",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.CreateDeviceRequest",
    version: (0, 1),
    kind: server objects at "/deviceRequest",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: ONE_YEAR },

    /// Asks a device to set aside host devices, such as graphics cards, by what they can do.
    #[derive(Debug, Clone, PartialEq)]
    pub struct CreateDeviceRequest {
        /// The device request.
        pub id: Uuid = "id",
        /// The deployment that needs it.
        pub deployment_id: Uuid = "deploymentId",
        /// Device driver; empty lets the capabilities choose.
        pub driver: String = "driver",
        /// Number of devices; −1 for all.
        pub count: i64 = "count",
        /// Ids of the devices, if these very devices are needed.
        pub device_ids: Vec<String> = "deviceIds",
        /// Alternatives, each a JSON list of capabilities that a device must all have.
        pub capabilities: Vec<String> = "capabilities",
        /// Names of options for the driver.
        pub option_keys: Vec<String> = "optionKeys",
        /// Values of the options, in the same order.
        pub option_values: Vec<String> = "optionValues",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.CreateContainerRequest",
    version: (0, 2),
    kind: server objects at "/container",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: ONE_YEAR },

    /// Asks a device to create a container.
    #[derive(Debug, Clone, PartialEq)]
    pub struct CreateContainerRequest {
        /// The container.
        pub id: Uuid = "id",
        /// The deployment that needs it.
        pub deployment_id: Uuid = "deploymentId",
        /// Its image.
        pub image_id: Uuid = "imageId",
        /// Networks that it joins.
        pub network_ids: Vec<Uuid> = "networkIds",
        /// Volumes that it mounts.
        pub volume_ids: Vec<Uuid> = "volumeIds",
        /// Device mappings that it uses.
        pub device_mapping_ids: Vec<Uuid> = "deviceMappingIds",
        /// Device requests that it uses. `None` leaves the member out, for devices that declare version 0.1.
        pub device_request_ids: Option<Vec<Uuid>> = "deviceRequestIds",
        /// Host name; empty for none.
        pub hostname: String = "hostname",
        /// `no`, `always`, `unless-stopped`, `on-failure`, or empty for the device's default.
        pub restart_policy: String = "restartPolicy",
        /// Environment, each `KEY=value`.
        pub env: Vec<String> = "env",
        /// What is mounted where: a bind for each volume, then binds of host paths.
        pub binds: Vec<String> = "binds",
        /// `bridge`, `host`, `none`, `container:<id>` or the name of a network.
        pub network_mode: String = "networkMode",
        /// Published ports, each `[ip:][host port:]container port[/protocol]`.
        pub port_bindings: Vec<String> = "portBindings",
        /// Further names to resolve, each `host:ip`.
        pub extra_hosts: Vec<String> = "extraHosts",
        /// Kernel capabilities to add.
        pub cap_add: Vec<String> = "capAdd",
        /// Kernel capabilities to take away.
        pub cap_drop: Vec<String> = "capDrop",
        /// Scheduler period, µs; −1 for the default.
        pub cpu_period: i64 = "cpuPeriod",
        /// CPU time in each period, µs; −1 for the default.
        pub cpu_quota: i64 = "cpuQuota",
        /// Real-time scheduler period, µs; −1 for the default.
        pub cpu_realtime_period: i64 = "cpuRealtimePeriod",
        /// CPU time in each real-time period, µs; −1 for the default.
        pub cpu_realtime_runtime: i64 = "cpuRealtimeRuntime",
        /// Memory limit, bytes; −1 for the default.
        pub memory: i64 = "memory",
        /// Memory limit when the host runs short, bytes; −1 for the default.
        pub memory_reservation: i64 = "memoryReservation",
        /// Limit of memory and swap together, bytes; −1 for no limit, −2 for the default.
        pub memory_swap: i64 = "memorySwap",
        /// How readily memory is swapped out, 0 to 100; −1 for the default.
        pub memory_swappiness: i32 = "memorySwappiness",
        /// Driver for volumes that the container creates; empty for the default.
        pub volume_driver: String = "volumeDriver",
        /// Options of the storage driver, each `key=value`.
        pub storage_opt: Vec<String> = "storageOpt",
        /// Whether the container cannot write to its root file system.
        pub read_only_rootfs: bool = "readOnlyRootfs",
        /// Temporary file systems, each `path=options`.
        pub tmpfs: Vec<String> = "tmpfs",
        /// Whether it has all rights on the host.
        pub privileged: bool = "privileged",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.CreateDeploymentRequest",
    version: (0, 1),
    kind: server objects at "/deployment",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: ONE_YEAR },

    /// Asks a device to create a deployment from containers that it was told of.
    #[derive(Debug, Clone, PartialEq)]
    pub struct CreateDeploymentRequest {
        /// The deployment.
        pub id: Uuid = "id",
        /// Its containers, each after those that it depends on.
        pub containers: Vec<Uuid> = "containers",
    }
}
