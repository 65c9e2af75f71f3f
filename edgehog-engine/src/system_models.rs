//! System models: made, changed and deleted, with their pictures.

use std::collections::BTreeMap;
use std::path::PathBuf;

use edgehog_store::{
    HARDWARE_TYPE, HardwareTypeKey, NewSystemModel, Record, SYSTEM_MODEL, Selection, SystemModel,
    SystemModelKey, SystemModelPatch,
};

use crate::problem::{Check, Problem};
use crate::storage::{Key, picture_media_type};
use crate::{Error, Tenant};

/// A picture on its way into the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureFile {
    /// The name that the client gave it. Its extension says what kind of picture it is.
    pub file_name: String,
    /// Where it lies now.
    pub path: PathBuf,
}

/// The picture of a system model: where it is, or itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PictureSource {
    /// Somebody else's address of it. Within, none takes the picture away.
    pub url: Option<Option<String>>,
    /// The picture itself, to be stored. Goes with no address.
    pub file: Option<PictureFile>,
}

/// A system model to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemModelDraft {
    /// A name for programs: lower-case letters, digits and hyphens.
    pub handle: String,
    /// A name for people.
    pub name: String,
    /// The hardware that it is made of.
    pub hardware_type: HardwareTypeKey,
    /// The part numbers it goes by. Those of other system models become its own.
    pub part_numbers: Vec<String>,
    /// Its picture.
    pub picture: PictureSource,
    /// Texts about it, with their language tags. Of two with the same tag the later one stands.
    pub description: Vec<(String, String)>,
}

/// New values for a system model; those left out stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemModelUpdate {
    /// See [`SystemModelDraft::handle`].
    pub handle: Option<String>,
    /// See [`SystemModelDraft::name`].
    pub name: Option<String>,
    /// All part numbers it goes by from now on.
    pub part_numbers: Option<Vec<String>>,
    /// Its picture.
    pub picture: PictureSource,
    /// Texts to be added or replaced by their language tags, or with none taken away.
    pub description: Vec<(String, Option<String>)>,
}

impl Tenant {
    /// Makes a system model.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for values that are blank, taken or of the wrong form, where there is no such hardware type, and
    /// where the picture cannot be stored. Nothing is made then, nor left in the storage.
    pub async fn create_system_model(&self, draft: &SystemModelDraft) -> Result<SystemModelKey, Error> {
        let mut check = Check::default();
        let mut new = NewSystemModel {
            handle: check.handle(&draft.handle),
            name: check.text("name", &draft.name),
            picture_url: check_picture(&mut check, &draft.picture).flatten(),
            description: BTreeMap::new(),
            hardware_type: draft.hardware_type,
            part_numbers: check.texts("part_numbers", &draft.part_numbers),
        };
        for (tag, value) in &draft.description {
            let tag = check.text("language_tag", tag);
            if value.trim().is_empty() {
                check.problem(Problem::argument("value", "value must not be nil"));
            }
            new.description.insert(tag, value.trim().to_owned());
        }
        check.finish()?;
        self.exists(&HARDWARE_TYPE, new.hardware_type).await?;
        let stored = self.store_picture(&new.handle, draft.picture.file.as_ref()).await?;
        if let Some(url) = &stored {
            new.picture_url = Some(url.clone());
        }
        let made = self.write(async |tx| tx.system_model_create(&new).await).await;
        match made {
            Ok(key) => Ok(key),
            Err(error) => {
                self.drop_picture(stored.as_deref()).await;
                Err(match error {
                    Error::Store(edgehog_store::Error::MissingReference(_)) => Problem::not_found().into(),
                    other => other,
                })
            }
        }
    }

    /// Changes a system model. Part numbers that are left out of a new list are deleted.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for values that are blank, taken or of the wrong form, where there is no such model, and where the
    /// picture cannot be stored. Nothing is changed then, nor left in the storage.
    pub async fn update_system_model(
        &self,
        key: SystemModelKey,
        update: &SystemModelUpdate,
    ) -> Result<(), Error> {
        let before: SystemModel = self.row(key).await?.ok_or_else(Problem::not_found)?;
        let mut check = Check::default();
        let mut patch = SystemModelPatch {
            handle: update.handle.as_ref().map(|handle| check.handle(handle)),
            name: update.name.as_ref().map(|name| check.text("name", name)),
            picture_url: check_picture(&mut check, &update.picture),
            description: BTreeMap::new(),
            part_numbers: update.part_numbers.as_ref().map(|numbers| check.texts("part_numbers", numbers)),
        };
        for (tag, value) in &update.description {
            let tag = check.text("language_tag", tag);
            let value = value.as_ref().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
            patch.description.insert(tag, value);
        }
        check.finish()?;
        let handle = patch.handle.as_ref().unwrap_or(&before.handle);
        let stored = self.store_picture(handle, update.picture.file.as_ref()).await?;
        if let Some(url) = &stored {
            patch.picture_url = Some(Some(url.clone()));
        }
        let written = self.write(async |tx| tx.system_model_update(key, &patch).await).await;
        let failure = match written {
            Ok(Some(change)) => {
                self.drop_picture(change.picture_url.as_deref()).await;
                return Ok(());
            }
            Ok(None) => Problem::not_found().into(),
            Err(error) => error,
        };
        self.drop_picture(stored.as_deref()).await;
        Err(failure)
    }

    /// Deletes a system model with its part numbers and its picture. Gives what it was.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where there is no such model, or something is made for it.
    pub async fn delete_system_model(
        &self,
        key: SystemModelKey,
        selection: &Selection,
    ) -> Result<Record, Error> {
        let picture = SYSTEM_MODEL.attribute("picture_url").unwrap_or_default();
        let mut selection = selection.clone();
        selection.add(picture);
        let deleted = self.delete(&selection, key, async |tx| tx.system_model_delete(key).await).await?;
        self.drop_picture(deleted.value(picture).as_text()).await;
        Ok(deleted)
    }

    /// Stores a picture, if there is one. Gives its address.
    async fn store_picture(&self, handle: &str, file: Option<&PictureFile>) -> Result<Option<String>, Error> {
        let Some(file) = file else { return Ok(None) };
        let failed = || Problem::attribute("picture_file", "failed to upload");
        let storage = self.settings().storage.as_ref().ok_or_else(failed)?;
        let media_type = picture_media_type(&file.file_name).ok_or_else(failed)?;
        let key = Key::system_model_picture(self.info().tenant_id.get(), handle, &file.file_name);
        match storage.put_file(&key, &file.path, media_type).await {
            Ok(stored) => Ok(Some(stored.url)),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                let tenant = &self.info().slug;
                tracing::error!(%tenant, error, "a picture could not be stored; look at the storage");
                Err(failed().into())
            }
        }
    }

    /// Deletes a picture from the storage once no model shows it. One that lies elsewhere, or belongs to somebody else, is
    /// left alone. If it fails, the picture stays behind and does no harm.
    async fn drop_picture(&self, url: Option<&str>) {
        let Some((url, storage)) = url.zip(self.settings().storage.as_ref()) else { return };
        let tenant = self.info();
        let Some(key) = storage.key_of_url(url) else { return };
        if key.tenant() != tenant.tenant_id.get() || !key.is_system_model_picture() {
            return;
        }
        let used = async {
            let mut tx = self.scope().begin().await?;
            let used = tx.picture_is_used(url).await?;
            tx.commit().await?;
            Ok::<_, edgehog_store::Error>(used)
        };
        let failure: Box<dyn std::error::Error + Send + Sync> = match used.await {
            Ok(true) => return,
            Ok(false) => match storage.delete(&key).await {
                Ok(()) => return,
                Err(error) => error.into(),
            },
            Err(error) => error.into(),
        };
        let error = &*failure as &dyn std::error::Error;
        tracing::warn!(
            tenant = tenant.slug,
            error,
            "a picture that nobody shows any more was left in the storage"
        );
    }
}

/// The address of the picture, if one is given or taken away.
fn check_picture(check: &mut Check, picture: &PictureSource) -> Option<Option<String>> {
    let url = picture.url.as_ref().map(|url| {
        let url = url.as_ref().map(|url| url.trim().to_owned());
        url.filter(|url| !url.is_empty())
    });
    if picture.file.is_some() && url.as_ref().is_some_and(Option::is_some) {
        check.problem(Problem::attribute("picture_url", "is mutually exclusive with picture_file"));
    }
    url
}
