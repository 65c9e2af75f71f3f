//! Bodies of requests that are read into memory.

use std::io;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use multer::bytes::Bytes;
use poem::Body;
use poem::error::ReadBodyError;
use tokio::time::{Instant, timeout_at};

use super::error::Refusal;

/// Bodies without uploads.
pub(crate) const MAX_BODY: usize = 8_000_000;

/// How long a client may take to send one.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bytes in a second that a body of any length must have on average, after the patience for one piece.
const PACE: u32 = 1000;

/// Why a long body comes to no good end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stalled {
    #[error("the client fell silent, or is too slow to come to an end")]
    Silent,
    #[error("the body broke off")]
    Off(#[source] io::Error),
}

/// A long body, for as long as its client keeps on sending: `patience` for each piece, and for none that come in drops.
pub(crate) fn paced(
    body: Body,
    patience: Duration,
) -> impl Stream<Item = Result<Bytes, Stalled>> + Send + 'static {
    let deadline = Instant::now() + patience;
    stream::unfold((body.into_bytes_stream().boxed(), deadline), move |(mut body, deadline)| async move {
        let next = timeout_at(deadline.min(Instant::now() + patience), body.next());
        let piece = match next.await {
            Ok(None) => return None,
            Ok(Some(Ok(bytes))) => Ok(bytes),
            Ok(Some(Err(error))) => Err(Stalled::Off(error)),
            Err(_) => Err(Stalled::Silent),
        };
        let bytes = piece.as_ref().map_or(0, Bytes::len);
        let earned = Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / PACE;
        Some((piece, (body, deadline + earned)))
    })
}

/// Reads a body, within what a stranger may send.
pub(crate) async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    match tokio::time::timeout(PATIENCE, body.into_bytes_limit(MAX_BODY)).await {
        Ok(Ok(body)) => Ok(body.into()),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(Refusal::TOO_LARGE),
        Ok(Err(_)) => Err(Refusal::BAD_REQUEST),
        Err(_) => Err(Refusal::REQUEST_TIMEOUT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces as `pause` brings them, without end.
    fn drops(pause: Duration) -> Body {
        Body::from_bytes_stream(stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            Some((io::Result::Ok(Bytes::from_static(b"x")), ()))
        }))
    }

    /// A client that sends nothing is let go, and so is one that sends a byte now and then, however steadily.
    #[tokio::test]
    async fn who_only_drips_is_let_go() {
        for pause in [Duration::from_millis(2), Duration::from_secs(3600)] {
            let pieces = paced(drops(pause), Duration::from_millis(50));
            let mut failures = pieces.filter(|piece| std::future::ready(piece.is_err())).boxed();
            let end = tokio::time::timeout(Duration::from_secs(60), failures.next()).await.unwrap();
            assert!(matches!(end, Some(Err(Stalled::Silent))), "{end:?}");
        }
    }

    /// What comes fast enough may take as long as it needs.
    #[tokio::test]
    async fn what_is_fast_enough_comes_to_its_end() {
        let piece = Bytes::from(vec![0; 100_000]);
        let body = stream::iter((0..100).map(move |_| io::Result::Ok(piece.clone())));
        let body = paced(Body::from_bytes_stream(body), Duration::from_secs(60));
        assert_eq!(body.fold(0, async |sum, piece| sum + piece.unwrap().len()).await, 10_000_000);
    }
}
