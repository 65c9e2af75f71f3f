//! Which of our resources a device has.
//!
//! The keys are the ids that the create requests carried. A resource that left the device is unset.

use crate::interface;
use crate::interfaces::texts;

interface! {
    name: "io.edgehog.devicemanager.apps.AvailableContainers",
    version: (0, 1),
    kind: device properties at "/%{container_id}",
    flags: { allow_unset: true },

    /// A container that a device knows.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct AvailableContainer {
        /// Our id of the container.
        pub id: String = key,
        /// The device's word for its state: `Received`, `Created`, `Running` or `Stopped`.
        pub status: Option<String> = "status",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.AvailableDeployments",
    version: (0, 1),
    kind: device properties at "/%{deployment_id}",
    flags: { allow_unset: true },

    /// A deployment that a device knows.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct AvailableDeployment {
        /// Our id of the deployment.
        pub id: String = key,
        /// Whether it runs.
        pub status: Option<AvailableDeploymentStatus> = "status",
    }
}

texts! {
    /// Whether a deployment runs.
    pub enum AvailableDeploymentStatus {
        /// Its containers run.
        Started = "Started",
        /// Its containers are stopped.
        Stopped = "Stopped",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.AvailableDeviceMappings",
    version: (0, 1),
    kind: device properties at "/%{device_mapping_id}",
    flags: { allow_unset: true },

    /// A device mapping that a device knows.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct AvailableDeviceMapping {
        /// Our id of the device mapping.
        pub id: String = key,
        /// Whether the host has the device that is to be mapped.
        pub present: Option<bool> = "present",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.AvailableDeviceRequests",
    version: (0, 1),
    kind: device properties at "/%{device_id}",
    flags: { allow_unset: true },

    /// A device request that a device knows.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct AvailableDeviceRequest {
        /// Our id of the device request.
        pub id: String = key,
        /// Whether the host has such a device.
        pub present: Option<bool> = "present",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.AvailableImages",
    version: (0, 1),
    kind: device properties at "/%{image_id}",
    flags: { allow_unset: true },

    /// An image that a device knows.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct AvailableImage {
        /// Our id of the image.
        pub id: String = key,
        /// Whether the device holds it already.
        pub pulled: Option<bool> = "pulled",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.AvailableNetworks",
    version: (0, 1),
    kind: device properties at "/%{network_id}",
    flags: { allow_unset: true },

    /// A container network that a device knows.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct AvailableNetwork {
        /// Our id of the network.
        pub id: String = key,
        /// Whether it exists already.
        pub created: Option<bool> = "created",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.AvailableVolumes",
    version: (0, 1),
    kind: device properties at "/%{volume_id}",
    flags: { allow_unset: true },

    /// A volume that a device knows.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct AvailableVolume {
        /// Our id of the volume.
        pub id: String = key,
        /// Whether it exists already.
        pub created: Option<bool> = "created",
    }
}
