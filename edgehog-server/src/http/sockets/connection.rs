//! A socket at work: reads, writes, waits; what the messages mean is the protocol's affair.

use std::io;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, FuturesUnordered, SplitSink, SplitStream, Stream, StreamExt};
use futures::{Sink, SinkExt};
use poem::web::websocket::Message;
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::StreamMap;

use super::protocol::{Action, Call, Outcome, Protocol};
use crate::measures::{OpenSocket, cut_off};
use crate::session::{Answer, Session};
use crate::settings::Settings;
use crate::subscriptions::{Subscription, TooSlow};
use crate::uploads::Uploads;

/// How long a client may take to answer that the socket is closed.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(2);

/// Codes for closing a socket, and a word for people.
mod closing {
    pub(super) const UNSUPPORTED: (u16, &str) = (1003, "only text is understood");
    pub(super) const TOO_SLOW: (u16, &str) = (1008, "events were missed");
    pub(super) const TOO_LARGE: (u16, &str) = (1009, "a message was too large or broken");
    pub(super) const RESTART: (u16, &str) = (1012, "the server stops");
    pub(super) const DELETED: (u16, &str) = (1008, "the tenant was deleted");
    pub(super) const SILENT: (u16, &str) = (1000, "nothing was heard");
    pub(super) const UNGREETED: (u16, &str) = (4408, "connection initialisation timeout");
}

/// What is heard of a subscription.
enum News {
    Event(Result<Arc<str>, TooSlow>),
    End,
}

/// The socket is of no more use.
struct Gone;

struct Connection<S, P> {
    sink: SplitSink<S, Message>,
    frames: SplitStream<S>,
    protocol: P,
    session: Session,
    settings: Arc<Settings>,
    running: FuturesUnordered<BoxFuture<'static, (Call, Answer)>>,
    subscriptions: StreamMap<Call, BoxStream<'static, News>>,
    begun: Instant,
    heard: Instant,
}

/// Serves one socket until one side has enough of it.
pub(super) async fn serve<S, P>(socket: S, protocol: P, session: Session, settings: Arc<Settings>)
where
    S: Stream<Item = io::Result<Message>> + Sink<Message, Error = io::Error> + Send + Unpin,
    P: Protocol,
{
    let _open = OpenSocket::new(protocol.name());
    let (sink, frames) = socket.split();
    let now = Instant::now();
    let mut connection = Connection {
        sink,
        frames,
        protocol,
        session,
        settings,
        running: FuturesUnordered::new(),
        subscriptions: StreamMap::new(),
        begun: now,
        heard: now,
    };
    while connection.step().await.is_ok() {}
}

impl<S, P> Connection<S, P>
where
    S: Stream<Item = io::Result<Message>> + Sink<Message, Error = io::Error> + Send + Unpin,
    P: Protocol,
{
    /// Waits for something to happen, and does what it asks for.
    async fn step(&mut self) -> Result<(), Gone> {
        let limits = &self.settings.limits;
        let (patience, closing) = if self.protocol.is_greeted() {
            (self.heard + limits.silence, closing::SILENT)
        } else {
            (self.begun + limits.greeting, closing::UNGREETED)
        };
        let mut ping = None;
        if P::PINGS {
            ping = Some(self.heard + limits.silence / 2).filter(|at| *at > Instant::now());
        }
        let actions = tokio::select! {
            () = self.settings.shutdown.cancelled() => close(closing::RESTART),
            () = self.session.gone.cancelled() => close(closing::DELETED),
            () = sleep_until(patience) => close(closing),
            () = sleep_until(ping.unwrap_or(patience)), if ping.is_some() => {
                return self.write(Message::Ping(Vec::new())).await;
            }
            frame = self.frames.next() => {
                self.heard = Instant::now();
                self.receive(frame)?
            }
            Some((call, answer)) = self.running.next() => self.answered(call, answer),
            Some((call, news)) = self.subscriptions.next() => match news {
                News::Event(Ok(event)) => self.protocol.event(call, &event),
                News::Event(Err(TooSlow)) => {
                    tracing::info!("a subscriber was too slow");
                    close(closing::TOO_SLOW)
                }
                News::End => self.protocol.ended(call),
            },
        };
        self.perform(actions).await
    }

    fn receive(&mut self, frame: Option<io::Result<Message>>) -> Result<Vec<Action>, Gone> {
        match frame {
            Some(Ok(Message::Text(text))) => Ok(self.protocol.receive(&text)),
            Some(Ok(Message::Binary(_))) => Ok(close(closing::UNSUPPORTED)),
            // Answered below us.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Vec::new()),
            Some(Ok(Message::Close(_))) | None => Err(Gone),
            Some(Err(_)) => Ok(close(closing::TOO_LARGE)),
        }
    }

    fn answered(&mut self, call: Call, answer: Answer) -> Vec<Action> {
        let outcome = match answer {
            Answer::Executed(answer) => Outcome::Executed(answer),
            Answer::Refused(answer) => Outcome::Refused(answer),
            Answer::Subscribed(subscription) => {
                let id = subscription.id().clone();
                self.subscriptions.insert(call, news(subscription));
                Outcome::Subscribed(id)
            }
        };
        self.protocol.answered(call, outcome)
    }

    async fn perform(&mut self, actions: Vec<Action>) -> Result<(), Gone> {
        let mut actions: std::collections::VecDeque<_> = actions.into();
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Send(text) => self.write(Message::Text(text)).await?,
                Action::Run(call, request) => {
                    let request = request.data(Uploads::default());
                    let at_work = self.running.len() + self.subscriptions.len();
                    if at_work < self.settings.limits.subscriptions_per_socket {
                        let session = self.session.clone();
                        self.running.push(Box::pin(async move { (call, session.run(request).await) }));
                    } else {
                        let errors = json!({ "errors": [{ "message": "This socket has too much to do.", "fields": [] }] });
                        actions.extend(self.protocol.answered(call, Outcome::Refused(errors.to_string())));
                    }
                }
                Action::Stop(call) => drop(self.subscriptions.remove(&call)),
                Action::Close(code, reason) => return self.close(code, reason).await,
            }
        }
        Ok(())
    }

    /// Writes within the time that a client has to read. One that does not read costs a place, and nobody else's time.
    async fn write(&mut self, message: Message) -> Result<(), Gone> {
        let patience = self.settings.limits.write;
        let written = tokio::select! {
            written = timeout(patience, self.sink.send(message)) => written,
            () = self.settings.shutdown.cancelled() => return Err(Gone),
        };
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone),
            Err(_) => {
                cut_off("not_reading");
                tracing::info!("a client that does not read was cut off");
                Err(Gone)
            }
        }
    }

    /// Says why, and waits a moment for the client to hear it: what it has sent meanwhile is not read, and would else
    /// make its system throw the last words away.
    async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), Gone> {
        self.subscriptions.clear();
        let farewell = async {
            self.sink.send(Message::close_with(code, reason)).await?;
            while let Some(Ok(_)) = self.frames.next().await {}
            io::Result::Ok(())
        };
        let _ = timeout(FAREWELL, farewell).await;
        Err(Gone)
    }
}

fn close((code, reason): (u16, &'static str)) -> Vec<Action> {
    vec![Action::Close(code, reason)]
}

fn news(subscription: Subscription) -> BoxStream<'static, News> {
    subscription.map(News::Event).chain(stream::once(async { News::End })).boxed()
}
