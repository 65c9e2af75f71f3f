//! The protocols that most GraphQL clients speak: `graphql-transport-ws`, and the elder `graphql-ws`.

use std::collections::HashMap;

use async_graphql::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use super::protocol::{Action, Call, Outcome, Protocol};

/// Which of the two is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Transport,
    Elder,
}

impl Dialect {
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Transport, Self::Elder].into_iter().find(|dialect| dialect.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Transport => "graphql-transport-ws",
            Self::Elder => "graphql-ws",
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Message {
    ConnectionInit {
        #[serde(default)]
        payload: Value,
    },
    Ping,
    Pong,
    #[serde(alias = "start")]
    Subscribe {
        id: String,
        payload: Box<Request>,
    },
    #[serde(alias = "stop")]
    Complete {
        id: String,
    },
    ConnectionTerminate,
}

pub(super) struct Standard<A> {
    dialect: Dialect,
    /// Whether a client is let in, by the token that it gave in its first message.
    admits: A,
    admitted: bool,
    operations: HashMap<String, Call>,
    names: HashMap<Call, String>,
    calls: Call,
}

impl<A: Fn(Option<&str>) -> bool + Send> Standard<A> {
    pub(super) fn new(dialect: Dialect, admits: A) -> Self {
        let (operations, names) = (HashMap::new(), HashMap::new());
        Self { dialect, admits, admitted: false, operations, names, calls: 0 }
    }

    fn greet(&mut self, payload: &Value) -> Vec<Action> {
        if self.admitted {
            return vec![Action::Close(4429, "too many initialisation requests")];
        }
        self.admitted = (self.admits)(token(payload));
        if self.admitted {
            return vec![send(json!({ "type": "connection_ack" }))];
        }
        let close = Action::Close(4403, "forbidden");
        match self.dialect {
            Dialect::Transport => vec![close],
            Dialect::Elder => {
                vec![
                    send(json!({ "type": "connection_error", "payload": { "message": "forbidden" } })),
                    close,
                ]
            }
        }
    }

    fn start(&mut self, id: String, request: Box<Request>) -> Vec<Action> {
        if !self.admitted {
            return vec![Action::Close(4401, "unauthorized")];
        }
        if self.operations.contains_key(&id) {
            return vec![Action::Close(4409, "there is a subscriber of this id already")];
        }
        self.calls += 1;
        self.operations.insert(id.clone(), self.calls);
        self.names.insert(self.calls, id);
        vec![Action::Run(self.calls, request)]
    }

    fn stop(&mut self, id: &str) -> Vec<Action> {
        let Some(call) = self.operations.remove(id) else { return Vec::new() };
        self.names.remove(&call);
        let mut actions = vec![Action::Stop(call)];
        if self.dialect == Dialect::Elder {
            actions.push(complete(id));
        }
        actions
    }

    /// The answer is JSON text already.
    fn next(&self, id: &str, answer: &str) -> Action {
        let kind = match self.dialect {
            Dialect::Transport => "next",
            Dialect::Elder => "data",
        };
        Action::Send(format!(r#"{{"type":"{kind}","id":{},"payload":{answer}}}"#, Value::from(id)))
    }

    fn forget(&mut self, call: Call) -> Option<String> {
        let id = self.names.remove(&call)?;
        self.operations.remove(&id);
        Some(id)
    }
}

/// The token in a first message, in one of the ways in which clients put it there.
fn token(payload: &Value) -> Option<&str> {
    const SCHEME: &str = "bearer ";
    let given = ["Authorization", "authorization", "token", "authToken"];
    let token = given.iter().find_map(|name| payload[name].as_str())?.trim();
    let scheme = token.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
    Some(scheme.map_or(token, |_| token[SCHEME.len()..].trim_start()))
}

fn send(message: Value) -> Action {
    Action::Send(message.to_string())
}

fn complete(id: &str) -> Action {
    send(json!({ "type": "complete", "id": id }))
}

impl<A: Fn(Option<&str>) -> bool + Send> Protocol for Standard<A> {
    /// Most clients are silent unless they are asked.
    const PINGS: bool = true;

    fn name(&self) -> &'static str {
        self.dialect.name()
    }

    fn is_greeted(&self) -> bool {
        self.admitted
    }

    fn receive(&mut self, text: &str) -> Vec<Action> {
        match serde_json::from_str(text) {
            Ok(Message::ConnectionInit { payload }) => self.greet(&payload),
            Ok(Message::Ping) => vec![send(json!({ "type": "pong" }))],
            Ok(Message::Pong) => Vec::new(),
            Ok(Message::Subscribe { id, payload }) => self.start(id, payload),
            Ok(Message::Complete { id }) => self.stop(&id),
            Ok(Message::ConnectionTerminate) => vec![Action::Close(1000, "")],
            Err(_) => vec![Action::Close(4400, "a message was not understood")],
        }
    }

    fn answered(&mut self, call: Call, outcome: Outcome) -> Vec<Action> {
        if let Outcome::Subscribed(_) = outcome {
            return if self.names.contains_key(&call) { Vec::new() } else { vec![Action::Stop(call)] };
        }
        let Some(id) = self.forget(call) else { return Vec::new() };
        match outcome {
            Outcome::Refused(answer) if self.dialect == Dialect::Transport => {
                let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
                vec![send(json!({ "type": "error", "id": id, "payload": answer["errors"] }))]
            }
            Outcome::Refused(answer) | Outcome::Executed(answer) => {
                vec![self.next(&id, &answer), complete(&id)]
            }
            Outcome::Subscribed(_) => Vec::new(),
        }
    }

    fn event(&mut self, call: Call, event: &str) -> Vec<Action> {
        self.names.get(&call).map(|id| self.next(id, event)).into_iter().collect()
    }

    fn ended(&mut self, call: Call) -> Vec<Action> {
        self.forget(call).map(|id| complete(&id)).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Admits = fn(Option<&str>) -> bool;

    fn spelled(actions: Vec<Action>) -> Vec<String> {
        let spell = |action| match action {
            Action::Send(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                let member = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
                let payload = message.get("payload").map(ToString::to_string).unwrap_or_default();
                format!("{} {} {payload}", member("type"), member("id")).trim().to_owned()
            }
            Action::Run(call, it) => format!("run {call}: {}", it.query),
            Action::Stop(call) => format!("stop {call}"),
            Action::Close(code, _) => format!("close {code}"),
        };
        actions.into_iter().map(spell).collect()
    }

    fn new(dialect: Dialect) -> Standard<Admits> {
        Standard::new(dialect, |token| token == Some("good"))
    }

    fn greeted(dialect: Dialect) -> Standard<Admits> {
        let mut protocol = new(dialect);
        let init = r#"{"type":"connection_init","payload":{"token":"good"}}"#;
        assert_eq!(spelled(protocol.receive(init)), ["connection_ack"]);
        protocol
    }

    fn started(dialect: Dialect) -> Standard<Admits> {
        let mut protocol = greeted(dialect);
        let kind = if dialect == Dialect::Elder { "start" } else { "subscribe" };
        let start = format!(r#"{{"type":"{kind}","id":"a","payload":{{"query":"{{ x }}"}}}}"#);
        assert_eq!(spelled(protocol.receive(&start)), ["run 1: { x }"]);
        protocol
    }

    /// The first message may hold the token in several ways.
    #[test]
    fn the_token_may_come_first() {
        for payload in [
            r#"{"token":"good"}"#,
            r#"{"Authorization":"Bearer good"}"#,
            r#"{"authorization":"bearer  good"}"#,
            r#"{"Authorization":"good"}"#,
            r#"{"authToken":"good"}"#,
        ] {
            let init = format!(r#"{{"type":"connection_init","payload":{payload}}}"#);
            assert_eq!(spelled(new(Dialect::Transport).receive(&init)), ["connection_ack"], "{payload}");
        }
    }

    /// Whoever is not let in, repeats himself or comes too early is sent away, each with a code of its own.
    #[test]
    fn those_who_do_not_keep_to_the_rules_are_sent_away() {
        let init = r#"{"type":"connection_init"}"#;
        let bad = r#"{"type":"connection_init","payload":{"token":"bad"}}"#;
        let subscribe = r#"{"type":"subscribe","id":"a","payload":{"query":"{ x }"}}"#;
        for (mut protocol, message, answers) in [
            (new(Dialect::Transport), init, &["close 4403"][..]),
            (new(Dialect::Transport), bad, &["close 4403"]),
            (new(Dialect::Elder), bad, &[r#"connection_error  {"message":"forbidden"}"#, "close 4403"]),
            (greeted(Dialect::Transport), init, &["close 4429"]),
            (new(Dialect::Transport), subscribe, &["close 4401"]),
            (started(Dialect::Transport), subscribe, &["close 4409"]),
            (greeted(Dialect::Transport), "{", &["close 4400"]),
            (greeted(Dialect::Transport), r#"{"type":"dance"}"#, &["close 4400"]),
            (greeted(Dialect::Transport), r#"{"type":"subscribe","id":"a"}"#, &["close 4400"]),
            (greeted(Dialect::Elder), r#"{"type":"connection_terminate"}"#, &["close 1000"]),
            (greeted(Dialect::Transport), r#"{"type":"ping","payload":{}}"#, &["pong"]),
            (greeted(Dialect::Transport), r#"{"type":"pong"}"#, &[]),
            (greeted(Dialect::Transport), r#"{"type":"complete","id":"b"}"#, &[]),
        ] {
            assert_eq!(spelled(protocol.receive(message)), answers, "{message}");
        }
    }

    #[test]
    fn answers_come_in_each_dialects_words() {
        let (data, errors) = (r#"{"data":1}"#, r#"{"errors":[{"message":"no"}]}"#);
        for (dialect, outcome, answers) in [
            (Dialect::Transport, Outcome::Executed(data.into()), &[r#"next a {"data":1}"#, "complete a"][..]),
            (Dialect::Transport, Outcome::Refused(errors.into()), &[r#"error a [{"message":"no"}]"#]),
            (Dialect::Transport, Outcome::Subscribed("s".into()), &[]),
            (Dialect::Elder, Outcome::Executed(data.into()), &[r#"data a {"data":1}"#, "complete a"]),
            (
                Dialect::Elder,
                Outcome::Refused(errors.into()),
                &[r#"data a {"errors":[{"message":"no"}]}"#, "complete a"],
            ),
        ] {
            assert_eq!(spelled(started(dialect).answered(1, outcome)), answers);
        }
    }

    #[test]
    fn events_come_until_either_side_ends() {
        for (dialect, stopped) in
            [(Dialect::Transport, &["stop 1"][..]), (Dialect::Elder, &["stop 1", "complete a"])]
        {
            let mut protocol = started(dialect);
            protocol.answered(1, Outcome::Subscribed("s".into()));
            assert_eq!(protocol.event(1, "{}").len(), 1);
            assert_eq!(spelled(protocol.receive(r#"{"type":"complete","id":"a"}"#)), stopped);
            assert!(protocol.event(1, "{}").is_empty());
            assert!(protocol.ended(1).is_empty());
        }
        let mut protocol = started(Dialect::Transport);
        protocol.answered(1, Outcome::Subscribed("s".into()));
        assert_eq!(spelled(protocol.ended(1)), ["complete a"]);
        assert!(protocol.event(1, "{}").is_empty());
    }

    /// One that is ended while it begins is let go once it has begun.
    #[test]
    fn what_only_begins_can_be_ended() {
        let mut protocol = started(Dialect::Transport);
        assert_eq!(spelled(protocol.receive(r#"{"type":"complete","id":"a"}"#)), ["stop 1"]);
        assert_eq!(spelled(protocol.answered(1, Outcome::Subscribed("s".into()))), ["stop 1"]);
    }
}
