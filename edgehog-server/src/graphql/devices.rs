use async_graphql::{ComplexObject, Context, ID, Object, Result, SimpleObject};
use edgehog_engine::{Device as Row, DeviceKey, PageRequest};

use super::TenantContext;
use super::connection::{connection, page_request};
use super::error::{Nullable, unexpected};
use super::ids::{Identified, global_id, key};
use super::scalars::DateTime;
use super::telemetry::{
    BaseImageInfo, BatterySlot, DeviceCapability, HardwareInfo, Modem, NetworkInterface, OsInfo, RuntimeInfo,
    Shown, StorageUnit, SystemStatus, WifiScanResult,
};

/// A device of the tenant.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct Device {
    /// The global id.
    pub(super) id: ID,
    /// The id in Astarte.
    device_id: String,
    /// A name for people.
    name: String,
    /// Whether it is connected.
    online: bool,
    /// When it last connected.
    last_connection: Option<DateTime>,
    /// When it last disconnected.
    last_disconnection: Option<DateTime>,
    /// The address it last connected from.
    last_seen_ip: Option<String>,
    /// The serial number of its system.
    serial_number: Option<String>,
    /// The part number of its system, which names its system model.
    part_number: Option<String>,
    #[graphql(skip)]
    row: Row,
}

connection!(DeviceConnection, DeviceEdge, Device of Row);

impl Identified for Device {
    const TYPE: &'static str = "device";
}

impl From<Row> for Device {
    fn from(row: Row) -> Self {
        let text = row.clone();
        Self {
            id: global_id::<Self>(row.id.get()),
            device_id: text.device_id,
            name: text.name,
            online: row.online,
            last_connection: row.last_connection.map(DateTime::seconds),
            last_disconnection: row.last_disconnection.map(DateTime::seconds),
            last_seen_ip: text.last_seen_ip,
            serial_number: text.serial_number,
            part_number: text.part_number,
            row,
        }
    }
}

impl Device {
    /// Reads what Astarte keeps of the device: null when it cannot be read.
    async fn read<T, S, F>(
        &self,
        context: &Context<'_>,
        read: impl FnOnce(edgehog_engine::sdk::Device) -> F + Send,
    ) -> Result<Option<S>>
    where
        T: Shown<S> + Send,
        F: Future<Output = Result<T, edgehog_engine::sdk::Error>> + Send,
    {
        Ok(TenantContext::of(context)?.reads.read(&self.row, read).await.map(Shown::shown))
    }
}

#[ComplexObject]
impl Device {
    /// What it can do, by the interfaces it announces.
    async fn capabilities(&self, context: &Context<'_>) -> Result<Vec<DeviceCapability>> {
        let reads = &TenantContext::of(context)?.reads;
        let known = reads.read(&self.row, |device| async move { device.capabilities().await }).await;
        Ok(known.unwrap_or_default().into_iter().filter_map(|capability| Some(capability).shown()).collect())
    }

    /// The base image it runs.
    async fn base_image(&self, context: &Context<'_>) -> Result<Option<BaseImageInfo>> {
        self.read(context, |device| async move { device.base_image().await }).await
    }

    /// The state of its batteries.
    async fn battery_status(&self, context: &Context<'_>) -> Result<Option<Vec<BatterySlot>>> {
        self.read(context, |device| async move { device.battery_status().await }).await
    }

    /// Its modems.
    async fn cellular_connection(&self, context: &Context<'_>) -> Result<Option<Vec<Modem>>> {
        self.read(context, |device| async move { device.cellular_connection().await }).await
    }

    /// Its processor and memory.
    async fn hardware_info(&self, context: &Context<'_>) -> Result<Option<HardwareInfo>> {
        self.read(context, |device| async move { device.hardware_info().await }).await
    }

    /// Its network interfaces.
    async fn network_interfaces(&self, context: &Context<'_>) -> Result<Option<Vec<NetworkInterface>>> {
        self.read(context, |device| async move { device.network_interfaces().await }).await
    }

    /// Its operating system.
    async fn os_info(&self, context: &Context<'_>) -> Result<Option<OsInfo>> {
        self.read(context, |device| async move { device.os_info().await }).await
    }

    /// Its Edgehog runtime.
    async fn runtime_info(&self, context: &Context<'_>) -> Result<Option<RuntimeInfo>> {
        self.read(context, |device| async move { device.runtime_info().await }).await
    }

    /// How full its storage is.
    async fn storage_usage(&self, context: &Context<'_>) -> Result<Option<Vec<StorageUnit>>> {
        self.read(context, |device| async move { device.storage_usage().await }).await
    }

    /// Its load, when it last told.
    async fn system_status(&self, context: &Context<'_>) -> Result<Option<SystemStatus>> {
        let status: Option<Option<_>> =
            self.read(context, |device| async move { device.system_status().await }).await?;
        Ok(status.flatten())
    }

    /// The access points that it saw, newest first, those of earlier scans too.
    async fn wifi_scan_results(&self, context: &Context<'_>) -> Result<Option<Vec<WifiScanResult>>> {
        self.read(context, |device| async move { device.wifi_scan_results().await }).await
    }
}

#[derive(Default)]
pub(super) struct DeviceQuery;

#[Object]
impl DeviceQuery {
    /// A device by its global id, or null.
    async fn device(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id of a device.")] id: ID,
    ) -> Nullable<Device> {
        let find = async || find(TenantContext::of(context)?, key::<Device>(&id)?).await;
        find().await.transpose()
    }

    /// The devices of the tenant, in the order in which they were first seen.
    async fn devices(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many devices to give from the start, or after `after`. At most 250.")]
        first: Option<i64>,
        #[graphql(desc = "The cursor right before which to end.")] before: Option<String>,
        #[graphql(desc = "The cursor after which to begin.")] after: Option<String>,
        #[graphql(desc = "How many devices to give right before `before`. At most 250.")] last: Option<i64>,
    ) -> Nullable<DeviceConnection> {
        let request = page_request(first, before.as_deref(), after.as_deref(), last);
        Some(match request {
            Ok(request) => page(context, request).await,
            Err(refused) => Err(refused),
        })
    }
}

async fn page(context: &Context<'_>, request: PageRequest) -> Result<DeviceConnection> {
    let tenant = &TenantContext::of(context)?.tenant;
    let page = tenant.devices(request).await.map_err(unexpected)?;
    let count = if context.look_ahead().field("count").exists() {
        Some(tenant.device_count().await.map_err(unexpected)?)
    } else {
        None
    };
    Ok(DeviceConnection::new(page, count))
}

/// The device with this number.
pub(super) async fn find(context: &TenantContext, key: i64) -> Result<Option<Device>> {
    let row = context.tenant.device(DeviceKey::from(key)).await.map_err(unexpected)?;
    Ok(row.map(Device::from))
}
