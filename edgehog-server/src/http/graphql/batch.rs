//! Several documents in one request.

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use futures::stream::{self, StreamExt};
use serde_json::{Map, Value};

use super::parameters::{Parameters, Unusable};
use crate::documents::{Documents, Unanswered, kind};
use crate::uploads::Uploads;

/// How many documents a batch may have.
const MAX_DOCUMENTS: usize = 50;

/// How many of them run at the same time.
const AT_ONCE: usize = 4;

/// What a client wants to find beside an answer, with the document that the answer is to.
struct Element {
    beside: Map<String, Value>,
    operation: Request,
}

/// Runs all documents of a batch, or none. An answer keeps what its request had beside the document, such as an id.
pub(super) async fn answer(documents: &dyn Documents, elements: Vec<Value>) -> Result<String, Unusable> {
    if elements.len() > MAX_DOCUMENTS {
        return Err(Unusable::BATCH);
    }
    let mut elements = elements.into_iter().map(element).collect::<Result<Vec<_>, _>>()?;
    // Who changes one thing and then another may count on the order.
    let in_order = elements.iter_mut().any(|it| kind(&mut it.operation) == Some(OperationType::Mutation));
    let answers: Vec<String> = stream::iter(elements)
        .map(|Element { beside, operation }| async move {
            let answer = documents.execute(operation.data(Uploads::default())).await;
            let answer = answer.unwrap_or_else(Unanswered::to_json);
            with_payload(&beside, &answer)
        })
        .buffered(if in_order { 1 } else { AT_ONCE })
        .collect()
        .await;
    Ok(format!("[{}]", answers.join(",")))
}

fn element(element: Value) -> Result<Element, Unusable> {
    let Value::Object(mut beside) = element else { return Err(Unusable::BATCH) };
    let parameters: Parameters =
        serde_json::from_value(Value::Object(beside.clone())).map_err(|_| Unusable::BATCH)?;
    for taken in ["query", "variables", "payload"] {
        beside.remove(taken);
    }
    Ok(Element { beside, operation: parameters.into_operation()? })
}

/// The answer is JSON text already, and may be long.
fn with_payload(beside: &Map<String, Value>, answer: &str) -> String {
    let mut element = String::from("{");
    for (name, value) in beside {
        element.push_str(&format!("{}:{value},", Value::from(name.as_str())));
    }
    element.push_str(&format!("\"payload\":{answer}}}"));
    element
}
