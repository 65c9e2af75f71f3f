//! The order of an answer's members: that of the selections, as GraphQL wants it. The library gives them in the order in
//! which they became ready.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Value};

/// Arranges the data of an answer by the document's operations.
pub(super) fn arrange(document: &ExecutableDocument, data: &mut Value) {
    // A document that was never run may have fragments that lead back to themselves.
    if *data == Value::Null {
        return;
    }
    let operations: Vec<_> =
        document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node).collect();
    arrange_all(document, &operations, std::iter::once(data));
}

/// Arranges values that the same selections were made on.
fn arrange_all<'v>(
    document: &ExecutableDocument,
    selections: &[&SelectionSet],
    values: impl Iterator<Item = &'v mut Value>,
) {
    let mut members = Members::default();
    for selection in selections {
        members.add(document, selection);
    }
    let mut below: HashMap<&str, Vec<&mut Value>> = HashMap::new();
    for value in values {
        collect(&members, value, &mut below);
    }
    for (name, values) in below {
        if let Some((_, selections)) = members.0.get(name) {
            arrange_all(document, selections, values.into_iter());
        }
    }
}

/// Orders the members of an object, or of the objects of a list, and collects what is to be arranged below them.
fn collect<'v>(
    members: &Members<'_>,
    value: &'v mut Value,
    below: &mut HashMap<&'v str, Vec<&'v mut Value>>,
) {
    match value {
        Value::List(items) => items.iter_mut().for_each(|item| collect(members, item, below)),
        Value::Object(object) => {
            object.sort_by_cached_key(|name, _| members.0.get(name.as_str()).map(|(place, _)| *place));
            for (name, value) in object.iter_mut() {
                if matches!(value, Value::Object(_) | Value::List(_)) {
                    below.entry(name.as_str()).or_default().push(value);
                }
            }
        }
        _ => {}
    }
}

/// Names of members, each with its place and all selections made on it.
#[derive(Default)]
struct Members<'d>(HashMap<&'d str, (usize, Vec<&'d SelectionSet>)>);

impl<'d> Members<'d> {
    fn add(&mut self, document: &'d ExecutableDocument, selections: &'d SelectionSet) {
        for selection in &selections.items {
            match &selection.node {
                Selection::Field(field) => {
                    let name: &Name = &field.node.response_key().node;
                    let place = self.0.len();
                    let (_, selections) = self.0.entry(name).or_insert_with(|| (place, Vec::new()));
                    selections.push(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => self.add(document, &fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                        self.add(document, &fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Nothing is to be arranged where a document was refused, and it may have no end.
    #[test]
    fn refused_documents_are_left_alone() {
        let document = "query { ...F } fragment F on Item { ...F }";
        let document = async_graphql::parser::parse_query(document).unwrap();
        let mut data = Value::Null;
        arrange(&document, &mut data);
        assert_eq!(data, Value::Null);
    }

    #[test]
    fn members_come_in_the_order_of_their_selections() {
        let document = "
            query { b: list { z ...F y } a { n } ... on RootQueryType { a { m } c } }
            fragment F on Item { x { q p } }";
        let document = async_graphql::parser::parse_query(document).unwrap();
        let mut data = Value::from_json(json!({
            "a": { "m": 1, "n": 2 }, "c": 3,
            "b": [{ "x": { "p": 4, "q": 5 }, "y": 6, "z": 7 }, null, { "y": [8], "z": 9 }],
        }))
        .unwrap();
        arrange(&document, &mut data);
        let arranged =
            r#"{"b":[{"z":7,"x":{"q":5,"p":4},"y":6},null,{"z":9,"y":[8]}],"a":{"n":2,"m":1},"c":3}"#;
        assert_eq!(serde_json::to_string(&data).unwrap(), arranged);
    }
}
