//! How the process is told to end.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What the process was told, by signals that ask it to end.
pub(crate) struct Told {
    /// To end, in good order.
    pub(crate) once: CancellationToken,
    /// To end at once.
    pub(crate) twice: CancellationToken,
}

impl Told {
    /// Begins to listen. From now on no such signal ends the process by itself.
    ///
    /// # Errors
    ///
    /// What keeps it from listening.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (once, twice) = (CancellationToken::new(), CancellationToken::new());
        let told = Self { once: once.clone(), twice: twice.clone() };
        tokio::spawn(async move {
            next(&mut terminate, &mut interrupt).await;
            once.cancel();
            next(&mut terminate, &mut interrupt).await;
            twice.cancel();
        });
        Ok(told)
    }
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
