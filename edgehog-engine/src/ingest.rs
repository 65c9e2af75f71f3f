//! Events of a tenant on their way into the store: those that arrive together are committed together.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use edgehog_store::{DeviceObservation, Recorded, TenantScope, TenantTx};
use metrics::histogram;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::events::Effect;

/// Events of a tenant that may wait for the commit before theirs. Astarte sends a handful at a time; more would only hold
/// memory, and time out before their turn comes.
const WAITING: usize = 4096;

/// Events in one transaction at most. Larger batches gain nothing and hold their locks for longer.
const BATCH: usize = 256;

type Answer = Result<Option<Recorded>, EventError>;

#[derive(Debug)]
struct Job {
    effect: Effect,
    since: Instant,
    answer: oneshot::Sender<Answer>,
}

/// The queue of one tenant. Tenants do not wait for each other. Cheap to clone; its task ends with its last clone.
#[derive(Clone, Debug)]
pub(crate) struct EventQueue(mpsc::Sender<Job>);

impl EventQueue {
    pub(crate) fn new(scope: TenantScope) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(work(scope, receiver));
        Self(sender)
    }

    /// Records one effect. It is committed when this returns; for an observation it says what became of the device.
    pub(crate) async fn record(&self, effect: Effect) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Job { effect, since: Instant::now(), answer }).map_err(|error| match error {
            TrySendError::Full(_) => EventError::Busy,
            TrySendError::Closed(_) => EventError::ShuttingDown,
        })?;
        answered.await.map_err(|_| EventError::ShuttingDown)?
    }
}

async fn work(scope: TenantScope, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH);
    while jobs.recv_many(&mut batch, BATCH).await > 0 {
        measure(&batch);
        let effects: Vec<_> = batch.iter().map(|job| &job.effect).collect();
        match commit(&scope, &effects).await {
            Ok(answers) => {
                for (job, answer) in batch.drain(..).zip(answers) {
                    // A sender that gave up waiting has nothing to be told.
                    let _ = job.answer.send(answer);
                }
            }
            // Where the database is away, each event by itself would wait for it as long as all of them did.
            Err(error) if batch.len() == 1 || error.is_unavailable() => {
                for job in batch.drain(..) {
                    let _ = job.answer.send(Err(error.clone()));
                }
            }
            // One event that the database cannot take must not take the others with it.
            Err(_) => {
                for job in batch.drain(..) {
                    let alone = commit(&scope, &[&job.effect]).await;
                    let answer = alone.and_then(|answers| answers.into_iter().next().unwrap_or(Ok(None)));
                    let _ = job.answer.send(answer);
                }
            }
        }
    }
}

fn measure(batch: &[Job]) {
    let size = u32::try_from(batch.len()).unwrap_or(u32::MAX);
    histogram!("edgehog_ingest_batch_events").record(f64::from(size));
    let wait = histogram!("edgehog_ingest_queue_seconds");
    for job in batch {
        wait.record(job.since.elapsed());
    }
}

/// Applies the effects in their order, in one transaction.
async fn commit(scope: &TenantScope, effects: &[&Effect]) -> Result<Vec<Answer>, EventError> {
    let mut tx = scope.begin().await.map_err(EventError::store)?;
    let mut run = Run::default();
    let mut answers: Vec<Answer> = Vec::with_capacity(effects.len());
    for effect in effects {
        match effect {
            Effect::Observe(observation) => run.add(observation, answers.len()),
            Effect::Delete { realm, device_id } => {
                run.record(&mut tx, &mut answers).await?;
                let deleted = tx.device_delete(*realm, device_id).await.map_err(EventError::store)?;
                answers.push(if deleted { Ok(None) } else { Err(EventError::UnknownDevice) });
                continue;
            }
        }
        answers.push(Ok(None));
    }
    run.record(&mut tx, &mut answers).await?;
    tx.commit().await.map_err(EventError::store)?;
    Ok(answers)
}

/// Observations between two deletions, those of one device merged, with the places of their answers.
#[derive(Default)]
struct Run(HashMap<String, (DeviceObservation, Vec<usize>)>);

impl Run {
    fn add(&mut self, observation: &DeviceObservation, place: usize) {
        let device_id = observation.device_id();
        let (merged, mut places) = match self.0.remove(device_id) {
            Some((earlier, places)) => (earlier.merge(observation.clone()), places),
            None => (observation.clone(), Vec::new()),
        };
        places.push(place);
        self.0.insert(device_id.to_owned(), (merged, places));
    }

    async fn record(&mut self, tx: &mut TenantTx, answers: &mut [Answer]) -> Result<(), EventError> {
        let (observations, places): (Vec<_>, HashMap<_, _>) = self
            .0
            .drain()
            .map(|(device_id, (observation, places))| (observation, (device_id, places)))
            .unzip();
        if observations.is_empty() {
            return Ok(());
        }
        for recorded in tx.device_record(&observations).await.map_err(EventError::store)? {
            for place in places.get(&recorded.device_id).into_iter().flatten() {
                answers[*place] = Ok(Some(recorded.clone()));
            }
        }
        Ok(())
    }
}

/// Why an event was not recorded.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The tenant has no realm of this name.
    #[error("the tenant has no realm of this name")]
    UnknownRealm,
    /// The event is about a device that is not known.
    #[error("the device is not known")]
    UnknownDevice,
    /// A property has a value that is no text.
    #[error("the property {property} must be text")]
    InvalidValue {
        /// The last part of the property's path.
        property: &'static str,
    },
    /// The database refuses a value of the event.
    #[error("a value of the event cannot be stored")]
    Unacceptable(#[source] Arc<edgehog_store::Error>),
    /// The database did not do as asked; the event may be sent again.
    #[error("the event could not be stored")]
    Store(#[source] Arc<edgehog_store::Error>),
    /// Very many events of the tenant wait already; the event may be sent again.
    #[error("too many events of the tenant wait to be stored")]
    Busy,
    /// The program is about to end; the event may be sent again.
    #[error("shutting down")]
    ShuttingDown,
}

impl EventError {
    /// Whether it is the database that is away, whatever the event.
    fn is_unavailable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_unavailable())
    }

    fn store(error: edgehog_store::Error) -> Self {
        match error {
            edgehog_store::Error::Unacceptable(_) => Self::Unacceptable(Arc::new(error)),
            // The tenant was deleted a moment ago.
            edgehog_store::Error::MissingReference(_) => Self::UnknownRealm,
            _ => Self::Store(Arc::new(error)),
        }
    }
}
