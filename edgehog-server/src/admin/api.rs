//! The operations, each in a few lines: what comes in is read elsewhere, and what it means is the engine's affair.

use edgehog_engine::store::Tenant;
use edgehog_engine::{Engine, Reconciliation, TenantId};
use poem::Request;
use poem::http::{StatusCode, header};
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::documents::{JsonApi, TenantDocument, TenantList};
use super::list::{self, Fields, Filter, Page, Parameter, Sort};
use super::new_tenant::{self, Submitted};
use super::problem::{ErrorDocument, Failure, Kind, Problem, Refusal};
use super::reconciliations::{Known, ReconciliationDocument, Requested};

pub(super) struct Admin {
    pub(super) engine: Engine,
}

/// One tenant, if there is one.
#[derive(ApiResponse)]
enum Found {
    /// The tenant.
    #[oai(status = 200)]
    Tenant(JsonApi<TenantDocument>),
    /// There is no such tenant.
    #[oai(status = 404)]
    Nothing(JsonApi<ErrorDocument>),
}

impl Found {
    fn new(tenant: Option<Tenant>, request: &Request, fields: &Fields) -> Self {
        match tenant {
            Some(tenant) => Self::Tenant(JsonApi(TenantDocument::new(tenant, fields, own_url(request)))),
            None => Self::Nothing(no_tenant()),
        }
    }
}

fn no_tenant() -> JsonApi<ErrorDocument> {
    let problem = Problem::new(Kind::NotFound, "there is no tenant with this id");
    JsonApi(ErrorDocument::from(&Failure::from(problem)))
}

#[derive(ApiResponse)]
#[oai(bad_request_handler = "Provisioned::refused")]
enum Provisioned {
    /// The tenant that was made.
    #[oai(status = 201)]
    Tenant(JsonApi<TenantDocument>),
    /// The body is too large, or takes too long.
    #[oai(status_range = "4XX")]
    Refused(StatusCode, Json<Refusal>),
}

impl Provisioned {
    fn refused(error: poem::Error) -> Self {
        Self::Refused(error.status(), Json(Refusal::new(error.to_string())))
    }
}

#[OpenApi]
impl Admin {
    /// Lists the tenants, oldest first, all of them unless `page` says otherwise
    #[oai(path = "/tenants", method = "get", operation_id = "listTenants")]
    async fn list(
        &self,
        request: &Request,
        /// The tenants to show, by their attributes: `filter[slug]=plant-one`. All that are given must hold.
        /// Beside `filter[slug]` there are `filter[slug][eq]`, `[not_eq]`, `[contains]`, and `[in][]`, which may come
        /// several times.
        #[oai(style = "deep_object")]
        filter: Parameter<Filter>,
        /// The attributes to sort by, with commas between them, and `-` before those that descend; `id` is one of them.
        sort: Parameter<Sort>,
        /// The part of the list to show. The links of a page lead to its neighbours, by `offset` if that was given, and
        /// otherwise by `after` and `before`, which nobody else makes. One of these three is given at most.
        #[oai(style = "deep_object")]
        page: Parameter<Page>,
        /// The attributes to show: `fields[tenant]=name,slug`.
        #[oai(style = "deep_object")]
        fields: Parameter<Fields>,
    ) -> Result<JsonApi<TenantList>, Failure> {
        let mut problems = list::unknown_parameters(request);
        let filter = filter.take(&mut problems);
        let sort = sort.take(&mut problems);
        let page = page.take(&mut problems);
        let fields = fields.take(&mut problems);
        let cut = page.cut(&sort, &mut problems);
        if !problems.is_empty() {
            return Err(Failure(problems));
        }
        let mut tenants = self.engine.tenants().await.map_err(|error| Problem::internal(&error))?;
        tenants.retain(|tenant| filter.keeps(tenant));
        let shown = cut.apply(tenants);
        let links = shown.links(own_url(request));
        Ok(JsonApi(TenantList::new(shown.tenants, &fields, links, shown.total)))
    }

    /// Makes a tenant with its realm
    ///
    /// Astarte is not asked: its realm is made ready soon after.
    #[oai(path = "/tenants", method = "post", operation_id = "provisionTenant")]
    async fn provision(&self, request: &Request, body: Submitted) -> Result<Provisioned, Failure> {
        let (new, problems) = body.read()?;
        match self.engine.provision_tenant(&new).await {
            Ok(tenant) => {
                tracing::info!(tenant = tenant.slug, "an administrator made a tenant");
                let document = TenantDocument::new(tenant, &Fields::all(), own_url(request));
                Ok(Provisioned::Tenant(JsonApi(document)))
            }
            Err(errors) => Err(new_tenant::failure(problems, errors)),
        }
    }

    /// Shows a tenant
    #[oai(path = "/tenants/:id", method = "get", operation_id = "getTenant")]
    async fn get(
        &self,
        request: &Request,
        /// The tenant's number.
        id: Path<String>,
        /// The attributes to show: `fields[tenant]=name,slug`.
        #[oai(style = "deep_object")]
        fields: Parameter<Fields>,
    ) -> Result<Found, Failure> {
        let mut problems = Vec::new();
        let fields = fields.take(&mut problems);
        if !problems.is_empty() {
            return Err(Failure(problems));
        }
        let tenants = self.engine.tenants().await.map_err(|error| Problem::internal(&error))?;
        let number = tenant_id(&id);
        let tenant = tenants.into_iter().find(|tenant| Some(tenant.tenant_id) == number);
        Ok(Found::new(tenant, request, &fields))
    }

    /// Deletes a tenant with all that it owns
    ///
    /// Its realm in Astarte stays as it is.
    #[oai(path = "/tenants/:id", method = "delete", operation_id = "deleteTenant")]
    async fn delete(
        &self,
        request: &Request,
        /// The tenant's number.
        id: Path<String>,
    ) -> Result<Found, Failure> {
        let deleted = match tenant_id(&id) {
            Some(id) => self.engine.delete_tenant(id).await.map_err(|error| Problem::internal(&error))?,
            None => None,
        };
        if let Some(tenant) = &deleted {
            tracing::info!(tenant = tenant.slug, "an administrator deleted a tenant");
        }
        Ok(Found::new(deleted, request, &Fields::all()))
    }

    /// Tells how the tenant's realm is: when it was looked at last, what was mended, what is wrong
    #[oai(path = "/tenants/:id/reconciliation", method = "get", operation_id = "getReconciliation")]
    async fn reconciliation(
        &self,
        request: &Request,
        /// The tenant's number.
        id: Path<String>,
    ) -> Result<Known, Failure> {
        Ok(match self.known(&id).await? {
            Some(known) => Known::Reconciliation(ReconciliationDocument::new(known, None, own_url(request))),
            None => Known::Nothing(no_tenant()),
        })
    }

    /// Has a server look at the tenant's realm now, and in full
    #[oai(path = "/tenants/:id/reconciliation", method = "post", operation_id = "requestReconciliation")]
    async fn request_reconciliation(
        &self,
        request: &Request,
        /// The tenant's number.
        id: Path<String>,
    ) -> Result<Requested, Failure> {
        let requested_at = match tenant_id(&id) {
            Some(id) => self.engine.request_reconciliation(id).await,
            None => Ok(None),
        };
        let requested_at = requested_at.map_err(|error| Problem::internal(&error))?;
        Ok(match (requested_at, self.known(&id).await?) {
            (Some(at), Some(known)) => {
                Requested::Accepted(ReconciliationDocument::new(known, Some(at), own_url(request)))
            }
            _ => Requested::Nothing(no_tenant()),
        })
    }
}

impl Admin {
    async fn known(&self, id: &str) -> Result<Option<Reconciliation>, Failure> {
        let Some(id) = tenant_id(id) else { return Ok(None) };
        Ok(self.engine.reconciliation(id).await.map_err(|error| Problem::internal(&error))?)
    }
}

/// Numbers are digits; nothing else names a tenant.
fn tenant_id(text: &str) -> Option<TenantId> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<i64>().ok().filter(|_| digits).map(TenantId::from)
}

/// The URL that the client asked for, as far as it can be told behind a proxy.
fn own_url(request: &Request) -> String {
    let uri = request.original_uri();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let Some(host) = request.header(header::HOST).or_else(|| uri.authority().map(|it| it.as_str())) else {
        return path.to_owned();
    };
    let forwarded = request.header("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https"));
    let scheme = forwarded.unwrap_or_else(|| request.scheme().as_str());
    format!("{scheme}://{host}{path}")
}
