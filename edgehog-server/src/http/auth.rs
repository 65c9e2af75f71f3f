//! Who may come in.

use edgehog_engine::{Engine, Tenant, VerifyingKey};
use poem::http::{HeaderMap, header};

use super::State;
use super::error::Refusal;
use crate::rates::TooMany;

/// The tenant named in a URL. One that does not exist is refused like one that is somebody else's.
pub(crate) async fn tenant(engine: &Engine, slug: &str) -> Result<Tenant, Refusal> {
    match engine.tenant(slug).await {
        Ok(Some(tenant)) => Ok(tenant),
        Ok(None) => {
            tracing::info!(tenant = slug, "refused: there is no such tenant");
            Err(Refusal::FORBIDDEN)
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(tenant = slug, error, "the tenant could not be looked up; is the database well?");
            Err(Refusal::INTERNAL)
        }
    }
}

/// Lets holders of a token for the tenant pass.
pub(crate) fn user_of(state: &State, tenant: &Tenant, headers: &HeaderMap) -> Result<(), Refusal> {
    let slug = &tenant.info().slug;
    let Some(token) = bearer(headers) else {
        tracing::info!(tenant = slug, "refused: no bearer token");
        return Err(Refusal::UNAUTHORIZED);
    };
    let key = tenant.verifying_key().map_err(|error| {
        tracing::warn!(tenant = slug, %error, "refused: the tenant's public key is unusable; give it another one");
        Refusal::FORBIDDEN
    })?;
    check(state, tenant, key, token)
}

/// Checks a token, unless too many wrong ones were tried at this tenant's door.
fn check(state: &State, tenant: &Tenant, key: &VerifyingKey, token: &str) -> Result<(), Refusal> {
    let info = tenant.info();
    let slug = &info.slug;
    match state.guesses.check(info.tenant_id, token, || key.verify_tenant_token(token)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::info!(tenant = slug, error = &error as &dyn std::error::Error, "refused");
            Err(Refusal::FORBIDDEN)
        }
        Err(TooMany) => {
            state.tenants.refused(tenant, "authentication");
            tracing::info!(tenant = slug, "refused: too many wrong tokens were tried a moment ago");
            Err(Refusal::TOO_MANY_REQUESTS)
        }
    }
}

/// Lets holders of a token for administrators pass. Without a key nobody is one.
pub(crate) fn administrator(key: Option<&VerifyingKey>, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(token) = bearer(headers) else {
        tracing::info!("refused: no bearer token for the admin API");
        return Err(Refusal::UNAUTHORIZED);
    };
    let key = key.ok_or_else(|| {
        tracing::info!("refused: no key for administrators is set");
        Refusal::FORBIDDEN
    })?;
    key.verify_admin_token(token).map_err(|error| {
        tracing::info!(error = &error as &dyn std::error::Error, "refused: no administrator");
        Refusal::FORBIDDEN
    })
}

/// The first token of the bearer scheme. Some clients write a colon behind the scheme.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    const SCHEME: &str = "bearer";
    headers.get_all(header::AUTHORIZATION).iter().find_map(|value| {
        let value = value.to_str().ok()?.trim();
        let (scheme, rest) = (value.get(..SCHEME.len())?, value.get(SCHEME.len()..)?);
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let token = rest.trim_start();
        (scheme.eq_ignore_ascii_case(SCHEME) && token.len() < rest.len() && !token.is_empty())
            .then_some(token)
    })
}

/// In which forms a client takes an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) json: bool,
    /// As a stream of events.
    pub(crate) events: bool,
}

/// What a client takes for an answer: JSON, or a stream of events that are JSON.
pub(crate) fn wish(headers: &HeaderMap) -> Result<Wish, Refusal> {
    let ranges = || {
        let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        accepts
            .flat_map(|accept| accept.split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    };
    let takes_json = |range: String| {
        matches!(range.as_str(), "*/*" | "application/*" | "application/json") || range.ends_with("+json")
    };
    let json = ranges().next().is_none() || ranges().any(takes_json);
    let events = ranges().any(|range| range == "text/event-stream");
    if json || events { Ok(Wish { json, events }) } else { Err(Refusal::NOT_ACCEPTABLE) }
}

/// Whether a client takes JSON for an answer.
pub(crate) fn accepts_json(headers: &HeaderMap) -> Result<(), Refusal> {
    if wish(headers)?.json { Ok(()) } else { Err(Refusal::NOT_ACCEPTABLE) }
}

/// Lets holders of a token for the tenant open a socket. The token has come in a URL, or in a message.
pub(crate) fn subscriber_of(state: &State, tenant: &Tenant, token: &str) -> Result<(), Refusal> {
    let info = tenant.info();
    // Line ends may have been spelled out on the way here, in the token as in the stored key.
    let token = token.replace("\\n", "");
    let respelled;
    let key = match tenant.verifying_key() {
        Ok(key) => key,
        Err(_) => {
            respelled = VerifyingKey::from_pem(&info.public_key.replace("\\n", "\n"))
                .map_err(|_| Refusal::FORBIDDEN)?;
            &respelled
        }
    };
    check(state, tenant, key, &token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_token_comes_behind_the_bearer_scheme() {
        let token = |values: &[&str]| bearer(&headers(header::AUTHORIZATION, values)).map(str::to_owned);
        for values in [&["Bearer t"][..], &["bearer  t "], &["BEARER: t"], &["Basic x", "Bearer t"]] {
            assert_eq!(token(values).as_deref(), Some("t"), "{values:?}");
        }
        for values in [&[][..], &["Bearer"], &["Bearer "], &["Bearert"], &["Basic t"], &["t"]] {
            assert_eq!(token(values), None, "{values:?}");
        }
    }

    /// Whoever takes events may be told in them; a client that takes anything means JSON.
    #[test]
    fn answers_are_events_for_those_who_ask() {
        for (accept, json, events) in [
            ("text/event-stream", false, true),
            ("application/json, text/event-stream", true, true),
            ("*/*", true, false),
        ] {
            assert_eq!(wish(&headers(header::ACCEPT, &[accept])).unwrap(), Wish { json, events }, "{accept}");
        }
    }

    #[test]
    fn answers_are_json_or_nothing() {
        let accepts = |values: &[&str]| accepts_json(&headers(header::ACCEPT, values)).is_ok();
        for values in [
            &[][..],
            &["*/*"],
            &["text/html, application/json;q=0.5"],
            &["application/graphql-response+json"],
        ] {
            assert!(accepts(values), "{values:?}");
        }
        for values in [&["text/html"][..], &["image/*, text/plain"], &["text/event-stream"]] {
            assert!(!accepts(values), "{values:?}");
        }
    }
}
