//! Who may come in.

use edgehog_engine::{Engine, Tenant};
use poem::http::{HeaderMap, header};

use super::error::Refusal;

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
pub(crate) fn user_of(tenant: &Tenant, headers: &HeaderMap) -> Result<(), Refusal> {
    let slug = &tenant.info().slug;
    let Some(token) = bearer(headers) else {
        tracing::info!(tenant = slug, "refused: no bearer token");
        return Err(Refusal::UNAUTHORIZED);
    };
    let key = tenant.verifying_key().map_err(|error| {
        tracing::warn!(tenant = slug, %error, "refused: the tenant's public key is unusable; give it another one");
        Refusal::FORBIDDEN
    })?;
    key.verify_tenant_token(token).map_err(|error| {
        tracing::info!(tenant = slug, error = &error as &dyn std::error::Error, "refused");
        Refusal::FORBIDDEN
    })
}

/// The first token of the bearer scheme. Some clients write a colon behind the scheme.
fn bearer(headers: &HeaderMap) -> Option<&str> {
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

/// Whether a client takes JSON for an answer.
pub(crate) fn accepts_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut accepts =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    let takes_json = |range: &str| {
        let media_type = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(media_type.as_str(), "*/*" | "application/*" | "application/json")
            || media_type.ends_with("+json")
    };
    if accepts.peek().is_none() || accepts.any(|accept| accept.split(',').any(takes_json)) {
        Ok(())
    } else {
        Err(Refusal::NOT_ACCEPTABLE)
    }
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
        for values in [&["text/html"][..], &["image/*, text/plain"]] {
            assert!(!accepts(values), "{values:?}");
        }
    }
}
