//! Mutations that a document writes twice under one name, by way of fragments: they are one mutation, but the library would
//! carry out each. No tool writes such documents, so they are refused rather than put together.

use std::collections::HashSet;

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Response, ServerError};

/// The refusal of a document with such a mutation.
pub(super) fn repeated(document: &ExecutableDocument) -> Option<Response> {
    let mut mutations = document.operations.iter().filter(|(_, it)| it.node.ty == OperationType::Mutation);
    let name = mutations.find_map(|(_, it)| {
        let mut search = Search { document, seen: HashSet::new(), within: Vec::new() };
        search.first(&it.node.selection_set.node)
    })?;
    let message = format!("The mutation \"{name}\" is written more than once.");
    Some(Response::from_errors(vec![ServerError::new(message, None)]))
}

struct Search<'d> {
    document: &'d ExecutableDocument,
    seen: HashSet<&'d str>,
    /// The fragments that are being followed.
    within: Vec<&'d str>,
}

impl<'d> Search<'d> {
    fn first(&mut self, selections: &'d SelectionSet) -> Option<&'d str> {
        selections.items.iter().find_map(|item| match &item.node {
            Selection::Field(field) => {
                let name = field.node.response_key().node.as_str();
                (name != "__typename" && !self.seen.insert(name)).then_some(name)
            }
            Selection::InlineFragment(it) => self.first(&it.node.selection_set.node),
            Selection::FragmentSpread(it) => self.first_of_fragment(it.node.fragment_name.node.as_str()),
        })
    }

    fn first_of_fragment(&mut self, name: &'d str) -> Option<&'d str> {
        let fragment = self.document.fragments.get(name)?;
        // One that leads back to itself is for the library to refuse.
        if self.within.contains(&name) {
            return None;
        }
        self.within.push(name);
        let found = self.first(&fragment.node.selection_set.node);
        self.within.pop();
        found
    }
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
            ("mutation { x ...F } fragment F on M { ...G } fragment G on M { ...F }", true),
            ("mutation { x { y } x { z } }", false),
            ("mutation { ...F ...G } fragment F on M { x { y } } fragment G on M { x { z } }", false),
            ("mutation { x { y } ... on M { x { z } } }", false),
        ] {
            let parsed = async_graphql::parser::parse_query(document).unwrap();
            assert_eq!(repeated(&parsed).is_none(), fits, "{document}");
        }
    }
}
