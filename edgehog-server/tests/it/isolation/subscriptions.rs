//! Every subscription, over every transport, while both do everything that can be done.

use std::time::Duration;

use futures::stream::BoxStream;
use futures::{SinkExt, StreamExt};
use reqwest::Response;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::actor::Actor;
use super::records::{Records, raw_key};
use super::schema::{Member, Schema};
use super::world::{OURS, THEIRS, World};
use crate::Server;
use crate::sockets::{Socket, ask, open};
use crate::subscriptions::{request, run};

/// How long something that must come may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A stream of events and what it has told.
struct Listener {
    name: String,
    events: BoxStream<'static, String>,
    told: String,
}

impl Listener {
    async fn http(server: &Server, document: &str) -> Self {
        let request = server.post(&format!("/tenants/{}/api", server.slug)).bearer_auth(&server.token);
        let request = request.header("Accept", "text/event-stream").json(&json!({ "query": document }));
        let answer: Response = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream", "{document}");
        let events =
            answer.bytes_stream().map(|it| String::from_utf8_lossy(&it.unwrap_or_default()).into_owned());
        Self { name: document.to_owned(), events: events.boxed(), told: String::new() }
    }

    fn socket(name: &str, socket: Socket) -> Self {
        let text = async |message| match message {
            Ok(Message::Text(text)) => Some(text.to_string()),
            _ => None,
        };
        Self { name: name.to_owned(), events: socket.filter_map(text).boxed(), told: String::new() }
    }

    /// Listens until something is told.
    async fn hears(&mut self, text: &str) {
        while !self.told.contains(text) {
            let next = tokio::time::timeout(PATIENCE, self.events.next()).await;
            let Ok(Some(event)) = next else { panic!("{} does not tell {text}: {}", self.name, self.told) };
            self.told.push_str(&event);
        }
    }

    async fn hears_the_rest(&mut self) {
        while let Some(event) = tokio::time::timeout(PATIENCE, self.events.next()).await.unwrap() {
            self.told.push_str(&event);
        }
    }
}

/// A subscription with the records of one of the two as its arguments.
fn document(schema: &Schema, field: &Member, records: &Records, more: &str) -> String {
    let ids =
        field.ids().map(|it| format!("{}: \"{}\"", it.name, records.id(&schema.owners(field, &it.name)[0])));
    let arguments: Vec<_> = ids.chain((!more.is_empty()).then(|| more.to_owned())).collect();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    format!("subscription {{ {}{arguments} {} }}", field.name, schema.selection(&field.named))
}

/// The subscriptions that name what is theirs, in arguments and filters.
fn pointed(world: &World, field: &Member) -> Vec<String> {
    let record = world.schema.record(&field.named);
    let key = raw_key(world.their.id(record));
    let key = key.parse::<i64>().map_or_else(|_| json!(key), Value::from);
    let filtered = field
        .argument("filter")
        .map(|_| document(&world.schema, field, &world.our, &format!("filter: {{ id: {{ eq: {key} }} }}")));
    let named = field.ids().next().map(|_| document(&world.schema, field, &world.their, ""));
    filtered.into_iter().chain(named).collect()
}

/// Does everything that can be done, and has a device come and go. Gives what it was told.
async fn everything(schema: &Schema, server: &Server, records: &Records, mark: &str) -> Records {
    let mut told = Records::default();
    for (name, answer) in Actor::new(schema, server, records, mark).everything().await {
        assert!(answer.get("errors").is_none(), "{name}: {answer}");
        told.note(&answer);
    }
    let device = format!("{mark}-device");
    for event in ["device_registered", "device_connected", "device_disconnected", "device_deletion_finished"]
    {
        server.at(&device, "2028-01-01T00:00:00Z", json!({ "type": event })).await;
    }
    told
}

/// One listener on each kind of socket.
async fn sockets(server: &Server, document: &str) -> Vec<Listener> {
    let (phoenix, answer) = request(server, document, json!({})).await;
    assert_eq!(answer[4]["status"], "ok", "{answer}");
    let path = format!("/tenants/{}/api/socket?token={}", server.slug, server.token);
    let mut standard =
        open(server, &path, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap();
    ask(&mut standard, json!({ "type": "connection_init" })).await;
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": document } });
    standard.send(Message::text(subscribe.to_string())).await.unwrap();
    // The refusal of the second comes when the first has been taken up.
    let wrong = json!({ "type": "subscribe", "id": "2", "payload": { "query": "subscription { nothing }" } });
    assert_eq!(ask(&mut standard, wrong).await["id"], "2");
    vec![Listener::socket("phoenix", phoenix), Listener::socket("graphql-transport-ws", standard)]
}

/// Each subscriber is told what its own tenant does and nothing of what the other does, also where it asks for the
/// other's records.
#[tokio::test]
async fn only_our_own_changes_are_told() {
    let world = World::new().await;
    let _running = run(&world.ours.engine);
    let (mut ours, mut theirs, mut silent) = (Vec::new(), Vec::new(), Vec::new());
    for field in world.schema.subscriptions() {
        ours.push(Listener::http(&world.ours, &document(&world.schema, field, &world.our, "")).await);
        theirs.push(Listener::http(&world.theirs, &document(&world.schema, field, &world.their, "")).await);
        for document in pointed(&world, field) {
            silent.push(Listener::http(&world.ours, &document).await);
        }
    }
    let one = document(&world.schema, &world.schema.subscriptions()[0], &world.our, "");
    ours.extend(sockets(&world.ours, &one).await);
    let (mut our, mut their) = (Records::default(), Records::default());
    our.texts.extend(world.our.texts.clone());
    their.texts.extend(world.their.texts.clone());
    for round in ["first", "last"] {
        let done = everything(&world.schema, &world.theirs, &world.their, &format!("{THEIRS}-{round}")).await;
        their.texts.extend(done.texts);
        let done = everything(&world.schema, &world.ours, &world.our, &format!("{OURS}-{round}")).await;
        our.texts.extend(done.texts);
    }
    for (listeners, mark) in [(&mut ours, OURS), (&mut theirs, THEIRS)] {
        for listener in listeners {
            listener.hears(&format!("{mark}-last")).await;
        }
    }
    world.shutdown.cancel();
    for listener in ours.iter_mut().chain(&mut theirs).chain(&mut silent) {
        listener.hears_the_rest().await;
    }
    let both =
        Records { texts: our.texts.intersection(&their.texts).cloned().collect(), ..Records::default() };
    let (our, their) = (our.without(&both), their.without(&both));
    for (listeners, others) in [(&ours, &their), (&silent, &their), (&theirs, &our)] {
        for listener in listeners {
            let leak = others.texts.iter().find(|text| listener.told.contains(text.as_str()));
            assert_eq!(leak, None, "{}: {}", listener.name, listener.told);
        }
    }
    // That a record is gone is told without a look at the filter, by the contract: of our own ones alone, as was seen.
    for listener in &silent {
        let tells = |kind: &str| listener.told.contains(&format!(r#""{kind}":{{"#));
        assert!(!tells("created") && !tells("updated"), "{}: {}", listener.name, listener.told);
    }
    assert!(!silent.is_empty());
}
