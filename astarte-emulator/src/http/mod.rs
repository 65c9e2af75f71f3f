//! The REST APIs, all on one listener behind the prefixes that an ingress gives them.
//!
//! Requests are not dispatched by poem's router but by a `match` on method and path in each service. Two things
//! need the path as it was sent: claims are matched against it, percent-encoding included, and value paths have
//! any number of segments. What is left for a router is the table itself, and that reads best as patterns.

mod app_engine;
pub(crate) mod auth;
mod housekeeping;
mod pairing;
mod realm_management;
mod request;

use std::sync::Arc;
use std::time::Duration;

use poem::http::{Method, StatusCode, header};
use poem::listener::TcpAcceptor;
use poem::middleware::Cors;
use poem::{Endpoint, EndpointExt as _, Request, Response, Server};
use serde_json::json;

use self::request::{ApiError, ApiRequest, Body, Reply};
use crate::faults::AppEngineFault;
use crate::shared::Shared;

/// Serves until the future is dropped.
pub(crate) async fn serve(acceptor: TcpAcceptor, shared: Arc<Shared>) {
    let api = Api(shared).with(Cors::new());
    let server = Server::new_with_acceptor(acceptor).idle_timeout(Duration::from_secs(60));
    if let Err(error) = server.run(api).await {
        tracing::error!(%error, "the HTTP server ended");
    }
}

struct Api(Arc<Shared>);

impl Endpoint for Api {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let accepts_json = accepts_json(&request);
        let reply = match ApiRequest::read(request).await {
            Ok(_) if !accepts_json => Err(ApiError { status: StatusCode::NOT_ACCEPTABLE, body: Body::Empty }),
            Ok(request) => self.dispatch(request).await,
            Err(error) => Err(error),
        };
        Ok(match reply {
            Ok(reply) => respond(reply.status, reply.location.as_deref(), reply.body),
            Err(error) => respond(error.status, None, error.body),
        })
    }
}

impl Api {
    async fn dispatch(&self, mut request: ApiRequest) -> Result<Reply, ApiError> {
        let shared = &*self.0;
        let service = if request.path.is_empty() { String::new() } else { request.path.remove(0) };
        if service == "appengine" {
            match shared.faults.for_app_engine() {
                Some(AppEngineFault::Unavailable) => {
                    let body = Body::Text("no healthy upstream".to_owned());
                    return Err(ApiError { status: StatusCode::SERVICE_UNAVAILABLE, body });
                }
                Some(AppEngineFault::Slow(delay)) => tokio::time::sleep(delay).await,
                None => {}
            }
        }
        if let Some(reply) = self.common(&service, &request) {
            return Ok(reply);
        }
        match service.as_str() {
            "appengine" => app_engine::handle(shared, &mut request),
            "realmmanagement" => realm_management::handle(shared, &mut request),
            "pairing" => pairing::handle(shared, &mut request),
            "housekeeping" => housekeeping::handle(shared, &mut request),
            _ => Err(ApiError::not_found()),
        }
    }

    /// Routes that every service has, open to all.
    fn common(&self, service: &str, request: &ApiRequest) -> Option<Reply> {
        let known = matches!(service, "appengine" | "realmmanagement" | "pairing" | "housekeeping");
        match request.segments().as_slice() {
            _ if !known || request.method != Method::GET => None,
            ["health"] => Some(Reply::empty(StatusCode::OK)),
            ["version"] => Some(Reply::data(json!(self.0.version))),
            ["metrics"] => Some(Reply {
                status: StatusCode::OK,
                location: None,
                body: Body::Text(format!(
                    "# TYPE astarte_realms gauge\nastarte_realms {}\n",
                    self.0.realm_names().len()
                )),
            }),
            _ => None,
        }
    }
}

fn respond(status: StatusCode, location: Option<&str>, body: Body) -> Response {
    let mut response = Response::builder().status(status);
    if let Some(location) = location {
        response = response.header(header::LOCATION, location);
    }
    match body {
        Body::Empty => response.finish(),
        Body::Text(text) => response.content_type("text/plain; charset=utf-8").body(text),
        Body::Json(json) => response.content_type("application/json; charset=utf-8").body(json.to_string()),
    }
}

fn accepts_json(request: &Request) -> bool {
    match request.header(header::ACCEPT) {
        None => true,
        Some(accept) => {
            let accept = accept.to_ascii_lowercase();
            ["*/*", "application/*", "json"].iter().any(|media| accept.contains(media))
        }
    }
}
