use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Instant;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet, TypeKind,
    TypeSystemDefinition,
};
use metrics::{Counter, Histogram, counter, histogram};

use crate::graphql::Schema;

/// How far a document's first field is looked for in fragments.
const FRAGMENTS: usize = 8;

/// Metrics of documents, by their first fields. Only names that the schema has are told.
pub(crate) struct Operations {
    queries: HashMap<String, Field>,
    mutations: HashMap<String, Field>,
    introspection: Field,
    other: Field,
}

/// Documents that begin with one field of the schema.
pub(crate) struct Field {
    kind: &'static str,
    name: String,
    handles: OnceLock<(Histogram, Counter)>,
}

impl Operations {
    pub(crate) fn new(schema: &Schema) -> Self {
        Self {
            queries: fields(schema, "RootQueryType", "query"),
            mutations: fields(schema, "RootMutationType", "mutation"),
            introspection: Field::new("query", "introspection"),
            other: Field::new("other", "other"),
        }
    }

    /// What an operation is counted as.
    pub(crate) fn of(&self, document: &ExecutableDocument, operation: &OperationDefinition) -> &Field {
        let Some(name) = first(document, &operation.selection_set.node, 0) else { return &self.other };
        let known = match operation.ty {
            OperationType::Query if name.starts_with("__") => Some(&self.introspection),
            OperationType::Query => self.queries.get(name),
            OperationType::Mutation => self.mutations.get(name),
            OperationType::Subscription => None,
        };
        known.unwrap_or(&self.other)
    }
}

impl Field {
    fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), handles: OnceLock::new() }
    }

    /// Counts an operation that has been run.
    pub(crate) fn ran(&self, since: Instant, errors: bool) {
        let (seconds, failures) = self.handles.get_or_init(|| {
            let labels = [("kind", self.kind.to_owned()), ("field", self.name.clone())];
            (
                histogram!("edgehog_graphql_operation_seconds", &labels),
                counter!("edgehog_graphql_operation_errors_total", &labels),
            )
        });
        seconds.record(since.elapsed());
        if errors {
            failures.increment(1);
        }
    }
}

/// Counts a document that is not run.
pub(crate) fn refused(reason: &'static str) {
    counter!("edgehog_graphql_refusals_total", "reason" => reason).increment(1);
}

/// The fields of one type. The library tells them in the schema's own language alone.
fn fields(schema: &Schema, of: &str, kind: &'static str) -> HashMap<String, Field> {
    let Ok(document) = parse_schema(schema.sdl()) else { return HashMap::new() };
    let mut fields = HashMap::new();
    for definition in document.definitions {
        if let TypeSystemDefinition::Type(definition) = definition
            && definition.node.name.node == of
            && let TypeKind::Object(object) = definition.node.kind
        {
            let names = object.fields.into_iter().map(|field| field.node.name.node.to_string());
            fields.extend(names.map(|name| (name.clone(), Field::new(kind, name))));
        }
    }
    fields
}

fn first<'d>(
    document: &'d ExecutableDocument,
    selections: &'d SelectionSet,
    depth: usize,
) -> Option<&'d str> {
    if depth > FRAGMENTS {
        return None;
    }
    match &selections.items.first()?.node {
        Selection::Field(field) => Some(field.node.name.node.as_str()),
        Selection::InlineFragment(it) => first(document, &it.node.selection_set.node, depth + 1),
        Selection::FragmentSpread(it) => {
            let fragment = document.fragments.get(&it.node.fragment_name.node)?;
            first(document, &fragment.node.selection_set.node, depth + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    /// Whatever a client writes, only names of ours become labels.
    #[test]
    fn documents_are_counted_by_their_first_field() {
        let operations = Operations::new(&crate::graphql::schema());
        for (document, kind, name) in [
            ("{ devices { count } }", "query", "devices"),
            ("{ mine: devices { count } tenantInfo { slug } }", "query", "devices"),
            ("{ ...F } fragment F on RootQueryType { ... { tenantInfo { slug } } }", "query", "tenantInfo"),
            ("{ __schema { types { name } } }", "query", "introspection"),
            ("mutation { updateDevice { x } }", "mutation", "updateDevice"),
            ("{ made_up }", "other", "other"),
            ("mutation { devices { count } }", "other", "other"),
            ("subscription { devices { count } }", "other", "other"),
            ("{ ...F } fragment F on RootQueryType { ...F }", "other", "other"),
        ] {
            let parsed = parse_query(document).unwrap();
            let (_, operation) = parsed.operations.iter().next().unwrap();
            let field = operations.of(&parsed, &operation.node);
            assert_eq!((field.kind, field.name.as_str()), (kind, name), "{document}");
        }
    }
}
