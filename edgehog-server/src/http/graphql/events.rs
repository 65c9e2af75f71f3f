//! Answers as streams of events (server-sent events), in the way of `graphql-sse` with a connection for each operation.

use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use poem::web::sse::{Event, SSE};
use poem::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;
use crate::subscriptions::Subscription;

/// How often a silent stream shows that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// How many events wait between the subscription and the client's connection.
const BUFFER: usize = 16;

/// A whole answer that a client wants as events.
pub(super) fn of_answer(answer: &str) -> Response {
    response(stream::iter([next(answer), complete()]))
}

/// The events of a subscription, as long as the client takes them.
pub(super) fn of_subscription(
    subscription: Subscription,
    gone: CancellationToken,
    settings: &Settings,
) -> Response {
    let (events, taken) = mpsc::channel(BUFFER);
    let (shutdown, patience) = (settings.shutdown.clone(), settings.limits.write);
    settings.sockets.spawn(async move {
        tokio::select! {
            () = forward(subscription, &events, patience) => {}
            () = events.closed() => {}
            () = shutdown.cancelled() => {}
            () = gone.cancelled() => {}
        }
    });
    response(ReceiverStream::new(taken))
}

/// Ends without `complete` where the client does not keep up: that is how it knows that it missed events.
async fn forward(mut subscription: Subscription, events: &mpsc::Sender<Event>, patience: Duration) {
    while let Some(event) = subscription.next().await {
        let Ok(event) = event else {
            tracing::info!("a subscriber was too slow");
            return;
        };
        if events.send_timeout(next(&event), patience).await.is_err() {
            return;
        }
    }
    let _ = events.send_timeout(complete(), patience).await;
}

fn next(answer: &str) -> Event {
    Event::message(answer).event_type("next")
}

/// Browsers hear of an event only where it has data, an empty line at least.
fn complete() -> Event {
    Event::message("\n").event_type("complete")
}

fn response(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    SSE::new(events).keep_alive(SIGN_OF_LIFE).into_response()
}
