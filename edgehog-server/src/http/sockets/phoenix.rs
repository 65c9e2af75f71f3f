//! Phoenix channels as far as GraphQL needs them: one topic on which documents come in, and pushes.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Request, Variables};
use serde::Deserialize;
use serde_json::{Value, json};

use super::protocol::{Action, Call, Outcome, Protocol};

const CONTROL: &str = "__absinthe__:control";
const OURS: &str = "__absinthe__:";
const REPLY: &str = "phx_reply";

/// How messages are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// As objects, which know nothing of joins.
    One,
    /// As lists.
    Two,
}

impl Version {
    /// The version that a client asks for.
    pub(super) fn of(version: Option<&str>) -> Option<Self> {
        let Some(version) = version else { return Some(Self::One) };
        if version.split('.').any(|part| part.is_empty() || !part.bytes().all(|it| it.is_ascii_digit())) {
            return None;
        }
        match version.split('.').next() {
            Some("1") => Some(Self::One),
            Some("2") => Some(Self::Two),
            _ => None,
        }
    }
}

/// A message. What clients call their messages and joins is theirs; it is only handed back.
#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    join_ref: Value,
    #[serde(default, rename = "ref")]
    reference: Value,
    topic: String,
    event: String,
    #[serde(default)]
    payload: Value,
}

/// The joined control topic.
struct Joined {
    /// What later messages must name, unless it is null.
    join_ref: Value,
    /// What later replies name.
    reply_ref: Value,
    /// Documents that are being run, with what their messages are called.
    running: HashMap<Call, Value>,
    /// The subscriptions that run, by their ids.
    subscriptions: HashMap<Arc<str>, Call>,
}

pub(super) struct Phoenix {
    version: Version,
    joined: Option<Joined>,
    calls: Call,
}

impl Phoenix {
    pub(super) fn new(version: Version) -> Self {
        Self { version, joined: None, calls: 0 }
    }

    fn parse(&self, text: &str) -> Option<Frame> {
        match self.version {
            Version::One => {
                let frame: Frame = serde_json::from_str(text).ok()?;
                Some(Frame { join_ref: Value::Null, ..frame })
            }
            Version::Two => {
                let (join_ref, reference, topic, event, payload) = serde_json::from_str(text).ok()?;
                Some(Frame { join_ref, reference, topic, event, payload })
            }
        }
    }

    /// A message to the client; the payload is JSON text already.
    fn send(&self, join_ref: &Value, reference: &Value, topic: &str, event: &str, payload: &str) -> Action {
        let (topic, event) = (Value::from(topic), Value::from(event));
        Action::Send(match self.version {
            Version::One => {
                format!(r#"{{"topic":{topic},"event":{event},"payload":{payload},"ref":{reference}}}"#)
            }
            Version::Two => format!("[{join_ref},{reference},{topic},{event},{payload}]"),
        })
    }

    fn reply(
        &self,
        join_ref: &Value,
        reference: &Value,
        topic: &str,
        status: &str,
        response: &str,
    ) -> Action {
        let payload = format!(r#"{{"status":"{status}","response":{response}}}"#);
        self.send(join_ref, reference, topic, REPLY, &payload)
    }

    fn join(&mut self, frame: Frame) -> Vec<Action> {
        let Frame { join_ref, reference, topic, .. } = frame;
        if topic != CONTROL {
            return vec![if topic.starts_with(OURS) {
                self.reply(&join_ref, &reference, &topic, "error", r#"{"reason":"join crashed"}"#)
            } else {
                self.unmatched(&reference, &topic)
            }];
        }
        // A second join takes the place of the first.
        let mut actions = self.leave();
        actions.push(self.reply(&join_ref, &reference, CONTROL, "ok", "{}"));
        let reply_ref = if join_ref.is_null() { reference } else { join_ref.clone() };
        let (running, subscriptions) = (HashMap::new(), HashMap::new());
        self.joined = Some(Joined { join_ref, reply_ref, running, subscriptions });
        actions
    }

    fn leave(&mut self) -> Vec<Action> {
        let joined = self.joined.take();
        joined.into_iter().flat_map(|it| it.subscriptions.into_values()).map(Action::Stop).collect()
    }

    fn unmatched(&self, reference: &Value, topic: &str) -> Action {
        self.reply(&Value::Null, reference, topic, "error", r#"{"reason":"unmatched topic"}"#)
    }

    /// A message on the control topic.
    fn control(&mut self, frame: Frame) -> Vec<Action> {
        let Some(joined) = &mut self.joined else { return vec![self.unmatched(&frame.reference, CONTROL)] };
        if !joined.join_ref.is_null() && joined.join_ref != frame.join_ref {
            return Vec::new();
        }
        let (reply_ref, reference) = (joined.reply_ref.clone(), frame.reference);
        match frame.event.as_str() {
            "doc" => match operation(&frame.payload) {
                Ok(operation) => {
                    self.calls += 1;
                    joined.running.insert(self.calls, reference);
                    vec![Action::Run(self.calls, Box::new(operation))]
                }
                Err(response) => {
                    vec![self.reply(&reply_ref, &reference, CONTROL, "error", &response.to_string())]
                }
            },
            "unsubscribe" => {
                let id = &frame.payload["subscriptionId"];
                let stopped = id.as_str().and_then(|id| joined.subscriptions.remove(id)).map(Action::Stop);
                let response = json!({ "subscriptionId": id }).to_string();
                let reply = self.reply(&reply_ref, &reference, CONTROL, "ok", &response);
                stopped.into_iter().chain([reply]).collect()
            }
            "phx_leave" => {
                let mut actions = self.leave();
                actions.push(self.reply(&reply_ref, &reference, CONTROL, "ok", "{}"));
                actions.push(self.send(&reply_ref, &reply_ref, CONTROL, "phx_close", "{}"));
                actions
            }
            _ => {
                vec![self.reply(&reply_ref, &reference, CONTROL, "error", r#"{"reason":"unmatched event"}"#)]
            }
        }
    }
}

/// The document in a message; else what is wrong with it.
fn operation(payload: &Value) -> Result<Request, Value> {
    let variables = match &payload["variables"] {
        variables @ (Value::Object(_) | Value::Null) => Variables::from_json(variables.clone()),
        _ => return Err(json!({ "error": "The variables must be an object." })),
    };
    let document = payload["query"].as_str().filter(|document| !document.trim().is_empty());
    let document = document
        .ok_or_else(|| json!({ "errors": [{ "message": "There is no GraphQL document.", "fields": [] }] }))?;
    let operation = Request::new(document).variables(variables);
    Ok(match payload["operationName"].as_str().filter(|name| !name.is_empty()) {
        Some(name) => operation.operation_name(name),
        None => operation,
    })
}

impl Protocol for Phoenix {
    /// Clients send a heartbeat.
    const PINGS: bool = false;

    fn name(&self) -> &'static str {
        "phoenix"
    }

    fn is_greeted(&self) -> bool {
        true
    }

    fn receive(&mut self, text: &str) -> Vec<Action> {
        let Some(frame) = self.parse(text) else {
            return vec![Action::Close(1002, "a message was not understood")];
        };
        match (frame.topic.as_str(), frame.event.as_str()) {
            ("phoenix", "heartbeat") => {
                vec![self.reply(&Value::Null, &frame.reference, "phoenix", "ok", "{}")]
            }
            (_, "phx_join") => self.join(frame),
            (CONTROL, _) => self.control(frame),
            (topic, _) => vec![self.unmatched(&frame.reference, topic)],
        }
    }

    fn answered(&mut self, call: Call, outcome: Outcome) -> Vec<Action> {
        // The topic may have been left meanwhile.
        let Some(joined) = &mut self.joined else { return vec![Action::Stop(call)] };
        let Some(reference) = joined.running.remove(&call) else { return vec![Action::Stop(call)] };
        let reply_ref = joined.reply_ref.clone();
        let mut actions = Vec::new();
        let (status, response) = match outcome {
            Outcome::Executed(answer) => ("ok", answer),
            Outcome::Refused(answer) => ("error", answer),
            Outcome::Subscribed(id) => {
                let response = json!({ "subscriptionId": id.as_ref() }).to_string();
                // Who subscribes to the same again hears each event once.
                if let Some(earlier) = joined.subscriptions.insert(id, call) {
                    actions.push(Action::Stop(earlier));
                }
                ("ok", response)
            }
        };
        actions.push(self.reply(&reply_ref, &reference, CONTROL, status, &response));
        actions
    }

    fn event(&mut self, call: Call, event: &str) -> Vec<Action> {
        let subscriptions = self.joined.iter().flat_map(|joined| &joined.subscriptions);
        let id = subscriptions.into_iter().find_map(|(id, its_call)| (*its_call == call).then_some(id));
        let Some(id) = id else { return Vec::new() };
        let payload = format!(r#"{{"result":{event},"subscriptionId":{}}}"#, Value::from(id.as_ref()));
        vec![self.send(&Value::Null, &Value::Null, id, "subscription:data", &payload)]
    }

    fn ended(&mut self, call: Call) -> Vec<Action> {
        if let Some(joined) = &mut self.joined {
            joined.subscriptions.retain(|_, its_call| *its_call != call);
        }
        Vec::new()
    }
}
