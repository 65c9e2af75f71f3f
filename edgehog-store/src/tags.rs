//! Tags, which people put on devices.

use crate::resource::{Join, key, resource};
use crate::{ChangeKind, DEVICE, DeviceKey, Error, TenantTx};

key! {
    /// A tag's number in the tenant's list.
    TagKey
}

resource! {
    /// A word that people put on devices.
    TAG: Tag as "tag" in "tags" by TagKey {
        /// The word, in lower case.
        name: String,
    }
    relations {
        /// The devices that have it.
        devices: Pages DEVICE [internal] =
            Join::Through { table: "devices_tags", ours: ("id", "tag_id"), theirs: ("device_id", "id") },
    }
}

impl TenantTx {
    /// Puts tags on a device; those it has stay. The words are taken as they are. Says whether there is such a device.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn device_tags_add(&mut self, device: DeviceKey, tags: &[String]) -> Result<bool, Error> {
        if !self.device_exists(device).await? {
            return Ok(false);
        }
        let tenant = self.tenant();
        // In order, so that two who add the same new words wait for each other rather than deadlock.
        sqlx::query(
            "INSERT INTO tags (tenant_id, name) SELECT DISTINCT $1::bigint, name FROM unnest($2::text[]) AS name \
             ORDER BY name ON CONFLICT (tenant_id, name) DO NOTHING",
        )
        .bind(tenant)
        .bind(tags)
        .execute(self.connection())
        .await?;
        sqlx::query(
            "INSERT INTO devices_tags (tenant_id, tag_id, device_id) \
             SELECT tenant_id, id, $2 FROM tags WHERE tenant_id = $1 AND name = ANY ($3) ORDER BY id \
             ON CONFLICT DO NOTHING",
        )
        .bind(tenant)
        .bind(device)
        .bind(tags)
        .execute(self.connection())
        .await?;
        self.changed(&DEVICE, ChangeKind::Updated, device);
        Ok(true)
    }

    /// Takes tags off a device. Says whether there is such a device.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn device_tags_remove(&mut self, device: DeviceKey, tags: &[String]) -> Result<bool, Error> {
        if !self.device_exists(device).await? {
            return Ok(false);
        }
        let tenant = self.tenant();
        sqlx::query(
            "DELETE FROM devices_tags WHERE tenant_id = $1 AND device_id = $2 \
                 AND tag_id IN (SELECT id FROM tags WHERE tenant_id = $1 AND name = ANY ($3))",
        )
        .bind(tenant)
        .bind(device)
        .bind(tags)
        .execute(self.connection())
        .await?;
        self.changed(&DEVICE, ChangeKind::Updated, device);
        Ok(true)
    }
}
