//! Tags put on devices and taken off.

use edgehog_store::{DEVICE, DeviceKey};

use crate::problem::Check;
use crate::{Error, Tenant};

impl Tenant {
    /// Puts tags on a device; those it has stay.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where there is no such device, for no tags and for blank ones.
    pub async fn add_device_tags(&self, device: DeviceKey, tags: &[String]) -> Result<(), Error> {
        let tags = self.checked_tags(device, tags).await?;
        self.write_existing(async |tx| tx.device_tags_add(device, &tags).await).await
    }

    /// Takes tags off a device; those it has not got are passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where there is no such device, for no tags and for blank ones.
    pub async fn remove_device_tags(&self, device: DeviceKey, tags: &[String]) -> Result<(), Error> {
        let tags = self.checked_tags(device, tags).await?;
        self.write_existing(async |tx| tx.device_tags_remove(device, &tags).await).await
    }

    async fn checked_tags(&self, device: DeviceKey, tags: &[String]) -> Result<Vec<String>, Error> {
        self.exists(&DEVICE, device).await?;
        let mut check = Check::default();
        let lower: Vec<_> = tags.iter().map(|tag| tag.to_lowercase()).collect();
        let tags = check.texts("tags", &lower);
        check.finish()?;
        Ok(tags)
    }
}
