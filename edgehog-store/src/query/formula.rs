//! Filters in a form that can be turned into SQL: negations stand at the leaves, and every leaf says on which path of
//! relations the row lies that it is about.
//!
//! The meaning is that of `SELECT DISTINCT` over left joins, one join for each path. A plain list of joins would give
//! the planner nothing to stop early with, so each path becomes an `EXISTS` as far down as possible: `EXISTS` may be drawn
//! into each side of an `OR`, and into one side of an `AND` if the other side is not about the same path.

use super::filter::{Condition, Filter};
use crate::Resource;
use crate::resource::Cardinality;

/// Relations, by their places, from the row that the whole is about.
pub(super) type Path = Vec<usize>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Formula {
    Const(bool),
    All(Vec<Self>),
    Any(Vec<Self>),
    /// The row at the path has an attribute that fulfils the condition, or if `negated` does not.
    Is {
        path: Path,
        attribute: usize,
        condition: Condition,
        negated: bool,
    },
    /// Nothing that the row at the path leads to fulfils this, whose paths begin at that row.
    None {
        path: Path,
        of: Box<Self>,
    },
}

impl Formula {
    pub(super) fn new(filter: &Filter, resource: &Resource) -> Self {
        Self::at(filter, resource, Vec::new(), false)
    }

    fn at(filter: &Filter, resource: &Resource, path: Path, negated: bool) -> Self {
        let parts = |filters: &[Filter]| {
            filters.iter().map(|part| Self::at(part, resource, path.clone(), negated)).collect::<Vec<_>>()
        };
        match filter {
            Filter::Any(filters) if filters.is_empty() => Self::Const(!negated),
            Filter::All(filters) if negated => Self::any(parts(filters)),
            Filter::Any(filters) if negated => Self::all(parts(filters)),
            Filter::All(filters) => Self::all(parts(filters)),
            Filter::Any(filters) => Self::any(parts(filters)),
            Filter::Not(filter) => Self::at(filter, resource, path, !negated),
            Filter::Attribute(attribute, condition) => {
                Self::Is { path, attribute: *attribute, condition: condition.clone(), negated }
            }
            Filter::Related(place, filter) => {
                let relation = &resource.relations[*place];
                if negated && relation.cardinality != Cardinality::One {
                    return match Self::at(filter, relation.target, vec![*place], false) {
                        Self::Const(constant) => Self::Const(!constant),
                        of => Self::None { path, of: Box::new(of) },
                    };
                }
                let mut path = path;
                path.push(*place);
                Self::at(filter, relation.target, path, negated)
            }
        }
    }

    pub(super) fn all(parts: Vec<Self>) -> Self {
        let mut all = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Const(true) => {}
                Self::Const(false) => return Self::Const(false),
                Self::All(parts) => all.extend(parts),
                part => all.push(part),
            }
        }
        if all.is_empty() { Self::Const(true) } else { Self::All(all) }
    }

    pub(super) fn any(parts: Vec<Self>) -> Self {
        let mut any = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Const(false) => {}
                Self::Const(true) => return Self::Const(true),
                Self::Any(parts) => any.extend(parts),
                part => any.push(part),
            }
        }
        if any.is_empty() { Self::Const(false) } else { Self::Any(any) }
    }

    /// What is left of it if there is no row at `absent`, and so none further on.
    pub(super) fn without(&self, absent: &[usize]) -> Self {
        let without = |parts: &[Self]| parts.iter().map(|part| part.without(absent)).collect();
        match self {
            Self::All(parts) => Self::all(without(parts)),
            Self::Any(parts) => Self::any(without(parts)),
            Self::Is { path, condition, negated, .. } if path.starts_with(absent) => {
                Self::Const(condition.holds_for_null(*negated))
            }
            // With no row to begin at, none of its paths leads anywhere.
            Self::None { path, of } if path.starts_with(absent) => Self::Const(!of.holds_for_nothing()),
            other => other.clone(),
        }
    }

    fn holds_for_nothing(&self) -> bool {
        match self {
            Self::Const(constant) => *constant,
            Self::All(parts) => parts.iter().all(Self::holds_for_nothing),
            Self::Any(parts) => parts.iter().any(Self::holds_for_nothing),
            Self::Is { condition, negated, .. } => condition.holds_for_null(*negated),
            Self::None { of, .. } => !of.holds_for_nothing(),
        }
    }

    /// The paths that it is about, to the first step that is not in `known`.
    pub(super) fn frontier(&self, known: &impl Fn(&[usize]) -> bool, steps: &mut Vec<Path>) {
        match self {
            Self::Const(_) => {}
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.frontier(known, steps);
                }
            }
            Self::Is { path, .. } | Self::None { path, .. } => {
                if let Some(step) = first_unknown(path, known)
                    && !steps.iter().any(|it| it == step)
                {
                    steps.push(step.to_vec());
                }
            }
        }
    }
}

/// The shortest beginning of a path that is not known.
pub(super) fn first_unknown<'p>(path: &'p [usize], known: &impl Fn(&[usize]) -> bool) -> Option<&'p [usize]> {
    (1..=path.len()).map(|length| &path[..length]).find(|step| !known(step))
}

/// Puts the parts of a conjunction together that are about the same steps.
pub(super) fn groups(
    parts: Vec<Formula>,
    known: &impl Fn(&[usize]) -> bool,
) -> Vec<(Vec<Path>, Vec<Formula>)> {
    let mut groups: Vec<(Vec<Path>, Vec<Formula>)> = Vec::new();
    for part in parts {
        let mut steps = Vec::new();
        part.frontier(known, &mut steps);
        let mut joined = (steps, vec![part]);
        let (same, others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|(theirs, _)| theirs.iter().any(|step| joined.0.contains(step)));
        for (theirs, parts) in same {
            joined.0.extend(theirs);
            joined.1.splice(0..0, parts);
        }
        groups = others;
        groups.push(joined);
    }
    groups
}
