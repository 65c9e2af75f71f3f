//! Tenants come, change and go.

use edgehog_astarte::{RealmName, SigningKey};
use edgehog_store::{NewTenant, TenantId};
use secrecy::ExposeSecret;
use url::Url;

use crate::{Engine, Error, VerifyingKey};

impl Engine {
    /// All tenants, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn tenants(&self) -> Result<Vec<edgehog_store::Tenant>, Error> {
        Ok(self.0.store.registry().tenant_list().await?)
    }

    /// Makes a tenant with its realm. Astarte is not asked; its realm is made ready by [`Engine::run`] soon after, in
    /// whichever process that runs.
    ///
    /// # Errors
    ///
    /// All that is wrong: [`Error::Invalid`] for each attribute that breaks a rule, or [`Error::Store`] with
    /// [`edgehog_store::Error::Taken`]. Nothing is made then.
    pub async fn provision_tenant(&self, new: &NewTenant) -> Result<edgehog_store::Tenant, Vec<Error>> {
        validate(new)?;
        let made = self.0.store.registry().tenant_create(new).await.map_err(|error| vec![error.into()])?;
        self.0.directory.forget(&made.slug);
        Ok(made)
    }

    /// Gives an existing tenant all of these values; its devices stay. `None` where there is no tenant of this slug.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::provision_tenant`]. Nothing is changed then.
    pub async fn update_tenant(&self, new: &NewTenant) -> Result<Option<edgehog_store::Tenant>, Vec<Error>> {
        validate(new)?;
        self.0.store.registry().tenant_update(new).await.map_err(|error| vec![error.into()])
    }

    /// Deletes a tenant with all that it owns, its files too. Its realm in Astarte stays as it is. Says what it was, or
    /// `None` where there was none.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; nothing is deleted then. Files that cannot be deleted are left behind, which the log tells.
    pub async fn delete_tenant(&self, tenant: TenantId) -> Result<Option<edgehog_store::Tenant>, Error> {
        let Some(deleted) = self.0.store.registry().tenant_delete(tenant).await? else { return Ok(None) };
        self.0.directory.part_with(&deleted.slug);
        if let Some(storage) = self.storage()
            && let Err(error) = storage.delete_tenant(tenant.get()).await
        {
            let error = &error as &dyn std::error::Error;
            tracing::error!(
                tenant = deleted.slug,
                error,
                "files of a deleted tenant are left in the storage"
            );
        }
        Ok(Some(deleted))
    }
}

/// Checks every attribute, and says all that is wrong rather than the first thing.
fn validate(new: &NewTenant) -> Result<(), Vec<Error>> {
    let is_slug = |text: &str| {
        !text.is_empty() && text.bytes().all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    let rules = [
        (!new.name.trim().is_empty(), "name", "is required"),
        (
            is_slug(&new.slug),
            "slug",
            "should only contain lower case ASCII letters (from a to z), digits and -",
        ),
        (is_locale(&new.default_locale), "default_locale", "is not a valid locale"),
        (VerifyingKey::from_pem(&new.public_key).is_ok(), "public_key", "is not a valid PEM public key"),
        (is_base_url(&new.base_api_url), "base_api_url", "is not a valid URL"),
        (
            RealmName::new(new.realm_name.as_str()).is_ok(),
            "realm_name",
            "should only contain lower case ASCII letters (from a to z) and digits, and start with a lower case \
             ASCII letter",
        ),
        (
            SigningKey::from_pem(new.realm_private_key.expose_secret()).is_ok(),
            "realm_private_key",
            "is not a valid PEM private key",
        ),
    ];
    let broken: Vec<_> = (rules.into_iter())
        .filter(|(kept, ..)| !kept)
        .map(|(_, field, problem)| Error::Invalid { field, problem })
        .collect();
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// `en-US`: a language of two or three letters and a region of two.
fn is_locale(text: &str) -> bool {
    let Some((language, region)) = text.split_once('-') else { return false };
    (2..=3).contains(&language.len())
        && language.bytes().all(|it| it.is_ascii_lowercase())
        && region.len() == 2
        && region.bytes().all(|it| it.is_ascii_uppercase())
}

fn is_base_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_have_a_language_and_a_region() {
        for good in ["en-US", "fil-PH"] {
            assert!(is_locale(good), "{good}");
        }
        for bad in ["", "en", "en-us", "EN-US", "e-US", "engl-US", "en-USA", "en_US"] {
            assert!(!is_locale(bad), "{bad}");
        }
    }

    #[test]
    fn base_urls_are_http_and_have_a_host() {
        for good in ["http://localhost:4002", "https://api.astarte.example/"] {
            assert!(is_base_url(good), "{good}");
        }
        for bad in ["", "api.astarte.example", "ftp://api.astarte.example", "https://", "https://a b"] {
            assert!(!is_base_url(bad), "{bad}");
        }
    }
}
