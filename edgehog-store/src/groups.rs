//! Groups of devices, by a condition on their tags.

use sqlx::types::Json;

use crate::query::TagPredicate;
use crate::resource::{Join, key, resource};
use crate::{ChangeKind, DEVICE, Error, TenantTx};

key! {
    /// A device group's number in the tenant's list.
    DeviceGroupKey
}

resource! {
    /// The devices that pass a selector, now and at any time.
    DEVICE_GROUP: DeviceGroup as "device_group" in "device_groups" by DeviceGroupKey {
        /// A name for people, unique.
        name: String,
        /// A name for programs, unique.
        handle: String,
        /// The condition on a device's tags.
        selector: String,
    }
    relations {
        /// The devices that pass the selector now.
        devices: List DEVICE = Join::DevicesOfGroup,
    }
}

/// A device group to be made. The values are taken as they are: whoever fills this in has validated them.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDeviceGroup {
    /// See [`DeviceGroup::name`].
    pub name: String,
    /// See [`DeviceGroup::handle`].
    pub handle: String,
    /// See [`DeviceGroup::selector`].
    pub selector: String,
    /// The selector in the form that the database works with.
    pub predicate: TagPredicate,
}

/// New values for a device group; those left out stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceGroupPatch {
    /// See [`DeviceGroup::name`].
    pub name: Option<String>,
    /// See [`DeviceGroup::handle`].
    pub handle: Option<String>,
    /// See [`DeviceGroup::selector`] and [`NewDeviceGroup::predicate`].
    pub selector: Option<(String, TagPredicate)>,
}

impl TenantTx {
    /// Makes a device group.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] for the handle or the name.
    pub async fn device_group_create(&mut self, new: &NewDeviceGroup) -> Result<DeviceGroupKey, Error> {
        let tenant = self.tenant();
        let key: DeviceGroupKey = sqlx::query_scalar(
            "INSERT INTO device_groups (tenant_id, name, handle, selector, predicate) VALUES ($1, $2, $3, $4, $5) \
             RETURNING id",
        )
        .bind(tenant)
        .bind(&new.name)
        .bind(&new.handle)
        .bind(&new.selector)
        .bind(Json(&new.predicate))
        .fetch_one(self.connection())
        .await?;
        self.changed(&DEVICE_GROUP, ChangeKind::Created, key);
        Ok(key)
    }

    /// Changes a device group. Says whether there is such a one.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] for the handle or the name.
    pub async fn device_group_update(
        &mut self,
        key: DeviceGroupKey,
        patch: &DeviceGroupPatch,
    ) -> Result<bool, Error> {
        let tenant = self.tenant();
        let (selector, predicate) = patch.selector.as_ref().map(|(text, it)| (text, Json(it))).unzip();
        let done = sqlx::query(
            "UPDATE device_groups SET name = coalesce($3, name), handle = coalesce($4, handle), \
                 selector = coalesce($5, selector), predicate = coalesce($6, predicate), updated_at = now() \
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant)
        .bind(key)
        .bind(&patch.name)
        .bind(&patch.handle)
        .bind(selector)
        .bind(predicate)
        .execute(self.connection())
        .await?;
        let found = done.rows_affected() > 0;
        if found {
            self.changed(&DEVICE_GROUP, ChangeKind::Updated, key);
        }
        Ok(found)
    }

    /// Deletes a device group; its devices stay. Says whether there was such a one.
    ///
    /// # Errors
    ///
    /// [`Error::StillReferenced`].
    pub async fn device_group_delete(&mut self, key: DeviceGroupKey) -> Result<bool, Error> {
        self.delete(&DEVICE_GROUP, key).await
    }
}
