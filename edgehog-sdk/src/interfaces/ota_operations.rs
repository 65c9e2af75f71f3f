//! Updates of the system image over the air.

use uuid::Uuid;

use super::{ONE_YEAR, texts};
use crate::{Timestamp, definition::Reliability, interface};

interface! {
    name: "io.edgehog.devicemanager.OTARequest",
    version: (1, 0),
    kind: server objects at "/request",
    flags: { database_retention_ttl: ONE_YEAR },

    /// Starts or cancels an update. A device that is offline misses it.
    #[derive(Debug, Clone, PartialEq)]
    pub struct OtaRequest {
        /// What to do.
        pub operation: OtaRequestOperation = "operation",
        /// Where the image is; empty for a cancellation, but never left out: devices want all three members.
        pub url: String = "url",
        /// The OTA operation.
        pub uuid: Uuid = "uuid",
    }
}

texts! {
    /// What a device shall do with an update.
    pub enum OtaRequestOperation {
        /// Download and install it.
        Update = "Update",
        /// Give it up.
        Cancel = "Cancel",
    }
}

interface! {
    name: "io.edgehog.devicemanager.OTAEvent",
    version: (0, 1),
    kind: device objects at "/event",
    flags: { reliability: Reliability::Unique, explicit_timestamp: true, database_retention_ttl: ONE_YEAR },

    /// A step of an update.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct OtaEvent {
        /// The OTA operation.
        pub request_uuid: Uuid = "requestUUID",
        /// The step.
        pub status: OtaEventStatus = "status",
        /// Progress within the step, 0 to 100 %.
        pub status_progress: Option<i32> = "statusProgress",
        /// Why it went wrong; `None` also for an empty or unknown code.
        pub status_code: Option<OtaEventStatusCode> = "statusCode",
        /// Explains the code; may be empty.
        pub message: Option<String> = "message",
        /// When it happened; events do not carry it.
        pub timestamp: Option<Timestamp> = timestamp,
    }
}

texts! {
    /// Step of an update.
    pub enum OtaEventStatus {
        /// The device took the request.
        Acknowledged = "Acknowledged",
        /// The image is being downloaded.
        Downloading = "Downloading",
        /// The image is being installed.
        Deploying = "Deploying",
        /// The image is installed.
        Deployed = "Deployed",
        /// The device boots into the image.
        Rebooting = "Rebooting",
        /// The device runs the image. Final.
        Success = "Success",
        /// Something went wrong that the device deals with by itself. Not final.
        Error = "Error",
        /// The update failed. Final.
        Failure = "Failure",
    }
}

texts! {
    /// Why an update went wrong.
    pub enum OtaEventStatusCode {
        /// The device could not make sense of the request; the stock runtime says `RequestError`.
        InvalidRequest = "InvalidRequest" | "INVALID_REQUEST" | "RequestError",
        /// Another update is going on.
        UpdateAlreadyInProgress = "UpdateAlreadyInProgress" | "UPDATE_ALREADY_IN_PROGRESS",
        /// The image could not be downloaded.
        NetworkError = "NetworkError" | "NETWORK_ERROR",
        /// The image could not be read or written.
        IoError = "IOError" | "IO_ERROR",
        /// Anything else.
        InternalError = "InternalError" | "INTERNAL_ERROR",
        /// The image is broken or not for this device.
        InvalidBaseImage = "InvalidBaseImage" | "INVALID_BASE_IMAGE",
        /// The device went back to its former image.
        SystemRollback = "SystemRollback" | "SYSTEM_ROLLBACK",
        /// The update was given up on request.
        Canceled = "Canceled",
        /// The device did not answer in time.
        RequestTimeout = "RequestTimeout" | "REQUEST_TIMEOUT",
    }
}
