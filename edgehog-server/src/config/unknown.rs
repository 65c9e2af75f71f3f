//! Names of the environment that look like settings and are none.

use super::Given;
use super::settings::{WITHOUT_EFFECT, all};

/// What a setting of this server may begin with, and nothing else of an environment does.
const PREFIX: &str = "EDGEHOG_";

/// How alike two names are, from 0 to 1, before one is taken for a slip of the other.
const ALIKE: f64 = 0.9;

/// Tells the log about names that nobody knows, and about settings that are accepted and change nothing.
pub(super) fn tell(given: &Given) {
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
        if !name.starts_with(PREFIX) || all().any(|setting| setting.name == name) {
            continue;
        }
        match near(&name) {
            Some(near) => tracing::warn!(name, "there is no such setting; is {near} meant?"),
            None => tracing::warn!(name, "there is no such setting"),
        }
    }
    let idle = WITHOUT_EFFECT.iter().map(|setting| setting.name);
    let idle: Vec<_> = idle.filter(|name| given.get(name).is_some()).collect();
    if !idle.is_empty() {
        tracing::info!(names = idle.join(","), "accepted, without effect: no authorization service is asked");
    }
}

fn near(name: &str) -> Option<&'static str> {
    let names = all().map(|setting| (strsim::jaro_winkler(setting.name, name), setting.name));
    let nearest = names.max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slip is taken for what it is a slip of, and what is like nothing for nothing.
    #[test]
    fn near_names_are_suggested() {
        assert_eq!(near("EDGEHOG_FORWARDER_HOST"), Some("EDGEHOG_FORWARDER_HOSTNAME"));
        assert_eq!(near("EDGEHOG_FORWARDER_PROT"), Some("EDGEHOG_FORWARDER_PORT"));
        assert_eq!(near("EDGEHOG_ENCRYPTION_KEY"), Some("EDGEHOG_ENCRYPTION_KEYS"));
        assert_eq!(near("EDGEHOG_XYZ"), None);
    }
}
