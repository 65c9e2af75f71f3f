//! Filters over relations, against what they mean: a search through all combinations of joined rows.

use std::collections::HashMap;

use edgehog_store::{Cardinality, Condition, Filter, Kind, Resource, TenantScope, Value};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::conditions::{COMPARISONS, TEXT_MATCHES, holds};
use crate::values::Collation;
use crate::world::{Fleet, WORDS, World, world};
use crate::{keys, store, tenant};

type Path = Vec<usize>;

/// The relation at the end of a path does not lead to many when negated; it is asked anew for each row.
fn is_none_of(resource: &Resource, relation: usize, negated: bool) -> bool {
    negated && resource.relations[relation].cardinality != Cardinality::One
}

/// The paths on which a filter joins rows, shorter ones first.
fn joins(
    filter: &Filter,
    resource: &'static Resource,
    path: &Path,
    negated: bool,
    found: &mut Vec<(Path, &'static Resource)>,
) {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => {
            for part in parts {
                joins(part, resource, path, negated, found);
            }
        }
        Filter::Not(part) => joins(part, resource, path, !negated, found),
        Filter::Related(relation, part) if !is_none_of(resource, *relation, negated) => {
            let path = [path.as_slice(), &[*relation]].concat();
            if !found.iter().any(|it| it.0 == path) {
                found.push((path.clone(), resource));
            }
            joins(part, resource.relations[*relation].target, &path, negated, found);
        }
        _ => {}
    }
}

struct Search<'a> {
    fleet: &'a Fleet,
    collation: &'a Collation,
}

/// The rows that are joined at the moment; none where the relation leads nowhere.
type Joined = HashMap<Path, Option<i64>>;

impl Search<'_> {
    /// Whether the row, or one of nulls alone, passes.
    fn passes(&self, filter: &Filter, resource: &'static Resource, row: Option<i64>) -> bool {
        let mut paths = Vec::new();
        joins(filter, resource, &Path::new(), false, &mut paths);
        paths.sort_by_key(|it| it.0.len());
        self.any(filter, resource, &paths, &mut Joined::from([(Path::new(), row)]))
    }

    /// Whether it passes with any combination of rows on the paths that are left.
    fn any(
        &self,
        filter: &Filter,
        resource: &'static Resource,
        paths: &[(Path, &'static Resource)],
        joined: &mut Joined,
    ) -> bool {
        let Some(((path, from), rest)) = paths.split_first() else {
            return self.truth(filter, resource, &Path::new(), false, joined) == Some(true);
        };
        let (relation, before) = path.split_last().unwrap();
        let candidates = joined[before].map(|key| self.fleet.links(from, key, *relation)).unwrap_or_default();
        let candidates: Vec<_> = match candidates {
            [] => vec![None],
            some => some.iter().copied().map(Some).collect(),
        };
        candidates.into_iter().any(|row| {
            joined.insert(path.clone(), row);
            self.any(filter, resource, rest, joined)
        })
    }

    /// Whether it is true of the joined rows, or if `negated` is not, as far as that is known.
    fn truth(
        &self,
        filter: &Filter,
        resource: &'static Resource,
        path: &Path,
        negated: bool,
        joined: &Joined,
    ) -> Option<bool> {
        let of = |part: &Filter| self.truth(part, resource, path, negated, joined);
        match filter {
            Filter::Any(parts) if parts.is_empty() => Some(!negated),
            Filter::All(parts) | Filter::Any(parts) => {
                let decisive = matches!(filter, Filter::Any(_)) != negated;
                let truths: Vec<_> = parts.iter().map(of).collect();
                if truths.contains(&Some(decisive)) {
                    Some(decisive)
                } else if truths.contains(&None) {
                    None
                } else {
                    Some(!decisive)
                }
            }
            Filter::Not(part) => self.truth(part, resource, path, !negated, joined),
            Filter::Attribute(attribute, condition) => {
                let value =
                    joined[path].map_or(&Value::Null, |key| self.fleet.value(resource, key, *attribute));
                holds(condition, value, self.collation).map(|it| it != negated)
            }
            Filter::Related(relation, part) => {
                let target = resource.relations[*relation].target;
                if is_none_of(resource, *relation, negated) {
                    let related = Filter::Related(*relation, part.clone());
                    return Some(!self.passes(&related, resource, joined[path]));
                }
                self.truth(part, target, &[path.as_slice(), &[*relation]].concat(), negated, joined)
            }
            other => panic!("a new filter: {other:?}"),
        }
    }
}

/// A filter that fits the resource.
fn filter(resource: &'static Resource, depth: u32) -> BoxedStrategy<Filter> {
    let attributes: Vec<_> =
        (0..resource.attributes.len()).filter(|it| !resource.attributes[*it].internal).collect();
    // Keys and names tell more rows apart than what follows.
    let first = attributes.iter().take(3).copied().collect::<Vec<_>>();
    let attribute = prop_oneof![2 => prop::sample::select(first), 1 => prop::sample::select(attributes)];
    let leaf = attribute.prop_flat_map(move |place| {
        condition(resource.attributes[place].kind).prop_map(move |it| Filter::Attribute(place, it))
    });
    if depth == 0 {
        return leaf.boxed();
    }
    let part = move || filter(resource, depth - 1);
    let parts = move || prop_oneof![1 => Just(vec![]), 9 => prop::collection::vec(part(), 1..4)];
    let relations: Vec<_> =
        (0..resource.relations.len()).filter(|it| !resource.relations[*it].internal).collect();
    let others = prop_oneof![
        2 => parts().prop_map(Filter::All),
        2 => parts().prop_map(Filter::Any),
        2 => part().prop_map(|it| Filter::Not(Box::new(it))),
        1 => leaf,
    ];
    if relations.is_empty() {
        return others.boxed();
    }
    let related = prop::sample::select(relations).prop_flat_map(move |place| {
        let part = filter(resource.relations[place].target, depth - 1);
        let related = part.prop_map(move |it| Filter::Related(place, Box::new(it))).boxed();
        // Conditions on the same relation in several parts are what is easily got wrong.
        let parts = prop::collection::vec(prop_oneof![4 => related.clone(), 1 => filter(resource, 0)], 2..4);
        prop_oneof![
            2 => related,
            2 => parts.clone().prop_map(Filter::All),
            1 => parts.clone().prop_map(Filter::Any),
            1 => parts.prop_map(|it| Filter::Not(Box::new(Filter::All(it)))),
        ]
    });
    prop_oneof![1 => others, 2 => related].boxed()
}

fn condition(kind: Kind) -> BoxedStrategy<Condition> {
    let value = prop_oneof![1 => Just(Value::Null), 15 => value(kind)];
    let plain = prop_oneof![
        2 => any::<bool>().prop_map(Condition::IsNull),
        5 => (prop::sample::select(&COMPARISONS[..]), value.clone()).prop_map(|(it, value)| Condition::Compare(it, value)),
        1 => prop::collection::vec(value.clone(), 0..3).prop_map(Condition::In),
        1 => value.clone().prop_map(Condition::DistinctFrom),
        1 => value.prop_map(Condition::NotDistinctFrom),
    ];
    if kind != Kind::Text {
        return plain.boxed();
    }
    let text = (prop::sample::select(&TEXT_MATCHES[..]), prop::sample::select(&["", "a", "%", "d1"][..]));
    prop_oneof![4 => plain, 1 => text.prop_map(|(form, text)| Condition::Text(form, text.to_owned()))].boxed()
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Key | Kind::Integer => (1_i64..5).prop_map(Value::Integer).boxed(),
        Kind::Text => prop::sample::select(&WORDS[..]).prop_map(|it| Value::Text(it.to_owned())).boxed(),
        kind => prop::sample::select(crate::values::of(kind)).boxed(),
    }
}

/// Filters of the resource at the first place.
fn filters() -> impl Strategy<Value = Vec<(&'static Resource, Filter)>> {
    // Most of those that lead to many.
    let to_many = |it: &Resource| {
        it.relations.iter().filter(|it| !it.internal && it.cardinality != Cardinality::One).count()
    };
    let weighted = Resource::all().iter().flat_map(|it| std::iter::repeat_n(*it, 1 + 3 * to_many(it)));
    let one = (prop::sample::select(weighted.collect::<Vec<_>>()), 1_u32..5)
        .prop_flat_map(|(resource, depth)| filter(resource, depth).prop_map(move |it| (resource, it)));
    prop::collection::vec(one, 120)
}

/// Filters that are asked of the database whatever they select; of the others those that tell rows apart.
const ASKED: usize = 4;

async fn compare(
    scope: &TenantScope,
    world: &World,
    filters: &[(&'static Resource, Filter)],
) -> Result<(), TestCaseError> {
    let mut tx = scope.begin().await.unwrap();
    world.insert(&mut tx).await;
    let fleet = Fleet::read(&mut tx).await;
    let devices = (0..10).map(|number| format!("d{number}"));
    let texts = WORDS.into_iter().chain(["", "%"]).map(str::to_owned).chain(devices).map(Value::Text);
    let collation = Collation::of(tx.connection(), &texts.collect::<Vec<_>>()).await;
    let search = Search { fleet: &fleet, collation: &collation };
    for (place, (resource, filter)) in filters.iter().enumerate() {
        let all = fleet.keys(resource);
        let passes = |key: &&i64| search.passes(filter, resource, Some(**key));
        let expected: Vec<_> = all.iter().filter(passes).copied().map(Value::Integer).collect();
        if place < ASKED || (!expected.is_empty() && expected.len() < all.len()) {
            let selected = keys(&mut tx, resource, filter.clone()).await;
            prop_assert_eq!(&selected, &expected, "{} {:?} in {:?}", resource.name, filter, world);
            let count = tx.count(resource, filter.clone()).await.unwrap();
            prop_assert_eq!(count, i64::try_from(expected.len()).unwrap());
        }
    }
    Ok(())
}

/// Whatever a filter is made of, the rows that it selects are those for which some combination of joined rows passes.
#[test]
fn filters_select_what_left_joins_would() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_store, scope) = runtime.block_on(async {
        let store = store().await;
        let (scope, _) = tenant(&store, "plant-one").await;
        (store, scope)
    });
    let config = ProptestConfig {
        cases: 40,
        failure_persistence: None,
        max_shrink_iters: 100,
        ..ProptestConfig::default()
    };
    proptest!(config, |(world in world(), filters in filters())| {
        runtime.block_on(compare(&scope, &world, &filters))?;
    });
}
