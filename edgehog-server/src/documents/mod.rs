//! Documents run for one tenant: the seam between GraphQL and the ways in which documents come in.

#[cfg(test)]
pub(crate) mod parrot;

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{DocumentOperations, OperationType};
use async_graphql::{Request, Response};
use edgehog_engine::{Tenant, TenantId};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::de::IgnoredAny;

use crate::graphql::{self, Schema};
use crate::subscriptions::{Hub, Subscription};

/// Runs documents for a tenant.
pub(crate) trait Documents: Send + Sync {
    fn tenant(&self) -> TenantId;

    /// Runs a query or mutation; gives the answer as JSON text.
    fn execute(&self, request: Request) -> BoxFuture<'static, String>;

    /// Runs a subscription. One that is refused gives one response with errors, and ends.
    fn subscribe(&self, request: Request) -> BoxStream<'static, Response>;
}

/// The documents of the API.
pub(crate) struct TenantDocuments {
    pub(crate) schema: Schema,
    pub(crate) tenant: Tenant,
}

impl Documents for TenantDocuments {
    fn tenant(&self) -> TenantId {
        self.tenant.info().tenant_id
    }

    fn execute(&self, request: Request) -> BoxFuture<'static, String> {
        let (schema, tenant) = (self.schema.clone(), self.tenant.clone());
        Box::pin(async move { graphql::execute(&schema, tenant, request).await })
    }

    fn subscribe(&self, request: Request) -> BoxStream<'static, Response> {
        graphql::subscribe(&self.schema, self.tenant.clone(), request)
    }
}

/// Documents with the subscriptions that are running.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) hub: Hub,
}

/// What became of a document.
pub(crate) enum Answer {
    /// It was run; the whole answer.
    Executed(String),
    Subscribed(Subscription),
    /// It was not run, or a subscription did not begin; an answer with nothing but errors.
    Refused(String),
}

impl Session {
    /// Runs a document of any kind. A subscription is running when this returns.
    pub(crate) async fn run(&self, mut request: Request) -> Answer {
        if kind(&mut request) == Some(OperationType::Subscription) {
            return match self.hub.subscribe(self.documents.as_ref(), request).await {
                Ok(subscription) => Answer::Subscribed(subscription),
                Err(refused) => Answer::Refused(refused.0),
            };
        }
        let answer = self.documents.execute(request).await;
        let members: Result<HashMap<String, IgnoredAny>, _> = serde_json::from_str(&answer);
        if members.is_ok_and(|members| members.contains_key("data")) {
            Answer::Executed(answer)
        } else {
            Answer::Refused(answer)
        }
    }
}

/// What kind of operation a request is for; `None` where running it will tell what is wrong with it.
pub(crate) fn kind(request: &mut Request) -> Option<OperationType> {
    let name = request.operation_name.clone();
    let operation = match (&request.parsed_query().ok()?.operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name.as_str())?,
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()?
        }
        (DocumentOperations::Multiple(_), None) => return None,
    };
    Some(operation.node.ty)
}
