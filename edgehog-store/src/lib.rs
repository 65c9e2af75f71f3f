#![doc = include_str!("../README.md")]

mod connection;
mod devices;
mod error;
mod page;
mod scope;
mod tenants;

pub use connection::{Config, Store};
pub use devices::{Device, DeviceKey, DeviceObservation, Recorded};
pub use error::Error;
pub use page::{Cursor, MAX_PAGE_SIZE, Page, PageRequest};
pub use scope::{TenantScope, TenantTx};
pub use tenants::{
    Lease, NewTenant, RECONCILIATION, Realm, RealmKey, RealmLease, Registry, Tenant, TenantChanges, TenantId,
};

/// PostgreSQL's connection options, of the `sqlx` version that this crate is built on.
pub use sqlx::postgres::{PgConnectOptions, PgSslMode};
