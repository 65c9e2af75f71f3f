//! How the realms of tenants are, and requests to look after one.

use chrono::{DateTime, SecondsFormat, Utc};
use edgehog_engine::Reconciliation;
use edgehog_engine::store::Mending;
use poem_openapi::{ApiResponse, Enum, Object};

use super::documents::{Empty, JsonApi, OwnLink, Version};
use super::problem::ErrorDocument;

/// What is known of a reconciliation, if there is such a tenant.
#[derive(ApiResponse)]
pub(super) enum Known {
    /// What is known of it.
    #[oai(status = 200)]
    Reconciliation(JsonApi<ReconciliationDocument>),
    /// There is no such tenant.
    #[oai(status = 404)]
    Nothing(JsonApi<ErrorDocument>),
}

/// What became of a request for a reconciliation.
#[derive(ApiResponse)]
pub(super) enum Requested {
    /// It is due now. It has happened when one that began after `meta.requested_at` has ended.
    #[oai(status = 202)]
    Accepted(JsonApi<ReconciliationDocument>),
    /// There is no such tenant.
    #[oai(status = 404)]
    Nothing(JsonApi<ErrorDocument>),
}

/// The reconciliation of a tenant's realm.
#[derive(Object)]
pub(super) struct ReconciliationDocument {
    data: ReconciliationResource,
    jsonapi: Version,
    links: OwnLink,
    meta: RequestMeta,
}

/// When the reconciliation was asked for, in the answer to who did.
#[derive(Object)]
struct RequestMeta {
    #[oai(skip_serializing_if_is_none)]
    requested_at: Option<String>,
}

/// The type of the resource.
#[derive(Enum)]
enum ReconciliationType {
    #[oai(rename = "reconciliation")]
    Reconciliation,
}

/// What is known of the reconciliation of a tenant's realm. Times are in RFC 3339.
#[derive(Object)]
struct ReconciliationResource {
    /// The tenant's number, in decimal digits.
    id: String,
    #[oai(rename = "type")]
    kind: ReconciliationType,
    attributes: ReconciliationAttributes,
    links: Empty,
    meta: Empty,
}

#[derive(Object)]
struct ReconciliationAttributes {
    /// Whether a server is at it now.
    running: bool,
    /// When the next one is due.
    due_at: String,
    /// When the newest one began.
    #[oai(nullable)]
    began_at: Option<String>,
    /// When the newest one that came to an end did.
    #[oai(nullable)]
    ended_at: Option<String>,
    /// Whether that one succeeded.
    #[oai(nullable)]
    succeeded: Option<bool>,
    /// When one succeeded last.
    #[oai(nullable)]
    succeeded_at: Option<String>,
    /// How many have failed since.
    failures: i32,
    /// Why the newest one failed, where it did.
    #[oai(nullable)]
    error: Option<String>,
    /// What the newest one had to mend in the realm.
    mended: Vec<Mended>,
}

/// Something in the realm that was not as it must be.
#[derive(Object)]
struct Mended {
    /// What it is: `interface`, `policy` or `trigger`.
    kind: String,
    /// Its name in Astarte.
    name: String,
    /// `installed`, `updated` or `replaced`.
    how: String,
}

impl ReconciliationDocument {
    /// In answer to a request for the URL `own`.
    pub(super) fn new(
        known: Reconciliation,
        requested_at: Option<DateTime<Utc>>,
        own: String,
    ) -> JsonApi<Self> {
        let data = ReconciliationResource {
            id: known.tenant_id.to_string(),
            kind: ReconciliationType::Reconciliation,
            attributes: known.into(),
            links: Empty {},
            meta: Empty {},
        };
        let meta = RequestMeta { requested_at: requested_at.map(time) };
        JsonApi(Self { data, jsonapi: Version::default(), links: OwnLink::new(own), meta })
    }
}

impl From<Reconciliation> for ReconciliationAttributes {
    fn from(known: Reconciliation) -> Self {
        let mended = known.mended.into_iter().map(|it| Mended {
            kind: it.kind,
            name: it.name,
            how: how(it.how).to_owned(),
        });
        Self {
            running: known.running,
            due_at: time(known.due_at),
            began_at: known.began_at.map(time),
            ended_at: known.ended_at.map(time),
            succeeded: known.succeeded,
            succeeded_at: known.succeeded_at.map(time),
            failures: known.failures,
            error: known.error,
            mended: mended.collect(),
        }
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

const fn how(mending: Mending) -> &'static str {
    match mending {
        Mending::Installed => "installed",
        Mending::Updated => "updated",
        Mending::Replaced => "replaced",
        _ => "mended",
    }
}
