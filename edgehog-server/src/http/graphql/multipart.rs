//! Forms with files: each file goes to the disk as it comes in, for the document that tells what it is for comes last.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, Stream, StreamExt};
use multer::bytes::Bytes;
use multer::{Constraints, Field, Multipart, SizeLimit};
use poem::Body;
use tokio::io::AsyncWriteExt;

use super::parameters::Parameters;
use crate::http::body::{MAX_BODY, Stalled, paced};
use crate::http::error::Refusal;
use crate::settings::Settings;
use crate::uploads::{Upload, Uploads};

/// How many files a request may have.
const MAX_FILES: usize = 16;

/// How many parts it may have, files or not.
const MAX_PARTS: usize = 64;

/// How much may come in without a part's header coming to its end.
const MAX_HEADERS: usize = 1_000_000;

/// Why the parser gets no more of a body.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the body has too much that belongs to no part")]
    Shapeless,
    #[error(transparent)]
    Stalled(#[from] Stalled),
}

/// A form that is being read.
struct Form<'a> {
    directory: &'a Path,
    unclaimed: Arc<AtomicUsize>,
    /// How many bytes of text it may still have.
    text: usize,
}

/// Reads a form. Nothing of it is left on the disk when it cannot be read to its end.
pub(super) async fn read(
    body: Body,
    boundary: String,
    settings: &Settings,
) -> Result<(Parameters, Uploads), Refusal> {
    let unclaimed = Arc::<AtomicUsize>::default();
    let source = piece_by_piece(paced(body, settings.limits.upload), unclaimed.clone());
    let limit = SizeLimit::new().whole_stream(settings.max_upload_bytes);
    let mut parts = Multipart::with_constraints(source, boundary, Constraints::new().size_limit(limit));
    let mut form = Form { directory: &settings.upload_directory, unclaimed, text: MAX_BODY };
    let (mut parameters, mut files, mut names) = (Parameters::default(), HashMap::new(), HashSet::new());
    for _ in 0..MAX_PARTS {
        let Some(part) = parts.next_field().await.map_err(refusal)? else {
            return Ok((parameters, Uploads::new(files)));
        };
        form.claim();
        let name = part.name().unwrap_or_default().to_owned();
        if !names.insert(name.clone()) {
            return Err(Refusal::BAD_REQUEST);
        }
        match part.file_name() {
            // An input for a file that was left empty.
            Some("") => drop(form.text(part).await?),
            Some(_) if files.len() == MAX_FILES => return Err(Refusal::BAD_REQUEST),
            Some(_) => {
                let upload = form.file(part).await?;
                let (file, size) = (upload.file_name(), upload.size());
                tracing::debug!(part = name, file, content_type = upload.content_type(), size, "uploaded");
                files.insert(name, upload);
            }
            None => parameters.set(&name, form.text(part).await?.into()),
        }
    }
    Err(Refusal::BAD_REQUEST)
}

impl Form<'_> {
    /// Notes that all that has come in belongs to a part.
    fn claim(&self) {
        self.unclaimed.store(0, Ordering::Relaxed);
    }

    async fn text(&mut self, mut part: Field<'_>) -> Result<String, Refusal> {
        let mut text = Vec::new();
        while let Some(bytes) = part.chunk().await.map_err(refusal)? {
            self.claim();
            self.text = self.text.checked_sub(bytes.len()).ok_or(Refusal::TOO_LARGE)?;
            text.extend_from_slice(&bytes);
        }
        String::from_utf8(text).map_err(|_| Refusal::BAD_REQUEST)
    }

    async fn file(&self, mut part: Field<'_>) -> Result<Upload, Refusal> {
        let directory = self.directory.to_owned();
        let made = tokio::task::spawn_blocking(move || {
            tempfile::Builder::new().prefix("edgehog-upload-").tempfile_in(directory)
        });
        let made = made.await.map_err(io::Error::other).flatten().map_err(unwritable)?;
        let (file, path) = made.into_parts();
        let (mut file, mut size) = (tokio::fs::File::from_std(file), 0);
        while let Some(bytes) = part.chunk().await.map_err(refusal)? {
            self.claim();
            file.write_all(&bytes).await.map_err(unwritable)?;
            size += bytes.len() as u64;
        }
        file.flush().await.map_err(unwritable)?;
        let file_name = part.file_name().unwrap_or_default().to_owned();
        let content_type = part.content_type().map(ToString::to_string);
        Ok(Upload::new(file_name, content_type, size, path))
    }
}

/// Hands a body on piece by piece. The parser takes all that it can get at once: after each piece it is told to wait, so
/// that the piece is on the disk before the next one is in memory.
fn piece_by_piece(
    body: impl Stream<Item = Result<Bytes, Stalled>> + Send + 'static,
    unclaimed: Arc<AtomicUsize>,
) -> impl Stream<Item = Result<Bytes, Broken>> + Send + 'static {
    stream::unfold((body.boxed(), unclaimed), move |(mut body, unclaimed)| async move {
        tokio::task::yield_now().await;
        let piece = match body.next().await? {
            Ok(bytes) if unclaimed.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len() > MAX_HEADERS => {
                Err(Broken::Shapeless)
            }
            piece => piece.map_err(Broken::from),
        };
        Some((piece, (body, unclaimed)))
    })
}

fn refusal(error: multer::Error) -> Refusal {
    match error {
        multer::Error::StreamSizeExceeded { .. } => Refusal::TOO_LARGE,
        multer::Error::StreamReadFailed(broken) => match broken.downcast_ref() {
            Some(Broken::Stalled(Stalled::Silent)) => Refusal::REQUEST_TIMEOUT,
            Some(Broken::Shapeless) => Refusal::TOO_LARGE,
            _ => Refusal::BAD_REQUEST,
        },
        _ => Refusal::BAD_REQUEST,
    }
}

fn unwritable(error: io::Error) -> Refusal {
    let error = &error as &dyn std::error::Error;
    tracing::error!(error, "a file cannot be kept; is there space where uploads go?");
    Refusal::INTERNAL
}
