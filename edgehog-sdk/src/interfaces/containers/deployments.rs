//! Deployments: commands to them and events about them.

use uuid::Uuid;

use crate::interfaces::{ONE_YEAR, texts};
use crate::{Timestamp, interface};

interface! {
    name: "io.edgehog.devicemanager.apps.DeploymentCommand",
    version: (0, 1),
    kind: server individual at "/%{deployment_id}",
    flags: { database_retention_ttl: ONE_YEAR },

    /// Tells a device what to do with a deployment. A device that is offline misses it.
    #[derive(Debug, Clone, PartialEq)]
    pub struct DeploymentCommand {
        /// The deployment.
        pub deployment_id: Uuid = key,
        /// What to do.
        pub command: DeploymentCommandKind = "command",
    }
}

texts! {
    /// What to do with a deployment.
    pub enum DeploymentCommandKind {
        /// Start its containers.
        Start = "Start",
        /// Stop its containers.
        Stop = "Stop",
        /// Remove it and what only it uses.
        Delete = "Delete",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.DeploymentUpdate",
    version: (0, 1),
    kind: server objects at "/deployment",
    flags: { database_retention_ttl: ONE_YEAR },

    /// Tells a device to replace a deployment by another. A device that is offline misses it.
    #[derive(Debug, Clone, PartialEq)]
    pub struct DeploymentUpdate {
        /// The deployment that stops.
        pub from: Uuid = "from",
        /// The deployment that starts.
        pub to: Uuid = "to",
    }
}

interface! {
    name: "io.edgehog.devicemanager.apps.DeploymentEvent",
    version: (0, 2),
    kind: device objects at "/%{deployment_id}",
    flags: { explicit_timestamp: true, database_retention_ttl: ONE_YEAR },

    /// Something that happened to a deployment.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct DeploymentEvent {
        /// The deployment.
        pub deployment_id: Uuid = key,
        /// What happened.
        pub status: DeploymentEventStatus = "status",
        /// Explains it; may be empty.
        pub message: Option<String> = "message",
        /// Further texts; devices before version 0.2 have none.
        pub add_info: Option<Vec<String>> = "addInfo",
        /// When it happened; events do not carry it.
        pub timestamp: Option<Timestamp> = timestamp,
    }
}

texts! {
    /// What happened to a deployment.
    pub enum DeploymentEventStatus {
        /// Its containers are being started.
        Starting = "Starting",
        /// Its containers run.
        Started = "Started",
        /// Its containers are being stopped.
        Stopping = "Stopping",
        /// Its containers are stopped.
        Stopped = "Stopped",
        /// It is being replaced.
        Updating = "Updating",
        /// It is being removed.
        Deleting = "Deleting",
        /// Something went wrong.
        Error = "Error",
    }
}
