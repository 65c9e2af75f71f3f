//! Subscriptions that are running. Equal ones share a stream: the work for an event is done once, however many listen.

mod quota;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_graphql::{Request, Response, ServerError, Value};
use aws_lc_rs::digest::{SHA256, digest};
use edgehog_engine::TenantId;
use futures::stream::{BoxStream, Stream, StreamExt};
use serde_json::json;
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;
use tokio_stream::wrappers::BroadcastStream;

use crate::documents::Documents;
use crate::graphql::Opened;
use crate::measures::{OpenSubscription, cut_off, delivered};
use crate::settings::Limits;

pub(crate) use quota::{Place, Quota};

/// What the ids of subscriptions begin with; clients look at no more of them.
const PREFIX: &str = "__absinthe__:doc:";

/// When a stream that says nothing is taken as begun.
const SETTLING: Duration = Duration::from_millis(250);

/// All subscriptions of this server. Clones are the same hub.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Inner>);

struct Inner {
    running: Mutex<HashMap<Arc<str>, Running>>,
    serial: AtomicU64,
    places: Quota,
    events_behind: usize,
}

/// A stream with those who listen to it.
struct Running {
    serial: u64,
    members: usize,
    events: broadcast::Sender<Told>,
    opening: watch::Receiver<Opening>,
    task: AbortHandle,
}

/// An event as JSON text, and since when it waits for its subscribers.
type Told = (Instant, Arc<str>);

#[derive(Clone)]
enum Opening {
    Waiting,
    Open,
    Refused(String),
}

/// Why there is no subscription: a GraphQL answer with nothing but errors, as JSON text.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

/// The subscriber did not keep up, and missed events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooSlow;

/// One subscriber's events, each a GraphQL answer as JSON text. The subscription ends with its last subscriber.
pub(crate) struct Subscription {
    id: Arc<str>,
    events: BroadcastStream<Told>,
    _membership: Membership,
    _place: Place,
    _open: OpenSubscription,
}

impl Subscription {
    /// What all equal subscriptions are known by.
    pub(crate) fn id(&self) -> &Arc<str> {
        &self.id
    }
}

impl Stream for Subscription {
    type Item = Result<Arc<str>, TooSlow>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_next_unpin(context).map(|event| {
            event.map(|told| match told {
                Ok((since, event)) => {
                    delivered(since);
                    Ok(event)
                }
                Err(_) => {
                    cut_off("too_slow");
                    Err(TooSlow)
                }
            })
        })
    }
}

impl Hub {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Inner {
            running: Mutex::default(),
            serial: AtomicU64::default(),
            places: Quota::new(limits.subscriptions_per_tenant),
            events_behind: limits.events_behind,
        }))
    }

    /// Joins the subscription that is for the same, or begins it. No later event escapes the subscriber.
    pub(crate) async fn subscribe(
        &self,
        documents: &dyn Documents,
        request: Request,
    ) -> Result<Subscription, Refused> {
        let tenant = documents.tenant();
        let place = self.0.places.take(tenant).ok_or_else(|| {
            tracing::warn!(tenant_id = tenant.get(), "a subscription was refused: the tenant has too many");
            refused("There are too many subscriptions.")
        })?;
        let id = id(tenant, &request);
        let (membership, events, mut opening) = self.join(&id, documents, request);
        let opening = opening.wait_for(|opening| !matches!(opening, Opening::Waiting)).await;
        match opening.as_deref() {
            Ok(Opening::Refused(answer)) => return Err(Refused(answer.clone())),
            Ok(_) => {}
            Err(_) => return Err(refused("The subscription broke off.")),
        }
        drop(opening);
        let events = BroadcastStream::new(events);
        let open = OpenSubscription::new();
        Ok(Subscription { id, events, _membership: membership, _place: place, _open: open })
    }

    fn join(
        &self,
        id: &Arc<str>,
        documents: &dyn Documents,
        request: Request,
    ) -> (Membership, broadcast::Receiver<Told>, watch::Receiver<Opening>) {
        let mut all = self.0.running();
        let running = all.entry(id.clone()).or_insert_with(|| self.begin(id, documents, request));
        running.members += 1;
        let (events, opening) = (running.events.subscribe(), running.opening.clone());
        let membership = Membership(Entry { hub: self.0.clone(), id: id.clone(), serial: running.serial });
        (membership, events, opening)
    }

    fn begin(&self, id: &Arc<str>, documents: &dyn Documents, request: Request) -> Running {
        let opened = Opened::default();
        let stream = documents.subscribe(request.data(opened.clone()));
        let events = broadcast::Sender::new(self.0.events_behind);
        let (tell, opening) = watch::channel(Opening::Waiting);
        let serial = self.0.serial.fetch_add(1, Ordering::Relaxed);
        let entry = Entry { hub: self.0.clone(), id: id.clone(), serial };
        let task = tokio::spawn(drive(entry, stream, opened, tell, events.clone())).abort_handle();
        Running { serial, members: 0, events, opening, task }
    }
}

impl Inner {
    fn running(&self) -> MutexGuard<'_, HashMap<Arc<str>, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a stream until it ends or nobody listens any more.
async fn drive(
    entry: Entry,
    stream: BoxStream<'static, Response>,
    opened: Opened,
    opening: watch::Sender<Opening>,
    events: broadcast::Sender<Told>,
) {
    let _ends = Ends(entry);
    let mut stream = stream.fuse();
    let first = tokio::select! {
        biased;
        first = stream.next() => first,
        () = opened.told() => None,
        () = tokio::time::sleep(SETTLING) => None,
    };
    if let Some(response) = &first
        && response.data == Value::Null
        && !response.errors.is_empty()
    {
        opening.send_replace(Opening::Refused(only_errors(response)));
        return;
    }
    opening.send_replace(Opening::Open);
    if let Some(response) = first {
        publish(&events, &response);
    }
    while let Some(response) = stream.next().await {
        publish(&events, &response);
    }
}

fn publish(events: &broadcast::Sender<Told>, response: &Response) {
    if response.errors.iter().all(is_told) {
        // Nobody may be left to listen, and this task about to end.
        let _ = events.send((Instant::now(), crate::graphql::to_json(response).into()));
    }
}

/// Whether subscribers hear of an error. They do not where a record is gone by now, nor of a failure of ours.
fn is_told(error: &ServerError) -> bool {
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    matches!(code, Some(Value::String(code)) if !matches!(code.as_str(), "not_found" | "forbidden"))
}

fn only_errors(response: &Response) -> String {
    let mut answer: serde_json::Value =
        serde_json::from_str(&crate::graphql::to_json(response)).unwrap_or_default();
    json!({ "errors": answer["errors"].take() }).to_string()
}

fn refused(message: &str) -> Refused {
    Refused(json!({ "errors": [{ "message": message }] }).to_string())
}

/// The same for equal subscriptions of a tenant, today and tomorrow.
fn id(tenant: TenantId, request: &Request) -> Arc<str> {
    let what = json!([tenant.get(), request.query, request.operation_name, request.variables]);
    let hash = digest(&SHA256, what.to_string().as_bytes());
    let mut id = PREFIX.to_owned();
    for byte in hash.as_ref() {
        id.push_str(&format!("{byte:02x}"));
    }
    id.into()
}

/// A place in the hub. It may be another's by now, which the serial tells.
struct Entry {
    hub: Arc<Inner>,
    id: Arc<str>,
    serial: u64,
}

/// The task of a subscription: however it ends, the subscription has ended with it.
struct Ends(Entry);

impl Drop for Ends {
    fn drop(&mut self) {
        let Entry { hub, id, serial } = &self.0;
        let mut all = hub.running();
        if all.get(id).is_some_and(|running| running.serial == *serial) {
            all.remove(id);
        }
    }
}

/// Being one of those who listen.
struct Membership(Entry);

impl Drop for Membership {
    fn drop(&mut self) {
        let Entry { hub, id, serial } = &self.0;
        let mut all = hub.running();
        let Some(running) = all.get_mut(id).filter(|running| running.serial == *serial) else { return };
        running.members -= 1;
        if running.members == 0 {
            let last = all.remove(id);
            drop(all);
            if let Some(running) = last {
                running.task.abort();
            }
        }
    }
}
