//! Definitions of interfaces: what Astarte must know before it accepts a device's data.

pub use edgehog_astarte::interface::{Aggregation, InterfaceType, MappingType, Ownership, Reliability};
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// The definition of one interface, as its declaration gives it.
///
/// Serializes to Astarte's JSON; members that have Astarte's default are left out.
///
/// ```
/// use edgehog_sdk::{Interface, interfaces::LedBehavior};
///
/// let json = serde_json::to_value(LedBehavior::DEFINITION)?;
/// assert_eq!(json["interface_name"], "io.edgehog.devicemanager.LedBehavior");
/// assert_eq!(json["mappings"][0]["endpoint"], "/%{led_id}/behavior");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Definition {
    /// Full name, e.g. `io.edgehog.devicemanager.HardwareInfo`.
    pub name: &'static str,
    /// Major version: a device uses one major of an interface.
    pub major: u32,
    /// Minor version: grows when mappings are added.
    pub minor: u32,
    /// Datastream or properties.
    pub interface_type: InterfaceType,
    /// Who writes.
    pub ownership: Ownership,
    /// Whether the mappings travel alone or together as one object.
    pub aggregation: Aggregation,
    /// The segments that all endpoints have in common and that lead to one item, e.g. `/%{battery_slot}`;
    /// empty if the interface is one item.
    pub base: &'static str,
    /// What all mappings share.
    pub flags: Flags,
    /// The fields of the Rust type in the order of their mappings.
    pub fields: &'static [Field],
}

/// Properties of mappings that are equal for all mappings of an interface.
///
/// May grow: fill what you do not name from [`Flags::DEFAULT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// When a message counts as delivered.
    pub reliability: Reliability,
    /// Whether the sender gives the time of the sample; else it is the time of reception.
    pub explicit_timestamp: bool,
    /// Whether the property may be unset.
    pub allow_unset: bool,
    /// Seconds that Astarte keeps a sample; `None` keeps it for good.
    pub database_retention_ttl: Option<u32>,
}

impl Flags {
    /// Astarte's defaults.
    pub const DEFAULT: Self = Self {
        reliability: Reliability::Unreliable,
        explicit_timestamp: false,
        allow_unset: false,
        database_retention_ttl: None,
    };
}

/// One field of an interface's Rust type.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Field {
    /// Where the value comes from.
    pub source: Source,
    /// The whole endpoint; empty for fields that are no mapping.
    pub endpoint: &'static str,
    /// The Astarte type of the value.
    pub mapping_type: MappingType,
}

impl Field {
    /// Puts a field together; for the [`interface!`](crate::interface!) macro.
    #[must_use]
    pub const fn new(source: Source, endpoint: &'static str, mapping_type: MappingType) -> Self {
        Self { source, endpoint, mapping_type }
    }
}

/// Where the value of a field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The parameter of the base path: the key under which Astarte shows the item.
    Key,
    /// The time that Astarte adds to each sample.
    Timestamp,
    /// The mapping with this path below the base.
    Member(&'static str),
}

/// One mapping of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapping {
    /// The path, with parameters as `%{name}`.
    pub endpoint: &'static str,
    /// The type of the values.
    pub mapping_type: MappingType,
    /// Delivery and storage.
    pub flags: Flags,
}

/// What a path means to an interface: see [`Definition::resolve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedPath<'a> {
    /// The value of the base path's parameter, if the base has one.
    pub key: Option<&'a str>,
    /// The mapping's path below the base; `None` for the path of a whole object.
    pub member: Option<&'static str>,
}

impl Definition {
    /// Puts a definition together; for the [`interface!`](crate::interface!) macro.
    #[must_use]
    pub const fn new(
        (name, (major, minor)): (&'static str, (u32, u32)),
        (ownership, interface_type, aggregation): (Ownership, InterfaceType, Aggregation),
        base: &'static str,
        flags: Flags,
        fields: &'static [Field],
    ) -> Self {
        Self { name, major, minor, interface_type, ownership, aggregation, base, flags, fields }
    }

    /// The mappings in the order of the definition.
    pub fn mappings(&self) -> impl Iterator<Item = Mapping> + '_ {
        self.fields.iter().filter(|field| matches!(field.source, Source::Member(_))).map(|field| Mapping {
            endpoint: field.endpoint,
            mapping_type: field.mapping_type,
            flags: self.flags,
        })
    }

    /// The definition as the official crate for interfaces has it.
    ///
    /// # Errors
    ///
    /// If the declaration breaks a rule of Astarte. That cannot happen with the interfaces of this crate.
    pub fn to_interface(
        &self,
    ) -> Result<edgehog_astarte::Interface, edgehog_astarte::interface::InterfaceError> {
        serde_json::to_string(self)?.parse()
    }

    /// Reads the path of an event: which item, which member.
    ///
    /// `None` if the path fits no endpoint of the interface.
    ///
    /// ```
    /// use edgehog_sdk::{Interface, interfaces::AvailableImage};
    ///
    /// let path = AvailableImage::DEFINITION.resolve("/7f3b/pulled").unwrap();
    /// assert_eq!((path.key, path.member), (Some("7f3b"), Some("pulled")));
    /// ```
    #[must_use]
    pub fn resolve<'a>(&self, path: &'a str) -> Option<ResolvedPath<'a>> {
        let mut rest = path.strip_prefix('/')?;
        let mut key = None;
        for expected in self.base_segments() {
            let (segment, after) = rest.split_once('/').unwrap_or((rest, ""));
            if is_parameter(expected) && !segment.is_empty() {
                key = Some(segment);
            } else if segment != expected {
                return None;
            }
            rest = after;
        }
        let member = match self.aggregation {
            Aggregation::Object if rest.is_empty() => None,
            Aggregation::Object => return None,
            Aggregation::Individual => Some(self.member(rest)?),
        };
        Some(ResolvedPath { key, member })
    }

    fn member(&self, path: &str) -> Option<&'static str> {
        self.fields.iter().find_map(|field| match field.source {
            Source::Member(member) if member == path => Some(member),
            _ => None,
        })
    }

    pub(crate) fn base_segments(&self) -> impl Iterator<Item = &'static str> {
        self.base.split('/').filter(|segment| !segment.is_empty())
    }

    pub(crate) fn has_key(&self) -> bool {
        self.base_segments().any(is_parameter)
    }
}

pub(crate) fn is_parameter(segment: &str) -> bool {
    segment.starts_with("%{")
}

impl Serialize for Definition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Definition", 7)?;
        json.serialize_field("interface_name", self.name)?;
        json.serialize_field("version_major", &self.major)?;
        json.serialize_field("version_minor", &self.minor)?;
        json.serialize_field("type", &self.interface_type)?;
        json.serialize_field("ownership", &self.ownership)?;
        if self.aggregation != Aggregation::Individual {
            json.serialize_field("aggregation", &self.aggregation)?;
        }
        json.serialize_field("mappings", &self.mappings().collect::<Vec<_>>())?;
        json.end()
    }
}

impl Serialize for Mapping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Mapping", 7)?;
        json.serialize_field("endpoint", self.endpoint)?;
        json.serialize_field("type", &self.mapping_type)?;
        if self.flags.reliability != Reliability::Unreliable {
            json.serialize_field("reliability", &self.flags.reliability)?;
        }
        if self.flags.explicit_timestamp {
            json.serialize_field("explicit_timestamp", &true)?;
        }
        if let Some(ttl) = self.flags.database_retention_ttl {
            json.serialize_field("database_retention_policy", "use_ttl")?;
            json.serialize_field("database_retention_ttl", &ttl)?;
        }
        if self.flags.allow_unset {
            json.serialize_field("allow_unset", &true)?;
        }
        json.end()
    }
}
