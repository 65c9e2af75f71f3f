//! System models and their part numbers.

use std::collections::BTreeMap;

use sqlx::types::Json;

use crate::part_numbers::OF_SYSTEM_MODELS;
use crate::resource::{Join, key, resource};
use crate::{ChangeKind, Error, HARDWARE_TYPE, HardwareTypeKey, TenantTx};

key! {
    /// A system model's number in the tenant's list.
    SystemModelKey
}

key! {
    /// The number of a system model's part number in the tenant's list.
    SystemModelPartNumberKey
}

resource! {
    /// What devices of one make are sold as.
    SYSTEM_MODEL: SystemModel as "system_model" in "system_models" by SystemModelKey {
        /// A name for programs, unique.
        handle: String,
        /// A name for people, unique.
        name: String,
        /// Where to find a picture of it.
        picture_url: Option<String>,
        /// Texts about it, by their language tags.
        description: serde_json::Value [internal],
    }
    relations {
        /// The part numbers it goes by.
        part_numbers: Pages SYSTEM_MODEL_PART_NUMBER =
            Join::Columns { ours: "id", theirs: "system_model_id" },
        /// The hardware that it is made of.
        hardware_type: One HARDWARE_TYPE = Join::Columns { ours: "hardware_type_id", theirs: "id" },
    }
}

resource! {
    /// A part number of systems.
    SYSTEM_MODEL_PART_NUMBER: SystemModelPartNumber as "system_model_part_number"
        in "system_model_part_numbers" by SystemModelPartNumberKey
    {
        /// The part number itself, unique among those of system models.
        part_number: String,
    }
    relations {
        /// The system model that it belongs to.
        system_model: One SYSTEM_MODEL = Join::Columns { ours: "system_model_id", theirs: "id" },
    }
}

/// A system model to be made. The values are taken as they are: whoever fills this in has validated them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSystemModel {
    /// See [`SystemModel::handle`].
    pub handle: String,
    /// See [`SystemModel::name`].
    pub name: String,
    /// See [`SystemModel::picture_url`].
    pub picture_url: Option<String>,
    /// See [`SystemModel::description`].
    pub description: BTreeMap<String, String>,
    /// The hardware that it is made of.
    pub hardware_type: HardwareTypeKey,
    /// The part numbers it goes by. Those of other system models become its own.
    pub part_numbers: Vec<String>,
}

/// New values for a system model; those left out stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemModelPatch {
    /// See [`SystemModel::handle`].
    pub handle: Option<String>,
    /// See [`SystemModel::name`].
    pub name: Option<String>,
    /// See [`SystemModel::picture_url`]; within, none takes the picture away.
    pub picture_url: Option<Option<String>>,
    /// Texts to be added or replaced by their language tags, or with none taken away.
    pub description: BTreeMap<String, Option<String>>,
    /// All part numbers it goes by from now on.
    pub part_numbers: Option<Vec<String>>,
}

/// What an update or a deletion of a system model did away with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SystemModelChange {
    /// The URL of its picture before.
    pub picture_url: Option<String>,
}

impl TenantTx {
    /// Makes a system model.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] for the handle or the name, [`Error::MissingReference`] where there is no such hardware type.
    pub async fn system_model_create(&mut self, new: &NewSystemModel) -> Result<SystemModelKey, Error> {
        let tenant = self.tenant();
        let key: SystemModelKey = sqlx::query_scalar(
            "INSERT INTO system_models (tenant_id, handle, name, picture_url, description, hardware_type_id) \
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        )
        .bind(tenant)
        .bind(&new.handle)
        .bind(&new.name)
        .bind(&new.picture_url)
        .bind(Json(&new.description))
        .bind(new.hardware_type)
        .fetch_one(self.connection())
        .await?;
        self.changed(&SYSTEM_MODEL, ChangeKind::Created, key);
        self.part_numbers_put(&OF_SYSTEM_MODELS, key.get(), &new.part_numbers).await?;
        Ok(key)
    }

    /// Changes a system model. Says what it did away with, or `None` where there is no such one.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] for the handle or the name.
    pub async fn system_model_update(
        &mut self,
        key: SystemModelKey,
        patch: &SystemModelPatch,
    ) -> Result<Option<SystemModelChange>, Error> {
        let tenant = self.tenant();
        let (gone, put): (Vec<_>, Vec<_>) = patch.description.iter().partition(|(_, text)| text.is_none());
        let put: BTreeMap<_, _> = put.into_iter().collect();
        let before: Option<Option<String>> = sqlx::query_scalar(
            "UPDATE system_models AS m SET handle = coalesce($3, m.handle), name = coalesce($4, m.name), \
                 picture_url = CASE WHEN $5 THEN $6 ELSE m.picture_url END, \
                 description = (m.description || $7) - $8::text[], updated_at = now() \
             FROM (SELECT id, picture_url FROM system_models WHERE tenant_id = $1 AND id = $2 FOR UPDATE) AS before \
             WHERE m.tenant_id = $1 AND m.id = before.id RETURNING before.picture_url",
        )
        .bind(tenant)
        .bind(key)
        .bind(&patch.handle)
        .bind(&patch.name)
        .bind(patch.picture_url.is_some())
        .bind(patch.picture_url.as_ref().and_then(Option::as_ref))
        .bind(Json(put))
        .bind(gone.into_iter().map(|(tag, _)| tag).collect::<Vec<_>>())
        .fetch_optional(self.connection())
        .await?;
        let Some(picture_url) = before else { return Ok(None) };
        self.changed(&SYSTEM_MODEL, ChangeKind::Updated, key);
        if let Some(part_numbers) = &patch.part_numbers {
            self.part_numbers_replace(&OF_SYSTEM_MODELS, key.get(), part_numbers).await?;
        }
        Ok(Some(SystemModelChange { picture_url }))
    }

    /// Deletes a system model with its part numbers. Says whether there was such a one.
    ///
    /// # Errors
    ///
    /// [`Error::StillReferenced`] where something is made for it.
    pub async fn system_model_delete(&mut self, key: SystemModelKey) -> Result<bool, Error> {
        self.delete(&SYSTEM_MODEL, key).await
    }

    /// Whether any system model of the tenant shows the picture at this URL.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn picture_is_used(&mut self, url: &str) -> Result<bool, Error> {
        let tenant = self.tenant();
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM system_models WHERE tenant_id = $1 AND picture_url = $2)",
        )
        .bind(tenant)
        .bind(url)
        .fetch_one(self.connection())
        .await?)
    }
}
