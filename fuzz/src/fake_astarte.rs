//! An Astarte that takes every command and knows little of any device, so that no request fails for want of one.

use poem::http::{Method, StatusCode};
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Json;
use poem::{IntoResponse, Request, Response, Server, handler};
use serde_json::json;

/// Starts it, and says at which URL.
pub(crate) async fn start() -> String {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr().remove(0);
    tokio::spawn(Server::new_with_acceptor(acceptor).run(answer));
    format!("http://{}", address.as_socket_addr().unwrap())
}

#[handler]
fn answer(request: &Request) -> Response {
    let path = request.uri().path();
    let told = match *request.method() {
        Method::GET if path.contains("OSInfo") => json!({ "osName": "an-os", "osVersion": "1" }),
        Method::GET if path.contains("ForwarderSessionState") => json!({ "t": { "status": "Connected" } }),
        Method::GET => {
            let refusal = Json(json!({ "errors": { "detail": "Interface not found" } }));
            return refusal.with_status(StatusCode::NOT_FOUND).into_response();
        }
        _ => json!({}),
    };
    Json(json!({ "data": told })).into_response()
}
