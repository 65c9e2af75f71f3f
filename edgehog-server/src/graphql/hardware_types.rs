use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use edgehog_engine::store::{HARDWARE_TYPE, HardwareTypeKey, HardwareTypePatch, NewHardwareType};

use super::TenantContext;
use super::error::Failure;
use super::ids::number;
use super::payload::{Outcome, finish, payloads, wanted};
use super::scalars::given;

payloads! {
    CreateHardwareTypeResult of HARDWARE_TYPE,
    UpdateHardwareTypeResult of HARDWARE_TYPE,
    DeleteHardwareTypeResult of HARDWARE_TYPE,
}

/// A hardware type to be made.
#[derive(InputObject)]
struct CreateHardwareTypeInput {
    /// A name for programs, unique: lower-case letters, digits and hyphens.
    handle: String,
    /// A name for people, unique.
    name: String,
    /// The part numbers it goes by. Those of other hardware types become its own.
    part_numbers: Vec<String>,
}

/// New values for a hardware type; those left out stay.
#[derive(Default, InputObject)]
struct UpdateHardwareTypeInput {
    /// A name for programs, unique: lower-case letters, digits and hyphens.
    handle: MaybeUndefined<String>,
    /// A name for people, unique.
    name: MaybeUndefined<String>,
    /// All part numbers it goes by from now on.
    part_numbers: Option<Vec<String>>,
}

#[derive(Default)]
pub(super) struct HardwareTypeMutation;

#[Object]
impl HardwareTypeMutation {
    /// Makes a hardware type.
    async fn create_hardware_type(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The hardware type.")] input: CreateHardwareTypeInput,
    ) -> Option<CreateHardwareTypeResult> {
        let made = async || {
            let CreateHardwareTypeInput { handle, name, part_numbers } = input;
            let new = NewHardwareType { handle, name, part_numbers };
            let key = TenantContext::of(context)?.tenant.create_hardware_type(&new).await?;
            Ok::<_, Failure>(Outcome::Key(key.into()))
        };
        finish(context, made().await)
    }

    /// Changes a hardware type.
    async fn update_hardware_type(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The hardware type's global id.")] id: ID,
        #[graphql(desc = "Its new values.")] input: Option<UpdateHardwareTypeInput>,
    ) -> Option<UpdateHardwareTypeResult> {
        let changed = async || {
            let key = number::<HardwareTypeKey>(&HARDWARE_TYPE, &id)?;
            let input = input.unwrap_or_default();
            let patch = HardwareTypePatch {
                handle: given(input.handle),
                name: given(input.name),
                part_numbers: input.part_numbers,
            };
            TenantContext::of(context)?.tenant.update_hardware_type(key, &patch).await?;
            Ok::<_, Failure>(Outcome::Key(key.into()))
        };
        finish(context, changed().await)
    }

    /// Deletes a hardware type with its part numbers.
    async fn delete_hardware_type(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The hardware type's global id.")] id: ID,
    ) -> Option<DeleteHardwareTypeResult> {
        let deleted = async || {
            let key = number::<HardwareTypeKey>(&HARDWARE_TYPE, &id)?;
            let wanted = wanted(context, "DeleteHardwareTypeResult", &HARDWARE_TYPE)?;
            let record = TenantContext::of(context)?.tenant.delete_hardware_type(key, &wanted).await?;
            Ok::<_, Failure>(Outcome::Gone(Box::new(record)))
        };
        finish(context, deleted().await)
    }
}
