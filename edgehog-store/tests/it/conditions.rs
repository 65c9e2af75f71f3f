//! What a condition means, said a second time.

use std::cmp::Ordering;

use edgehog_store::{Comparison, Condition, TextMatch, Value};

use crate::values::{Collation, is_like};

pub(crate) const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

pub(crate) const TEXT_MATCHES: [TextMatch; 5] =
    [TextMatch::Contains, TextMatch::StartsWith, TextMatch::EndsWith, TextMatch::Like, TextMatch::Ilike];

/// Whether the value fulfils the condition. `None` where that is unknown, so that the opposite is unknown as well.
pub(crate) fn holds(condition: &Condition, value: &Value, collation: &Collation) -> Option<bool> {
    match condition {
        Condition::IsNull(wanted) => Some((*value == Value::Null) == *wanted),
        Condition::Compare(comparison, other) => {
            let order = collation.compare(value, other)?;
            Some(match comparison {
                Comparison::Equal => order == Ordering::Equal,
                Comparison::NotEqual => order != Ordering::Equal,
                Comparison::Less => order == Ordering::Less,
                Comparison::LessOrEqual => order != Ordering::Greater,
                Comparison::Greater => order == Ordering::Greater,
                Comparison::GreaterOrEqual => order != Ordering::Less,
            })
        }
        Condition::In(values) => {
            let mut values = values.iter().filter(|it| **it != Value::Null).peekable();
            if values.peek().is_none() {
                return Some(false);
            }
            (*value != Value::Null).then(|| values.any(|it| it == value))
        }
        Condition::DistinctFrom(other) => Some(value != other),
        Condition::NotDistinctFrom(other) => Some(value == other),
        Condition::Text(form, other) => {
            let text = value.as_text()?;
            Some(match form {
                TextMatch::Contains => text.contains(other),
                TextMatch::StartsWith => text.starts_with(other),
                TextMatch::EndsWith => text.ends_with(other),
                TextMatch::Like => is_like(text, other),
                TextMatch::Ilike => is_like(collation.lower(text), collation.lower(other)),
            })
        }
        other => panic!("a new condition: {other:?}"),
    }
}
