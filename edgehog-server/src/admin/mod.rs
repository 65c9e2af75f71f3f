//! The admin API: tenants come and go, as JSON:API documents, for holders of an administrator's token.

mod api;
mod description;
mod documents;
mod list;
mod media;
mod new_tenant;
mod problem;
mod reconciliations;

use std::sync::Arc;

use edgehog_engine::{Engine, VerifyingKey};
use poem::endpoint::make_sync;
use poem::error::{MethodNotAllowedError, NotFoundError, ResponseError};
use poem::http::{Method, header};
use poem::web::Html;
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Result, Route, get};

use self::problem::{Failure, Kind, Problem};
use crate::http::{Access, auth};

/// Where the API lies.
pub(crate) const PREFIX: &str = "/admin-api/v1";

/// All operations, for the table of routes.
pub(crate) const OPERATIONS: [(Method, &str, Access); 8] = [
    (Method::GET, "/admin-api/v1/open_api", Access::Anyone),
    (Method::GET, "/admin-api/v1/swagger", Access::Anyone),
    (Method::GET, "/admin-api/v1/tenants", Access::AdminToken),
    (Method::POST, "/admin-api/v1/tenants", Access::AdminToken),
    (Method::GET, "/admin-api/v1/tenants/:id", Access::AdminToken),
    (Method::DELETE, "/admin-api/v1/tenants/:id", Access::AdminToken),
    (Method::GET, "/admin-api/v1/tenants/:id/reconciliation", Access::AdminToken),
    (Method::POST, "/admin-api/v1/tenants/:id/reconciliation", Access::AdminToken),
];

/// The page has all that it needs in itself, and asks nobody but this server.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
                           font-src data:; connect-src 'self'";

/// The routes below [`PREFIX`]. Without a key nobody is an administrator.
pub(crate) fn routes(engine: Engine, key: Option<VerifyingKey>) -> impl Endpoint {
    let service = description::service(api::Admin { engine });
    let (document, page) = (description::document(&service), description::page(&service));
    let document = get(make_sync(move |_| document.clone().with_content_type("application/json")));
    let page =
        get(make_sync(move |_| Html(page.clone()).with_header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)));
    let key = Arc::new(key);
    let api = Route::new().nest("/", service).around(move |next, request| gate(key.clone(), next, request));
    Route::new().at("/open_api", document).at("/swagger", page).nest("/", api)
}

/// Lets administrators pass who speak JSON:API. It stands before every path, so that no operation can forget it, and
/// nobody else learns which paths there are.
async fn gate<E: Endpoint>(
    key: Arc<Option<VerifyingKey>>,
    next: Arc<E>,
    request: Request,
) -> Result<Response> {
    auth::administrator((*key).as_ref(), request.headers())?;
    auth::accepts_json(request.headers())?;
    let answer = match media::check(request.headers()) {
        Ok(()) => next.call(request).await.map(IntoResponse::into_response),
        Err(problem) => Err(Failure::from(problem).into()),
    };
    let mut response = match answer {
        Ok(response) => response,
        Err(error) if error.is::<NotFoundError>() || error.is::<MethodNotAllowedError>() => {
            Failure::from(Problem::new(Kind::NoRouteFound, "no route found")).as_response()
        }
        // The layers around would tell it in a shape of their own.
        Err(error) if error.is::<Failure>() => error.into_response(),
        Err(error) => return Err(error),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    Ok(response)
}
