//! Part numbers: texts that belong to one hardware type, or in a space of their own to one system model.

use sqlx::FromRow;

use crate::{ChangeKind, Error, Resource, TenantTx};

/// A space of part numbers.
pub(crate) struct PartNumbers {
    pub(crate) resource: &'static Resource,
    put: &'static str,
    leave_out: &'static str,
    left_out: ChangeKind,
}

macro_rules! put {
    ($table:literal, $owner:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " AS p (tenant_id, part_number, ",
            $owner,
            ") ",
            "SELECT DISTINCT $1::bigint, part_number, $2::bigint FROM unnest($3::text[]) AS part_number ",
            "ORDER BY part_number ",
            "ON CONFLICT (tenant_id, part_number) DO UPDATE SET ",
            $owner,
            " = excluded.",
            $owner,
            ", updated_at = now() WHERE p.",
            $owner,
            " IS DISTINCT FROM excluded.",
            $owner,
            " ",
            // A row that was made here has never been locked by anybody.
            "RETURNING p.id, p.xmax = 0 AS created"
        )
    };
}

/// Those of hardware types: one that is left out goes on without a type.
pub(crate) static OF_HARDWARE_TYPES: PartNumbers = PartNumbers {
    resource: &crate::HARDWARE_TYPE_PART_NUMBER,
    put: put!("hardware_type_part_numbers", "hardware_type_id"),
    leave_out: "UPDATE hardware_type_part_numbers SET hardware_type_id = NULL, updated_at = now() \
                WHERE tenant_id = $1 AND hardware_type_id = $2 AND part_number <> ALL ($3) RETURNING id",
    left_out: ChangeKind::Updated,
};

/// Those of system models: one that is left out is deleted.
pub(crate) static OF_SYSTEM_MODELS: PartNumbers = PartNumbers {
    resource: &crate::SYSTEM_MODEL_PART_NUMBER,
    put: put!("system_model_part_numbers", "system_model_id"),
    leave_out: "DELETE FROM system_model_part_numbers \
                WHERE tenant_id = $1 AND system_model_id = $2 AND part_number <> ALL ($3) RETURNING id",
    left_out: ChangeKind::Destroyed,
};

#[derive(FromRow)]
struct Put {
    id: i64,
    created: bool,
}

impl TenantTx {
    /// Gives these part numbers to an owner, whoever had them, and makes those that do not exist.
    pub(crate) async fn part_numbers_put(
        &mut self,
        space: &PartNumbers,
        owner: i64,
        part_numbers: &[String],
    ) -> Result<(), Error> {
        let tenant = self.tenant();
        let put: Vec<Put> = sqlx::query_as(space.put)
            .bind(tenant)
            .bind(owner)
            .bind(part_numbers)
            .fetch_all(self.connection())
            .await?;
        for Put { id, created } in put {
            let kind = if created { ChangeKind::Created } else { ChangeKind::Updated };
            self.changed(space.resource, kind, id);
        }
        Ok(())
    }

    /// Gives an owner these part numbers and no others.
    pub(crate) async fn part_numbers_replace(
        &mut self,
        space: &PartNumbers,
        owner: i64,
        part_numbers: &[String],
    ) -> Result<(), Error> {
        let tenant = self.tenant();
        let left_out: Vec<i64> = sqlx::query_scalar(space.leave_out)
            .bind(tenant)
            .bind(owner)
            .bind(part_numbers)
            .fetch_all(self.connection())
            .await?;
        for id in left_out {
            self.changed(space.resource, space.left_out, id);
        }
        self.part_numbers_put(space, owner, part_numbers).await
    }
}
