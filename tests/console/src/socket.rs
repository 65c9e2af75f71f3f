//! The console's sockets, one for each subscription.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::{SinkExt, StreamExt};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use url::Url;

use crate::client::Client;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A socket on which a subscription runs.
pub(crate) struct Subscription {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    id: Value,
}

impl Subscription {
    /// Connects, joins and subscribes.
    pub(crate) async fn open(client: &Client, document: &str, variables: Value) -> Result<Self> {
        let stream = connect(client, &client.target().origin).await.context("the socket is refused")?;
        let mut this = Self { stream, id: Value::Null };
        this.send(&json!([null, "1", "__absinthe__:control", "phx_join", {}])).await?;
        let ok = json!({ "status": "ok", "response": {} });
        let reply = this.receive().await?;
        let joined = json!([null, "1", "__absinthe__:control", "phx_reply", ok]);
        ensure!(reply == joined, "the join is answered with {reply}");
        let document = json!({ "query": document, "variables": variables });
        this.send(&json!([null, "2", "__absinthe__:control", "doc", document])).await?;
        // The console does not wait for this; who wants to see all that happens from now on must.
        let reply = this.receive().await?;
        let id = &reply[4]["response"]["subscriptionId"];
        let subscribed = reply[1] == "2" && reply[4]["status"] == "ok";
        let named = id.as_str().is_some_and(|id| id.starts_with("__absinthe__:doc:"));
        ensure!(subscribed && named, "the subscription is answered with {reply}");
        this.id = id.clone();
        Ok(this)
    }

    /// The sign of life that the console gives every 30 seconds.
    pub(crate) async fn heartbeat(&mut self) -> Result<()> {
        self.send(&json!([null, null, "phoenix", "heartbeat", {}])).await?;
        let expected = json!([null, null, "phoenix", "phx_reply", { "status": "ok", "response": {} }]);
        loop {
            let frame = self.receive().await?;
            if frame == expected {
                return Ok(());
            }
            ensure!(frame[3] == "subscription:data", "the heartbeat is answered with {frame}");
        }
    }

    /// Waits for the event that is meant, past those about what others do.
    pub(crate) async fn event(&mut self, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        loop {
            let mut frame = self.receive().await.context("no event came")?;
            ensure!(frame[3] == "subscription:data", "an event was to come, not {frame}");
            ensure!(frame[2] == self.id && frame[4]["subscriptionId"] == self.id, "of whom is {frame}?");
            ensure!(frame[0].is_null() && frame[1].is_null(), "an event is no reply: {frame}");
            let mut result = frame[4]["result"].take();
            ensure!(result.get("errors").is_none(), "the subscription would end: {result}");
            let data = result["data"].take();
            if is_it(&data) {
                return Ok(data);
            }
        }
    }

    async fn send(&mut self, frame: &Value) -> Result<()> {
        Ok(self.stream.send(Message::text(frame.to_string())).await?)
    }

    async fn receive(&mut self) -> Result<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            let message = message.with_context(|| format!("nothing came in {PATIENCE:?}"))?;
            match message.context("the socket was closed")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Ping(_) | Message::Pong(_) => {}
                other => bail!("{other} is no frame of text"),
            }
        }
    }
}

/// The status with which a socket is refused to a page of this origin; `None` where it is not.
pub(crate) async fn refusal(client: &Client, origin: &str) -> Result<Option<u16>> {
    match connect(client, origin).await {
        Ok(_) => Ok(None),
        Err(SocketError::Http(answer)) => Ok(Some(answer.status().as_u16())),
        Err(error) => Err(error.into()),
    }
}

async fn connect(
    client: &Client,
    origin: &str,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, SocketError> {
    let mut request = address(client).as_str().into_client_request()?;
    request.headers_mut().insert("Origin", HeaderValue::from_str(origin)?);
    Ok(connect_async(request).await?.0)
}

fn address(client: &Client) -> Url {
    let target = client.target();
    let mut url = target.url.join("socket/websocket").unwrap_or_else(|_| target.url.clone());
    // Nothing is left as it was, should the address be one of these already.
    let _ = url.set_scheme(if url.scheme() == "https" { "wss" } else { "ws" });
    url.query_pairs_mut()
        .append_pair("vsn", "2.0.0")
        .append_pair("token", target.token.expose_secret())
        .append_pair("tenant", &target.tenant);
    url
}
