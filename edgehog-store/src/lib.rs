#![doc = include_str!("../README.md")]

mod changes;
mod connection;
mod devices;
mod error;
mod groups;
mod hardware_types;
mod keyring;
mod lists;
mod measures;
mod page;
mod part_numbers;
mod query;
mod realms;
mod reconciliations;
mod resource;
mod scope;
mod share;
mod system_models;
mod tags;
mod tenants;

pub use changes::{Change, ChangeKind, ChangeSignals, FeedPosition};
pub use connection::{Config, Store};
pub use devices::{DEVICE, Device, DeviceKey, DeviceObservation, Recorded};
pub use error::Error;
pub use groups::{DEVICE_GROUP, DeviceGroup, DeviceGroupKey, DeviceGroupPatch, NewDeviceGroup};
pub use hardware_types::{
    HARDWARE_TYPE, HARDWARE_TYPE_PART_NUMBER, HardwareType, HardwareTypeKey, HardwareTypePartNumber,
    HardwareTypePartNumberKey, HardwareTypePatch, NewHardwareType,
};
pub use keyring::{InvalidKeyring, Keyring, SealError};
pub use measures::describe_metrics;
pub use page::{Cursor, MAX_PAGE_SIZE, Page, PageRequest};
pub use query::{
    Comparison, Condition, Filter, List, Reach, Selection, Sort, TagPattern, TagPredicate, TextMatch,
};
pub use realms::{Realm, RealmKey, Sealed};
pub use reconciliations::{LEASE, Mended, Mending, Outcome, Reconciliation, ReconciliationClaim};
pub use resource::{Attribute, Cardinality, Kind, Record, Related, Relation, Resource, Row, RowError, Value};
pub use scope::{TenantScope, TenantTx};
pub use system_models::{
    NewSystemModel, SYSTEM_MODEL, SYSTEM_MODEL_PART_NUMBER, SystemModel, SystemModelChange, SystemModelKey,
    SystemModelPartNumber, SystemModelPartNumberKey, SystemModelPatch,
};
pub use tags::{TAG, Tag, TagKey};
pub use tenants::{NewTenant, Registry, Tenant, TenantChanges, TenantId};

/// PostgreSQL's connection options, of the `sqlx` version that this crate is built on.
pub use sqlx::postgres::{PgConnectOptions, PgSslMode};
