//! Whether an event comes from the tenant's realm.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use edgehog_store::Realm;
use secrecy::{ExposeSecret, SecretString};

/// The header in which Astarte shows the secret of a realm with its events. It is a static header of the triggers.
pub const TRIGGER_SECRET_HEADER: &str = "edgehog-trigger-secret";

/// Why an event is not taken in from whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UntrustedEvent {
    /// It came without the secret of the realm.
    #[error("the secret of the realm is missing")]
    Missing,
    /// It came with another one.
    #[error("the secret of the realm is another one")]
    Wrong,
    /// The secret cannot be read from the database, so that nothing can be compared with it.
    #[error("the secret of the realm cannot be opened with the keys of this server")]
    Unusable,
}

/// What is asked of whoever sends events for a tenant.
#[derive(Clone, Debug)]
pub(crate) enum TriggerGuard {
    Nothing,
    Secret(SecretString),
    Unusable,
}

impl TriggerGuard {
    pub(crate) fn of(realm: Option<&Realm>) -> Self {
        match realm.filter(|realm| realm.trigger_secret_required).map(|realm| &realm.trigger_secret) {
            None | Some(None) => Self::Nothing,
            Some(Some(Ok(secret))) => Self::Secret(secret.clone()),
            Some(Some(Err(_))) => Self::Unusable,
        }
    }

    pub(crate) fn verify(&self, shown: Option<&[u8]>) -> Result<(), UntrustedEvent> {
        let secret = match self {
            Self::Nothing => return Ok(()),
            Self::Secret(secret) => secret.expose_secret().as_bytes(),
            Self::Unusable => return Err(UntrustedEvent::Unusable),
        };
        let shown = shown.ok_or(UntrustedEvent::Missing)?;
        verify_slices_are_equal(secret, shown).map_err(|_| UntrustedEvent::Wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever has the secret comes in, and nobody else; without a secret everybody does.
    #[test]
    fn the_secret_is_asked_for() {
        let guard = TriggerGuard::Secret("secret".into());
        assert_eq!(guard.verify(Some(b"secret")), Ok(()));
        assert_eq!(guard.verify(None), Err(UntrustedEvent::Missing));
        for wrong in [&b""[..], b"secre", b"secret ", b"Secret"] {
            assert_eq!(guard.verify(Some(wrong)), Err(UntrustedEvent::Wrong));
        }
        for shown in [None, Some(&b"any"[..])] {
            assert_eq!(TriggerGuard::Nothing.verify(shown), Ok(()));
            assert_eq!(TriggerGuard::Unusable.verify(shown), Err(UntrustedEvent::Unusable));
        }
    }
}
