use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use edgehog_engine::DeviceGroupUpdate;
use edgehog_engine::store::{DEVICE_GROUP, DeviceGroupKey};

use super::TenantContext;
use super::error::Failure;
use super::ids::number;
use super::payload::{Outcome, finish, payloads, wanted};
use super::scalars::given;

payloads! {
    CreateDeviceGroupResult of DEVICE_GROUP,
    UpdateDeviceGroupResult of DEVICE_GROUP,
    DeleteDeviceGroupResult of DEVICE_GROUP,
}

/// A device group to be made.
#[derive(InputObject)]
struct CreateDeviceGroupInput {
    /// A name for people, unique.
    name: String,
    /// A name for programs, unique: lower-case letters, digits and hyphens.
    handle: String,
    /// The condition on a device's tags.
    selector: String,
}

/// New values for a device group; those left out stay.
#[derive(Default, InputObject)]
struct UpdateDeviceGroupInput {
    /// A name for people, unique.
    name: MaybeUndefined<String>,
    /// A name for programs, unique: lower-case letters, digits and hyphens.
    handle: MaybeUndefined<String>,
    /// The condition on a device's tags.
    selector: MaybeUndefined<String>,
}

#[derive(Default)]
pub(super) struct DeviceGroupMutation;

#[Object]
impl DeviceGroupMutation {
    /// Makes a device group.
    async fn create_device_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group.")] input: CreateDeviceGroupInput,
    ) -> Option<CreateDeviceGroupResult> {
        let made = async || {
            let tenant = &TenantContext::of(context)?.tenant;
            let CreateDeviceGroupInput { name, handle, selector } = &input;
            let key = tenant.create_device_group(name, handle, selector).await?;
            Ok::<_, Failure>(Outcome::Key(key.into()))
        };
        finish(context, made().await)
    }

    /// Changes a device group.
    async fn update_device_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group's global id.")] id: ID,
        #[graphql(desc = "Its new values.")] input: Option<UpdateDeviceGroupInput>,
    ) -> Option<UpdateDeviceGroupResult> {
        let changed = async || {
            let key = number::<DeviceGroupKey>(&DEVICE_GROUP, &id)?;
            let input = input.unwrap_or_default();
            let update = DeviceGroupUpdate {
                name: given(input.name),
                handle: given(input.handle),
                selector: given(input.selector),
            };
            TenantContext::of(context)?.tenant.update_device_group(key, &update).await?;
            Ok::<_, Failure>(Outcome::Key(key.into()))
        };
        finish(context, changed().await)
    }

    /// Deletes a device group; its devices stay.
    async fn delete_device_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group's global id.")] id: ID,
    ) -> Option<DeleteDeviceGroupResult> {
        let deleted = async || {
            let key = number::<DeviceGroupKey>(&DEVICE_GROUP, &id)?;
            let wanted = wanted(context, "DeleteDeviceGroupResult", &DEVICE_GROUP)?;
            let record = TenantContext::of(context)?.tenant.delete_device_group(key, &wanted).await?;
            Ok::<_, Failure>(Outcome::Gone(Box::new(record)))
        };
        finish(context, deleted().await)
    }
}
