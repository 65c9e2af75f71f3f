mod action;
mod event;
mod policy;
mod simple;

use serde::{Deserialize, Serialize};

pub use self::action::{Action, AmqpAction, HttpAction, HttpMethod, Template};
pub use self::event::{Event, EventError, InterfaceVersion, Strictness, TriggerEvent};
pub use self::policy::{ErrorHandler, HandledErrors, Policy, Strategy};
pub use self::simple::{
    Comparison, DataCondition, DataEvent, DataTrigger, DeviceEvent, DeviceTrigger, InterfaceFilter,
    SimpleTrigger, Target,
};

/// A trigger: what happens in a realm, and what Astarte does about it.
///
/// ```
/// use edgehog_astarte::{DataTrigger, HttpAction, Trigger};
///
/// let trigger = Trigger::new(
///     "readings",
///     HttpAction::post("https://example.com/triggers"),
///     DataTrigger::any_value("org.example.Sensors", 1),
/// )
/// .policy("retry");
/// assert_eq!(serde_json::to_value(&trigger)?["simple_triggers"][0]["on"], "incoming_data");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trigger {
    /// The name, unique in the realm.
    pub name: String,
    /// What Astarte does.
    pub action: Action,
    /// What happens; in practice exactly one item.
    pub simple_triggers: Vec<SimpleTrigger>,
    /// The delivery policy; without one, an event that cannot be delivered at once is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

impl Trigger {
    /// A trigger without delivery policy.
    pub fn new(name: impl Into<String>, action: impl Into<Action>, on: impl Into<SimpleTrigger>) -> Self {
        Self { name: name.into(), action: action.into(), simple_triggers: vec![on.into()], policy: None }
    }

    /// Sets the delivery policy.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.policy = Some(policy.into());
        self
    }

    /// Whether an installed trigger, as read back, is this one.
    ///
    /// Astarte adds and drops defaults, which reading evens out; and it never prints the interface of an
    /// introspection trigger back, so that is not compared when one side lacks it.
    #[must_use]
    pub fn is_equivalent(&self, installed: &Self) -> bool {
        self.name == installed.name
            && self.action == installed.action
            && self.policy == installed.policy
            && self.simple_triggers.len() == installed.simple_triggers.len()
            && self.simple_triggers.iter().zip(&installed.simple_triggers).all(|(a, b)| a.is_equivalent(b))
    }

    /// Whether an installed trigger, as read back, does all that this one asks for. It may have more: headers of
    /// somebody else's, and whatever a later version of Astarte adds.
    #[must_use]
    pub fn is_met_by(&self, installed: &Self) -> bool {
        let mut without_more = installed.clone();
        if let (Action::Http(wanted), Action::Http(action)) = (&self.action, &mut without_more.action) {
            action.static_headers.retain(|name, _| wanted.static_headers.contains_key(name));
        }
        self.is_equivalent(&without_more)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::DeviceId;

    /// The forms of section "output form of a trigger": defaults added, `device_id` kept, legacy action rewritten.
    #[test]
    fn an_installed_trigger_equals_its_template() {
        let template = Trigger::new("connected", HttpAction::post("https://x/t"), DeviceEvent::Connected);
        let installed: Trigger = serde_json::from_value(json!({
            "name": "connected",
            "action": {
                "http_url": "https://x/t", "http_method": "post",
                "ignore_ssl_errors": false, "http_static_headers": {}
            },
            "simple_triggers": [{"type": "device_trigger", "on": "device_connected", "device_id": "*"}],
            "policy": null
        }))
        .unwrap();
        assert_eq!(template, installed);
        assert!(template.is_equivalent(&installed));

        let legacy: Trigger = serde_json::from_value(json!({
            "name": "connected",
            "action": {"http_post_url": "https://x/t"},
            "simple_triggers": [{"type": "device_trigger", "on": "device_connected"}]
        }))
        .unwrap();
        assert_eq!(template, legacy);
    }

    #[test]
    fn any_difference_that_matters_is_seen() {
        let base = Trigger::new("t", HttpAction::post("https://x/t"), DeviceEvent::Connected);
        let mut others = vec![base.clone().policy("p")];
        others.push(Trigger::new("u", HttpAction::post("https://x/t"), DeviceEvent::Connected));
        others.push(Trigger::new("t", HttpAction::post("https://x/u"), DeviceEvent::Connected));
        others.push(Trigger::new("t", HttpAction::post("https://x/t"), DeviceEvent::Disconnected));
        others.push(Trigger::new(
            "t",
            HttpAction::post("https://x/t"),
            DeviceTrigger::new(DeviceEvent::Connected).device(DeviceId::new("x").unwrap()),
        ));
        others.push(Trigger::new(
            "t",
            HttpAction::post("https://x/t").ignore_ssl_errors(true),
            DeviceEvent::Connected,
        ));
        for other in others {
            assert!(!base.is_equivalent(&other), "{other:?}");
        }
    }

    /// What somebody added does no harm; what is asked for must be there, headers too.
    #[test]
    fn an_installed_trigger_may_have_more() {
        let wanted = Trigger::new(
            "t",
            HttpAction::post("https://x/t").static_header("a", "1"),
            DeviceEvent::Connected,
        );
        let installed = |headers: serde_json::Value| -> Trigger {
            serde_json::from_value(json!({
                "name": "t",
                "action": { "http_url": "https://x/t", "http_method": "post", "http_static_headers": headers, "new": 1 },
                "simple_triggers": [{ "type": "device_trigger", "on": "device_connected", "new": true }],
                "new": "member"
            }))
            .unwrap()
        };
        for met in [json!({ "a": "1" }), json!({ "a": "1", "b": "2" })] {
            assert!(wanted.is_met_by(&installed(met.clone())), "{met}");
        }
        for unmet in [json!({}), json!({ "a": "2" }), json!({ "b": "1" })] {
            assert!(!wanted.is_met_by(&installed(unmet.clone())), "{unmet}");
        }
    }

    #[test]
    fn the_interface_of_an_introspection_trigger_is_not_printed_back() {
        let filter = InterfaceFilter::named("a.B", 1);
        let template = Trigger::new(
            "t",
            HttpAction::post("https://x/t"),
            DeviceTrigger::new(DeviceEvent::InterfaceAdded).interface(filter.clone()),
        );
        let installed = Trigger::new(
            "t",
            HttpAction::post("https://x/t"),
            DeviceTrigger::new(DeviceEvent::InterfaceAdded),
        );
        assert!(template.is_equivalent(&installed));
        assert!(installed.is_equivalent(&template));
        assert_ne!(template, installed);
    }
}
