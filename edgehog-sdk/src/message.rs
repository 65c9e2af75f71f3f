//! Messages: how a value of a server-owned interface becomes what AppEngine takes.

use std::fmt;

use serde_json::{Map, Value};

use crate::{
    definition::{Aggregation, Definition, is_parameter},
    value::{PathSegment, SendableMember},
};

/// One value on its way to a device.
///
/// `Debug` hides the value, which may hold a secret.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// Name of the interface.
    pub interface: &'static str,
    /// The full endpoint of an individual mapping, the common prefix of an object; starts with `/`.
    pub path: String,
    /// A bare value, or an object keyed by the last segments of the endpoints.
    pub value: Value,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("interface", &self.interface)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The fields of a server-owned value, gathered by the code that [`interface!`](crate::interface!) writes.
#[derive(Debug)]
pub struct Outgoing {
    definition: &'static Definition,
    key: String,
    members: Vec<(&'static str, Value)>,
}

impl Outgoing {
    /// Begins with no field.
    #[must_use]
    pub const fn new(definition: &'static Definition) -> Self {
        Self { definition, key: String::new(), members: Vec::new() }
    }

    /// Takes the value of the base's parameter.
    pub fn key(&mut self, key: &impl PathSegment) {
        self.key = key.segment();
    }

    /// Takes one mapping.
    pub fn member(&mut self, path: &'static str, value: &impl SendableMember) {
        self.members.extend(value.write().map(|value| (path, value)));
    }

    /// The messages that carry the fields.
    #[must_use]
    pub fn into_messages(self) -> Vec<Message> {
        let interface = self.definition.name;
        let segment = |segment| if is_parameter(segment) { self.key.as_str() } else { segment };
        let base: String = self.definition.base_segments().flat_map(|s| ["/", segment(s)]).collect();
        match self.definition.aggregation {
            Aggregation::Object => {
                let members = self.members.into_iter().map(|(name, value)| (name.to_owned(), value));
                vec![Message { interface, path: base, value: Value::Object(Map::from_iter(members)) }]
            }
            Aggregation::Individual => {
                let members = self.members.into_iter();
                members
                    .map(|(path, value)| Message { interface, path: format!("{base}/{path}"), value })
                    .collect()
            }
        }
    }
}
