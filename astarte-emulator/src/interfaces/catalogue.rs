//! The interfaces of a realm, and the rules for installing, updating and deleting them.

use std::collections::BTreeMap;
use std::sync::Arc;

use astarte_interfaces::schema::Mapping;

use super::{InterfaceDef, time_to_live};

/// The interfaces installed in a realm: for each name its major versions, each at its newest minor.
#[derive(Debug, Default)]
pub(crate) struct Catalogue(BTreeMap<String, BTreeMap<i32, Arc<InterfaceDef>>>);

/// Why an interface is not installed or not updated. The texts are those that clients of Realm Management see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CatalogueError {
    #[error("Interface already exists")]
    AlreadyExists,
    #[error("Interface name collision detected. Two names may not differ only in case or hyphens.")]
    NameCollision,
    #[error("database_retention_ttl exceeds the maximum storage retention")]
    TtlAboveMaximum,
    #[error("Interface major not found")]
    MajorNotFound,
    #[error("Interface minor version was not increased")]
    MinorNotIncreased,
    #[error("Interface downgrade not allowed")]
    Downgrade,
    #[error("Invalid update")]
    InvalidUpdate,
    #[error("Interface update has missing endpoints")]
    MissingEndpoints,
    #[error("Interface update contains incompatible endpoint changes")]
    IncompatibleEndpointChange,
}

impl Catalogue {
    pub(crate) fn get(&self, name: &str, major: i32) -> Option<&Arc<InterfaceDef>> {
        self.0.get(name)?.get(&major)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The installed majors of a name; `None` when there is none.
    pub(crate) fn majors(&self, name: &str) -> Option<Vec<i32>> {
        self.0.get(name).map(|majors| majors.keys().copied().collect())
    }

    pub(crate) fn install(
        &mut self,
        interface: InterfaceDef,
        max_retention: Option<u64>,
    ) -> Result<(), CatalogueError> {
        if self.get(interface.name(), interface.major()).is_some() {
            return Err(CatalogueError::AlreadyExists);
        }
        let folded = |name: &str| name.replace('-', "").to_ascii_lowercase();
        let name = interface.name();
        if self.names().any(|other| other != name && folded(other) == folded(name)) {
            return Err(CatalogueError::NameCollision);
        }
        check_retention(&interface, max_retention)?;
        let majors = self.0.entry(interface.name().to_owned()).or_default();
        majors.insert(interface.major(), Arc::new(interface));
        Ok(())
    }

    pub(crate) fn update(
        &mut self,
        interface: InterfaceDef,
        max_retention: Option<u64>,
    ) -> Result<(), CatalogueError> {
        let installed = self
            .0
            .get_mut(interface.name())
            .and_then(|majors| majors.get_mut(&interface.major()))
            .ok_or(CatalogueError::MajorNotFound)?;
        check_update(installed, &interface)?;
        check_retention(&interface, max_retention)?;
        *installed = Arc::new(interface);
        Ok(())
    }

    /// Removes a major version; tells whether it was there.
    pub(crate) fn remove(&mut self, name: &str, major: i32) -> bool {
        let Some(majors) = self.0.get_mut(name) else { return false };
        let removed = majors.remove(&major).is_some();
        if majors.is_empty() {
            self.0.remove(name);
        }
        removed
    }
}

fn check_retention(interface: &InterfaceDef, max_retention: Option<u64>) -> Result<(), CatalogueError> {
    let Some(max) = max_retention else { return Ok(()) };
    let above = interface.mappings().iter().filter_map(time_to_live).any(|ttl| ttl.as_secs() > max);
    if above { Err(CatalogueError::TtlAboveMaximum) } else { Ok(()) }
}

fn check_update(old: &InterfaceDef, new: &InterfaceDef) -> Result<(), CatalogueError> {
    if new.minor() == old.minor() {
        return Err(CatalogueError::MinorNotIncreased);
    }
    if new.minor() < old.minor() {
        return Err(CatalogueError::Downgrade);
    }
    let kind = |interface: &InterfaceDef| {
        (interface.is_properties(), interface.is_server_owned(), interface.is_object())
    };
    if kind(old) != kind(new) {
        return Err(CatalogueError::InvalidUpdate);
    }
    for mapping in old.mappings() {
        let updated = new
            .mappings()
            .iter()
            .find(|other| other.endpoint() == mapping.endpoint())
            .ok_or(CatalogueError::MissingEndpoints)?;
        if fixed(mapping) != fixed(updated) {
            return Err(CatalogueError::IncompatibleEndpointChange);
        }
    }
    Ok(())
}

/// What a minor update may not change in a mapping.
fn fixed(mapping: &Mapping<String>) -> impl PartialEq + use<> {
    (
        mapping.mapping_type(),
        mapping.reliability().unwrap_or_default(),
        mapping.allow_unset().unwrap_or_default(),
        mapping.database_retention_policy().unwrap_or_default(),
        mapping.database_retention_ttl(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn interface(name: &str, minor: i32, mappings: &Json) -> InterfaceDef {
        InterfaceDef::parse(&json!({
            "interface_name": name, "version_major": 1, "version_minor": minor,
            "type": "datastream", "ownership": "device", "mappings": mappings,
        }))
        .unwrap()
    }

    #[test]
    fn a_minor_update_only_adds() {
        let start = json!([{"endpoint": "/a", "type": "double"}]);
        let cases = [
            (0, json!([{"endpoint": "/a", "type": "double"}]), Err(CatalogueError::Downgrade)),
            (1, start.clone(), Err(CatalogueError::MinorNotIncreased)),
            (2, json!([{"endpoint": "/b", "type": "double"}]), Err(CatalogueError::MissingEndpoints)),
            (
                2,
                json!([{"endpoint": "/a", "type": "integer"}]),
                Err(CatalogueError::IncompatibleEndpointChange),
            ),
            (
                2,
                json!([{"endpoint": "/a", "type": "double", "reliability": "unique"}]),
                Err(CatalogueError::IncompatibleEndpointChange),
            ),
            (
                7,
                json!([
                    {"endpoint": "/a", "type": "double", "retention": "stored", "expiry": 3, "doc": "new"},
                    {"endpoint": "/b", "type": "string"},
                ]),
                Ok(()),
            ),
        ];
        for (minor, mappings, expected) in cases {
            let mut catalogue = Catalogue::default();
            catalogue.install(interface("org.example.A", 1, &start), None).unwrap();
            let update = catalogue.update(interface("org.example.A", minor, &mappings), None);
            assert_eq!(update, expected, "{minor} {mappings}");
        }
    }

    #[test]
    fn names_that_differ_only_in_case_or_hyphens_collide() {
        let mappings = json!([{"endpoint": "/a", "type": "double"}]);
        let mut catalogue = Catalogue::default();
        catalogue.install(interface("org.ex-ample.A", 1, &mappings), None).unwrap();
        assert_eq!(
            catalogue.install(interface("org.example.a", 1, &mappings), None),
            Err(CatalogueError::NameCollision)
        );
        assert_eq!(
            catalogue.install(interface("org.ex-ample.A", 3, &mappings), None),
            Err(CatalogueError::AlreadyExists)
        );
    }

    #[test]
    fn a_ttl_may_not_exceed_the_realms_maximum() {
        let mappings = json!([{
            "endpoint": "/a", "type": "double",
            "database_retention_policy": "use_ttl", "database_retention_ttl": 600,
        }]);
        let mut catalogue = Catalogue::default();
        let install = catalogue.install(interface("org.example.A", 1, &mappings), Some(599));
        assert_eq!(install, Err(CatalogueError::TtlAboveMaximum));
        assert_eq!(catalogue.install(interface("org.example.A", 1, &mappings), Some(600)), Ok(()));
    }
}
