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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Comparison, DEVICE, Value};

    /// Relations of devices, by their places: to one system model, to many tags.
    const MODEL: usize = 0;
    const TAGS: usize = 1;

    fn equal(attribute: usize) -> Filter {
        Filter::Attribute(attribute, Condition::Compare(Comparison::Equal, Value::Text("a".into())))
    }

    fn related(relation: usize, filter: Filter) -> Filter {
        Filter::Related(relation, Box::new(filter))
    }

    fn not(filter: Filter) -> Filter {
        Filter::Not(Box::new(filter))
    }

    fn is(path: &[usize], attribute: usize, negated: bool) -> Formula {
        let Filter::Attribute(_, condition) = equal(attribute) else { unreachable!() };
        Formula::Is { path: path.to_vec(), attribute, condition, negated }
    }

    fn none(path: &[usize], of: Formula) -> Formula {
        Formula::None { path: path.to_vec(), of: Box::new(of) }
    }

    fn formula(filter: &Filter) -> Formula {
        Formula::new(filter, &DEVICE)
    }

    /// Negations end up at the leaves; those of relations to many become "none", whose paths begin anew.
    #[test]
    fn negations_move_to_the_leaves() {
        assert_eq!((DEVICE.relations[MODEL].name, DEVICE.relations[TAGS].name), ("system_model", "tags"));
        let both = || Filter::All(vec![equal(1), related(TAGS, equal(1))]);
        let tags_of_model = |filter| related(MODEL, related(0, filter));
        for (filter, expected) in [
            (equal(1), is(&[], 1, false)),
            (not(equal(1)), is(&[], 1, true)),
            (not(not(equal(1))), is(&[], 1, false)),
            (both(), Formula::All(vec![is(&[], 1, false), is(&[TAGS], 1, false)])),
            (not(both()), Formula::Any(vec![is(&[], 1, true), none(&[], is(&[TAGS], 1, false))])),
            (
                not(Filter::Any(vec![equal(1), equal(2)])),
                Formula::All(vec![is(&[], 1, true), is(&[], 2, true)]),
            ),
            (not(related(MODEL, equal(1))), is(&[MODEL], 1, true)),
            (not(tags_of_model(equal(1))), none(&[MODEL], is(&[0], 1, false))),
            (related(TAGS, not(equal(1))), is(&[TAGS], 1, true)),
            (not(related(TAGS, not(equal(1)))), none(&[], is(&[TAGS], 1, true))),
        ] {
            assert_eq!(formula(&filter), expected, "{filter:?}");
        }
    }

    /// What restricts nothing leaves no trace, and what nothing can fulfil ends the matter.
    #[test]
    fn constants_are_folded() {
        let nothing = Filter::default;
        for (filter, expected) in [
            (nothing(), Formula::Const(true)),
            (Filter::Any(vec![]), Formula::Const(true)),
            (not(nothing()), Formula::Const(false)),
            (not(Filter::Any(vec![])), Formula::Const(false)),
            (related(TAGS, nothing()), Formula::Const(true)),
            (not(related(TAGS, nothing())), Formula::Const(false)),
            (not(related(TAGS, not(nothing()))), Formula::Const(true)),
            (Filter::Any(vec![equal(1), nothing()]), Formula::Const(true)),
            (Filter::All(vec![equal(1), not(nothing())]), Formula::Const(false)),
            (
                Filter::All(vec![nothing(), Filter::All(vec![equal(1)])]),
                Formula::All(vec![is(&[], 1, false)]),
            ),
        ] {
            assert_eq!(formula(&filter), expected, "{filter:?}");
        }
    }

    /// Without a row all values on its path and further on are null, and "none" speaks of nothing but nulls.
    #[test]
    fn absent_rows_are_null() {
        let null = |wanted| Filter::Attribute(1, Condition::IsNull(wanted));
        let one_of = |values| Filter::Attribute(1, Condition::In(values));
        let text = || Value::Text("a".into());
        for (filter, holds) in [
            (null(true), true),
            (null(false), false),
            (not(null(true)), false),
            (equal(1), false),
            (not(equal(1)), false),
            (one_of(vec![]), false),
            (not(one_of(vec![])), true),
            (not(one_of(vec![Value::Null])), true),
            (not(one_of(vec![text()])), false),
            (Filter::Attribute(1, Condition::DistinctFrom(text())), true),
            (Filter::Attribute(1, Condition::NotDistinctFrom(text())), false),
            (not(Filter::Attribute(1, Condition::NotDistinctFrom(text()))), true),
            (Filter::Attribute(1, Condition::NotDistinctFrom(Value::Null)), true),
            (related(0, null(true)), true),
            (not(related(0, null(true))), false),
            (not(related(0, equal(1))), true),
        ] {
            let of_model = formula(&related(MODEL, filter.clone()));
            assert_eq!(of_model.without(&[MODEL]), Formula::Const(holds), "{filter:?}");
            assert_eq!(of_model.without(&[TAGS]), of_model, "another path is not touched: {filter:?}");
        }
        let mixed = formula(&Filter::Any(vec![equal(1), related(TAGS, equal(1)), related(TAGS, null(true))]));
        assert_eq!(mixed.without(&[TAGS]), Formula::Const(true));
        let mixed = formula(&Filter::All(vec![equal(1), related(TAGS, null(true))]));
        assert_eq!(mixed.without(&[TAGS]), Formula::All(vec![is(&[], 1, false)]));
    }

    /// Parts about the same step stand together, whether it is the same as such or by way of a third part.
    #[test]
    fn parts_about_the_same_step_stand_together() {
        let nothing_known = |path: &[usize]| path.is_empty();
        let model = || is(&[MODEL], 1, false);
        let tags = || is(&[TAGS], 1, false);
        let own = || is(&[], 1, false);
        let either = || Formula::Any(vec![model(), tags()]);
        let grouped = groups(vec![model(), own(), tags(), is(&[MODEL, 0], 1, false)], &nothing_known);
        let parts: Vec<_> = grouped.into_iter().map(|it| it.1).collect();
        assert_eq!(parts, [vec![own()], vec![tags()], vec![model(), is(&[MODEL, 0], 1, false)]]);
        let joined = groups(vec![model(), tags(), either()], &nothing_known);
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].1.len(), 3);
        let model_known = |path: &[usize]| path.is_empty() || path == [MODEL];
        let apart = groups(vec![model(), either(), is(&[MODEL, 0], 1, false)], &model_known);
        assert_eq!(apart.len(), 3, "what is known ties nothing together: {apart:?}");
    }

    /// The next row to look for is the first on the way that is not known yet.
    #[test]
    fn steps_are_taken_one_by_one() {
        let known = |path: &[usize]| path.is_empty() || path == [1];
        for (path, expected) in [
            (&[][..], None),
            (&[1], None),
            (&[2], Some(&[2][..])),
            (&[1, 0, 3], Some(&[1, 0])),
            (&[2, 0], Some(&[2])),
        ] {
            assert_eq!(first_unknown(path, &known), expected);
        }
    }
}
