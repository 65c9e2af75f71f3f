//! Sockets at work, with a schema of their own behind them.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{EndpointExt, Route, Server, get};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::documents::parrot::Parrot;
use crate::settings::Limits;
use crate::subscriptions::Hub;

const CONTROL: &str = "__absinthe__:control";
const HEARD: &str = "subscription { heard { word } }";

#[derive(Clone)]
struct Nest {
    parrot: Parrot,
    session: Session,
    settings: Arc<Settings>,
    address: String,
}

#[handler]
fn phoenix_nest(socket: WebSocket, Data(nest): Data<&Nest>) -> Response {
    serve(socket, nest, Phoenix::new(phoenix::Version::Two))
}

#[handler]
fn standard_nest(socket: WebSocket, Data(nest): Data<&Nest>) -> Response {
    let admits = |token: Option<&str>| token == Some("good");
    serve(socket.protocols([Dialect::Transport.name()]), nest, Standard::new(Dialect::Transport, admits))
}

fn serve(socket: WebSocket, nest: &Nest, protocol: impl Protocol + Sync + 'static) -> Response {
    upgrade(socket, protocol, nest.session.clone(), nest.settings.clone(), ())
}

impl Nest {
    async fn new(limits: Limits) -> Self {
        let (parrot, hub) = (Parrot::new(1), Hub::new(&limits));
        let session = Session { documents: Arc::new(parrot.clone()), hub, gone: CancellationToken::new() };
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
        let settings = Arc::new(Settings { limits, ..Settings::default() });
        let nest = Self { parrot, session, settings, address: format!("ws://{address}") };
        let routes = Route::new().at("/phoenix", get(phoenix_nest)).at("/standard", get(standard_nest));
        tokio::spawn(Server::new_with_acceptor(acceptor).run(routes.data(nest.clone())));
        nest
    }

    async fn socket(&self, path: &str) -> Client {
        let mut request = format!("{}{path}", self.address).into_client_request().unwrap();
        if path == "/standard" {
            let name = Dialect::Transport.name().parse().unwrap();
            request.headers_mut().insert("sec-websocket-protocol", name);
        }
        Client(connect_async(request).await.unwrap().0)
    }

    /// A socket of Phoenix with a subscription, as the console opens it.
    async fn subscriber(&self) -> (Client, String) {
        let mut client = self.socket("/phoenix").await;
        client.send(json!([null, "1", CONTROL, "phx_join", {}])).await;
        let joined = json!([null, "1", CONTROL, "phx_reply", { "status": "ok", "response": {} }]);
        assert_eq!(client.next().await, joined);
        client.send(json!([null, "2", CONTROL, "doc", { "query": HEARD, "variables": {} }])).await;
        let reply = client.next().await;
        assert_eq!(reply[4]["status"], "ok", "{reply}");
        let id = reply[4]["response"]["subscriptionId"].as_str().unwrap().to_owned();
        (client, id)
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn message(&mut self) -> Message {
        self.0.next().await.unwrap().unwrap()
    }

    async fn next(&mut self) -> Value {
        loop {
            match self.message().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other}"),
            }
        }
    }

    /// With which code the server closes the socket.
    async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(Some(CloseFrame { code, .. })) = self.message().await {
                return code.into();
            }
        }
    }
}

fn push(id: &str, word: &str) -> Value {
    let result = json!({ "data": { "heard": { "word": word } } });
    json!([null, null, id, "subscription:data", { "result": result, "subscriptionId": id }])
}

/// The console's way: once the reply is there no event is missed, and its topic is the subscription's id.
#[tokio::test]
async fn events_are_pushed() {
    let nest = Nest::new(Limits::default()).await;
    let (mut client, id) = nest.subscriber().await;
    nest.parrot.say("a");
    nest.parrot.say("b");
    assert_eq!(client.next().await, push(&id, "a"));
    assert_eq!(client.next().await, push(&id, "b"));
    client.send(json!([null, "3", CONTROL, "unsubscribe", { "subscriptionId": id }])).await;
    assert_eq!(client.next().await[4]["response"]["subscriptionId"], id);
    client.send(json!([null, "4", CONTROL, "doc", { "query": "mutation { say(word: \"c\") }" }])).await;
    // Nobody listens any more.
    let answer = json!({ "status": "ok", "response": { "data": { "say": false } } });
    let reply = client.next().await;
    assert_eq!((&reply[0], &reply[4]), (&json!("1"), &answer));
}

/// Sockets that ask for the same share the work, and it ends with the last of them.
#[tokio::test]
async fn sockets_share_subscriptions() {
    let nest = Nest::new(Limits::default()).await;
    let (mut one, id) = nest.subscriber().await;
    let (mut two, same_id) = nest.subscriber().await;
    assert_eq!((nest.parrot.begun(), &id), (1, &same_id));
    nest.parrot.say("a");
    assert_eq!(one.next().await, push(&id, "a"));
    assert_eq!(two.next().await, push(&id, "a"));
    drop((one, two));
    while nest.parrot.running() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Queries are answered; what cannot be run is refused with GraphQL's errors.
#[tokio::test]
async fn documents_are_answered() {
    let nest = Nest::new(Limits::default()).await;
    let mut client = nest.socket("/phoenix").await;
    client.send(json!([null, "1", CONTROL, "phx_join", {}])).await;
    client.next().await;
    let nobody = "subscription { heard(of: \"nobody\") { word } }";
    for (document, status) in [
        ("{ hello }", "ok"),
        ("{ goodbye }", "error"),
        ("subscription { nothing }", "error"),
        ("subscription {", "error"),
        (nobody, "error"),
    ] {
        client.send(json!([null, "2", CONTROL, "doc", { "query": document }])).await;
        let reply = client.next().await;
        assert_eq!(reply[4]["status"], status, "{document}");
        let response = &reply[4]["response"];
        if status == "ok" {
            assert_eq!(response, &json!({ "data": { "hello": "hello" } }));
        } else {
            assert!(response["errors"][0]["message"].is_string(), "{response}");
            assert!(response.get("data").is_none(), "{response}");
        }
    }
}

/// A client that does not read is cut off. Another one of the same subscription hears everything meanwhile.
#[tokio::test]
async fn a_slow_reader_is_cut_off_alone() {
    let limits = Limits { write: Duration::from_secs(1), events_behind: 16, ..Limits::default() };
    let nest = Nest::new(limits).await;
    let (_slow, _) = nest.subscriber().await;
    let (mut fast, id) = nest.subscriber().await;
    assert_eq!(nest.settings.sockets.len(), 2);
    let long = "long ".repeat(20_000);
    let mut number = 0;
    while nest.settings.sockets.len() > 1 {
        let word = format!("{number} {long}");
        nest.parrot.say(&word);
        assert_eq!(fast.next().await, push(&id, &word));
        number += 1;
    }
    nest.parrot.say("last");
    assert_eq!(fast.next().await, push(&id, "last"));
}

/// Whoever says nothing is not kept.
#[tokio::test]
async fn silent_sockets_are_closed() {
    let nest = Nest::new(Limits { silence: Duration::from_millis(50), ..Limits::default() }).await;
    assert_eq!(nest.socket("/phoenix").await.closed().await, 1000);
    let limits = Limits { greeting: Duration::from_millis(50), ..Limits::default() };
    assert_eq!(Nest::new(limits).await.socket("/standard").await.closed().await, 4408);
}

/// Clients learn that the server stops, by the code that asks them to come again.
#[tokio::test]
async fn sockets_are_told_of_the_end() {
    let nest = Nest::new(Limits::default()).await;
    let (mut phoenix, _) = nest.subscriber().await;
    let mut standard = nest.socket("/standard").await;
    nest.settings.shutdown.cancel();
    assert_eq!(phoenix.closed().await, 1012);
    assert_eq!(standard.closed().await, 1012);
    drop((phoenix, standard));
    nest.settings.sockets.close();
    nest.settings.sockets.wait().await;
}

#[tokio::test]
async fn messages_have_a_size_and_are_text() {
    let nest = Nest::new(Limits { message_bytes: 1000, ..Limits::default() }).await;
    for (message, code) in [
        (Message::text("x".repeat(2000)), 1009),
        (Message::binary(vec![0; 10]), 1003),
        (Message::text("[]"), 1002),
    ] {
        let mut client = nest.socket("/phoenix").await;
        client.0.send(message).await.unwrap();
        assert_eq!(client.closed().await, code);
    }
}

/// A socket has so many subscriptions and no more.
#[tokio::test]
async fn sockets_have_their_share() {
    let nest = Nest::new(Limits { subscriptions_per_socket: 1, ..Limits::default() }).await;
    let (mut client, id) = nest.subscriber().await;
    let doc = json!([null, "3", CONTROL, "doc", { "query": "subscription { silence }" }]);
    client.send(doc.clone()).await;
    let reply = client.next().await;
    assert_eq!(reply[4]["status"], "error", "{reply}");
    assert!(reply[4]["response"]["errors"][0]["message"].is_string(), "{reply}");
    client.send(json!([null, "4", CONTROL, "unsubscribe", { "subscriptionId": id }])).await;
    client.next().await;
    client.send(doc).await;
    assert_eq!(client.next().await[4]["status"], "ok");
}

/// The standard protocol, from the greeting to the end of a stream.
#[tokio::test]
async fn the_standard_protocol_is_spoken() {
    let nest = Nest::new(Limits::default()).await;
    let mut client = nest.socket("/standard").await;
    client.send(json!({ "type": "connection_init", "payload": { "Authorization": "Bearer good" } })).await;
    assert_eq!(client.next().await, json!({ "type": "connection_ack" }));
    client.send(json!({ "type": "subscribe", "id": "q", "payload": { "query": "{ hello }" } })).await;
    let answer = json!({ "type": "next", "id": "q", "payload": { "data": { "hello": "hello" } } });
    assert_eq!(client.next().await, answer);
    assert_eq!(client.next().await, json!({ "type": "complete", "id": "q" }));
    client
        .send(json!({ "type": "subscribe", "id": "e", "payload": { "query": "subscription { x }" } }))
        .await;
    let refused = client.next().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("e")));
    assert!(refused["payload"][0]["message"].is_string(), "{refused}");
    let variables =
        json!({ "query": "subscription($a: String!) { heard(of: $a) { word } }", "variables": { "a": "x" } });
    client.send(json!({ "type": "subscribe", "id": "s", "payload": variables })).await;
    while nest.parrot.begun() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    nest.parrot.say("a");
    let event = json!({ "type": "next", "id": "s", "payload": { "data": { "heard": { "word": "a" } } } });
    assert_eq!(client.next().await, event);
    client
        .send(json!({ "type": "subscribe", "id": "o", "payload": { "query": "subscription { once }" } }))
        .await;
    assert_eq!(client.next().await["payload"]["data"]["once"], 1);
    assert_eq!(client.next().await, json!({ "type": "complete", "id": "o" }));
    client.send(json!({ "type": "complete", "id": "s" })).await;
    while nest.parrot.running() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client.send(json!({ "type": "ping" })).await;
    assert_eq!(client.next().await, json!({ "type": "pong" }));
}

/// Clients of the standard protocol are silent by nature: they are asked for signs of life, and kept when they give them.
#[tokio::test]
async fn silent_clients_are_asked_for_signs_of_life() {
    let nest = Nest::new(Limits { silence: Duration::from_millis(1500), ..Limits::default() }).await;
    let mut client = nest.socket("/standard").await;
    client.send(json!({ "type": "connection_init", "payload": { "token": "good" } })).await;
    client.next().await;
    for _ in 0..3 {
        assert!(matches!(client.message().await, Message::Ping(_)));
    }
    client.send(json!({ "type": "ping" })).await;
    assert_eq!(client.next().await, json!({ "type": "pong" }));
}
