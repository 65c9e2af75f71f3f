//! Ctrl-C, SIGTERM and SIGHUP: the wish to end, to be met by stopping what was started.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Says whether the user asked for the end. Once raised it stays raised.
#[derive(Clone)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

/// The error of work that was given up because of an [`Interrupt`].
#[derive(Debug)]
pub(crate) struct Interrupted;

impl Interrupted {
    /// What a shell reports for a program ended by Ctrl-C.
    pub(crate) const EXIT_CODE: u8 = 130;
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

impl Interrupt {
    /// From here on signals no longer end the process by themselves.
    pub(crate) fn install() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let mut hangup = listen(SignalKind::hangup())?;
        let (raise, raised) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                raise.send_replace(true);
            }
        });
        Ok(Self(raised))
    }

    /// Returns when the interrupt is raised, at once when it already is.
    pub(crate) async fn raised(&self) {
        // The sender lives as long as the runtime.
        let _ = self.0.clone().wait_for(|raised| *raised).await;
    }

    /// `work`, unless the interrupt comes first: then `work` is dropped.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.raised() => Err(Interrupted.into()),
            value = work => Ok(value),
        }
    }

    /// A pause that an interrupt ends.
    pub(crate) async fn sleep(&self, duration: Duration) -> Result<()> {
        self.or(tokio::time::sleep(duration)).await
    }
}

#[cfg(test)]
impl Interrupt {
    /// One that a test raises by hand.
    pub(crate) fn by_hand() -> (watch::Sender<bool>, Self) {
        let (raise, raised) = watch::channel(false);
        (raise, Self(raised))
    }
}
