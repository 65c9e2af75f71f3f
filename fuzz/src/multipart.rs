//! Forms with files.

use poem::http::Method;

use crate::answer::head_and_body;
use crate::world::{API, world};

/// Forms are answered with the answer to a document, or refused.
pub(crate) fn upload(input: &[u8]) {
    let Some((media_type, body)) = head_and_body(input) else { return };
    world().send_as_user(&Method::POST, API, media_type.as_bytes(), body.to_vec());
}
