//! What Astarte posts.

use edgehog_engine::TriggerEvent;

use crate::world::world;

/// Events of known form are taken in, or refused for a reason that will not go away; all others are refused as such.
pub(crate) fn deliver(input: &[u8]) {
    let known = TriggerEvent::parse_lenient(input).is_ok();
    let status = world().deliver(input.to_vec()).status.as_u16();
    assert!(if known { matches!(status, 200 | 404 | 422) } else { status == 400 }, "{status}");
}
