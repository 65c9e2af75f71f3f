use crate::resource::Kind;
use crate::{Error, Resource, Value};

/// The most parts that a filter may have, whatever is in them.
const MAX_PARTS: usize = 5000;

/// How deep the parts of a filter may lie in each other.
const MAX_DEPTH: usize = 256;

/// Which rows of a resource are wanted.
///
/// Rows of related resources are joined as by `LEFT JOIN`: conditions on one relation, wherever in a filter they stand, are
/// about the same related row, and a row that has no related one is joined with one whose values are all null. A
/// negated condition on a relation to many means that none of them fulfils it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// All of these. None is no restriction.
    All(Vec<Self>),
    /// Any of these. None is no restriction either.
    Any(Vec<Self>),
    /// Not this one.
    Not(Box<Self>),
    /// The value of the attribute at this place of [`Resource::attributes`] is such.
    Attribute(usize, Condition),
    /// A row that the relation at this place of [`Resource::relations`] leads to passes.
    Related(usize, Box<Self>),
}

/// What a value is to be like.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// Whether there is none.
    IsNull(bool),
    /// Compared to another one. No value compares to anything.
    Compare(Comparison, Value),
    /// One of these; a null among them is passed over.
    In(Vec<Value>),
    /// Another one than this, where no value is as good as any.
    DistinctFrom(Value),
    /// The same as this, where no value is as good as any.
    NotDistinctFrom(Value),
    /// Text of a certain form.
    Text(TextMatch, String),
}

/// How a value compares to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What form a text has. Upper and lower case differ but for [`TextMatch::Ilike`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// The other text is part of it.
    Contains,
    /// It begins with the other text.
    StartsWith,
    /// It ends with the other text.
    EndsWith,
    /// The other text is a pattern with `%` and `_`, and it fits. A backslash takes away the meaning of what follows, and
    /// something must follow.
    Like,
    /// The same, whatever the case.
    Ilike,
}

impl Default for Filter {
    /// No restriction.
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Filter {
    /// The row with this key.
    #[must_use]
    pub fn key(key: impl Into<Value>) -> Self {
        Self::Attribute(0, Condition::Compare(Comparison::Equal, key.into()))
    }

    /// Rows that have a row along the relation at this place.
    #[must_use]
    pub fn has(relation: usize) -> Self {
        Self::Related(relation, Box::new(Self::Attribute(0, Condition::IsNull(false))))
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All(none), one) | (one, Self::All(none)) if none.is_empty() => one,
            (Self::All(mut all), one) => {
                all.push(one);
                Self::All(all)
            }
            (one, other) => Self::All(vec![one, other]),
        }
    }

    pub(crate) fn uses_selectors(&self, resource: &Resource) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.uses_selectors(resource)),
            Self::Not(part) => part.uses_selectors(resource),
            Self::Attribute(..) => false,
            Self::Related(relation, part) => {
                let relation = &resource.relations[*relation];
                relation.join.uses_selectors() || part.uses_selectors(relation.target)
            }
        }
    }

    /// Refuses places that the resource has not got, values of other kinds than the attributes have, and filters that would
    /// keep the database busy with nothing but reading them.
    pub(crate) fn check(&self, resource: &Resource) -> Result<(), Error> {
        self.check_within(resource, MAX_DEPTH, &mut { MAX_PARTS })
    }

    fn check_within(&self, resource: &Resource, depth: usize, parts_left: &mut usize) -> Result<(), Error> {
        *parts_left = parts_left.checked_sub(1).ok_or(Error::FilterTooLarge)?;
        let depth = depth.checked_sub(1).ok_or(Error::FilterTooLarge)?;
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().try_for_each(|part| part.check_within(resource, depth, parts_left))
            }
            Self::Not(part) => part.check_within(resource, depth, parts_left),
            Self::Attribute(place, condition) => {
                let attribute = resource.attributes.get(*place).ok_or(Error::InvalidFilter)?;
                if condition.fits(attribute.kind) { Ok(()) } else { Err(Error::InvalidFilter) }
            }
            Self::Related(place, part) => {
                let relation = resource.relations.get(*place).ok_or(Error::InvalidFilter)?;
                part.check_within(relation.target, depth, parts_left)
            }
        }
    }
}

impl Condition {
    fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::IsNull(_) => true,
            Self::Compare(_, value) | Self::DistinctFrom(value) | Self::NotDistinctFrom(value) => {
                value.is(kind)
            }
            Self::In(values) => values.iter().all(|value| value.is(kind)),
            Self::Text(TextMatch::Like | TextMatch::Ilike, pattern) => {
                // PostgreSQL would refuse a pattern that ends within an escape too, but only if a row comes to be compared.
                let backslashes = pattern.chars().rev().take_while(|it| *it == '\\').count();
                kind == Kind::Text && backslashes % 2 == 0
            }
            Self::Text(..) => kind == Kind::Text,
        }
    }

    /// Whether it holds, or if `negated` does not hold, for no value. What is unknown is neither.
    pub(crate) fn holds_for_null(&self, negated: bool) -> bool {
        let holds = match self {
            Self::IsNull(wanted) => *wanted,
            Self::DistinctFrom(value) => *value != Value::Null,
            Self::NotDistinctFrom(value) => *value == Value::Null,
            // Nothing is one of none, not even no value.
            Self::In(values) if values.iter().all(|value| *value == Value::Null) => false,
            Self::Compare(..) | Self::In(_) | Self::Text(..) => return false,
        };
        holds != negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a stranger sends must not grow beyond what is of use to anybody.
    #[test]
    fn filters_have_a_size() {
        let online = || Filter::Attribute(3, Condition::IsNull(false));
        let wide = |parts| Filter::Any((0..parts).map(|_| online()).collect());
        let deep = |depth| (0..depth).fold(online(), |filter, _| Filter::Not(Box::new(filter)));
        for (filter, fits) in [(wide(4999), true), (wide(5000), false), (deep(255), true), (deep(256), false)]
        {
            let checked = filter.check(&crate::DEVICE);
            assert!(matches!((checked, fits), (Ok(()), true) | (Err(Error::FilterTooLarge), false)));
        }
    }
}
