//! Hardware types and their part numbers.

use crate::part_numbers::OF_HARDWARE_TYPES;
use crate::resource::{Join, key, resource};
use crate::{ChangeKind, Error, TenantTx};

key! {
    /// A hardware type's number in the tenant's list.
    HardwareTypeKey
}

key! {
    /// The number of a hardware type's part number in the tenant's list.
    HardwareTypePartNumberKey
}

resource! {
    /// A kind of hardware, whatever it is sold as.
    HARDWARE_TYPE: HardwareType as "hardware_type" in "hardware_types" by HardwareTypeKey {
        /// A name for programs, unique.
        handle: String,
        /// A name for people, unique.
        name: String,
    }
    relations {
        /// The part numbers it goes by.
        part_numbers: Pages HARDWARE_TYPE_PART_NUMBER =
            Join::Columns { ours: "id", theirs: "hardware_type_id" },
    }
}

resource! {
    /// A part number of hardware.
    HARDWARE_TYPE_PART_NUMBER: HardwareTypePartNumber as "hardware_type_part_number"
        in "hardware_type_part_numbers" by HardwareTypePartNumberKey
    {
        /// The part number itself, unique among those of hardware types.
        part_number: String,
    }
    relations {
        /// The hardware type that it belongs to.
        hardware_type: One HARDWARE_TYPE = Join::Columns { ours: "hardware_type_id", theirs: "id" },
    }
}

/// A hardware type to be made. The values are taken as they are: whoever fills this in has validated them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHardwareType {
    /// See [`HardwareType::handle`].
    pub handle: String,
    /// See [`HardwareType::name`].
    pub name: String,
    /// The part numbers it goes by. Those of other hardware types become its own.
    pub part_numbers: Vec<String>,
}

/// New values for a hardware type; those left out stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HardwareTypePatch {
    /// See [`HardwareType::handle`].
    pub handle: Option<String>,
    /// See [`HardwareType::name`].
    pub name: Option<String>,
    /// All part numbers it goes by from now on.
    pub part_numbers: Option<Vec<String>>,
}

impl TenantTx {
    /// Makes a hardware type.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] for the handle or the name.
    pub async fn hardware_type_create(&mut self, new: &NewHardwareType) -> Result<HardwareTypeKey, Error> {
        let tenant = self.tenant();
        let key: HardwareTypeKey = sqlx::query_scalar(
            "INSERT INTO hardware_types (tenant_id, handle, name) VALUES ($1, $2, $3) RETURNING id",
        )
        .bind(tenant)
        .bind(&new.handle)
        .bind(&new.name)
        .fetch_one(self.connection())
        .await?;
        self.changed(&HARDWARE_TYPE, ChangeKind::Created, key);
        self.part_numbers_put(&OF_HARDWARE_TYPES, key.get(), &new.part_numbers).await?;
        Ok(key)
    }

    /// Changes a hardware type. Says whether there is such a one.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] for the handle or the name.
    pub async fn hardware_type_update(
        &mut self,
        key: HardwareTypeKey,
        patch: &HardwareTypePatch,
    ) -> Result<bool, Error> {
        let tenant = self.tenant();
        let done = sqlx::query(
            "UPDATE hardware_types SET handle = coalesce($3, handle), name = coalesce($4, name), updated_at = now() \
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant)
        .bind(key)
        .bind(&patch.handle)
        .bind(&patch.name)
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.changed(&HARDWARE_TYPE, ChangeKind::Updated, key);
        if let Some(part_numbers) = &patch.part_numbers {
            self.part_numbers_replace(&OF_HARDWARE_TYPES, key.get(), part_numbers).await?;
        }
        Ok(true)
    }

    /// Deletes a hardware type with its part numbers. Says whether there was such a one.
    ///
    /// # Errors
    ///
    /// [`Error::StillReferenced`] where a system model is of this type.
    pub async fn hardware_type_delete(&mut self, key: HardwareTypeKey) -> Result<bool, Error> {
        self.delete(&HARDWARE_TYPE, key).await
    }
}
