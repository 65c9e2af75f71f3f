//! Sockets, over a port: what was said on one must not hurt the next.

use futures::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::answer::{OUR_FAULT, head_and_body};
use crate::world::{API, World, world};

type Socket = WebSocketStream<TcpStream>;

/// How to ask a server whether it still listens, and what its answer has in it.
struct Heartbeat {
    question: String,
    answer: &'static str,
}

/// A socket may be closed for what was said on it; then the next one is answered as ever.
pub(crate) fn talk(input: &[u8]) {
    let Some((kind, messages)) = head_and_body(input) else { return };
    let (protocol, version) = match kind {
        "graphql-transport-ws" | "graphql-ws" => (Some(kind), ""),
        "phoenix 1" => (None, "1.0.0"),
        _ => (None, "2.0.0"),
    };
    let world = world();
    let messages = String::from_utf8_lossy(messages).replace("TOKEN", &world.token);
    world.run(async {
        let heartbeat = heartbeat(protocol, version);
        let mut socket = open(world, protocol, version).await;
        if converse(&mut socket, &messages, &heartbeat).await.is_err() {
            let mut next = open(world, protocol, version).await;
            converse(&mut next, "", &heartbeat).await.unwrap();
        }
    });
}

async fn open(world: &World, protocol: Option<&str>, version: &str) -> Socket {
    let token = &world.token;
    let path = match protocol {
        Some(_) => format!("{API}/socket?token={token}"),
        None => format!("/socket/websocket?tenant=plant-one&token={token}&vsn={version}"),
    };
    let mut request = format!("ws://{}{path}", world.address).into_client_request().unwrap();
    if let Some(protocol) = protocol {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    let stream = TcpStream::connect(world.address).await.unwrap();
    client_async(request, stream).await.unwrap().0
}

fn heartbeat(protocol: Option<&str>, version: &str) -> Heartbeat {
    const REFERENCE: &str = "are-you-well";
    let question = match (protocol, version) {
        (Some(_), _) => {
            return Heartbeat { question: json!({ "type": "ping" }).to_string(), answer: r#""type":"pong""# };
        }
        (None, "1.0.0") => {
            json!({ "topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": REFERENCE })
        }
        (None, _) => json!([null, REFERENCE, "phoenix", "heartbeat", {}]),
    };
    Heartbeat { question: question.to_string(), answer: REFERENCE }
}

/// Says all this, and then waits for the answer to a heartbeat.
async fn converse(socket: &mut Socket, messages: &str, heartbeat: &Heartbeat) -> Result<(), Error> {
    for message in messages.lines() {
        socket.feed(Message::text(message)).await?;
    }
    socket.send(Message::text(heartbeat.question.as_str())).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        let text = message.to_text().unwrap_or_default();
        assert!(!text.contains(OUR_FAULT), "{text}");
        if text.contains(heartbeat.answer) {
            return Ok(());
        }
    }
    Err(Error::ConnectionClosed)
}
