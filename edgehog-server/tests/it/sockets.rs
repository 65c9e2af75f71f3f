//! Who may open a socket, and what the server's own documents answer on it.

use edgehog_server::Settings;
use futures::{SinkExt, StreamExt};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::{Server, key_pair};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const INFO: &str = "{ tenantInfo { slug } }";

/// Opens a socket; else the status and body with which it was refused.
pub(crate) async fn open(
    server: &Server,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, (u16, Vec<u8>)> {
    let url = format!("{}{path}", server.url.replace("http://", "ws://"));
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err((answer.status().as_u16(), answer.into_body().unwrap_or_default())),
        Err(error) => Err((0, error.to_string().into_bytes())),
    }
}

async fn refusal(server: &Server, path: &str, headers: &[(&'static str, &str)]) -> Option<(u16, Vec<u8>)> {
    open(server, path, headers).await.err()
}

pub(crate) async fn ask(socket: &mut Socket, message: Value) -> Value {
    socket.send(Message::text(message.to_string())).await.unwrap();
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Close(Some(CloseFrame { code, .. })) => return json!({ "closed": u16::from(code) }),
            _ => {}
        }
    }
}

pub(crate) fn path(server: &Server, more: &str) -> String {
    format!("/socket/websocket?vsn=2.0.0&tenant={}&token={}{more}", server.slug, server.token)
}

/// The console's socket: joined, alive, and answering for its tenant.
#[tokio::test]
async fn the_console_opens_a_socket() {
    let server = Server::start().await;
    let mut socket = open(&server, &path(&server, ""), &[]).await.unwrap();
    let control = "__absinthe__:control";
    let ok = |join: Value, reference: Value, topic: &str, response: Value| json!([join, reference, topic, "phx_reply", { "status": "ok", "response": response }]);
    let joined = ask(&mut socket, json!([null, "1", control, "phx_join", {}])).await;
    assert_eq!(joined, ok(Value::Null, json!("1"), control, json!({})));
    let alive = ask(&mut socket, json!([null, null, "phoenix", "heartbeat", {}])).await;
    assert_eq!(alive, ok(Value::Null, Value::Null, "phoenix", json!({})));
    let answer = ask(&mut socket, json!([null, "2", control, "doc", { "query": INFO }])).await;
    let info = json!({ "data": { "tenantInfo": { "slug": "plant-one" } } });
    assert_eq!(answer, ok(json!("1"), json!("2"), control, info));
    let unknown = json!({ "query": "subscription { nothing { id } }", "variables": {} });
    let refused = ask(&mut socket, json!([null, "3", control, "doc", unknown])).await;
    assert_eq!(refused[4]["status"], "error", "{refused}");
    assert!(refused[4]["response"]["errors"][0]["message"].is_string(), "{refused}");
}

/// Scripts that speak the elder version may.
#[tokio::test]
async fn the_elder_version_is_spoken() {
    let server = Server::start().await;
    let token = &server.token;
    for version in ["", "&vsn=1.0.0"] {
        let path = format!("/socket/websocket?tenant=plant-one&token={token}{version}");
        let mut socket = open(&server, &path, &[]).await.unwrap();
        let join = json!({ "topic": "__absinthe__:control", "event": "phx_join", "payload": {}, "ref": "1" });
        assert_eq!(ask(&mut socket, join).await["payload"]["status"], "ok", "{version}");
    }
}

/// Whatever is wrong, the console's socket is refused with 403 and not a word.
#[tokio::test]
async fn sockets_are_refused_without_a_word() {
    let server = Server::start().await;
    server.provision("plant-two", &key_pair().public_key_pem(), "http://127.0.0.1:9").await;
    let token = &server.token;
    let key = EncodingKey::from_ec_pem(server.tenant_key.serialize_pem().as_bytes()).unwrap();
    let sign = |claims: Value| encode(&Header::new(Algorithm::ES256), &claims, &key).unwrap();
    let (expired, claimless) = (sign(json!({ "e_tga": "*", "exp": 1 })), sign(json!({ "e_ara": "*" })));
    for query in [
        String::new(),
        "vsn=2.0.0".to_owned(),
        format!("vsn=2.0.0&token={token}"),
        "vsn=2.0.0&tenant=plant-one".to_owned(),
        "vsn=2.0.0&tenant=plant-one&token=nonsense".to_owned(),
        format!("vsn=2.0.0&tenant=plant-one&token={expired}"),
        format!("vsn=2.0.0&tenant=plant-one&token={claimless}"),
        format!("vsn=2.0.0&tenant=plant-two&token={token}"),
        format!("vsn=2.0.0&tenant=plant-three&token={token}"),
        format!("vsn=3.0.0&tenant=plant-one&token={token}"),
    ] {
        let refused = refusal(&server, &format!("/socket/websocket?{query}"), &[]).await;
        assert_eq!(refused, Some((403, Vec::new())), "{query}");
        // The same without any wish for a socket.
        let answer =
            server.http.get(format!("{}/socket/websocket?{query}", server.url)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (403, ""), "{query}");
    }
    let no_socket = server.http.get(format!("{}{}", server.url, path(&server, ""))).send().await.unwrap();
    assert_eq!(no_socket.status(), 400);
}

/// Line ends that were spelled out on the way are no part of a token.
#[tokio::test]
async fn tokens_are_mended() {
    let server = Server::start().await;
    let (begin, end) = server.token.split_at(20);
    let path = format!("/socket/websocket?vsn=2.0.0&tenant=plant-one&token={begin}%5Cn{end}%5Cn");
    assert_eq!(refusal(&server, &path, &[]).await, None);
}

/// A page of an origin that was not allowed gets no socket, whatever token it has.
#[tokio::test]
async fn foreign_pages_are_refused() {
    let allowed = ["https://console.example", "//*.plants.example"].map(|it| it.parse().unwrap());
    let settings = Settings::default().allowed_origins(allowed.to_vec());
    let server = Server::with_settings("http://127.0.0.1:9", settings).await;
    let path = path(&server, "");
    for (origin, admitted) in [
        ("https://console.example", true),
        ("http://one.plants.example:8080", true),
        ("http://console.example", false),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let refused = refusal(&server, &path, &[("origin", origin)]).await;
        assert_eq!(refused, (!admitted).then(|| (403, Vec::new())), "{origin}");
    }
    let server = Server::start().await;
    let path = self::path(&server, "");
    assert_eq!(refusal(&server, &path, &[("origin", &server.url)]).await, None);
    assert!(refusal(&server, &path, &[("origin", "http://evil.example")]).await.is_some());
}

/// A tenant has so many sockets and no more, until one of them is closed.
#[tokio::test]
async fn tenants_have_their_share_of_sockets() {
    let settings = Settings::default().sockets_per_tenant(1);
    let server = Server::with_settings("http://127.0.0.1:9", settings).await;
    let mut first = open(&server, &path(&server, ""), &[]).await.unwrap();
    assert_eq!(refusal(&server, &path(&server, ""), &[]).await, Some((429, Vec::new())));
    first.close(None).await.unwrap();
    while open(&server, &path(&server, ""), &[]).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// The standard socket takes its token from the request or from the first message.
#[tokio::test]
async fn the_standard_socket_is_opened_in_several_ways() {
    let server = Server::start().await;
    let api = "/tenants/plant-one/api/socket";
    let (in_url, bearer) = (format!("{api}?token={}", server.token), format!("Bearer {}", server.token));
    for name in ["graphql-transport-ws", "graphql-ws"] {
        let protocol = ("sec-websocket-protocol", name);
        for (path, headers, payload) in [
            (api, vec![protocol], json!({ "Authorization": bearer })),
            (api, vec![protocol], json!({ "token": server.token })),
            (api, vec![protocol, ("authorization", bearer.as_str())], Value::Null),
            (in_url.as_str(), vec![protocol], json!({})),
        ] {
            let mut socket = open(&server, path, &headers).await.unwrap();
            let init = json!({ "type": "connection_init", "payload": payload });
            assert_eq!(ask(&mut socket, init).await["type"], "connection_ack", "{name} {path}");
            let kind = if name == "graphql-ws" { "start" } else { "subscribe" };
            let answer =
                ask(&mut socket, json!({ "type": kind, "id": "1", "payload": { "query": INFO } })).await;
            assert_eq!(answer["payload"]["data"]["tenantInfo"]["slug"], "plant-one", "{answer}");
        }
    }
}

/// Without a good token nobody gets further than the greeting.
#[tokio::test]
async fn strangers_get_no_standard_socket() {
    let server = Server::start().await;
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    let api = "/tenants/plant-one/api/socket";
    for (path, headers, status) in [
        (format!("{api}?token=nonsense"), vec![protocol], 403),
        (api.to_owned(), vec![protocol, ("authorization", "Bearer nonsense")], 403),
        ("/tenants/plant-two/api/socket".to_owned(), vec![protocol], 403),
        (api.to_owned(), vec![], 400),
        (api.to_owned(), vec![("sec-websocket-protocol", "dance")], 400),
    ] {
        let refused = refusal(&server, &path, &headers).await.map(|(status, _)| status);
        assert_eq!(refused, Some(status), "{path} {headers:?}");
    }
    for payload in [Value::Null, json!({ "token": "nonsense" })] {
        let mut socket = open(&server, api, &[protocol]).await.unwrap();
        let init = json!({ "type": "connection_init", "payload": payload });
        assert_eq!(ask(&mut socket, init).await["closed"], 4403);
    }
}
