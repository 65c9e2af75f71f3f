//! The background tasks of an emulator, and how they end.

use std::future::Future;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns tasks that end with the emulator. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Tasks {
    /// Events may be queued from anywhere, as where a simulated device is dropped: the runtime is remembered.
    runtime: Handle,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Tasks {
    /// Tasks on the runtime of the caller.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub(crate) fn new() -> Self {
        Self { runtime: Handle::current(), tracker: TaskTracker::new(), cancel: CancellationToken::new() }
    }

    /// Runs a future until it is done or the emulator ends.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        let until_cancelled = async move {
            cancel.run_until_cancelled(future).await;
        };
        self.tracker.spawn_on(until_cancelled, &self.runtime);
    }

    /// Tells all tasks to end at their next await.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits until all tasks have ended.
    pub(crate) async fn join(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}
