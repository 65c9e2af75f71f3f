use async_graphql::futures_util::FutureExt;
use async_graphql::registry::MetaType;
use async_graphql::{ContainerType, Context, Enum, ID, InputObject, MaybeUndefined, Object, Result};
use edgehog_engine::sdk::interfaces::LedPattern;
use edgehog_engine::store::{DEVICE, DeviceKey, Record};

use super::TenantContext;
use super::error::Failure;
use super::geolocation::{Location, Position};
use super::ids::number;
use super::payload::{Outcome, finish, payloads};
use super::resources::Extra;
use super::scalars::given;
use super::telemetry::{
    BaseImageInfo, BatterySlot, DeviceCapability, HardwareInfo, Modem, NetworkInterface, OsInfo, RuntimeInfo,
    Shown, StorageUnit, SystemStatus, WifiScanResult,
};

payloads! {
    UpdateDeviceResult of DEVICE,
    AddDeviceTagsResult of DEVICE,
    RemoveDeviceTagsResult of DEVICE,
    SetDeviceLedBehaviorResult of DEVICE,
}

/// What a device shows beyond its attributes: it is asked for when it is wanted, of Astarte.
pub(super) const EXTRA: Extra = Extra {
    needs: &["device_id"],
    register: |registry| match registry.create_fake_output_type::<DeviceExtra<'_>>() {
        MetaType::Object { fields, .. } => fields,
        _ => Default::default(),
    },
    resolve: |record, context| async move { DeviceExtra(record).resolve_field(context).await }.boxed(),
};

struct DeviceExtra<'r>(&'r Record);

impl DeviceExtra<'_> {
    fn device_id(&self) -> &str {
        let place = DEVICE.attribute("device_id");
        place.and_then(|place| self.0.value(place).as_text()).unwrap_or_default()
    }

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
        let reads = TenantContext::of(context)?.reads();
        Ok(reads.read(self.device_id(), read).await.map(Shown::shown))
    }
}

#[Object]
impl DeviceExtra<'_> {
    /// What it can do, by the interfaces it announces.
    async fn capabilities(&self, context: &Context<'_>) -> Result<Vec<DeviceCapability>> {
        let reads = TenantContext::of(context)?.reads();
        let known = reads.read(self.device_id(), |device| async move { device.capabilities().await }).await;
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

    /// What people call the place where it is.
    async fn location(&self, context: &Context<'_>) -> Result<Option<Location>> {
        Ok(TenantContext::of(context)?.reads().location(self.device_id()).await.map(Location::from))
    }

    /// Its network interfaces.
    async fn network_interfaces(&self, context: &Context<'_>) -> Result<Option<Vec<NetworkInterface>>> {
        self.read(context, |device| async move { device.network_interfaces().await }).await
    }

    /// Its operating system.
    async fn os_info(&self, context: &Context<'_>) -> Result<Option<OsInfo>> {
        self.read(context, |device| async move { device.os_info().await }).await
    }

    /// Where it is.
    async fn position(&self, context: &Context<'_>) -> Result<Option<Position>> {
        Ok(TenantContext::of(context)?.reads().position(self.device_id()).await.map(Position::from))
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

/// New values for a device; those left out stay.
#[derive(Default, InputObject)]
struct UpdateDeviceInput {
    /// A name for people.
    name: MaybeUndefined<String>,
}

/// Tags to be put on a device.
#[derive(InputObject)]
struct AddDeviceTagsInput {
    /// The tags. Upper and lower case are the same.
    tags: Vec<String>,
}

/// Tags to be taken off a device.
#[derive(InputObject)]
struct RemoveDeviceTagsInput {
    /// The tags. Upper and lower case are the same.
    tags: Vec<String>,
}

/// How the light of a device is to blink.
#[derive(InputObject)]
struct SetDeviceLedBehaviorInput {
    /// The pattern.
    behavior: DeviceLedBehavior,
}

/// How a light blinks for a minute.
#[derive(Clone, Copy, Enum, PartialEq, Eq)]
enum DeviceLedBehavior {
    /// One second on, one second off.
    Blink,
    /// Two short pulses, then a pause.
    DoubleBlink,
    /// Two seconds on, two seconds off.
    SlowBlink,
}

impl From<DeviceLedBehavior> for LedPattern {
    fn from(behavior: DeviceLedBehavior) -> Self {
        match behavior {
            DeviceLedBehavior::Blink => Self::Blink,
            DeviceLedBehavior::DoubleBlink => Self::DoubleBlink,
            DeviceLedBehavior::SlowBlink => Self::SlowBlink,
        }
    }
}

#[derive(Default)]
pub(super) struct DeviceMutation;

#[Object]
impl DeviceMutation {
    /// Gives a device another name.
    async fn update_device(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The device's global id.")] id: ID,
        #[graphql(desc = "Its new values.")] input: Option<UpdateDeviceInput>,
    ) -> Option<UpdateDeviceResult> {
        let changed = async || {
            let key = number::<DeviceKey>(&DEVICE, &id)?;
            let name = given(input.unwrap_or_default().name);
            TenantContext::of(context)?.tenant.update_device(key, name.as_deref()).await?;
            Ok::<_, Failure>(Outcome::Key(key.into()))
        };
        finish(context, changed().await)
    }

    /// Puts tags on a device; those it has stay.
    async fn add_device_tags(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The device's global id.")] id: ID,
        #[graphql(desc = "The tags.")] input: AddDeviceTagsInput,
    ) -> Option<AddDeviceTagsResult> {
        let changed = async || {
            let key = number::<DeviceKey>(&DEVICE, &id)?;
            TenantContext::of(context)?.tenant.add_device_tags(key, &input.tags).await?;
            Ok::<_, Failure>(Outcome::Key(key.into()))
        };
        finish(context, changed().await)
    }

    /// Takes tags off a device; those it has not got are passed over.
    async fn remove_device_tags(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The device's global id.")] id: ID,
        #[graphql(desc = "The tags.")] input: RemoveDeviceTagsInput,
    ) -> Option<RemoveDeviceTagsResult> {
        let changed = async || {
            let key = number::<DeviceKey>(&DEVICE, &id)?;
            TenantContext::of(context)?.tenant.remove_device_tags(key, &input.tags).await?;
            Ok::<_, Failure>(Outcome::Key(key.into()))
        };
        finish(context, changed().await)
    }

    /// Makes the light of a device blink for a minute, so that people find it.
    async fn set_device_led_behavior(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The device's global id.")] id: ID,
        #[graphql(desc = "How it is to blink.")] input: SetDeviceLedBehaviorInput,
    ) -> Option<SetDeviceLedBehaviorResult> {
        let done = async || {
            let key = number::<DeviceKey>(&DEVICE, &id)?;
            TenantContext::of(context)?.tenant.blink(key, input.behavior.into()).await?;
            Ok::<_, Failure>(Outcome::Key(key.into()))
        };
        finish(context, done().await)
    }
}
