//! Documents run for one tenant: the seam between GraphQL and the ways in which documents come in.

#[cfg(test)]
pub(crate) mod parrot;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType,
};
use async_graphql::{Request, Response, ServerError};
use edgehog_engine::{Tenant, TenantId};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::json;
use tokio::time::timeout;
use tracing::Instrument;

use crate::graphql::{self, Schema};
use crate::measures::{Operations, Tenants};
use crate::rates::Rate;

/// The bytes of a document. Its fields take some hundred times as much memory before they are counted; the largest of
/// the console has a few thousand.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Runs documents for a tenant.
pub(crate) trait Documents: Send + Sync {
    fn tenant(&self) -> TenantId;

    /// Runs a query or mutation; gives the answer as JSON text. It is run to its end whether somebody waits or not.
    fn execute(&self, request: Request) -> BoxFuture<'static, Result<String, Unanswered>>;

    /// Runs a subscription. One that is refused gives one response with errors, and ends.
    fn subscribe(&self, request: Request) -> BoxStream<'static, Response>;
}

/// Why there is no answer to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The tenant asks for too much in a second.
    TooMany,
    /// It took too long. What a mutation has changed by then stays changed.
    TooSlow,
    /// A fault of this program.
    Broken,
}

impl Unanswered {
    const fn message(self) -> &'static str {
        match self {
            Self::TooMany => "There are too many requests; wait for a second.",
            Self::TooSlow => "The request took too long.",
            Self::Broken => "Something went wrong.",
        }
    }

    /// An answer with nothing but this, for those who wait for a GraphQL answer.
    pub(crate) fn to_json(self) -> String {
        json!({ "errors": [{ "message": self.message(), "fields": [] }] }).to_string()
    }
}

/// The documents of the API.
pub(crate) struct TenantDocuments {
    pub(crate) schema: Schema,
    pub(crate) tenant: Tenant,
    pub(crate) operations: Arc<Operations>,
    pub(crate) rate: Arc<Rate>,
    pub(crate) tenants: Arc<Tenants>,
    /// How long an execution may take.
    pub(crate) timeout: Duration,
}

impl TenantDocuments {
    fn is_admitted(&self) -> bool {
        let admitted = self.rate.admits(self.tenant());
        if !admitted {
            self.tenants.refused(&self.tenant, "request");
            tracing::info!(tenant = self.tenant.info().slug, "refused: the tenant has too many requests");
        }
        admitted
    }
}

impl Documents for TenantDocuments {
    fn tenant(&self) -> TenantId {
        self.tenant.info().tenant_id
    }

    /// A task of its own: a client that goes away in the middle leaves nothing half done, and no statement behind that
    /// nobody counts.
    fn execute(&self, request: Request) -> BoxFuture<'static, Result<String, Unanswered>> {
        if !self.is_admitted() {
            return Box::pin(async { Err(Unanswered::TooMany) });
        }
        let (schema, tenant, operations) =
            (self.schema.clone(), self.tenant.clone(), self.operations.clone());
        let execution = async move { graphql::execute(&schema, tenant, request, &operations).await };
        let task = tokio::spawn(timeout(self.timeout, execution).in_current_span());
        Box::pin(async move {
            match task.await {
                Ok(answer) => answer.map_err(|_| {
                    tracing::warn!("a request took too long, and was broken off");
                    Unanswered::TooSlow
                }),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a request broke");
                    Err(Unanswered::Broken)
                }
            }
        })
    }

    fn subscribe(&self, request: Request) -> BoxStream<'static, Response> {
        if !self.is_admitted() {
            let refusal = ServerError::new(Unanswered::TooMany.message(), None);
            return stream::iter([Response::from_errors(vec![refusal])]).boxed();
        }
        graphql::subscribe(&self.schema, self.tenant.clone(), request)
    }
}

/// Whether a document is not even read.
pub(crate) fn is_too_long(request: &Request) -> bool {
    request.query.len() > MAX_DOCUMENT
}

/// What kind of operation a request is for; `None` where running it will tell what is wrong with it.
pub(crate) fn kind(request: &mut Request) -> Option<OperationType> {
    if is_too_long(request) {
        return None;
    }
    let name = request.operation_name.clone();
    operation_of(request.parsed_query().ok()?, name.as_deref()).map(|operation| operation.ty)
}

/// The operation that is to be run. What is wrong with the choice, the library tells.
pub(crate) fn operation_of<'d>(
    document: &'d ExecutableDocument,
    name: Option<&str>,
) -> Option<&'d OperationDefinition> {
    match (&document.operations, name) {
        (DocumentOperations::Single(single), _) => Some(&single.node),
        (DocumentOperations::Multiple(several), Some(name)) => several.get(name).map(|it| &it.node),
        (DocumentOperations::Multiple(several), None) if several.len() == 1 => {
            several.values().next().map(|it| &it.node)
        }
        (DocumentOperations::Multiple(_), None) => None,
    }
}
