//! What a realm must have for Edgehog to work: interfaces, a delivery policy, triggers.

use edgehog_astarte::{
    DataTrigger, DeviceEvent, DeviceTrigger, Error as AstarteError, ErrorHandler, HandledErrors, HttpAction,
    Policy, RealmManagement, SimpleTrigger, Trigger,
};
use edgehog_sdk::interfaces::SystemInfo;
use edgehog_sdk::{Definition, Interface, interfaces};
use semver::Version;

use crate::Error;

const POLICY: &str = "edgehog-retry-on-server-error";

/// Astarte knows delivery policies from here on.
const POLICIES_SINCE: Version = Version::new(1, 1, 1);

/// Astarte tells of registrations and deletions from here on: `1.3.0-rc.0`.
fn tells_of_registrations(version: &Version) -> bool {
    let base = Version::new(version.major, version.minor, version.patch);
    let since = Version::new(1, 3, 0);
    base > since || base == since && (version.pre.is_empty() || version.pre.starts_with("rc"))
}

/// Makes a realm ready: what is missing is installed, what differs is replaced, what is nobody's business here is left.
///
/// An unexpected answer about interfaces or the policy ends the pass. A trigger that fails is reported, and does not
/// keep the others from being installed.
pub(crate) async fn reconcile(realm: &dyn RealmManagement, trigger_url: &str) -> Result<(), Error> {
    for definition in interfaces::all() {
        reconcile_interface(realm, definition).await?;
    }
    let version = realm.version().await?;
    let policies = version >= POLICIES_SINCE;
    if policies {
        reconcile_policy(realm).await?;
    } else {
        tracing::warn!(%version, "this Astarte has no delivery policies; an event that fails to arrive is lost");
    }
    for trigger in triggers(&version, trigger_url) {
        let trigger = if policies { trigger.policy(POLICY) } else { trigger };
        if let Err(error) = reconcile_trigger(realm, &trigger).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(trigger = trigger.name, error, "a trigger could not be installed");
        }
    }
    Ok(())
}

async fn reconcile_interface(realm: &dyn RealmManagement, wanted: &Definition) -> Result<(), Error> {
    let installed = realm.interface(wanted.name, wanted.major).await?;
    let interface = wanted.to_interface()?;
    match installed {
        None => {
            tracing::info!(interface = wanted.name, "installing");
            unless_made_meanwhile(realm.install_interface(&interface).await)?;
        }
        Some(installed) if u32::try_from(installed.version_minor()).is_ok_and(|it| it < wanted.minor) => {
            tracing::info!(interface = wanted.name, minor = wanted.minor, "updating");
            unless_made_meanwhile(realm.update_interface(&interface).await)?;
        }
        Some(_) => {}
    }
    Ok(())
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

async fn reconcile_policy(realm: &dyn RealmManagement) -> Result<(), Error> {
    let wanted = Policy::new(POLICY, 100)
        .handler(ErrorHandler::retry(HandledErrors::ServerError))
        .handler(ErrorHandler::discard(HandledErrors::ClientError))
        .retry_times(3)
        .event_ttl(30);
    match absent_if_failing(realm.policy(POLICY).await)? {
        Some(installed) if is_installed(&wanted, &installed) => return Ok(()),
        // A policy cannot be changed, nor deleted while a trigger uses it.
        Some(_) => {
            for name in realm.triggers().await? {
                let users = realm.trigger(&name).await?.filter(|it| it.policy.as_deref() == Some(POLICY));
                if users.is_some() {
                    unless_gone_meanwhile(realm.delete_trigger(&name).await)?;
                }
            }
            unless_gone_meanwhile(realm.delete_policy(POLICY).await)?;
        }
        None => {}
    }
    tracing::info!(policy = POLICY, "installing");
    Ok(unless_made_meanwhile(realm.install_policy(&wanted).await)?)
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

async fn reconcile_trigger(realm: &dyn RealmManagement, wanted: &Trigger) -> Result<(), AstarteError> {
    match absent_if_failing(realm.trigger(&wanted.name).await)? {
        Some(installed) if wanted.is_equivalent(&installed) => return Ok(()),
        Some(_) => unless_gone_meanwhile(realm.delete_trigger(&wanted.name).await)?,
        None => {}
    }
    tracing::info!(trigger = wanted.name, "installing");
    unless_made_meanwhile(realm.install_trigger(wanted).await)
}

/// Some versions of Astarte fail with 500 where a trigger or policy does not exist.
fn absent_if_failing<T>(found: Result<Option<T>, AstarteError>) -> Result<Option<T>, AstarteError> {
    match found {
        Err(error) if error.response().is_some_and(|response| response.status() == 500) => Ok(None),
        found => found,
    }
}

/// The triggers that this version of Astarte can have, without delivery policy.
fn triggers(version: &Version, url: &str) -> Vec<Trigger> {
    let trigger = |name: &str, on: SimpleTrigger| Trigger::new(name, HttpAction::post(url), on);
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
    let told = DataTrigger::any_value(SystemInfo::NAME, SystemInfo::MAJOR);
    triggers.push(trigger("edgehog-system-info", told.into()));
    triggers
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
