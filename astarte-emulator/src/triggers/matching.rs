//! Does an event fire a trigger?

use std::cmp::Ordering;

use super::event::{DataEvent, Event, Payload};
use crate::DeviceId;
use crate::value::Value;

/// Whose events are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    AllDevices,
    Device(DeviceId),
    Group(String),
}

/// Which interfaces are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InterfaceMatch {
    Any,
    Version { name: String, major: i32 },
}

/// Which paths are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathMatch {
    Any,
    /// `None` stands for a placeholder: it matches any one segment.
    Segments(Vec<Option<String>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Any,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Contains,
    NotContains,
}

/// What a simple trigger waits for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Data {
        /// `None` for `value_stored`, which Astarte accepts and never emits.
        on: Option<DataEvent>,
        interface: InterfaceMatch,
        path: PathMatch,
        operator: Operator,
        known: Option<Value>,
    },
    /// `on` is the name of the event; `interface` is set for the three events about interfaces.
    Device { on: String, interface: Option<InterfaceMatch> },
}

impl Target {
    pub(super) fn matches(&self, device: DeviceId, groups: &[&str]) -> bool {
        match self {
            Self::AllDevices => true,
            Self::Device(id) => *id == device,
            Self::Group(name) => groups.contains(&name.as_str()),
        }
    }
}

impl InterfaceMatch {
    fn matches(&self, interface: &str, version: i32) -> bool {
        match self {
            Self::Any => true,
            Self::Version { name, major } => name == interface && *major == version,
        }
    }
}

impl PathMatch {
    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Segments(segments) => {
                let mut parts = path.strip_prefix('/').unwrap_or(path).split('/');
                segments.iter().all(|segment| {
                    parts.next().is_some_and(|part| segment.as_ref().is_none_or(|segment| segment == part))
                }) && parts.next().is_none()
            }
        }
    }
}

impl Condition {
    pub(super) fn matches(&self, event: &Event) -> bool {
        match (self, event) {
            (
                Self::Data { on, interface, path, operator, known },
                Event::Data { kind, interface: name, major, path: changed, new, .. },
            ) => {
                *on == Some(*kind)
                    && interface.matches(name, *major)
                    && path.matches(changed)
                    && operator.matches(new.as_ref(), known.as_ref())
            }
            (Self::Device { on, interface }, event) => {
                on == event.kind()
                    && match (interface, event) {
                        (Some(watched), Event::InterfaceAdded { interface, major, .. })
                        | (Some(watched), Event::InterfaceRemoved { interface, major })
                        | (Some(watched), Event::InterfaceMinorUpdated { interface, major, .. }) => {
                            watched.matches(interface, *major)
                        }
                        _ => true,
                    }
            }
            (Self::Data { .. }, _) => false,
        }
    }
}

impl Operator {
    /// An absent value, and an object, match `*` only.
    fn matches(self, value: Option<&Payload>, known: Option<&Value>) -> bool {
        if self == Self::Any {
            return true;
        }
        let (Some(Payload::Value(value)), Some(known)) = (value, known) else { return false };
        let order = compare(value, known);
        match self {
            Self::Any => true,
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Contains => contains(value, known),
            Self::NotContains => !contains(value, known),
        }
    }
}

fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Double(one), Value::Double(other)) => one.partial_cmp(other),
        (Value::Integer(one), Value::Integer(other)) => Some(one.cmp(other)),
        (Value::LongInteger(one), Value::LongInteger(other)) => Some(one.cmp(other)),
        (Value::Boolean(one), Value::Boolean(other)) => Some(one.cmp(other)),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        (Value::Binary(one), Value::Binary(other)) => Some(one.cmp(other)),
        (Value::DateTime(one), Value::DateTime(other)) => Some(one.cmp(other)),
        (Value::Array(one), Value::Array(other)) => (one == other).then_some(Ordering::Equal),
        _ => None,
    }
}

fn contains(value: &Value, known: &Value) -> bool {
    match (value, known) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Binary(bytes), Value::Binary(part)) => {
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part.as_slice())
        }
        (Value::Array(items), member) => items.contains(member),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators() {
        let integer = |value| Value::Integer(value);
        let text = |value: &str| Value::String(value.into());
        let cases = [
            (Operator::Equal, integer(5), integer(5), true),
            (Operator::NotEqual, integer(5), integer(5), false),
            (Operator::Greater, integer(6), integer(5), true),
            (Operator::GreaterOrEqual, integer(5), integer(5), true),
            (Operator::Less, integer(5), integer(5), false),
            (Operator::LessOrEqual, Value::Double(4.5), Value::Double(5.0), true),
            (Operator::Contains, text("kitchen"), text("itc"), true),
            (Operator::NotContains, text("kitchen"), text("itc"), false),
            (Operator::Contains, Value::Binary(vec![1, 2, 3]), Value::Binary(vec![2, 3]), true),
            (Operator::Contains, Value::Array(vec![integer(1), integer(2)]), integer(2), true),
            (Operator::NotContains, Value::Array(vec![integer(1)]), integer(2), true),
        ];
        for (operator, value, known, expected) in cases {
            let payload = Payload::Value(value.clone());
            assert_eq!(
                operator.matches(Some(&payload), Some(&known)),
                expected,
                "{value:?} {operator:?} {known:?}"
            );
        }
    }

    // Comparison with an unset property is false, even "is not".
    #[test]
    fn an_absent_value_matches_only_any() {
        let known = Value::Integer(1);
        assert!(Operator::Any.matches(None, None));
        for operator in [Operator::Equal, Operator::NotEqual, Operator::Less, Operator::NotContains] {
            assert!(!operator.matches(None, Some(&known)), "{operator:?}");
        }
    }

    #[test]
    fn paths() {
        let pattern = PathMatch::Segments(vec![None, Some("temp".into())]);
        assert!(pattern.matches("/kitchen/temp"));
        for path in ["/kitchen", "/kitchen/hum", "/kitchen/temp/x"] {
            assert!(!pattern.matches(path), "{path}");
        }
        assert!(PathMatch::Any.matches("/"));
    }
}
