//! Values of variables, before anything is done: the library misses one only where it is used, when mutations before it
//! have been carried out.

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Name, Pos, Response, ServerError, Value, Variables};

use crate::documents::operation_of;

/// The refusal of a request that leaves out what its document must have.
pub(super) fn missing(
    document: &ExecutableDocument,
    operation: Option<&str>,
    variables: &Variables,
) -> Option<Response> {
    let given = |name: &Name| variables.get(name).is_some_and(|value| *value != Value::Null);
    let definitions = operation_of(document, operation)?.variable_definitions.iter();
    let errors: Vec<_> = definitions
        .map(|definition| (definition.pos, &definition.node))
        .filter(|(_, it)| !it.var_type.node.nullable && it.default_value.is_none() && !given(&it.name.node))
        .map(|(pos, it)| refusal(&it.name.node, pos))
        .collect();
    (!errors.is_empty()).then(|| Response::from_errors(errors))
}

fn refusal(name: &Name, pos: Pos) -> ServerError {
    ServerError::new(format!("Variable \"{name}\": Expected non-null, found null."), Some(pos))
}
