//! What the connection knows of the protocols: texts in, actions out. They know no clock and no socket.

use std::sync::Arc;

use async_graphql::Request;

/// A document that a client sent, numbered by the protocol.
pub(super) type Call = u64;

/// What a client's message, or the course of things, asks of the connection.
pub(super) enum Action {
    Send(String),
    /// Run a document, and tell what became of it.
    Run(Call, Box<Request>),
    /// Let go of a subscription. Of one that is only beginning nothing is known yet; the protocol asks again then.
    Stop(Call),
    Close(u16, &'static str),
}

/// What became of a document.
pub(super) enum Outcome {
    /// The whole answer, as JSON text.
    Executed(String),
    /// The id that all equal subscriptions have.
    Subscribed(Arc<str>),
    /// An answer of nothing but errors, as JSON text.
    Refused(String),
}

/// One side of a conversation with one client.
pub(super) trait Protocol: Send {
    /// Whether the server asks for signs of life, where clients give none by themselves.
    const PINGS: bool;

    /// What the protocol is called.
    fn name(&self) -> &'static str;

    /// Whether the client has said who it is.
    fn is_greeted(&self) -> bool;

    fn receive(&mut self, text: &str) -> Vec<Action>;

    fn answered(&mut self, call: Call, outcome: Outcome) -> Vec<Action>;

    /// An event of a subscription, as JSON text.
    fn event(&mut self, call: Call, event: &str) -> Vec<Action>;

    /// A subscription has come to its end by itself.
    fn ended(&mut self, call: Call) -> Vec<Action>;
}
