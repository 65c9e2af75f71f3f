//! What a resource is: one declaration of its attributes and relations, from which follow its Rust type, its columns,
//! what it can be filtered and sorted by, and everything that servers make of it.

mod declare;
mod record;
mod value;

use std::fmt;

pub(crate) use declare::{key, resource};
pub use record::{Record, Related, Row, RowError};
pub(crate) use value::{AttributeType, from_json};
pub use value::{Kind, Value};

/// A kind of thing that tenants own: one table, its attributes and its relations to other resources.
///
/// There is one static for each, such as [`DEVICE`](crate::DEVICE). Two are equal if they are the same resource.
#[non_exhaustive]
pub struct Resource {
    /// The name of the thing in `CamelCase`, such as `HardwareType`.
    pub name: &'static str,
    /// The same in `snake_case`: in global ids, in change events.
    pub type_name: &'static str,
    /// What it is, for people.
    pub doc: &'static str,
    /// The attributes. The first one is the key.
    pub attributes: &'static [Attribute],
    /// The relations.
    pub relations: &'static [Relation],
    pub(crate) table: &'static str,
}

/// Something that a resource has a value of.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attribute {
    /// Its name in `snake_case`; that of the column too.
    pub name: &'static str,
    /// What it is, for people.
    pub doc: &'static str,
    /// What values it has.
    pub kind: Kind,
    /// Whether it may have none.
    pub nullable: bool,
    /// Whether it is for the programs on this floor only: nobody filters, sorts or shows it.
    pub internal: bool,
}

/// Something that leads from a resource to others.
#[derive(Debug)]
#[non_exhaustive]
pub struct Relation {
    /// Its name in `snake_case`.
    pub name: &'static str,
    /// What it is, for people.
    pub doc: &'static str,
    /// How many there may be, and how they are listed.
    pub cardinality: Cardinality,
    /// What it leads to.
    pub target: &'static Resource,
    /// Whether it is for the programs on this floor only.
    pub internal: bool,
    pub(crate) join: Join,
}

/// How many records a relation leads to, and how they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cardinality {
    /// One at most.
    One,
    /// Any number, in pages with cursors.
    Pages,
    /// Any number, in a plain list.
    List,
}

/// How a relation is found in the database.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Join {
    /// `target.theirs = self.ours`
    Columns { ours: &'static str, theirs: &'static str },
    /// `through.ours.1 = self.ours.0` and `target.theirs.1 = through.theirs.0`
    Through { table: &'static str, ours: (&'static str, &'static str), theirs: (&'static str, &'static str) },
    /// From a device to the groups whose selector it passes.
    GroupsOfDevice,
    /// From a group to the devices that pass its selector.
    DevicesOfGroup,
}

impl Join {
    pub(crate) const fn uses_selectors(self) -> bool {
        matches!(self, Self::GroupsOfDevice | Self::DevicesOfGroup)
    }
}

impl Resource {
    /// The place of an attribute, by its name in `snake_case`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<usize> {
        self.attributes.iter().position(|attribute| attribute.name == name)
    }

    /// The place of a relation, by its name in `snake_case`.
    #[must_use]
    pub fn relation(&self, name: &str) -> Option<usize> {
        self.relations.iter().position(|relation| relation.name == name)
    }

    /// All resources there are.
    #[must_use]
    pub fn all() -> &'static [&'static Self] {
        ALL
    }
}

static ALL: &[&Resource] = &[
    &crate::DEVICE,
    &crate::DEVICE_GROUP,
    &crate::HARDWARE_TYPE,
    &crate::HARDWARE_TYPE_PART_NUMBER,
    &crate::SYSTEM_MODEL,
    &crate::SYSTEM_MODEL_PART_NUMBER,
    &crate::TAG,
];

/// Its name: relations lead round in circles.
impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Resource {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Relations lead round in circles, and whoever shows a resource must not follow them.
    #[test]
    fn resources_can_be_shown() {
        let record = format!("{:?} {:?}", crate::Selection::all(&crate::DEVICE), crate::DEVICE.relations);
        assert!(record.contains("resource: Device") && record.contains("target: DeviceGroup"), "{record}");
    }

    /// What the rest relies on: keys come first, names are used once, relations lead to resources that are known.
    #[test]
    fn declarations_are_sound() {
        for resource in Resource::all() {
            let key = &resource.attributes[0];
            assert!(key.name == "id" && !key.nullable, "{}", resource.name);
            let names = resource.attributes.iter().map(|it| it.name);
            let names: Vec<_> = names.chain(resource.relations.iter().map(|it| it.name)).collect();
            assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{names:?}");
            for relation in resource.relations {
                assert!(Resource::all().contains(&relation.target), "{} {}", resource.name, relation.name);
            }
        }
    }
}
