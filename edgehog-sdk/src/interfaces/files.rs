//! Files: transfer between server and device, and the device's storage.

use std::collections::BTreeMap;

use secrecy::SecretString;
use uuid::Uuid;

use super::{ONE_HOUR, texts};
use crate::{Timestamp, definition::Reliability, interface};

interface! {
    name: "io.edgehog.devicemanager.fileTransfer.Capabilities",
    version: (0, 1),
    kind: device properties,

    /// Which files a device can take and give.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct FileTransferCapabilities {
        /// Whether it keeps mode, user and group of files.
        pub unix_permissions: Option<bool> = "transfer/unixPermissions",
        /// Where files from the server can go.
        pub server_to_device_targets: Option<Vec<String>> = "transfer/serverToDevice/targets",
        /// Where files for the server can come from.
        pub device_to_server_targets: Option<Vec<String>> = "transfer/deviceToServer/targets",
        /// Encodings of files for the server, by where they come from.
        pub device_to_server_encodings: BTreeMap<String, Vec<String>> = "deviceToServer/%{target}/encodings",
        /// Encodings of files from the server, by where they go.
        pub server_to_device_encodings: BTreeMap<String, Vec<String>> = "serverToDevice/%{target}/encodings",
    }
}

impl FileTransferCapabilities {
    /// The encodings that the device knows for a direction and target: none but the plain file if the slice is empty.
    ///
    /// `None` if the device does not list the target.
    #[must_use]
    pub fn encodings(&self, direction: FileTransferDirection, target: FileTarget) -> Option<&[String]> {
        let (targets, encodings) = match direction {
            FileTransferDirection::ServerToDevice => {
                (&self.server_to_device_targets, &self.server_to_device_encodings)
            }
            FileTransferDirection::DeviceToServer => {
                (&self.device_to_server_targets, &self.device_to_server_encodings)
            }
        };
        let listed = targets.iter().flatten().any(|listed| listed == target.as_str());
        listed.then(|| encodings.get(target.as_str()).map_or(&[][..], Vec::as_slice))
    }
}

texts! {
    /// Way of a file.
    pub enum FileTransferDirection {
        /// The device downloads.
        ServerToDevice = "server_to_device",
        /// The device uploads.
        DeviceToServer = "device_to_server",
    }
}

texts! {
    /// Where a file lies on a device.
    pub enum FileTarget {
        /// The device's storage, which keeps files by id.
        Storage = "storage",
        /// Nowhere: it is piped to or from a program.
        Streaming = "streaming",
        /// A path of the file system.
        Filesystem = "filesystem",
    }
}

interface! {
    name: "io.edgehog.devicemanager.fileTransfer.ServerToDevice",
    version: (0, 1),
    kind: server objects at "/request",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: ONE_HOUR },

    /// Asks a device to download a file.
    #[derive(Debug, Clone)]
    pub struct ServerToDevice {
        /// The request; in the storage also the id of the file.
        pub id: Uuid = "id",
        /// Where to get the file. Who has the URL has the file.
        pub url: SecretString = "url",
        /// Names of the HTTP headers to send.
        pub http_header_keys: Vec<String> = "httpHeaderKeys",
        /// Their values, in the same order.
        pub http_header_values: Vec<String> = "httpHeaderValues",
        /// `gz`, `lz4`, `tar`, `tar.gz`, `tar.lz4`, or empty for the plain file.
        pub encoding: String = "encoding",
        /// Size without encoding, bytes.
        pub file_size_bytes: i64 = "fileSizeBytes",
        /// Whether to report progress.
        pub progress: bool = "progress",
        /// `sha256:` and the digest in hexadecimal.
        pub digest: String = "digest",
        /// How long the device keeps the file, seconds; 0 for good.
        pub ttl_seconds: i64 = "ttlSeconds",
        /// Unix mode; 0 for the default.
        pub file_mode: i64 = "fileMode",
        /// Owner; −1 for the default.
        pub user_id: i64 = "userId",
        /// Group; −1 for the default.
        pub group_id: i64 = "groupId",
        /// Where the file goes.
        pub destination_type: FileTarget = "destinationType",
        /// The path, for the file system; else empty.
        pub destination: String = "destination",
    }
}

interface! {
    name: "io.edgehog.devicemanager.fileTransfer.DeviceToServer",
    version: (0, 1),
    kind: server objects at "/request",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: ONE_HOUR },

    /// Asks a device to upload a file.
    #[derive(Debug, Clone)]
    pub struct DeviceToServer {
        /// The request.
        pub id: Uuid = "id",
        /// Where to put the file. Who has the URL can write there.
        pub url: SecretString = "url",
        /// Names of the HTTP headers to send.
        pub http_header_keys: Vec<String> = "httpHeaderKeys",
        /// Their values, in the same order.
        pub http_header_values: Vec<String> = "httpHeaderValues",
        /// `gz`, `lz4`, `tar`, `tar.gz`, `tar.lz4`, or empty for the plain file.
        pub encoding: String = "encoding",
        /// Whether to report progress.
        pub progress: bool = "progress",
        /// Where the file comes from.
        pub source_type: FileTarget = "sourceType",
        /// Id in the storage, or path in the file system; else empty.
        pub source: String = "source",
    }
}

interface! {
    name: "io.edgehog.devicemanager.fileTransfer.Progress",
    version: (0, 1),
    kind: device objects at "/request",
    flags: { database_retention_ttl: ONE_HOUR },

    /// How far a transfer is.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct FileTransferProgress {
        /// The request.
        pub id: Uuid = "id",
        /// Way of the file.
        pub direction: FileTransferDirection = "type",
        /// Bytes done.
        pub bytes: i64 = "bytes",
        /// Bytes in all; −1 if unknown.
        pub total_bytes: i64 = "totalBytes",
        /// When it was received; events do not carry it.
        pub timestamp: Option<Timestamp> = timestamp,
    }
}

interface! {
    name: "io.edgehog.devicemanager.fileTransfer.Response",
    version: (0, 1),
    kind: device objects at "/request",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: ONE_HOUR },

    /// How a transfer ended.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct FileTransferResponse {
        /// The request.
        pub id: Uuid = "id",
        /// Way of the file.
        pub direction: FileTransferDirection = "type",
        /// 0 for success, else a POSIX error number.
        pub code: i64 = "code",
        /// Explains the code; may be empty.
        pub message: Option<String> = "message",
        /// When it was received; events do not carry it.
        pub timestamp: Option<Timestamp> = timestamp,
    }
}

interface! {
    name: "io.edgehog.devicemanager.storage.File",
    version: (0, 1),
    kind: device properties at "/%{fileId}",
    flags: { allow_unset: true },

    /// A file in a device's storage.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct StoredFile {
        /// Id of the file: that of the request which brought it.
        pub id: String = key,
        /// Where it lies.
        pub path_on_device: Option<String> = "pathOnDevice",
        /// Its size, bytes.
        pub size_bytes: Option<i64> = "sizeBytes",
    }
}

interface! {
    name: "io.edgehog.devicemanager.storage.DeleteFile",
    version: (0, 1),
    kind: server objects at "/request",

    /// Asks a device to delete a file of its storage. A device that is offline misses it.
    #[derive(Debug, Clone, PartialEq)]
    pub struct DeleteFile {
        /// The request.
        pub id: Uuid = "id",
        /// Id of the file.
        pub file_id: String = "fileId",
        /// Whether to delete it even while it is in use.
        pub force: bool = "force",
    }
}

interface! {
    name: "io.edgehog.devicemanager.storage.Response",
    version: (0, 1),
    kind: device objects at "/request",
    flags: { reliability: Reliability::Guaranteed, database_retention_ttl: ONE_HOUR },

    /// What became of a request to the storage.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    pub struct StorageResponse {
        /// The request.
        pub id: Uuid = "id",
        /// What was asked.
        pub operation: StorageOperation = "type",
        /// 0 for success, else a POSIX error number.
        pub code: i64 = "code",
        /// Explain the code.
        pub messages: Option<Vec<String>> = "messages",
        /// When it was received; events do not carry it.
        pub timestamp: Option<Timestamp> = timestamp,
    }
}

texts! {
    /// What a device's storage can be asked.
    pub enum StorageOperation {
        /// Delete a file.
        Delete = "delete",
    }
}
