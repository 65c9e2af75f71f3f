//! Triggers: what is watched, which events match, and how they are delivered.

mod definition;
mod delivery;
mod event;
mod matching;
mod policy;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use self::definition::{DefinitionError, Trigger};
pub use self::delivery::Deliveries;
pub(crate) use self::delivery::{Deliverer, DeliveryQueues};
pub(crate) use self::event::{DataEvent, Event, Payload};
pub(crate) use self::policy::Policy;
use crate::DeviceId;

/// The triggers and delivery policies of a realm.
#[derive(Debug, Default)]
pub(crate) struct Triggers {
    triggers: BTreeMap<String, Trigger>,
    policies: BTreeMap<String, Arc<Policy>>,
}

impl Triggers {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.triggers.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Trigger> {
        self.triggers.get(name)
    }

    pub(crate) fn insert(&mut self, trigger: Trigger) {
        self.triggers.insert(trigger.name.clone(), trigger);
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.triggers.remove(name).is_some()
    }

    /// Tells whether a trigger watches this version of an interface.
    pub(crate) fn use_interface(&self, name: &str, major: i32) -> bool {
        self.triggers.values().any(|trigger| trigger.uses_interface(name, major))
    }

    pub(crate) fn policy_names(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(String::as_str)
    }

    pub(crate) fn policy(&self, name: &str) -> Option<&Arc<Policy>> {
        self.policies.get(name)
    }

    pub(crate) fn insert_policy(&mut self, policy: Policy) {
        self.policies.insert(policy.name.clone(), Arc::new(policy));
    }

    pub(crate) fn remove_policy(&mut self, name: &str) {
        self.policies.remove(name);
    }

    pub(crate) fn use_policy(&self, name: &str) -> bool {
        self.triggers.values().any(|trigger| trigger.policy.as_deref() == Some(name))
    }

    pub(crate) fn policy_of(&self, trigger: &Trigger) -> Option<Arc<Policy>> {
        self.policies.get(trigger.policy.as_deref()?).cloned()
    }

    /// The triggers that an event of a device fires.
    pub(crate) fn matching(
        &self,
        device: DeviceId,
        groups: &[&str],
        event: &Event,
    ) -> impl Iterator<Item = &Trigger> {
        self.triggers.values().filter(move |trigger| trigger.matches(device, groups, event))
    }
}
