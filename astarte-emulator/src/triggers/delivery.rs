//! Delivery of events over HTTP: one queue for each realm and policy, one request at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::policy::Policy;
use crate::faults::{DeliveryFault, Faults};
use crate::tasks::Tasks;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Events that may wait when no policy says otherwise.
const DEFAULT_CAPACITY: usize = 100_000;
/// What a receiver that cannot be reached counts as.
const UNREACHABLE: u16 = 503;

/// Where a trigger's events go.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) ignore_ssl_errors: bool,
}

/// One event on its way to a receiver.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Gone once the trigger is deleted: events that still wait are dropped then.
    target: Weak<Target>,
    realm: Option<HeaderValue>,
    trigger: String,
    body: Bytes,
    queued: Instant,
}

impl Delivery {
    pub(super) fn new(target: &Arc<Target>, realm: &str, trigger: &str, body: String) -> Self {
        Self {
            target: Arc::downgrade(target),
            realm: HeaderValue::from_str(realm).ok(),
            trigger: trigger.to_owned(),
            body: body.into(),
            queued: Instant::now(),
        }
    }
}

/// What all queues of an emulator share.
#[derive(Debug, Clone)]
pub(crate) struct Deliverer {
    client: reqwest::Client,
    /// For triggers that ignore TLS errors.
    insecure: reqwest::Client,
    tasks: Tasks,
    faults: Faults,
    /// Events that wait or are under way.
    pending: Arc<watch::Sender<usize>>,
}

impl Deliverer {
    pub(crate) fn new(tasks: Tasks, faults: Faults) -> Result<Self, reqwest::Error> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(RESPONSE_TIMEOUT)
                .http1_only()
                .no_proxy()
        };
        // A small container may have no root certificates: receivers with https are out of reach there, others not.
        let client = builder().build().or_else(|error| {
            tracing::warn!(%error, "no root certificates: triggers with https will fail");
            builder().tls_certs_only([]).build()
        })?;
        Ok(Self {
            client,
            insecure: builder().tls_danger_accept_invalid_certs(true).build()?,
            tasks,
            faults,
            pending: Arc::new(watch::Sender::new(0)),
        })
    }

    pub(crate) fn handle(&self) -> Deliveries {
        Deliveries(self.pending.subscribe())
    }

    fn done(&self) {
        self.pending.send_modify(|pending| *pending = pending.saturating_sub(1));
    }

    /// Delivers one event, as often as its policy asks for.
    async fn deliver(&self, delivery: &Delivery, policy: Option<&Policy>, refuse: bool) {
        let trigger = &delivery.trigger;
        if policy.and_then(|policy| policy.event_ttl).is_some_and(|ttl| delivery.queued.elapsed() > ttl) {
            tracing::warn!(%trigger, "event waited too long: dropped");
            return;
        }
        let mut attempt = 1;
        loop {
            let Some(target) = delivery.target.upgrade() else { return };
            let status = if refuse { UNREACHABLE } else { self.attempt(delivery, &target).await };
            if (200..400).contains(&status) {
                return;
            }
            // Retries follow at once: a receiver that is down for longer loses the event.
            let again = policy.is_some_and(|policy| policy.retries(status) && attempt < policy.attempts);
            tracing::debug!(%trigger, status, attempt, again, "delivery failed");
            if !again {
                return;
            }
            attempt += 1;
        }
    }

    /// The status of the answer.
    async fn attempt(&self, delivery: &Delivery, target: &Target) -> u16 {
        let client = if target.ignore_ssl_errors { &self.insecure } else { &self.client };
        let mut request = client
            .request(target.method.clone(), target.url.clone())
            .headers(target.headers.clone())
            .body(delivery.body.clone());
        if let Some(realm) = &delivery.realm {
            request = request.header("Astarte-Realm", realm);
        }
        match request.send().await {
            Ok(response) => response.status().as_u16(),
            Err(error) => {
                tracing::debug!(%error, trigger = %delivery.trigger, "receiver not reached");
                UNREACHABLE
            }
        }
    }
}

/// The delivery queues of one realm.
#[derive(Debug)]
pub(crate) struct DeliveryQueues {
    deliverer: Deliverer,
    /// By name of the policy; the default queue has none.
    queues: BTreeMap<Option<String>, mpsc::Sender<Delivery>>,
}

impl DeliveryQueues {
    pub(crate) fn new(deliverer: Deliverer) -> Self {
        Self { deliverer, queues: BTreeMap::new() }
    }

    /// Queues an event. One that finds its queue full is lost.
    pub(crate) fn push(&mut self, policy: Option<Arc<Policy>>, delivery: Delivery) {
        let name = policy.as_ref().map(|policy| policy.name.clone());
        let queue = self.queues.entry(name).or_insert_with(|| {
            let capacity = policy.as_ref().map_or(DEFAULT_CAPACITY, |policy| policy.maximum_capacity);
            let (sender, receiver) = mpsc::channel(capacity);
            let worker = Worker { deliverer: self.deliverer.clone(), policy, receiver };
            self.deliverer.tasks.spawn(worker.run());
            sender
        });
        self.deliverer.pending.send_modify(|pending| *pending += 1);
        if let Err(error) = queue.try_send(delivery) {
            tracing::warn!(trigger = %error.into_inner().trigger, "delivery queue is full: event dropped");
            self.deliverer.done();
        }
    }

    /// Forgets a deleted policy's queue. What waits in it is still delivered.
    pub(crate) fn remove(&mut self, policy: &str) {
        self.queues.remove(&Some(policy.to_owned()));
    }
}

struct Worker {
    deliverer: Deliverer,
    policy: Option<Arc<Policy>>,
    receiver: mpsc::Receiver<Delivery>,
}

impl Worker {
    async fn run(mut self) {
        let mut switches = self.deliverer.faults.subscribe();
        let mut held: Option<Delivery> = None;
        loop {
            let next = tokio::select! {
                next = self.receiver.recv() => next,
                _ = switches.changed(), if held.is_some() => {
                    self.release(&mut held).await;
                    continue;
                }
            };
            let Some(delivery) = next else { break };
            // A change from here on is to release what is held back now.
            switches.mark_unchanged();
            match self.deliverer.faults.take_for_delivery() {
                Some(DeliveryFault::Reorder) if held.is_none() => {
                    held = Some(delivery);
                    continue;
                }
                None | Some(DeliveryFault::Reorder) => self.deliver(&delivery, false).await,
                Some(DeliveryFault::Refuse) => self.deliver(&delivery, true).await,
                Some(DeliveryFault::Drop) => {}
                Some(DeliveryFault::Duplicate) => {
                    self.deliver(&delivery, false).await;
                    self.deliver(&delivery, false).await;
                }
                Some(DeliveryFault::Delay(delay)) => {
                    tokio::time::sleep(delay).await;
                    self.deliver(&delivery, false).await;
                }
            }
            self.deliverer.done();
            self.release(&mut held).await;
        }
        self.release(&mut held).await;
    }

    async fn release(&self, held: &mut Option<Delivery>) {
        if let Some(delivery) = held.take() {
            self.deliver(&delivery, false).await;
            self.deliverer.done();
        }
    }

    async fn deliver(&self, delivery: &Delivery, refuse: bool) {
        self.deliverer.deliver(delivery, self.policy.as_deref(), refuse).await;
    }
}

/// A view of an emulator's trigger deliveries.
#[derive(Debug, Clone)]
pub struct Deliveries(watch::Receiver<usize>);

impl Deliveries {
    /// Events that wait for delivery or are being delivered, over all realms.
    #[must_use]
    pub fn pending(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until no event is waiting or under way, retries included. An emulator that has ended delivers nothing
    /// more: events that waited then are never done.
    ///
    /// An event is counted before whatever caused it is acknowledged: after a simulated device's
    /// [`publish`](crate::DeviceLink::publish) returned, `idle` covers the events of that message.
    pub async fn idle(&mut self) {
        // The sender lives as long as the emulator; without it nothing is pending any more.
        let _ = self.0.wait_for(|pending| *pending == 0).await;
    }
}
