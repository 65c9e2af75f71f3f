//! The GraphQL schema: the engine's words in the contract's types, one module for each noun.

mod connection;
mod devices;
mod error;
mod ids;
mod order;
mod scalars;
mod telemetry;
mod tenants;

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, ID, Interface, MergedObject, Object, Request, Result,
};
use edgehog_engine::{DeviceReads, Tenant};
use futures::stream::BoxStream;

pub(crate) use error::to_json;

/// The schema of `/tenants/{slug}/api`. It needs a tenant, which `edgehog_server::endpoint` gives to each request.
pub type Schema = async_graphql::Schema<RootQueryType, EmptyMutation, EmptySubscription>;

/// How deep selections may be nested. The console's deepest page needs about half of it.
const MAX_DEPTH: usize = 32;

/// How many fields a document may ask for, fragments written out.
const MAX_FIELDS: usize = 5000;

/// Makes the schema; `Schema::sdl` prints it.
#[must_use]
pub fn schema() -> Schema {
    Schema::build(RootQueryType::default(), EmptyMutation, EmptySubscription)
        .limit_depth(MAX_DEPTH)
        .limit_complexity(MAX_FIELDS)
        .finish()
}

/// Where every query begins.
#[derive(Default, MergedObject)]
#[graphql(name = "RootQueryType")]
pub struct RootQueryType(NodeQuery, devices::DeviceQuery, tenants::TenantQuery);

/// Runs a document for a tenant, and gives the answer as JSON text.
pub(crate) async fn execute(schema: &Schema, tenant: Tenant, mut request: Request) -> String {
    // A document that cannot be read has no order; why it cannot be read is told by running it.
    let document = request.parsed_query().ok().cloned();
    let mut response = schema.execute(request.data(TenantContext::new(tenant))).await;
    if let Some(document) = document {
        order::arrange(&document, &mut response.data);
    }
    error::to_json(&response)
}

/// Runs a subscription for a tenant. One that is refused gives one response with errors, and ends.
pub(crate) fn subscribe(
    schema: &Schema,
    tenant: Tenant,
    request: Request,
) -> BoxStream<'static, async_graphql::Response> {
    schema.execute_stream(request.data(TenantContext::new(tenant)))
}

/// What belongs to one request: the tenant, and what was read of its devices so far.
struct TenantContext {
    tenant: Tenant,
    reads: DeviceReads,
}

impl TenantContext {
    fn new(tenant: Tenant) -> Self {
        Self { reads: tenant.device_reads(), tenant }
    }

    fn of<'a>(context: &Context<'a>) -> Result<&'a Self> {
        context.data()
    }
}

/// Anything that has a global id and can be fetched by it.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "&ID", desc = "The global id."))]
enum Node {
    Device(Box<devices::Device>),
}

#[derive(Default)]
struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its global id.
    async fn node(&self, context: &Context<'_>, #[graphql(desc = "A global id.")] id: ID) -> Result<Node> {
        let key = ids::key::<devices::Device>(&id)?;
        let device = devices::find(TenantContext::of(context)?, key).await?;
        Ok(Node::Device(Box::new(device.ok_or_else(error::not_found)?)))
    }
}
