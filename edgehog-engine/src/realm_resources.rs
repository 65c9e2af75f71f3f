//! What a realm must have for Edgehog to work: interfaces, a delivery policy, triggers.

use aws_lc_rs::digest::{SHA256, digest};
use edgehog_astarte::{
    DataTrigger, DeviceEvent, DeviceTrigger, Error as AstarteError, ErrorHandler, HandledErrors, HttpAction,
    Policy, RealmManagement, SimpleTrigger, Trigger,
};
use edgehog_sdk::interfaces::{
    AvailableContainer, AvailableDeployment, AvailableDeviceMapping, AvailableImage, AvailableNetwork,
    AvailableVolume, DeploymentEvent, FileTransferProgress, FileTransferResponse, OtaEvent, StorageResponse,
    StoredFile, SystemInfo,
};
use edgehog_sdk::{Definition, Interface, interfaces};
use edgehog_store::{Mended, Mending};
use secrecy::{ExposeSecret, SecretString};
use semver::Version;

use crate::{Error, TRIGGER_SECRET_HEADER};

const POLICY: &str = "edgehog-retry-on-server-error";

/// Astarte knows delivery policies from here on.
const POLICIES_SINCE: Version = Version::new(1, 1, 1);

/// Astarte tells of registrations and deletions from here on: `1.3.0-rc.0`.
fn tells_of_registrations(version: &Version) -> bool {
    let base = Version::new(version.major, version.minor, version.patch);
    let since = Version::new(1, 3, 0);
    base > since || base == since && (version.pre.is_empty() || version.pre.starts_with("rc"))
}

/// Where a realm's events go to.
pub(crate) struct Destination {
    pub(crate) url: String,
    /// What Astarte shows with each event.
    pub(crate) secret: Option<SecretString>,
}

/// A realm that is made ready, with what had to be mended for that so far.
pub(crate) struct RealmResources<'r> {
    pub(crate) realm: &'r dyn RealmManagement,
    pub(crate) mended: Vec<Mended>,
}

impl RealmResources<'_> {
    /// Makes the realm ready: what is missing is installed, what differs is replaced, what is nobody's business here is
    /// left.
    ///
    /// An unexpected answer about interfaces or the policy ends the pass. A trigger that fails does not keep the others
    /// from being installed. Unless this is to be `thorough`, interfaces whose names are there are taken to be as they
    /// were: they can only become newer, and reading them is most of the work.
    pub(crate) async fn reconcile(&mut self, destination: &Destination, thorough: bool) -> Result<(), Error> {
        let present = if thorough { Vec::new() } else { self.realm.interfaces().await? };
        for definition in interfaces::all().filter(|it| !present.iter().any(|name| name == it.name)) {
            self.reconcile_interface(definition).await?;
        }
        let version = self.realm.version().await?;
        let policies = version >= POLICIES_SINCE;
        if policies {
            self.reconcile_policy().await?;
        } else {
            tracing::warn!(%version, "this Astarte has no delivery policies; an event that fails to arrive is lost");
        }
        let mut failure = Ok(());
        for trigger in triggers(&version, destination) {
            let trigger = if policies { trigger.policy(POLICY) } else { trigger };
            if let Err(source) = self.reconcile_trigger(&trigger).await {
                let error = &source as &dyn std::error::Error;
                tracing::warn!(trigger = trigger.name, error, "a trigger could not be installed");
                failure = failure.and(Err(Error::Trigger { name: trigger.name, source }));
            }
        }
        failure
    }

    async fn reconcile_interface(&mut self, wanted: &Definition) -> Result<(), Error> {
        let installed = self.realm.interface(wanted.name, wanted.major).await?;
        let interface = wanted.to_interface()?;
        match installed {
            None => {
                unless_made_meanwhile(self.realm.install_interface(&interface).await)?;
                self.mended("interface", wanted.name, Mending::Installed);
            }
            Some(installed) if u32::try_from(installed.version_minor()).is_ok_and(|it| it < wanted.minor) => {
                unless_made_meanwhile(self.realm.update_interface(&interface).await)?;
                self.mended("interface", wanted.name, Mending::Updated);
            }
            Some(_) => {}
        }
        Ok(())
    }

    async fn reconcile_policy(&mut self) -> Result<(), Error> {
        let wanted = Policy::new(POLICY, 100)
            .handler(ErrorHandler::retry(HandledErrors::ServerError))
            .handler(ErrorHandler::discard(HandledErrors::ClientError))
            .retry_times(3)
            .event_ttl(30);
        let how = match absent_if_failing(self.realm.policy(POLICY).await)? {
            Some(installed) if is_installed(&wanted, &installed) => return Ok(()),
            // A policy cannot be changed, nor deleted while a trigger uses it.
            Some(_) => {
                self.delete_users_of_policy().await?;
                unless_gone_meanwhile(self.realm.delete_policy(POLICY).await)?;
                Mending::Replaced
            }
            None => Mending::Installed,
        };
        unless_made_meanwhile(self.realm.install_policy(&wanted).await)?;
        self.mended("policy", POLICY, how);
        Ok(())
    }

    /// Ours are installed again in the same pass.
    async fn delete_users_of_policy(&self) -> Result<(), Error> {
        for name in self.realm.triggers().await? {
            let user = absent_if_failing(self.realm.trigger(&name).await)?;
            if user.is_some_and(|it| it.policy.as_deref() == Some(POLICY)) {
                unless_gone_meanwhile(self.realm.delete_trigger(&name).await)?;
            }
        }
        Ok(())
    }

    async fn reconcile_trigger(&mut self, wanted: &Trigger) -> Result<(), AstarteError> {
        let how = match absent_if_failing(self.realm.trigger(&wanted.name).await)? {
            Some(installed) if wanted.is_met_by(&installed) => return Ok(()),
            Some(_) => {
                unless_gone_meanwhile(self.realm.delete_trigger(&wanted.name).await)?;
                Mending::Replaced
            }
            None => Mending::Installed,
        };
        unless_made_meanwhile(self.realm.install_trigger(wanted).await)?;
        self.mended("trigger", &wanted.name, how);
        Ok(())
    }

    fn mended(&mut self, kind: &'static str, name: &str, how: Mending) {
        tracing::info!(kind, name, ?how, "mended");
        self.mended.push(Mended::new(kind, name, how));
    }
}

/// Another server may reconcile the same realm at this moment: what it has just made is as good as ours.
fn unless_made_meanwhile(made: Result<(), AstarteError>) -> Result<(), AstarteError> {
    match made {
        Err(AstarteError::Conflict(_)) => Ok(()),
        made => made,
    }
}

/// And what it has just deleted is gone.
fn unless_gone_meanwhile(deleted: Result<(), AstarteError>) -> Result<(), AstarteError> {
    match deleted {
        Err(error) if error.is_absent() => Ok(()),
        deleted => deleted,
    }
}

/// Whether a policy, as read back, is the wanted one: the order of its handlers says nothing.
fn is_installed(wanted: &Policy, installed: &Policy) -> bool {
    let handlers = |policy: &Policy| {
        let mut handlers: Vec<_> =
            policy.error_handlers.iter().map(|handler| format!("{handler:?}")).collect();
        handlers.sort();
        handlers
    };
    wanted.maximum_capacity == installed.maximum_capacity
        && wanted.retry_times == installed.retry_times
        && wanted.event_ttl == installed.event_ttl
        && wanted.prefetch_count.unwrap_or_default() == installed.prefetch_count.unwrap_or_default()
        && handlers(wanted) == handlers(installed)
}

/// Some versions of Astarte fail with 500 where a trigger or policy does not exist.
fn absent_if_failing<T>(found: Result<Option<T>, AstarteError>) -> Result<Option<T>, AstarteError> {
    match found {
        Err(error) if error.response().is_some_and(|response| response.status() == 500) => Ok(None),
        found => found,
    }
}

/// The data that Edgehog is told of at once, by the names of the triggers.
const DATA_TRIGGERS: [(&str, &Definition); 13] = [
    ("edgehog-system-info", SystemInfo::DEFINITION),
    ("edgehog-ota-event", OtaEvent::DEFINITION),
    ("edgehog-available-images", AvailableImage::DEFINITION),
    ("edgehog-available-networks", AvailableNetwork::DEFINITION),
    ("edgehog-available-volumes", AvailableVolume::DEFINITION),
    ("edgehog-available-device-mappings", AvailableDeviceMapping::DEFINITION),
    ("edgehog-available-containers", AvailableContainer::DEFINITION),
    ("edgehog-available-deployments", AvailableDeployment::DEFINITION),
    ("edgehog-deployment-event", DeploymentEvent::DEFINITION),
    ("edgehog-file-transfer-progress", FileTransferProgress::DEFINITION),
    ("edgehog-file-transfer-response", FileTransferResponse::DEFINITION),
    ("edgehog-storage-file", StoredFile::DEFINITION),
    ("edgehog-storage-response", StorageResponse::DEFINITION),
];

/// The triggers that this version of Astarte can have, without delivery policy.
fn triggers(version: &Version, destination: &Destination) -> Vec<Trigger> {
    let mut action = HttpAction::post(&destination.url);
    if let Some(secret) = &destination.secret {
        action = action.static_header(TRIGGER_SECRET_HEADER, secret.expose_secret());
    }
    let trigger = |name: &str, on: SimpleTrigger| Trigger::new(name, action.clone(), on);
    let device = |name, on| trigger(name, DeviceTrigger::new(on).into());
    let mut triggers = vec![
        device("edgehog-connection", DeviceEvent::Connected),
        device("edgehog-disconnection", DeviceEvent::Disconnected),
    ];
    if tells_of_registrations(version) {
        triggers.push(device("edgehog-registration", DeviceEvent::Registered));
        triggers.push(device("edgehog-deletion-finished", DeviceEvent::DeletionFinished));
    } else {
        tracing::warn!(%version, "this Astarte does not tell of registered and deleted devices");
    }
    let told = |definition: &Definition| DataTrigger::any_value(definition.name, definition.major).into();
    triggers.extend(DATA_TRIGGERS.map(|(name, definition)| trigger(name, told(definition))));
    triggers
}

/// Says in a word what this program makes of realms whose events go to `url`: another one where that is something else.
pub(crate) fn fingerprint(url: &str) -> String {
    let interfaces = interfaces::all().map(|it| (it.name, it.major, it.minor));
    let triggers = DATA_TRIGGERS.map(|(name, _)| name);
    let all = format!("{url} {:?} {triggers:?} {TRIGGER_SECRET_HEADER}", interfaces.collect::<Vec<_>>());
    let hash = digest(&SHA256, all.as_bytes());
    hash.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrations_are_told_from_the_first_release_candidate() {
        for (version, told) in [
            ("1.2.9", false),
            ("1.3.0-dev", false),
            ("1.3.0-rc.0", true),
            ("1.3.0", true),
            ("1.4.0-rc.1", true),
        ] {
            assert_eq!(tells_of_registrations(&version.parse().unwrap()), told, "{version}");
        }
    }
}
