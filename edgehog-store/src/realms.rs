//! Realms of tenants, with their secrets.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Row};

use crate::{Error, Keyring, NewTenant, Registry, SealError, TenantId};

/// A realm's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct RealmKey(i64);

impl From<i64> for RealmKey {
    fn from(id: i64) -> Self {
        Self(id)
    }
}

/// The place in an Astarte cluster where a tenant's devices live.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Realm {
    /// The realm's number.
    pub id: RealmKey,
    /// The realm's name in Astarte.
    pub name: String,
    /// Where Astarte answers, without a slash at the end.
    pub base_api_url: String,
    /// PEM of the key that signs this server's tokens for the realm.
    pub private_key: Result<SecretString, SealError>,
    /// What Astarte shows with the realm's events, where it is to show anything.
    pub trigger_secret: Option<Result<SecretString, SealError>>,
    /// Whether an event without that secret is refused.
    pub trigger_secret_required: bool,
    /// When the realm last changed, its secret for events aside.
    pub updated_at: DateTime<Utc>,
}

/// What [`Realm::from_row`] reads, of `realms r` and `clusters c`.
pub(crate) const COLUMNS: &str = "r.id AS realm_id, r.name AS realm_name, r.private_key, r.trigger_secret, \
    r.trigger_secret_required, r.updated_at AS realm_updated_at, c.base_api_url";

impl Realm {
    pub(crate) fn from_row(row: &PgRow, tenant: TenantId, keyring: &Keyring) -> Result<Option<Self>, Error> {
        let Some(id) = row.try_get("realm_id")? else { return Ok(None) };
        let open = |what: Secret, text: &str| keyring.open(&what.place(tenant), text);
        let trigger_secret: Option<String> = row.try_get("trigger_secret")?;
        Ok(Some(Self {
            id,
            name: row.try_get("realm_name")?,
            base_api_url: row.try_get("base_api_url")?,
            private_key: open(Secret::PrivateKey, row.try_get("private_key")?),
            trigger_secret: trigger_secret.map(|text| open(Secret::Trigger, &text)),
            trigger_secret_required: row.try_get("trigger_secret_required")?,
            updated_at: row.try_get("realm_updated_at")?,
        }))
    }
}

/// The secrets of a realm.
#[derive(Clone, Copy)]
enum Secret {
    PrivateKey,
    Trigger,
}

impl Secret {
    /// Where it lies, so that it opens nowhere else.
    fn place(self, tenant: TenantId) -> String {
        let name = match self {
            Self::PrivateKey => "private_key",
            Self::Trigger => "trigger_secret",
        };
        format!("realms.{name} of tenant {tenant}")
    }
}

/// Makes the tenant's realm, or changes it. A cluster that is known already is used again.
pub(crate) async fn realm_put(
    connection: &mut PgConnection,
    tenant: TenantId,
    new: &NewTenant,
    keyring: &Keyring,
) -> Result<(), Error> {
    let cluster: i64 = sqlx::query_scalar(
        "INSERT INTO clusters (base_api_url) VALUES ($1) \
         ON CONFLICT (base_api_url) DO UPDATE SET updated_at = now() RETURNING id",
    )
    .bind(new.base_api_url.trim_end_matches('/'))
    .fetch_one(&mut *connection)
    .await?;
    let private_key = keyring.seal(&Secret::PrivateKey.place(tenant), &new.realm_private_key)?;
    let trigger_secret = match new.authenticate_triggers {
        true => Some(keyring.seal(&Secret::Trigger.place(tenant), &new_secret()?)?),
        false => None,
    };
    // A new realm's triggers will have the secret. Those of a realm that had none do not have it yet.
    sqlx::query(
        "INSERT INTO realms (tenant_id, cluster_id, name, private_key, trigger_secret, trigger_secret_required) \
         VALUES ($1, $2, $3, $4, $5, $5 IS NOT NULL) \
         ON CONFLICT (tenant_id) DO UPDATE SET cluster_id = excluded.cluster_id, name = excluded.name, \
             private_key = excluded.private_key, \
             trigger_secret = CASE WHEN excluded.trigger_secret IS NOT NULL \
                 THEN coalesce(realms.trigger_secret, excluded.trigger_secret) END, \
             trigger_secret_required = realms.trigger_secret_required AND excluded.trigger_secret IS NOT NULL, \
             updated_at = now()",
    )
    .bind(tenant)
    .bind(cluster)
    .bind(&new.realm_name)
    .bind(private_key)
    .bind(trigger_secret)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

fn new_secret() -> Result<SecretString, Error> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}

/// What became of secrets that were to be sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sealed {
    /// The tenants whose realms have secrets that were sealed now.
    pub sealed: Vec<TenantId>,
    /// The tenants whose realms have secrets that no key of the keyring opens: they are left as they were.
    pub unopened: Vec<TenantId>,
}

/// The secrets of a realm as they are stored.
#[derive(FromRow, PartialEq)]
struct Secrets {
    tenant_id: TenantId,
    private_key: String,
    trigger_secret: Option<String>,
}

impl Registry {
    /// Seals what earlier versions left readable.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] and [`Error::Sealing`]; nothing is changed then.
    pub async fn secrets_seal(&self) -> Result<Sealed, Error> {
        self.seal_where("private_key NOT LIKE 'sealed:%' OR trigger_secret NOT LIKE 'sealed:%'").await
    }

    /// Seals everything with the first key of the keyring, so that the others are not needed any more.
    ///
    /// # Errors
    ///
    /// Those of [`secrets_seal`](Self::secrets_seal).
    pub async fn secrets_reseal(&self) -> Result<Sealed, Error> {
        self.seal_where("true").await
    }

    async fn seal_where(&self, condition: &'static str) -> Result<Sealed, Error> {
        let mut tx = self.begin().await?;
        let select = format!(
            "SELECT tenant_id, private_key, trigger_secret FROM realms WHERE {condition} \
             ORDER BY tenant_id FOR UPDATE"
        );
        let realms: Vec<Secrets> = sqlx::query_as(AssertSqlSafe(select)).fetch_all(&mut *tx).await?;
        let mut done = Sealed::default();
        for realm in realms {
            let sealed = match self.sealed(&realm) {
                Ok(sealed) if sealed == realm => continue,
                Ok(sealed) => sealed,
                Err(Error::Sealed(_)) => {
                    done.unopened.push(realm.tenant_id);
                    continue;
                }
                Err(error) => return Err(error),
            };
            sqlx::query("UPDATE realms SET private_key = $2, trigger_secret = $3 WHERE tenant_id = $1")
                .bind(sealed.tenant_id)
                .bind(sealed.private_key)
                .bind(sealed.trigger_secret)
                .execute(&mut *tx)
                .await?;
            done.sealed.push(realm.tenant_id);
        }
        tx.commit().await?;
        Ok(done)
    }

    /// The same secrets, sealed with the key that seals now.
    fn sealed(&self, realm: &Secrets) -> Result<Secrets, Error> {
        let seal = |what: Secret, text: &String| {
            let place = what.place(realm.tenant_id);
            if self.keyring.is_current(text) {
                return Ok(text.clone());
            }
            Ok::<_, Error>(self.keyring.seal(&place, &self.keyring.open(&place, text)?)?)
        };
        Ok(Secrets {
            tenant_id: realm.tenant_id,
            private_key: seal(Secret::PrivateKey, &realm.private_key)?,
            trigger_secret: realm.trigger_secret.as_ref().map(|it| seal(Secret::Trigger, it)).transpose()?,
        })
    }
}
