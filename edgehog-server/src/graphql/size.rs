//! The size of a document, fragments written out, before the library looks at it: it follows each fragment wherever it is
//! written, and a few that are written twice in each other are more than anybody can follow.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Response, ServerError};

/// How many selections a document may have.
const MAX_SELECTIONS: usize = 2 * super::MAX_FIELDS;

/// How many fields a document may ask for under a name of its own choice. The same field may be asked for under many.
const MAX_ALIASES: usize = 500;

/// How deep selections and fragments may lie in each other.
const MAX_NESTING: usize = 128;

/// The refusal of a document that is too large.
pub(super) fn excessive(document: &ExecutableDocument) -> Option<Response> {
    let mut measure = Measure { document, known: HashMap::new() };
    let operations = document.operations.iter().map(|(_, it)| &it.node.selection_set.node);
    let fragments = document.fragments.values().map(|it| &it.node.selection_set.node);
    let fits = operations.chain(fragments).all(|selections| measure.selections(selections, 0).fits());
    (!fits).then(|| Response::from_errors(vec![ServerError::new("The document asks for too much.", None)]))
}

#[derive(Clone, Copy, Default)]
struct Size {
    selections: usize,
    aliases: usize,
    height: usize,
}

impl Size {
    /// Of what is not looked at any more.
    const EXCESSIVE: Self = Self { selections: usize::MAX, aliases: usize::MAX, height: usize::MAX };

    const fn fits(self) -> bool {
        self.selections <= MAX_SELECTIONS && self.aliases <= MAX_ALIASES && self.height <= MAX_NESTING
    }
}

struct Measure<'d> {
    document: &'d ExecutableDocument,
    known: HashMap<&'d str, Size>,
}

impl<'d> Measure<'d> {
    fn selections(&mut self, selections: &'d SelectionSet, depth: usize) -> Size {
        if depth > MAX_NESTING {
            return Size::EXCESSIVE;
        }
        let mut size = Size::default();
        for item in &selections.items {
            let below = match &item.node {
                Selection::Field(field) => self.selections(&field.node.selection_set.node, depth + 1),
                Selection::InlineFragment(it) => self.selections(&it.node.selection_set.node, depth + 1),
                Selection::FragmentSpread(spread) => {
                    self.fragment(spread.node.fragment_name.node.as_str(), depth + 1)
                }
            };
            let is_alias = matches!(&item.node, Selection::Field(field) if field.node.alias.is_some());
            size.selections = size.selections.saturating_add(below.selections).saturating_add(1);
            size.aliases = size.aliases.saturating_add(below.aliases).saturating_add(is_alias.into());
            size.height = size.height.max(below.height.saturating_add(1));
        }
        size
    }

    fn fragment(&mut self, name: &'d str, depth: usize) -> Size {
        if let Some(size) = self.known.get(name) {
            return *size;
        }
        let Some(fragment) = self.document.fragments.get(name) else { return Size::default() };
        // One that leads back to itself has no size; the library refuses it.
        self.known.insert(name, Size::default());
        let size = self.selections(&fragment.node.selection_set.node, depth);
        self.known.insert(name, size);
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_excessive(document: &str) -> bool {
        excessive(&async_graphql::parser::parse_query(document).unwrap()).is_some()
    }

    /// So many fragments, each of which has the next one in it so many times.
    fn chain(length: usize, times: usize) -> String {
        let fragment = |n| format!("fragment F{n} on T {{ {} }}", format!("...F{} ", n + 1).repeat(times));
        let fragments: String = (0..length).map(fragment).collect();
        format!("{{ ...F0 }} {fragments} fragment F{length} on T {{ a }}")
    }

    fn aliases(number: usize) -> String {
        let fields: String = (0..number).map(|n| format!("a{n}: a ")).collect();
        format!("{{ {fields} }}")
    }

    #[test]
    fn documents_have_a_size() {
        for (document, expected) in [
            ("{ a { b c } ...F } fragment F on T { a { b } }".to_owned(), false),
            (chain(100, 1), false),
            (chain(10, 2), false),
            (chain(30, 2), true),
            (aliases(MAX_ALIASES), false),
            (aliases(MAX_ALIASES + 1), true),
            (format!("{{ ...F ...F }} fragment F on Q {}", aliases(MAX_ALIASES / 2 + 1)), true),
            (chain(130, 1), true),
            (chain(20_000, 1), true),
            (format!("{{ {} }}", "a ".repeat(MAX_SELECTIONS)), false),
            (format!("{{ {} }}", "a ".repeat(MAX_SELECTIONS + 1)), true),
            ("{ ...F } fragment F on T { ...F }".to_owned(), false),
        ] {
            assert_eq!(is_excessive(&document), expected, "{}", &document[..document.len().min(80)]);
        }
    }
}
