use astarte_interfaces::Interface;
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::RealmManagement;
use crate::http::Request;
use crate::{Client, Error, Policy, Trigger};

#[async_trait]
impl RealmManagement for Client {
    async fn version(&self) -> Result<semver::Version, Error> {
        let reply = self.realm_management().send(Request::get(["version"])?).await?;
        reply.data::<String>()?.parse().map_err(|error| reply.malformed("data", error))
    }

    async fn interfaces(&self) -> Result<Vec<String>, Error> {
        self.realm_management().send(Request::get(["interfaces"])?).await?.data()
    }

    async fn interface_majors(&self, name: &str) -> Result<Vec<u32>, Error> {
        Ok(self.installed(&["interfaces", name]).await?.unwrap_or_default())
    }

    async fn interface(&self, name: &str, major: u32) -> Result<Option<Interface>, Error> {
        self.installed(&["interfaces", name, &major.to_string()]).await
    }

    async fn install_interface(&self, interface: &Interface) -> Result<(), Error> {
        self.install_interface_json(&to_json(interface)?).await
    }

    async fn update_interface(&self, interface: &Interface) -> Result<(), Error> {
        self.update_interface_json(&to_json(interface)?).await
    }

    async fn delete_interface(&self, name: &str, major: u32) -> Result<(), Error> {
        self.realm_management()
            .delete(Request::delete(["interfaces", name, &major.to_string()])?.synchronous())
            .await
    }

    async fn triggers(&self) -> Result<Vec<String>, Error> {
        self.realm_management().send(Request::get(["triggers"])?).await?.data()
    }

    async fn trigger(&self, name: &str) -> Result<Option<Trigger>, Error> {
        self.installed(&["triggers", name]).await
    }

    async fn install_trigger(&self, trigger: &Trigger) -> Result<(), Error> {
        let result = self.realm_management().send(Request::post(["triggers"], trigger)?).await;
        let Some(conflict) = lost_answer(result)? else { return Ok(()) };
        match self.trigger(&trigger.name).await? {
            Some(installed) if trigger.is_equivalent(&installed) => Ok(()),
            _ => Err(conflict),
        }
    }

    async fn delete_trigger(&self, name: &str) -> Result<(), Error> {
        self.realm_management().delete(Request::delete(["triggers", name])?).await
    }

    async fn policies(&self) -> Result<Vec<String>, Error> {
        self.realm_management().send(Request::get(["policies"])?).await?.data()
    }

    async fn policy(&self, name: &str) -> Result<Option<Policy>, Error> {
        self.installed(&["policies", name]).await
    }

    async fn install_policy(&self, policy: &Policy) -> Result<(), Error> {
        let result = self.realm_management().send(Request::post(["policies"], policy)?).await;
        let Some(conflict) = lost_answer(result)? else { return Ok(()) };
        match self.policy(&policy.name).await? {
            Some(installed) if *policy == installed => Ok(()),
            _ => Err(conflict),
        }
    }

    async fn delete_policy(&self, name: &str) -> Result<(), Error> {
        self.realm_management().delete(Request::delete(["policies", name])?.synchronous()).await
    }
}

/// Interface definitions as JSON, for definitions with members that [`Interface`] does not know.
impl Client {
    /// An installed interface in its newest minor version as Astarte prints it, or `None`.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    pub async fn interface_json(&self, name: &str, major: u32) -> Result<Option<Value>, Error> {
        self.installed(&["interfaces", name, &major.to_string()]).await
    }

    /// Like [`RealmManagement::install_interface`].
    ///
    /// # Errors
    ///
    /// Those of [`RealmManagement::install_interface`].
    pub async fn install_interface_json(&self, definition: &Value) -> Result<(), Error> {
        let request = Request::post(["interfaces"], definition)?.synchronous().install();
        self.put_in_place(request, definition).await
    }

    /// Like [`RealmManagement::update_interface`].
    ///
    /// # Errors
    ///
    /// Those of [`RealmManagement::update_interface`], and [`Error::InvalidInput`] for a definition without name or
    /// major version.
    pub async fn update_interface_json(&self, definition: &Value) -> Result<(), Error> {
        let (name, major) = name_and_major(definition)?;
        let segments = ["interfaces", name, &major.to_string()];
        let request = Request::put(segments, definition)?.synchronous().install();
        self.put_in_place(request, definition).await
    }

    /// Sends a definition. When a repeat is told of a conflict, the earlier attempt may have done it.
    async fn put_in_place(&self, request: Request, definition: &Value) -> Result<(), Error> {
        let Some(conflict) = lost_answer(self.realm_management().send(request).await)? else { return Ok(()) };
        let (name, major) = name_and_major(definition)?;
        // Both sides go through the type, which fills in the defaults that Astarte leaves out.
        let wanted = serde_json::from_value::<Interface>(definition.clone()).ok();
        match self.interface(name, major).await? {
            Some(installed) if wanted == Some(installed.clone()) => Ok(()),
            _ => Err(conflict),
        }
    }

    async fn installed<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<Option<T>, Error> {
        match self.realm_management().send(Request::get(segments.iter().copied())?).await {
            Ok(reply) => reply.data().map(Some),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The conflict that a repeated request was told of: it may be with its own earlier attempt, whose answer was lost.
fn lost_answer<T>(result: Result<T, Error>) -> Result<Option<Error>, Error> {
    match result {
        Ok(_) => Ok(None),
        Err(Error::Conflict(answer)) if answer.attempt() > 1 => Ok(Some(Error::Conflict(answer))),
        Err(error) => Err(error),
    }
}

fn to_json(interface: &Interface) -> Result<Value, Error> {
    serde_json::to_value(interface)
        .map_err(|_| Error::invalid_input("interface definition", "cannot be written as JSON"))
}

fn name_and_major(definition: &Value) -> Result<(&str, u32), Error> {
    let name = definition["interface_name"].as_str();
    let major = definition["version_major"].as_u64().and_then(|major| u32::try_from(major).ok());
    name.zip(major).ok_or_else(|| {
        Error::invalid_input("interface definition", "must have interface_name and version_major")
    })
}
