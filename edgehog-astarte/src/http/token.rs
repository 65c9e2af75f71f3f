use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;

use crate::{Claims, Error, SigningKey};

/// Mints the tokens for one service and keeps the latest.
pub(crate) struct TokenSource {
    key: SigningKey,
    lifetime: TimeDelta,
    permit: fn(Claims) -> Claims,
    latest: Mutex<Option<Token>>,
}

/// A token as the value of the `Authorization` header, which is marked sensitive: neither `Debug` nor the
/// compression of HTTP/2 shows it.
struct Token {
    header: HeaderValue,
    minted: DateTime<Utc>,
}

impl TokenSource {
    /// `permit` adds the permissions for the service.
    pub(crate) fn new(key: SigningKey, lifetime: TimeDelta, permit: fn(Claims) -> Claims) -> Self {
        Self { key, lifetime, permit, latest: Mutex::new(None) }
    }

    /// A token with at least a fifth of its life left.
    pub(super) fn header(&self, now: DateTime<Utc>) -> Result<HeaderValue, Error> {
        self.reuse_or_mint(now, |token| {
            let age = now - token.minted;
            // A clock that was set back makes the age negative: then nothing is known about the token.
            TimeDelta::zero() <= age && age * 5 < self.lifetime * 4
        })
    }

    /// A token other than one that was refused. Requests that were refused at the same time share the new one.
    pub(super) fn replacement(
        &self,
        refused: &HeaderValue,
        now: DateTime<Utc>,
    ) -> Result<HeaderValue, Error> {
        self.reuse_or_mint(now, |token| token.header != refused)
    }

    fn reuse_or_mint(
        &self,
        now: DateTime<Utc>,
        usable: impl FnOnce(&Token) -> bool,
    ) -> Result<HeaderValue, Error> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = latest.as_ref().filter(|token| usable(token)) {
            return Ok(token.header.clone());
        }
        let claims = (self.permit)(Claims::valid_for(self.lifetime, now));
        let token = self.key.sign(&claims)?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|_| Error::invalid_input("token", "must be ASCII"))?;
        header.set_sensitive(true);
        *latest = Some(Token { header: header.clone(), minted: now });
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> TokenSource {
        let key = SigningKey::from_pem(include_str!("../../tests/keys/p256-pkcs8.pem")).unwrap();
        TokenSource::new(key, TimeDelta::seconds(300), |claims| claims.app_engine([Claims::EVERYTHING]))
    }

    /// Signatures of ECDSA are random, so equal tokens are one token.
    #[test]
    fn a_token_serves_for_four_fifths_of_its_life() {
        let source = source();
        let start = Utc::now();
        let at = |seconds| source.header(start + TimeDelta::seconds(seconds)).unwrap();
        let first = at(0);
        assert_eq!(at(239), first);
        let second = at(240);
        assert_ne!(second, first);
        assert_eq!(at(241), second);
        // The clock was set back behind the time of minting.
        assert_ne!(at(100), second);
    }

    #[test]
    fn requests_refused_together_share_the_replacement() {
        let source = source();
        let now = Utc::now();
        let refused = source.header(now).unwrap();
        let replacement = source.replacement(&refused, now).unwrap();
        assert_ne!(replacement, refused);
        assert_eq!(source.replacement(&refused, now).unwrap(), replacement);
        assert_eq!(source.header(now).unwrap(), replacement);
    }

    #[test]
    fn no_token_is_shown() {
        assert_eq!(format!("{:?}", source().header(Utc::now()).unwrap()), "Sensitive");
    }
}
