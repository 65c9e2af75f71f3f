//! JSON:API documents about tenants.

use edgehog_engine::store::Tenant;
use poem::http::header;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Enum, Object};

use super::list::{Attribute, Fields};

/// The media type of all documents.
pub(super) const MEDIA_TYPE: &str = "application/vnd.api+json";

/// A document of JSON:API as a body.
pub(super) struct JsonApi<T>(pub(super) T);

impl<T: Type> Payload for JsonApi<T> {
    const CONTENT_TYPE: &'static str = MEDIA_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ToJSON> IntoResponse for JsonApi<T> {
    fn into_response(self) -> Response {
        Response::builder().header(header::CONTENT_TYPE, MEDIA_TYPE).body(self.0.to_json_string())
    }
}

impl<T: ToJSON> ApiResponse for JsonApi<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: MEDIA_TYPE, schema: T::schema_ref() }];
        let (status, headers) = (Some(200), Vec::new());
        MetaResponses {
            responses: vec![MetaResponse {
                description: "As asked.",
                status,
                status_range: None,
                content,
                headers,
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The version of JSON:API.
#[derive(Object)]
pub(super) struct Version {
    version: String,
}

impl Default for Version {
    fn default() -> Self {
        Self { version: "1.0".to_owned() }
    }
}

/// An object without members.
#[derive(Default, Object)]
pub(super) struct Empty {}

/// One tenant.
#[derive(Object)]
pub(super) struct TenantDocument {
    data: TenantResource,
    jsonapi: Version,
    links: OwnLink,
    meta: Empty,
}

/// Where a document was got from.
#[derive(Object)]
pub(super) struct OwnLink {
    #[oai(rename = "self")]
    own: String,
}

impl OwnLink {
    pub(super) const fn new(own: String) -> Self {
        Self { own }
    }
}

impl TenantDocument {
    /// About `tenant`, in answer to a request for the URL `own`.
    pub(super) fn new(tenant: Tenant, fields: &Fields, own: String) -> Self {
        let data = TenantResource::new(tenant, fields);
        Self { data, jsonapi: Version::default(), links: OwnLink::new(own), meta: Empty {} }
    }
}

/// Tenants.
#[derive(Object)]
pub(super) struct TenantList {
    data: Vec<TenantResource>,
    jsonapi: Version,
    links: ListLinks,
    meta: ListMeta,
}

/// Where the list and its neighbours are got from. Without `page[..]` there are no neighbours.
#[derive(Default, Object)]
pub(super) struct ListLinks {
    #[oai(rename = "self")]
    pub(super) own: String,
    /// The first page.
    #[oai(skip_serializing_if_is_none)]
    pub(super) first: Option<String>,
    /// The page before, where there is one.
    #[oai(skip_serializing_if_is_none)]
    pub(super) prev: Option<String>,
    /// The page after, where there is one.
    #[oai(skip_serializing_if_is_none)]
    pub(super) next: Option<String>,
}

/// More about a list.
#[derive(Object)]
struct ListMeta {
    #[oai(skip_serializing_if_is_none)]
    page: Option<PageMeta>,
}

/// More about a page.
#[derive(Object)]
struct PageMeta {
    /// How many tenants there are on all pages.
    total: u64,
}

impl TenantList {
    /// `total` is told where the client asked for it.
    pub(super) fn new(tenants: Vec<Tenant>, fields: &Fields, links: ListLinks, total: Option<u64>) -> Self {
        let data = tenants.into_iter().map(|tenant| TenantResource::new(tenant, fields)).collect();
        let meta = ListMeta { page: total.map(|total| PageMeta { total }) };
        Self { data, jsonapi: Version::default(), links, meta }
    }
}

/// The type of all resources here.
#[derive(Enum)]
pub(super) enum ResourceType {
    #[oai(rename = "tenant")]
    Tenant,
}

/// A customer of the server: devices, users and everything else belong to exactly one.
#[derive(Object)]
struct TenantResource {
    /// The tenant's number, in decimal digits.
    id: String,
    #[oai(rename = "type")]
    kind: ResourceType,
    attributes: TenantAttributes,
    relationships: TenantRelationships,
    links: Empty,
    meta: Empty,
}

/// What a tenant is. With `fields[tenant]`, the attributes that it names.
#[derive(Object)]
struct TenantAttributes {
    /// A name for people, unique.
    #[oai(skip_serializing_if_is_none)]
    name: Option<String>,
    /// The name in URLs, unique.
    #[oai(skip_serializing_if_is_none)]
    slug: Option<String>,
    /// The language in which texts without a language tag are meant, such as `en-US`.
    #[oai(skip_serializing_if_is_none)]
    default_locale: Option<String>,
    /// PEM of the key that verifies the tokens of the tenant's users.
    #[oai(skip_serializing_if_is_none)]
    public_key: Option<String>,
}

/// What a tenant is related to. Realms hold a secret: they are never shown.
#[derive(Default, Object)]
struct TenantRelationships {
    realm: Relationship,
}

/// A relation that is not shown.
#[derive(Default, Object)]
struct Relationship {
    links: Empty,
    meta: Empty,
}

impl TenantResource {
    fn new(tenant: Tenant, fields: &Fields) -> Self {
        let shown = |attribute, value| fields.show(attribute).then_some(value);
        Self {
            id: tenant.tenant_id.to_string(),
            kind: ResourceType::Tenant,
            attributes: TenantAttributes {
                name: shown(Attribute::Name, tenant.name),
                slug: shown(Attribute::Slug, tenant.slug),
                default_locale: shown(Attribute::DefaultLocale, tenant.default_locale),
                public_key: shown(Attribute::PublicKey, tenant.public_key),
            },
            relationships: TenantRelationships::default(),
            links: Empty {},
            meta: Empty {},
        }
    }
}
