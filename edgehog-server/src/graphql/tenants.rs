use async_graphql::{Context, ID, Object, Result, SimpleObject};

use super::TenantContext;
use super::ids::encode;

/// The tenant that a request is for.
#[derive(SimpleObject)]
pub(super) struct TenantInfo {
    /// The global id.
    id: ID,
    /// A name for people.
    name: String,
    /// The name in URLs.
    slug: String,
    /// The language in which texts without a language tag are meant.
    default_locale: String,
}

#[derive(Default)]
pub(super) struct TenantQuery;

#[Object]
impl TenantQuery {
    /// The tenant that this request is for.
    async fn tenant_info(&self, context: &Context<'_>) -> Result<TenantInfo> {
        let tenant = TenantContext::of(context)?.tenant.info();
        Ok(TenantInfo {
            id: encode("tenant_info", &tenant.tenant_id),
            name: tenant.name.clone(),
            slug: tenant.slug.clone(),
            default_locale: tenant.default_locale.clone(),
        })
    }
}
