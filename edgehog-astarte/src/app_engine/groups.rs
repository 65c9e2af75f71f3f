use futures::stream::Stream;
use serde::Serialize;

use super::ext::pages;
use super::{DeviceEntry, DeviceListQuery, DevicePage};
use crate::http::Request;
use crate::{Client, DeviceId, Error};

/// Groups of devices. A group exists as long as it has members.
impl Client {
    /// The names of the groups.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    pub async fn groups(&self) -> Result<Vec<String>, Error> {
        self.app_engine().send(Request::get(["groups"])?).await?.data()
    }

    /// Makes a group of these devices, at least one.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when the group exists, [`Error::Rejected`] for an unusable name or an unknown device, and
    /// what any request may end with.
    pub async fn create_group(&self, name: &str, devices: &[DeviceId]) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Group<'a> {
            group_name: &'a str,
            devices: &'a [DeviceId],
        }
        let request = Request::post(["groups"], &Group { group_name: name, devices })?;
        self.app_engine().send(request).await?;
        Ok(())
    }

    /// The ids of the members of a group, page by page.
    ///
    /// There is no variant with details, because AppEngine leaves members out of such lists.
    ///
    /// # Errors
    ///
    /// The stream gives [`Error::NotFound`] when there is no such group, and what any request may end with.
    pub fn group_devices(&self, name: &str) -> impl Stream<Item = Result<DeviceEntry, Error>> + Send {
        let client = self.clone();
        let name = name.to_owned();
        pages("GET groups/devices", None, move |from| {
            let (client, name) = (client.clone(), name.clone());
            async move {
                let later = from.is_some();
                let query = DeviceListQuery { from, ..DeviceListQuery::new() };
                let request = Request::get(["groups", &name, "devices"])?.query(query.pairs());
                match client.app_engine().send(request).await {
                    Ok(reply) => reply.document(),
                    // How AppEngine writes an empty page.
                    Err(Error::NotFound(_)) if later => Ok(DevicePage::default()),
                    Err(error) => Err(error),
                }
            }
        })
    }

    /// Adds a device to a group.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when it is a member, [`Error::NotFound`] when there is no such group,
    /// [`Error::Rejected`] for an unknown device, and what any request may end with.
    pub async fn add_to_group(&self, name: &str, device: &DeviceId) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Member<'a> {
            device_id: &'a DeviceId,
        }
        let request = Request::post(["groups", name, "devices"], &Member { device_id: device })?;
        match self.app_engine().send(request).await {
            // The first attempt did it, and its answer was lost.
            Err(Error::Conflict(answer)) if answer.attempt() > 1 => Ok(()),
            result => result.map(drop),
        }
    }

    /// Removes a device from a group, and the group when it was the last one.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when it is no member, and what any request may end with.
    pub async fn remove_from_group(&self, name: &str, device: &DeviceId) -> Result<(), Error> {
        self.app_engine().delete(Request::delete(["groups", name, "devices", device.as_str()])?).await
    }
}
