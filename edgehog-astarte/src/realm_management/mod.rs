mod client;
mod config;

use astarte_interfaces::Interface;
use async_trait::async_trait;

use crate::{Error, Policy, Trigger};

/// Realm Management of one realm: interfaces, triggers and delivery policies.
///
/// [`Client`](crate::Client) is the real one; a test may put its own in place.
#[async_trait]
pub trait RealmManagement: Send + Sync {
    /// The version of the installation.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    async fn version(&self) -> Result<semver::Version, Error>;

    /// The names of the installed interfaces.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    async fn interfaces(&self) -> Result<Vec<String>, Error>;

    /// The installed major versions of an interface; empty when it is not installed.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    async fn interface_majors(&self, name: &str) -> Result<Vec<u32>, Error>;

    /// An installed interface in its newest minor version, or `None`.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a definition that the `astarte-interfaces` crate refuses, and what any request may
    /// end with.
    async fn interface(&self, name: &str, major: u32) -> Result<Option<Interface>, Error>;

    /// Installs an interface or a further major version of it, and waits until it can be used.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when that major version is installed or the name resembles another too much,
    /// [`Error::Rejected`] for an invalid definition, and what any request may end with.
    async fn install_interface(&self, interface: &Interface) -> Result<(), Error>;

    /// Updates an installed interface to a higher minor version.
    ///
    /// # Errors
    ///
    /// [`Error::InterfaceNotFound`] when the major version is not installed, [`Error::Conflict`] when the step is
    /// not upwards or changes what a minor version must not, and what any request may end with.
    async fn update_interface(&self, interface: &Interface) -> Result<(), Error>;

    /// Deletes a major version of an interface, which must be 0.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when a device or trigger uses it, [`Error::Rejected`] for another major version,
    /// [`Error::InterfaceNotFound`], and what any request may end with.
    async fn delete_interface(&self, name: &str, major: u32) -> Result<(), Error>;

    /// The names of the installed triggers.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    async fn triggers(&self) -> Result<Vec<String>, Error>;

    /// An installed trigger, or `None`. Compare it with [`Trigger::is_equivalent`].
    ///
    /// # Errors
    ///
    /// What any request may end with.
    async fn trigger(&self, name: &str) -> Result<Option<Trigger>, Error>;

    /// Installs a trigger. It begins to fire up to a minute later. There is no update: a changed trigger is
    /// deleted and installed again.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when the name is taken, [`Error::NotFound`] for an unknown policy,
    /// [`Error::InterfaceNotFound`] for an interface that is not installed, [`Error::Rejected`] for an invalid
    /// trigger, and what any request may end with.
    async fn install_trigger(&self, trigger: &Trigger) -> Result<(), Error>;

    /// Deletes a trigger.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], and what any request may end with.
    async fn delete_trigger(&self, name: &str) -> Result<(), Error>;

    /// The names of the installed delivery policies.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    async fn policies(&self) -> Result<Vec<String>, Error>;

    /// An installed delivery policy, or `None`.
    ///
    /// # Errors
    ///
    /// What any request may end with.
    async fn policy(&self, name: &str) -> Result<Option<Policy>, Error>;

    /// Installs a delivery policy. There is no update.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when the name is taken, [`Error::Rejected`] for an invalid policy, and what any request
    /// may end with.
    async fn install_policy(&self, policy: &Policy) -> Result<(), Error>;

    /// Deletes a delivery policy.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when a trigger uses it, [`Error::NotFound`], and what any request may end with.
    async fn delete_policy(&self, name: &str) -> Result<(), Error>;
}
