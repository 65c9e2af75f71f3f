//! Device groups: made, changed and deleted.

use edgehog_sdk::selector::Selector;
use edgehog_store::{
    DEVICE_GROUP, DeviceGroupKey, DeviceGroupPatch, NewDeviceGroup, Record, Selection, TagPredicate,
};

use crate::problem::{Check, Problem};
use crate::{Error, Tenant, selectors};

/// New values for a device group; those left out stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceGroupUpdate {
    /// A name for people.
    pub name: Option<String>,
    /// A name for programs: lower-case letters, digits and hyphens.
    pub handle: Option<String>,
    /// The condition on a device's tags.
    pub selector: Option<String>,
}

impl Tenant {
    /// Makes a device group.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for values that are blank, taken or of the wrong form.
    pub async fn create_device_group(
        &self,
        name: &str,
        handle: &str,
        selector: &str,
    ) -> Result<DeviceGroupKey, Error> {
        let mut check = Check::default();
        let name = check.text("name", name);
        let handle = check.handle(handle);
        let selector = check_selector(&mut check, selector);
        check.finish()?;
        let Some((selector, predicate)) = selector else { return Err(Problem::required("selector").into()) };
        let new = NewDeviceGroup { name, handle, selector, predicate };
        self.write(async |tx| tx.device_group_create(&new).await).await
    }

    /// Changes a device group.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for values that are blank, taken or of the wrong form, and where there is no such group.
    pub async fn update_device_group(
        &self,
        key: DeviceGroupKey,
        update: &DeviceGroupUpdate,
    ) -> Result<(), Error> {
        let mut check = Check::default();
        let patch = DeviceGroupPatch {
            name: update.name.as_ref().map(|name| check.text("name", name)),
            handle: update.handle.as_ref().map(|handle| check.handle(handle)),
            selector: update.selector.as_ref().and_then(|selector| check_selector(&mut check, selector)),
        };
        self.exists(&DEVICE_GROUP, key).await?;
        check.finish()?;
        self.write_existing(async |tx| tx.device_group_update(key, &patch).await).await
    }

    /// Deletes a device group; its devices stay. Gives what it was.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where there is no such group.
    pub async fn delete_device_group(
        &self,
        key: DeviceGroupKey,
        selection: &Selection,
    ) -> Result<Record, Error> {
        self.delete(selection, key, async |tx| tx.device_group_delete(key).await).await
    }
}

fn check_selector(check: &mut Check, text: &str) -> Option<(String, TagPredicate)> {
    let text = check.text("selector", text);
    if text.is_empty() {
        return None;
    }
    match text.parse::<Selector>() {
        Ok(selector) => Some((text, selectors::predicate(&selector))),
        Err(error) => {
            check.problem(Problem::attribute("selector", format!("failed to be parsed with error: {error}")));
            None
        }
    }
}
