//! The 52 interfaces of Edgehog's collection, each declared once, and a newer major of one that stock devices use.
//!
//! A type is named after its interface, in the singular if it holds one of several items: a read of
//! `apps.AvailableImages` gives a `Vec<AvailableImage>`.

mod cellular;
mod commands;
mod containers;
mod files;
mod forwarder;
mod ota_operations;
mod system;
mod telemetry;

pub use cellular::*;
pub use commands::*;
pub use containers::*;
pub use files::*;
pub use forwarder::*;
pub use ota_operations::*;
pub use system::*;
pub use telemetry::*;

use crate::{Interface, declare::texts, definition::Definition};

const ONE_HOUR: Option<u32> = Some(60 * 60);
const SIXTY_DAYS: Option<u32> = Some(60 * 24 * 60 * 60);
/// A mean tropical year, as the collection has it.
const ONE_YEAR: Option<u32> = Some(31_556_952);

/// The definitions of all interfaces, to be installed in every realm.
///
/// A stock device declares them all, and Astarte refuses the data of interfaces that its realm does not know.
///
/// ```
/// let names: Vec<_> = edgehog_sdk::interfaces::all().map(|definition| definition.name).collect();
/// assert!(names.contains(&"io.edgehog.devicemanager.OTARequest"));
/// ```
pub fn all() -> impl Iterator<Item = &'static Definition> {
    ALL.iter().copied()
}

static ALL: [&Definition; 53] = [
    BaseImage::DEFINITION,
    BatteryStatus::DEFINITION,
    CellularConnectionProperties::DEFINITION,
    CellularConnectionStatus::DEFINITION,
    Command::DEFINITION,
    ForwarderSessionRequest::DEFINITION,
    ForwarderSessionState::DEFINITION,
    Geolocation::DEFINITION,
    HardwareInfo::DEFINITION,
    LedBehavior::DEFINITION,
    NetworkInterfaceProperties::DEFINITION,
    OsInfo::DEFINITION,
    OtaEvent::DEFINITION,
    OtaRequest::DEFINITION,
    RuntimeInfo::DEFINITION,
    StorageUsage::DEFINITION,
    StorageUsageV1::DEFINITION,
    SystemInfo::DEFINITION,
    SystemStatus::DEFINITION,
    WiFiScanResult::DEFINITION,
    AvailableContainer::DEFINITION,
    AvailableDeployment::DEFINITION,
    AvailableDeviceMapping::DEFINITION,
    AvailableDeviceRequest::DEFINITION,
    AvailableImage::DEFINITION,
    AvailableNetwork::DEFINITION,
    AvailableVolume::DEFINITION,
    CreateContainerRequest::DEFINITION,
    CreateDeploymentRequest::DEFINITION,
    CreateDeviceMappingRequest::DEFINITION,
    CreateDeviceRequest::DEFINITION,
    CreateImageRequest::DEFINITION,
    CreateNetworkRequest::DEFINITION,
    CreateVolumeRequest::DEFINITION,
    DeploymentCommand::DEFINITION,
    DeploymentEvent::DEFINITION,
    DeploymentUpdate::DEFINITION,
    ContainerBlkio::DEFINITION,
    ContainerCpu::DEFINITION,
    ContainerMemory::DEFINITION,
    ContainerMemoryStats::DEFINITION,
    ContainerNetwork::DEFINITION,
    ContainerProcesses::DEFINITION,
    VolumeUsage::DEFINITION,
    TelemetryConfig::DEFINITION,
    FileTransferCapabilities::DEFINITION,
    DeviceToServer::DEFINITION,
    FileTransferProgress::DEFINITION,
    FileTransferResponse::DEFINITION,
    ServerToDevice::DEFINITION,
    DeleteFile::DEFINITION,
    StoredFile::DEFINITION,
    StorageResponse::DEFINITION,
];
