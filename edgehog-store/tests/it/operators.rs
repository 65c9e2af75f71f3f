//! Every operator on every attribute of every resource, against what it means.

use edgehog_store::{Attribute, Condition, Filter, Kind, List, PageRequest, Resource, Selection, Value};

use crate::conditions::{COMPARISONS, TEXT_MATCHES, holds};
use crate::values::{Collation, TEXTS};
use crate::{keys, rows, store, tenant, values};

/// Patterns and parts of texts, besides the texts themselves.
const PARTS: [&str; 12] =
    ["a", "b", "%b%", "a_b", "a\\_b", "a\\%b", "a\\\\b", "\\%", "%\u{c4}R%", "\u{c4}", "abc", "ABCA%"];

/// All conditions that fit the attribute.
fn conditions(attribute: &Attribute, values: &[Value]) -> Vec<Condition> {
    let mut all = vec![Condition::IsNull(true), Condition::IsNull(false), Condition::In(vec![])];
    for value in values {
        all.extend(COMPARISONS.map(|comparison| Condition::Compare(comparison, value.clone())));
        all.push(Condition::DistinctFrom(value.clone()));
        all.push(Condition::NotDistinctFrom(value.clone()));
        all.push(Condition::In(vec![value.clone()]));
    }
    all.push(Condition::In(values.to_vec()));
    all.push(Condition::In(vec![Value::Null; 2]));
    all.push(Condition::In(values.iter().take(3).cloned().chain([Value::Null]).collect()));
    if attribute.kind == Kind::Text {
        for text in TEXTS.iter().chain(&PARTS).filter(|text| **text != "\\") {
            all.extend(TEXT_MATCHES.map(|form| Condition::Text(form, (*text).to_owned())));
        }
        let literal = [edgehog_store::TextMatch::Contains, edgehog_store::TextMatch::EndsWith];
        all.extend(literal.map(|form| Condition::Text(form, "\\".to_owned())));
    }
    all
}

/// What a filter selects is what its operator means, and what its negation selects is where that is known to fail.
#[tokio::test]
async fn operators_mean_what_they_say() {
    let store = store().await;
    let (scope, _) = tenant(&store, "plant-one").await;
    for resource in Resource::all() {
        let mut tx = scope.begin().await.unwrap();
        rows::vary(&mut tx, resource, values::for_attribute).await;
        let all = List::default().page(PageRequest::all());
        let found = tx.list(&Selection::all(resource), &all).await.unwrap().rows;
        assert!(found.len() > 1, "{}", resource.name);
        for (place, attribute) in resource.attributes.iter().enumerate().filter(|(_, it)| !it.internal) {
            let mut candidates = values::for_attribute(attribute);
            candidates.extend([Value::Null]);
            // Those that the database made by itself.
            let stored = found
                .iter()
                .map(|row| row.value(place))
                .filter(|it| attribute.kind != Kind::Text && !candidates.contains(it));
            candidates.extend(stored.take(3).cloned().collect::<Vec<_>>());
            candidates.dedup();
            let texts = PARTS.map(|part| Value::Text(part.to_owned()));
            let known: Vec<_> = found.iter().map(|row| row.value(place).clone()).collect();
            let known = [known, candidates.clone(), texts.to_vec()].concat();
            let collation = Collation::of(tx.connection(), &known).await;
            for condition in conditions(attribute, &candidates) {
                for negated in [false, true] {
                    let is = Filter::Attribute(place, condition.clone());
                    let filter = if negated { Filter::Not(Box::new(is)) } else { is };
                    let selected = keys(&mut tx, resource, filter).await;
                    let expected: Vec<_> = (found.iter())
                        .filter(|row| match holds(&condition, row.value(place), &collation) {
                            None => false,
                            Some(holds) => holds != negated,
                        })
                        .map(|row| row.key().clone())
                        .collect();
                    let name = attribute.name;
                    assert_eq!(
                        selected, expected,
                        "{} {name} {condition:?}, negated: {negated}",
                        resource.name
                    );
                }
            }
        }
    }
}
