//! The schema: the engine's words in the contract's types, one module for each noun.

mod changes;
mod devices;
mod error;
mod forwarder;
mod geolocation;
mod groups;
mod hardware_types;
mod ids;
mod order;
mod payload;
mod repeats;
mod resources;
mod scalars;
mod size;
mod system_models;
mod telemetry;
mod tenants;
mod variables;
mod wording;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_graphql::futures_util::stream::StreamExt;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Context, ContextBase, MergedObject, Request, Response, Result, ServerError, Value};
use edgehog_engine::{DeviceReads, Tenant};
use futures::stream::BoxStream;

use crate::documents::{is_too_long, operation_of};
use crate::measures::{self, Operations};

pub(crate) use error::to_json;

pub(crate) use changes::Opened;
use changes::RootSubscriptionType;
use resources::ResourceQuery;

/// The schema of `/tenants/{slug}/api`. It needs a tenant, which `edgehog_server::endpoint` gives to each request.
pub type Schema = async_graphql::Schema<RootQueryType, RootMutationType, RootSubscriptionType>;

/// How deep selections may be nested. The console's deepest page needs about half of it.
const MAX_DEPTH: usize = 32;

/// How many fields a document may ask for, fragments written out.
const MAX_FIELDS: usize = 5000;

/// How many directives one field may have. There are two that make sense, and each once.
const MAX_DIRECTIVES: usize = 8;

/// Makes the schema; `Schema::sdl` prints it.
#[must_use]
pub fn schema() -> Schema {
    Schema::build(RootQueryType::default(), RootMutationType::default(), RootSubscriptionType)
        .limit_depth(MAX_DEPTH)
        .limit_complexity(MAX_FIELDS)
        .limit_directives(MAX_DIRECTIVES)
        .finish()
}

/// Where every query begins.
#[derive(Default, MergedObject)]
#[graphql(name = "RootQueryType")]
pub struct RootQueryType(ResourceQuery, forwarder::ForwarderQuery, tenants::TenantQuery);

/// Where every mutation begins.
#[derive(Default, MergedObject)]
#[graphql(name = "RootMutationType")]
pub struct RootMutationType(
    devices::DeviceMutation,
    forwarder::ForwarderMutation,
    groups::DeviceGroupMutation,
    hardware_types::HardwareTypeMutation,
    system_models::SystemModelMutation,
);

/// Runs a document for a tenant, and gives the answer as JSON text.
pub(crate) async fn execute(
    schema: &Schema,
    tenant: Tenant,
    mut request: Request,
    operations: &Operations,
) -> String {
    let since = Instant::now();
    let document = match readable(&mut request) {
        Ok(document) => document,
        Err(refusal) => return error::to_json(&refusal),
    };
    let name = request.operation_name.clone();
    let mut response = schema.execute(request.data(Arc::new(TenantContext::new(tenant)))).await;
    let Some(document) = document else {
        measures::refused("unreadable");
        return error::to_json(&response);
    };
    // What the library refuses after a look at the document is about no field of the answer.
    if response.errors.iter().any(|error| error.path.is_empty()) && response.data == Value::Null {
        measures::refused("invalid");
    } else if let Some(operation) = operation_of(&document, name.as_deref()) {
        operations.of(&document, operation).ran(since, response.is_err());
    }
    order::arrange(&document, &mut response.data);
    error::to_json(&response)
}

/// The document, unless it is not even handed to the library. None where it cannot be read, which is told by running it.
fn readable(request: &mut Request) -> Result<Option<ExecutableDocument>, Box<Response>> {
    if is_too_long(request) {
        measures::refused("too_long");
        let error = ServerError::new("The document is too long.", None);
        return Err(Box::new(Response::from_errors(vec![error])));
    }
    let Some(document) = request.parsed_query().ok().cloned() else { return Ok(None) };
    let name = request.operation_name.as_deref();
    let refusals: [(_, &dyn Fn() -> Option<Response>); 3] = [
        ("too_large", &|| size::excessive(&document)),
        ("repeated_mutation", &|| repeats::repeated(&document)),
        ("missing_variable", &|| variables::missing(&document, name, &request.variables)),
    ];
    for (reason, refusal) in refusals {
        if let Some(refusal) = refusal() {
            measures::refused(reason);
            return Err(Box::new(refusal));
        }
    }
    Ok(Some(document))
}

/// Runs a subscription for a tenant: an answer for each event. One that is refused gives one answer with errors, and ends.
pub(crate) fn subscribe(
    schema: &Schema,
    tenant: Tenant,
    mut request: Request,
) -> BoxStream<'static, Response> {
    let document = match readable(&mut request) {
        Ok(document) => document,
        Err(refusal) => return futures::stream::iter([*refusal]).boxed(),
    };
    let answers = schema.execute_stream(request.data(Arc::new(TenantContext::new(tenant))));
    let arrange = move |mut answer: Response| {
        if let Some(document) = &document {
            order::arrange(document, &mut answer.data);
        }
        answer
    };
    answers.map(arrange).boxed()
}

/// What belongs to one request: the tenant, and what was read of its devices so far.
struct TenantContext {
    tenant: Tenant,
    reads: Mutex<Arc<DeviceReads>>,
}

impl TenantContext {
    fn new(tenant: Tenant) -> Self {
        Self { reads: Mutex::new(Arc::new(tenant.device_reads())), tenant }
    }

    fn of<'a, T>(context: &ContextBase<'a, T>) -> Result<&'a Self> {
        context.data::<Arc<Self>>().map(|it| &**it)
    }

    fn shared(context: &Context<'_>) -> Result<Arc<Self>> {
        context.data::<Arc<Self>>().cloned()
    }

    fn reads(&self) -> Arc<DeviceReads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what was read: a subscription outlives it.
    fn renew(&self) {
        *self.reads.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(self.tenant.device_reads());
    }
}
