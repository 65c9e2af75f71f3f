//! Mutations that a document writes twice under one name, by way of fragments: they are one mutation, but the library would
//! carry out each. No tool writes such documents, so they are refused rather than put together.

use std::collections::HashSet;

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Response, ServerError};

/// The refusal of a document with such a mutation. Its fragments must not lead back to themselves.
pub(super) fn repeated(document: &ExecutableDocument) -> Option<Response> {
    let mut mutations = document.operations.iter().filter(|(_, it)| it.node.ty == OperationType::Mutation);
    let name = mutations
        .find_map(|(_, it)| first_repeated(document, &it.node.selection_set.node, &mut HashSet::new()))?;
    let message = format!("The mutation \"{name}\" is written more than once.");
    Some(Response::from_errors(vec![ServerError::new(message, None)]))
}

fn first_repeated<'d>(
    document: &'d ExecutableDocument,
    selections: &'d SelectionSet,
    seen: &mut HashSet<&'d str>,
) -> Option<&'d str> {
    selections.items.iter().find_map(|item| match &item.node {
        Selection::Field(field) => {
            let name = field.node.response_key().node.as_str();
            (name != "__typename" && !seen.insert(name)).then_some(name)
        }
        Selection::InlineFragment(it) => first_repeated(document, &it.node.selection_set.node, seen),
        Selection::FragmentSpread(it) => {
            let fragment = document.fragments.get(&it.node.fragment_name.node)?;
            first_repeated(document, &fragment.node.selection_set.node, seen)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_are_written_once() {
        for (document, fits) in [
            ("mutation { a: x { y } b: x { y } }", true),
            ("query { x { y } ...F } fragment F on Q { x { z } }", true),
            ("mutation { x { ...F } ...G } fragment F on T { x } fragment G on M { z }", true),
            ("mutation { x { y } x { z } }", false),
            ("mutation { ...F ...G } fragment F on M { x { y } } fragment G on M { x { z } }", false),
            ("mutation { x { y } ... on M { x { z } } }", false),
        ] {
            let parsed = async_graphql::parser::parse_query(document).unwrap();
            assert_eq!(repeated(&parsed).is_none(), fits, "{document}");
        }
    }
}
