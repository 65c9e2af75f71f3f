//! Documents run for one tenant: the seam between GraphQL and the ways in which documents come in.

#[cfg(test)]
pub(crate) mod parrot;

use async_graphql::parser::types::{DocumentOperations, OperationType};
use async_graphql::{Request, Response};
use edgehog_engine::{Tenant, TenantId};
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::graphql::{self, Schema};

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
