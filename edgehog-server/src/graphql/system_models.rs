use async_graphql::futures_util::FutureExt;
use async_graphql::registry::MetaType;
use async_graphql::{ContainerType, Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use edgehog_engine::store::{
    HARDWARE_TYPE, HardwareTypeKey, Record, SYSTEM_MODEL, SystemModelKey, Value as Stored,
};
use edgehog_engine::{PictureFile, PictureSource, SystemModelDraft, SystemModelUpdate};

use super::TenantContext;
use super::error::Failure;
use super::ids::{key_or_raw, number};
use super::payload::{Outcome, finish, payloads, wanted};
use super::resources::Extra;
use super::scalars::{Upload, given};

payloads! {
    CreateSystemModelResult of SYSTEM_MODEL,
    UpdateSystemModelResult of SYSTEM_MODEL,
    DeleteSystemModelResult of SYSTEM_MODEL,
}

/// What a system model shows beyond its attributes.
pub(super) const EXTRA: Extra = Extra {
    needs: &["description"],
    register: |registry| match registry.create_fake_output_type::<SystemModelExtra<'_>>() {
        MetaType::Object { fields, .. } => fields,
        _ => Default::default(),
    },
    resolve: |record, context| async move { SystemModelExtra(record).resolve_field(context).await }.boxed(),
};

/// A text in one language.
#[derive(SimpleObject)]
pub(super) struct LocalizedAttribute {
    /// The text.
    value: String,
    /// The language that it is in, such as `en-US`.
    language_tag: String,
}

struct SystemModelExtra<'r>(&'r Record);

#[Object]
impl SystemModelExtra<'_> {
    /// Texts about it, in the order of their language tags.
    async fn localized_descriptions(
        &self,
        #[graphql(desc = "Gives only texts in these very languages. All where not given.")]
        preferred_language_tags: Option<Vec<String>>,
    ) -> Option<Vec<LocalizedAttribute>> {
        let place = SYSTEM_MODEL.attribute("description")?;
        let Stored::Json(serde_json::Value::Object(texts)) = self.0.value(place) else {
            return Some(Vec::new());
        };
        let preferred = |tag: &String| preferred_language_tags.as_ref().is_none_or(|tags| tags.contains(tag));
        let mut texts: Vec<_> = texts
            .iter()
            .filter(|(tag, _)| preferred(tag))
            .filter_map(|(tag, text)| {
                Some(LocalizedAttribute { value: text.as_str()?.to_owned(), language_tag: tag.clone() })
            })
            .collect();
        texts.sort_by(|one, other| one.language_tag.cmp(&other.language_tag));
        Some(texts)
    }
}

/// A text in one language.
#[derive(InputObject)]
struct LocalizedAttributeInput {
    /// The text.
    value: String,
    /// The language that it is in, such as `en-US`.
    language_tag: String,
}

/// A text in one language, to be added or replaced; with no text, to be taken away.
#[derive(InputObject)]
struct LocalizedAttributeUpdateInput {
    /// The text.
    value: Option<String>,
    /// The language that it is in, such as `en-US`.
    language_tag: String,
}

/// A system model to be made.
#[derive(InputObject)]
struct CreateSystemModelInput {
    /// A name for programs, unique: lower-case letters, digits and hyphens.
    handle: String,
    /// A name for people, unique.
    name: String,
    /// Where to find a picture of it. Goes with no `pictureFile`.
    picture_url: Option<String>,
    /// The hardware type that it is made of.
    hardware_type_id: ID,
    /// The part numbers it goes by. Those of other system models become its own.
    part_numbers: Vec<String>,
    /// A picture of it: the name of a file part of the request.
    picture_file: Option<Upload>,
    /// Texts about it. Of two in the same language the later one stands.
    localized_descriptions: Option<Vec<LocalizedAttributeInput>>,
}

/// New values for a system model; those left out stay.
#[derive(Default, InputObject)]
struct UpdateSystemModelInput {
    /// A name for programs, unique: lower-case letters, digits and hyphens.
    handle: MaybeUndefined<String>,
    /// A name for people, unique.
    name: MaybeUndefined<String>,
    /// Where to find a picture of it; null takes the picture away. Goes with no `pictureFile`.
    picture_url: MaybeUndefined<String>,
    /// All part numbers it goes by from now on.
    part_numbers: Option<Vec<String>>,
    /// A picture of it: the name of a file part of the request.
    picture_file: Option<Upload>,
    /// Texts to be added, replaced or taken away by their languages.
    localized_descriptions: Option<Vec<LocalizedAttributeUpdateInput>>,
}

/// The file behind an upload.
fn picture_file(context: &Context<'_>, upload: Option<&Upload>) -> Result<Option<PictureFile>, Failure> {
    let Some(upload) = upload else { return Ok(None) };
    let file = upload.file(context, "pictureFile")?;
    Ok(Some(PictureFile { file_name: file.file_name().to_owned(), path: file.path().to_owned() }))
}

#[derive(Default)]
pub(super) struct SystemModelMutation;

#[Object]
impl SystemModelMutation {
    /// Makes a system model.
    async fn create_system_model(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The system model.")] input: CreateSystemModelInput,
    ) -> Option<CreateSystemModelResult> {
        let made = async || {
            let file = picture_file(context, input.picture_file.as_ref())?;
            let hardware_type = key_or_raw(&HARDWARE_TYPE, &input.hardware_type_id);
            let hardware_type = hardware_type.as_ref().and_then(Stored::as_integer);
            let draft = SystemModelDraft {
                handle: input.handle,
                name: input.name,
                hardware_type: HardwareTypeKey::from(hardware_type.ok_or_else(Failure::not_found)?),
                part_numbers: input.part_numbers,
                picture: PictureSource { url: Some(input.picture_url), file },
                description: (input.localized_descriptions.unwrap_or_default().into_iter())
                    .map(|text| (text.language_tag, text.value))
                    .collect(),
            };
            let key = TenantContext::of(context)?.tenant.create_system_model(&draft).await?;
            Ok::<_, Failure>(Outcome::Key(key.into()))
        };
        // What is made is not looked for, so it is the hardware type that could not be found.
        finish(context, made().await.map_err(|failure| failure.named_by("hardwareTypeId")))
    }

    /// Changes a system model.
    async fn update_system_model(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The system model's global id.")] id: ID,
        #[graphql(desc = "Its new values.")] input: Option<UpdateSystemModelInput>,
    ) -> Option<UpdateSystemModelResult> {
        let changed = async || {
            let key = number::<SystemModelKey>(&SYSTEM_MODEL, &id)?;
            let input = input.unwrap_or_default();
            let file = picture_file(context, input.picture_file.as_ref())?;
            let update = SystemModelUpdate {
                handle: given(input.handle),
                name: given(input.name),
                part_numbers: input.part_numbers,
                picture: PictureSource { url: input.picture_url.into(), file },
                description: (input.localized_descriptions.unwrap_or_default().into_iter())
                    .map(|text| (text.language_tag, text.value))
                    .collect(),
            };
            TenantContext::of(context)?.tenant.update_system_model(key, &update).await?;
            Ok::<_, Failure>(Outcome::Key(key.into()))
        };
        finish(context, changed().await)
    }

    /// Deletes a system model with its part numbers and its picture.
    async fn delete_system_model(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The system model's global id.")] id: ID,
    ) -> Option<DeleteSystemModelResult> {
        let deleted = async || {
            let key = number::<SystemModelKey>(&SYSTEM_MODEL, &id)?;
            let wanted = wanted(context, "DeleteSystemModelResult", &SYSTEM_MODEL)?;
            let record = TenantContext::of(context)?.tenant.delete_system_model(key, &wanted).await?;
            Ok::<_, Failure>(Outcome::Gone(Box::new(record)))
        };
        finish(context, deleted().await)
    }
}
